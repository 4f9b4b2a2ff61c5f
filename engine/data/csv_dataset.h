// Pictures named by a table.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "engine/data/dataset.h"

namespace engine {

struct CsvOptions {
  std::string image_column;                ///< empty: "image", "path" or "filename"
  std::vector<std::string> label_columns;  ///< empty: "label". One: classes by name or number; several: multi-label
  std::string group_column;                ///< empty: every picture is its own group
  std::string split_column;                ///< empty: "split" if the table has it
  std::filesystem::path image_root;        ///< empty: the table's folder
};

/// A table that was read from `file`: messages name it, and its folder holds the pictures. The rows whose split is
/// `split`; all rows where the table has no split column. Several label columns hold 0, 1, or nothing or -1 for
/// missing. Classes are those of the whole table. Throws DataError with the line number for a row that cannot be used,
/// naming the columns there are for one that is missing. Null when no row is in the split.
std::shared_ptr<Dataset> parse_csv_dataset(std::string_view text, const std::filesystem::path& file,
                                           const CsvOptions& options, const std::string& split,
                                           const std::string& name);
/// The same for the file.
std::shared_ptr<Dataset> open_csv(const std::filesystem::path& file, const CsvOptions& options,
                                  const std::string& split, const std::string& name);

}  // namespace engine
