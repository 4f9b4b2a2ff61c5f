// The rules of the house, as a function of the files' texts.
#pragma once

#include <string>
#include <vector>

namespace engine::architecture {

struct SourceFile {
  std::string path;  ///< from the root of the project, with '/'
  std::string text;
};

/// The folders that CMakeLists.txt adds, in its order: each may include only itself and those before it.
std::vector<std::string> folders_in_order(const std::string& cmake_lists);

/// One line for each breach: "path:line: what, and what the rule is".
std::vector<std::string> breaches(const std::vector<SourceFile>& files, const std::vector<std::string>& folders);

/// Folders the README does not name.
std::vector<std::string> unnamed_folders(const std::string& readme, const std::vector<std::string>& folders);

}  // namespace engine::architecture
