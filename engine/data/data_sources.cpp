#include "engine/data/data_sources.h"

#include <fmt/core.h>

#include "engine/data/folder.h"
#include "engine/data/mnist.h"
#include "engine/data/splits.h"
#include "engine/tensor/error.h"
#include "engine/tensor/suggest.h"

namespace engine {
namespace {

namespace fs = std::filesystem;

DataSplits open_idx(const fs::path& folder, const std::vector<std::string>& classes, const std::string& name) {
  return {open_idx_pictures(folder, "train", classes, name), nullptr, open_idx_pictures(folder, "test", classes, name)};
}

DataSplits open_fashion_mnist(const std::string& where, const DataOptions&) {
  return open_idx(where.empty() ? fs::path(fashion_mnist_folder) : fs::path(where), fashion_mnist_classes(),
                  "fashion-mnist");
}

DataSplits open_mnist(const std::string& where, const DataOptions&) { return open_idx(where, digit_classes(), "mnist"); }

DataSplits open_folder(const std::string& where, const DataOptions&) {
  const fs::path root = where;
  if (!fs::is_directory(root)) throw DataError("folder {} is missing", where);
  const std::string name = "folder:" + where;
  DataSplits s;
  if (!fs::is_directory(root / "train")) {
    s.train = open_class_folders(root, name);
    return s;
  }
  s.train = open_class_folders(root / "train", name + " train");
  for (const char* val : {"val", "valid", "validation"})
    if (!s.val && fs::is_directory(root / val)) s.val = open_class_folders(root / val, name + " val", s.train->classes());
  if (fs::is_directory(root / "test")) s.test = open_class_folders(root / "test", name + " test", s.train->classes());
  return s;
}

DataSplits open_table(const fs::path& file, const CsvOptions& csv, const std::string& name) {
  DataSplits s{open_csv(file, csv, "train", name), open_csv(file, csv, "val", name), open_csv(file, csv, "test", name)};
  // Without a split column every split is the whole table.
  if (s.train && s.test && s.train->fingerprint() == s.test->fingerprint()) s.val = s.test = nullptr;
  if (!s.train) throw DataError("{}: no row for training", file.string());
  return s;
}

DataSplits open_csv_source(const std::string& where, const DataOptions& o) {
  return open_table(where, o.csv, "csv:" + where);
}

// What `synth fundus` writes.
DataSplits open_synth_fundus(const std::string& where, const DataOptions&) {
  CsvOptions csv;
  csv.image_column = "image";
  csv.label_columns = {"label"};
  csv.group_column = "patient";
  csv.split_column = "split";
  return open_table(fs::path(where) / "labels.csv", csv, "synth-fundus:" + where);
}

struct Source {
  DataSourceInfo info;
  bool needs_place;
  DataSplits (*open)(const std::string& where, const DataOptions& options);
};

const std::vector<Source>& table() {
  static const std::vector<Source> sources = {
      {{"fashion-mnist", "fashion-mnist[:DIR]", "70,000 grey 28x28 pictures of clothes (apt install dataset-fashion-mnist)"},
       false, open_fashion_mnist},
      {{"mnist", "mnist:DIR", "handwritten digits in IDX files, packed or not"}, true, open_mnist},
      {{"folder", "folder:DIR", "one sub-folder per class, or train/ val/ test/ above them"}, true, open_folder},
      {{"csv", "csv:FILE", "a table that names pictures and labels; see --image-column and its neighbours"}, true,
       open_csv_source},
      {{"synth-fundus", "synth-fundus:DIR", "SYNTHETIC fundus pictures made by `engine_train synth fundus`"}, true,
       open_synth_fundus},
  };
  return sources;
}

void check_leaks(const DataSplits& s) {
  for (const auto& [a, b] : {std::pair{s.train, s.val}, {s.train, s.test}, {s.val, s.test}})
    if (a && b) check_no_leak(*a, *b);
}

// IDX files number each split from 0, and folders name files per split: ids say nothing about who is on both sides.
bool groups_span_splits(const std::string& scheme) { return scheme == "csv" || scheme == "synth-fundus"; }

}  // namespace

const std::shared_ptr<Dataset>& DataSplits::at(const std::string& split) const {
  if (split != "train" && split != "val" && split != "test")
    throw UsageError("unknown split '{}' (train, val, test)", split);
  const auto& d = split == "train" ? train : split == "val" ? val : test;
  if (!d) throw DataError("{} has no {} split", train->name(), split);
  return d;
}

const std::vector<DataSourceInfo>& data_sources() {
  static const std::vector<DataSourceInfo> infos = [] {
    std::vector<DataSourceInfo> v;
    for (const Source& s : table()) v.push_back(s.info);
    return v;
  }();
  return infos;
}

DataSplits open_data(const std::string& source, const DataOptions& options) {
  const std::size_t colon = source.find(':');
  const std::string scheme = source.substr(0, colon);
  const std::string where = colon == std::string::npos ? "" : source.substr(colon + 1);
  std::vector<std::string> known;
  for (const Source& s : table()) {
    known.push_back(s.info.scheme);
    if (s.info.scheme != scheme) continue;
    if (s.needs_place && where.empty()) throw UsageError("data source '{}': write {}", source, s.info.usage);
    DataSplits splits = s.open(where, options);
    if (groups_span_splits(scheme)) check_leaks(splits);
    if (!splits.val && options.val_fraction > 0.0) {
      const auto all = splits.train;
      SplitIndices parts = split_by_group(*all, options.val_fraction, options.seed);
      if (!parts.taken.empty()) {
        splits.train = std::make_shared<Subset>(all, std::move(parts.kept), all->name());
        splits.val = std::make_shared<Subset>(all, std::move(parts.taken), all->name() + " (validation part)");
      }
    }
    return splits;
  }
  throw UsageError("unknown data source '{}'{} (see: engine_train datasets)", source, did_you_mean(scheme, known));
}

}  // namespace engine
