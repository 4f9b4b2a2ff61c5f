#include "engine/data/csv_dataset.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <map>

#include "engine/data/csv.h"
#include "engine/io/file.h"
#include "engine/io/image_decode.h"
#include "engine/tensor/error.h"
#include "engine/tensor/suggest.h"

namespace engine {
namespace {

namespace fs = std::filesystem;

constexpr int absent = -1;

int find_column(const CsvTable& t, const std::string& column) {
  const auto it = std::find(t.columns.begin(), t.columns.end(), column);
  return it == t.columns.end() ? absent : static_cast<int>(it - t.columns.begin());
}

int require_column(const CsvTable& t, const std::string& column, const std::string& file) {
  const int i = find_column(t, column);
  if (i == absent)
    throw DataError("{}: no column '{}'{} (there are: {})", file, column, did_you_mean(column, t.columns),
                    fmt::join(t.columns, ", "));
  return i;
}

int image_column(const CsvTable& t, const std::string& named, const std::string& file) {
  if (!named.empty()) return require_column(t, named, file);
  for (const char* usual : {"image", "path", "Path", "filename", "file"})
    if (const int i = find_column(t, usual); i != absent) return i;
  throw DataError("{}: no column image, path or filename; name it with --image-column (there are: {})", file,
                  fmt::join(t.columns, ", "));
}

bool is_number(const std::string& s, long& value) {
  const auto [end, error] = std::from_chars(s.data(), s.data() + s.size(), value);
  return error == std::errc() && end == s.data() + s.size();
}

struct Classes {
  std::vector<std::string> names;
  std::map<std::string, std::int64_t> index;  // of every label as the table writes it
};

// Whole numbers from 0 keep their meaning and gaps, however they are written; anything else is sorted by name.
Classes classes_of(const CsvTable& t, std::size_t column, const std::string& file) {
  Classes classes;
  bool numeric = true;
  std::int64_t largest = 0;
  for (const CsvRow& r : t.rows) {
    const std::string& v = r.fields[column];
    if (v.empty()) throw DataError("{}:{}: the label is empty", file, r.line);
    long number = 0;
    numeric = numeric && is_number(v, number) && number >= 0 && number < 100000;
    largest = std::max<std::int64_t>(largest, number);
    classes.index[v] = number;
  }
  if (numeric) {
    for (std::int64_t i = 0; i <= largest; ++i) classes.names.push_back(std::to_string(i));
  } else {
    for (auto& [label, place] : classes.index) {
      place = static_cast<std::int64_t>(classes.names.size());
      classes.names.push_back(label);
    }
  }
  return classes;
}

float parse_target(const std::string& v, const std::string& column, const CsvRow& row, const std::string& file) {
  if (v.empty()) return missing_target;
  for (const char* text : {"-1", "-1.0"})
    if (v == text) return missing_target;
  for (const char* text : {"0", "0.0"})
    if (v == text) return 0.0f;
  for (const char* text : {"1", "1.0"})
    if (v == text) return 1.0f;
  throw DataError("{}:{}: column '{}': expected 0, 1, -1 or nothing, found '{}'", file, row.line, column, v);
}

class CsvDataset final : public Dataset {
 public:
  CsvDataset(std::string_view text, const fs::path& path, const CsvOptions& o, const std::string& split,
             std::string name)
      : root_(o.image_root.empty() ? path.parent_path() : o.image_root) {
    name_ = std::move(name);
    const std::string file = path.string();
    const CsvTable t = parse_csv(text, file);
    const auto image = static_cast<std::size_t>(image_column(t, o.image_column, file));
    const std::vector<std::string> label_names =
        o.label_columns.empty() ? std::vector<std::string>{"label"} : o.label_columns;
    std::vector<std::size_t> labels;
    for (const std::string& l : label_names) labels.push_back(static_cast<std::size_t>(require_column(t, l, file)));
    const int group = o.group_column.empty() ? absent : require_column(t, o.group_column, file);
    const int split_at = o.split_column.empty() ? find_column(t, "split") : require_column(t, o.split_column, file);

    task_ = labels.size() == 1 ? Task::multi_class : Task::multi_label;
    const Classes single = task_ == Task::multi_class ? classes_of(t, labels[0], file) : Classes{label_names, {}};
    classes_ = single.names;
    std::map<std::string, std::size_t> seen;
    for (const CsvRow& row : t.rows) {
      if (split_at != absent && normal_split(row.fields[static_cast<std::size_t>(split_at)], row, file) != split)
        continue;
      Sample s;
      s.id = row.fields[image];
      if (s.id.empty()) throw DataError("{}:{}: the image is empty", file, row.line);
      if (const auto [it, fresh] = seen.emplace(s.id, row.line); !fresh)
        throw DataError("{}:{}: image '{}' stands in line {} already", file, row.line, s.id, it->second);
      s.group = group == absent ? s.id : row.fields[static_cast<std::size_t>(group)];
      if (s.group.empty()) throw DataError("{}:{}: the group is empty", file, row.line);
      if (task_ == Task::multi_class) {
        s.label = single.index.at(row.fields[labels[0]]);
      } else {
        for (std::size_t l = 0; l < labels.size(); ++l)
          s.targets.push_back(parse_target(row.fields[labels[l]], label_names[l], row, file));
      }
      samples_.push_back(std::move(s));
    }
  }

  Image load(std::size_t i, int short_side_hint) const override {
    DecodeOptions options;
    options.short_side_hint = short_side_hint;
    return read_image(root_ / samples_[i].id, options);
  }

 private:
  static std::string normal_split(const std::string& v, const CsvRow& row, const std::string& file) {
    if (v == "train" || v == "training") return "train";
    if (v == "val" || v == "valid" || v == "validation") return "val";
    if (v == "test") return "test";
    throw DataError("{}:{}: expected train, val or test, found '{}'", file, row.line, v);
  }

  fs::path root_;
};

}  // namespace

std::shared_ptr<Dataset> parse_csv_dataset(std::string_view text, const fs::path& file, const CsvOptions& options,
                                           const std::string& split, const std::string& name) {
  auto data = std::make_shared<CsvDataset>(text, file, options, split, name + " " + split);
  return data->size() == 0 ? nullptr : data;
}

std::shared_ptr<Dataset> open_csv(const fs::path& file, const CsvOptions& options, const std::string& split,
                                  const std::string& name) {
  return parse_csv_dataset(read_text(file), file, options, split, name);
}

}  // namespace engine
