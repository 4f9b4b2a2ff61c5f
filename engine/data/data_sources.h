// Data sets by the names of the command line. A new one is one file and one line in data_sources.cpp.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "engine/data/csv_dataset.h"
#include "engine/data/dataset.h"

namespace engine {

struct DataOptions {
  CsvOptions csv;              ///< for csv: and sources built on tables
  double val_fraction = 0.1;   ///< taken out of train, by group, where the source brings no validation split
  std::uint64_t seed = 42;     ///< of that split
};

/// The splits of one source; val and test are null where there are none.
struct DataSplits {
  std::shared_ptr<Dataset> train, val, test;

  /// "train", "val" or "test". Throws DataError when the source has no such split.
  const std::shared_ptr<Dataset>& at(const std::string& split) const;
};

struct DataSourceInfo {
  std::string scheme;   ///< "fashion-mnist"
  std::string usage;    ///< "fashion-mnist[:DIR]"
  std::string summary;  ///< one line
};
const std::vector<DataSourceInfo>& data_sources();

/// Opens SRC ("folder:my_images", "fashion-mnist") and checks that no group is in two splits. Throws UsageError for an
/// unknown scheme (with the nearest), DataError for data that cannot be used.
DataSplits open_data(const std::string& source, const DataOptions& options);

}  // namespace engine
