// The source tree keeps the rules of the house; and the rules are shown to bite, on files made up for it.
#include <doctest/doctest.h>
#include <fmt/core.h>

#include <algorithm>
#include <filesystem>
#include <set>

#include "tests/architecture/read.h"
#include "tests/architecture/rules.h"

using namespace engine::architecture;
namespace fs = std::filesystem;

namespace {

const fs::path root = SOURCE_DIR;

bool is_source(const fs::path& path) {
  for (const char* e : {".h", ".cuh", ".cpp", ".cu", ".def", ".py", ".sh", ".cmake"})
    if (path.extension() == e) return true;
  return path.filename() == "CMakeLists.txt";
}

std::vector<std::string> folders() { return folders_in_order(read(root / "CMakeLists.txt")); }

// Every source file below the top folders of the project.
std::vector<SourceFile> source_tree() {
  std::set<std::string> tops{"cmake", "docs"};
  for (const std::string& f : folders()) tops.insert(f.substr(0, f.find('/')));
  std::vector<SourceFile> all;
  for (const std::string& top : tops)
    for (const auto& entry : fs::recursive_directory_iterator(root / top))
      if (entry.is_regular_file() && is_source(entry.path()))
        all.push_back({fs::relative(entry.path(), root).generic_string(), read(entry.path())});
  return all;
}

std::string joined(const std::vector<std::string>& lines) {
  std::string text;
  for (const std::string& l : lines) text += l + "\n";
  return text;
}

// What the rules say of one made-up file in a house of a few others.
std::string verdict(const std::string& path, const std::string& text) {
  std::vector<SourceFile> files;
  for (const char* other :
       {"engine/tensor/tensor.h", "kernels/backend.h", "kernels/cpu/cpu_backend.h", "kernels/cuda/launch.h",
        "kernels/reference/dense.h", "kernels/cuda_on_cpu/fiber.h", "engine/autograd/tape.h", "engine/nn/layers.h",
        "engine/optim/ema.h", "models/resnet.h", "engine/io/npy.h", "engine/metrics/binary.h", "engine/data/loader.h",
        "engine/train/trainer.h", "bench/conformance/case.h", "tools/verb.h", "tests/train/support.h"})
    files.push_back({other, "#pragma once\n"});
  files.push_back({path, text});
  return joined(breaches(files, folders()));
}

std::string including(const std::string& header) { return "#include \"" + header + "\"\n"; }

}  // namespace

TEST_CASE("The source tree keeps every rule of the house") {
  const auto files = source_tree();
  CHECK(files.size() > 150);
  const auto found = breaches(files, folders());
  CHECK_MESSAGE(found.empty(), joined(found));
}

TEST_CASE("CMakeLists.txt names the folders in the order of the arrows") {
  const auto all = folders();
  const std::vector<std::string> order{
      "engine/tensor",  "kernels",     "engine/autograd", "engine/nn", "engine/optim", "models", "engine/io",
      "engine/metrics", "engine/data", "engine/train",    "bench",     "tools",        "tests"};
  auto at = all.begin();
  for (const std::string& f : order) {
    at = std::find(at, all.end(), f);
    CHECK_MESSAGE(at != all.end(), f << " is missing or comes too early");
  }
}

TEST_CASE("The README names every folder") {
  REQUIRE(fs::exists(root / "README.md"));
  const auto missing = unnamed_folders(read(root / "README.md"), folders());
  CHECK_MESSAGE(missing.empty(), joined(missing));
  CHECK(unnamed_folders("the `models` and `engine/io`", {"models", "engine/io", "tools"}) ==
        std::vector<std::string>{"tools"});
}

TEST_CASE("An include against the arrows is seen") {
  struct Case {
    const char *from, *to, *why;
  };
  for (const Case& c : {Case{"engine/tensor/new.cpp", "kernels/backend.h", "engine/tensor comes before kernels"},
                        {"engine/tensor/new.h", "engine/nn/layers.h", "engine/tensor comes before engine/nn"},
                        {"kernels/new.cpp", "engine/autograd/tape.h", "kernels comes before engine/autograd"},
                        {"kernels/cpu/new.cpp", "engine/autograd/tape.h", "before engine/autograd"},
                        {"kernels/cpu/new.cpp", "kernels/reference/dense.h", "no other backend"},
                        {"engine/autograd/new.cpp", "kernels/cpu/cpu_backend.h", "through kernels/backend.h"},
                        {"engine/train/new.cpp", "kernels/cuda/launch.h", "through kernels/backend.h"},
                        {"engine/nn/new.cpp", "models/resnet.h", "engine/nn comes before models"},
                        {"engine/optim/new.cpp", "engine/io/npy.h", "before engine/io"},
                        {"models/new.cpp", "engine/data/loader.h", "before engine/data"},
                        {"models/new.cpp", "engine/metrics/binary.h", "before engine/metrics"},
                        {"engine/data/new.cpp", "engine/train/trainer.h", "before engine/train"},
                        {"engine/train/new.cpp", "bench/conformance/case.h", "before bench"},
                        {"bench/new.cpp", "tools/verb.h", "before tools"},
                        {"tools/new.cpp", "tests/train/support.h", "only tests include tests"}}) {
    std::string text = including(c.to);
    if (std::string(c.from).ends_with(".h")) text = "#pragma once\n" + text;
    const std::string found = verdict(c.from, text);
    INFO(c.from << " includes " << c.to);
    CHECK_MESSAGE(found.find(c.why) != std::string::npos, "found: " << found);
    CHECK(found.starts_with(c.from));
  }
}

TEST_CASE("Includes along the arrows are allowed") {
  using Pair = std::pair<const char*, const char*>;
  for (const auto& [from, to] : {Pair{"engine/nn/new.cpp", "engine/autograd/tape.h"},
                                 {"models/new.cpp", "engine/nn/layers.h"},
                                 {"kernels/cpu/new.cpp", "kernels/backend.h"},
                                 {"kernels/cpu/new.cpp", "engine/tensor/tensor.h"},
                                 {"kernels/cuda_on_cpu/new.cpp", "kernels/cuda/launch.h"},
                                 {"engine/data/new.cpp", "engine/io/npy.h"},
                                 {"engine/train/new.cpp", "engine/metrics/binary.h"},
                                 {"tools/new.cpp", "kernels/cpu/cpu_backend.h"},
                                 {"tools/new.cpp", "bench/conformance/case.h"},
                                 {"bench/new.cpp", "kernels/reference/dense.h"},
                                 {"tests/io/new.cpp", "tools/verb.h"}}) {
    INFO(from << " includes " << to);
    CHECK(verdict(from, including(to)) == "");
  }
}

TEST_CASE("Libraries stay where they belong") {
  using Pair = std::pair<const char*, const char*>;
  for (const auto& [path, header] : {Pair{"kernels/cpu/new.cpp", "cuda_runtime.h"},
                                     {"engine/tensor/new.cpp", "cudnn.h"},
                                     {"engine/io/npz.cpp", "google/protobuf/message.h"},
                                     {"models/new.cpp", "onnx.pb.h"},
                                     {"engine/nn/new.cpp", "dnnl.hpp"},
                                     {"engine/metrics/new.cpp", "cblas.h"},
                                     {"engine/train/new.cpp", "CLI/CLI.hpp"},
                                     {"bench/new.cpp", "doctest/doctest.h"}}) {
    INFO(path << " includes " << header);
    CHECK(verdict(path, fmt::format("#include <{}>\n", header)).find("alone") != std::string::npos);
  }
  CHECK(verdict("kernels/cuda/new.cu", "#include <cuda_runtime.h>\n") == "");
  CHECK(verdict("engine/io/onnx_read.cpp", "#include <google/protobuf/message.h>\n") == "");
  CHECK(verdict("engine/io/new.cpp", "#include <cmath>\n#include <zlib.h>\n") == "");
}

TEST_CASE("Long files, missing guards, marks, strays and included sources are seen") {
  const auto seen = [](const std::string& path, const std::string& text, const char* what) {
    return verdict(path, text).find(what) != std::string::npos;
  };
  std::string lines;
  for (int i = 0; i < 600; ++i) lines += "int x;\n";
  CHECK(verdict("models/new.cpp", lines) == "");
  CHECK(seen("models/new.cpp", lines + "int x;\n", "models/new.cpp:601: a file has at most 600 lines"));
  CHECK(seen("tools/new.sh", lines + ":\n", "at most 600"));
  CHECK(seen("models/new.h", "int x;\n", "lacks #pragma once"));
  CHECK(seen("models/new.cpp",
             "// TO"
             "DO later\n",
             "models/new.cpp:1: 'TO"
             "DO' is left"));
  CHECK(seen("tools/new.py",
             "x = 1\n# FIX"
             "ME\n",
             "tools/new.py:2"));
  CHECK(verdict("models/new.cpp", "// mktemp of XXXXXX\n") == "");
  CHECK(seen("engine/attic/new.cpp", "int x;\n", "belongs to no folder"));
  CHECK(seen("models/new.cpp", including("models/other.cpp"), "no header"));
  CHECK(seen("models/new.cpp", including("resnet.h"), "no such file, seen from the root"));
}
