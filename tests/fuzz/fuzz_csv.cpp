// Tables, and data sets made of their rows.
#include <set>

#include "engine/data/csv.h"
#include "engine/data/csv_dataset.h"
#include "tests/fuzz/fuzz.h"

using namespace engine;

namespace {

std::string encode(const CsvTable& table) {
  std::string text = "\xEF\xBB\xBF";
  const auto add = [&](const std::vector<std::string>& fields) {
    for (std::size_t i = 0; i < fields.size(); ++i) text += (i == 0 ? "" : ",") + csv_field(fields[i]);
    text += '\n';
  };
  add(table.columns);
  for (const CsvRow& row : table.rows) add(row.fields);
  return text;
}

void check_round_trip(std::string_view text) {
  const CsvTable table = parse_csv(text, "input");
  const CsvTable again = parse_csv(encode(table), "input");
  fuzz::require(again.columns == table.columns && again.rows.size() == table.rows.size(), "the table is read again");
  for (std::size_t i = 0; i < table.rows.size(); ++i)
    fuzz::require(again.rows[i].fields == table.rows[i].fields, "a row is read again as it was written");
}

void check_dataset(std::string_view text, const CsvOptions& options) {
  for (const char* split : {"train", "val", "test"}) {
    const auto data = parse_csv_dataset(text, "folder/table.csv", options, split, "input");
    if (!data) continue;
    data->fingerprint();
    std::set<std::string> here;
    for (const Sample& s : data->samples()) {
      fuzz::require(!s.group.empty() && here.insert(s.id).second, "ids are unique, groups are known");
      if (data->task() == Task::multi_label)
        fuzz::require(s.targets.size() == data->classes().size(), "a target for every label");
      else
        fuzz::require(s.label >= 0 && static_cast<std::size_t>(s.label) < data->classes().size(), "a known class");
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = fuzz::as_text({data, size});
  fuzz::takes([&] { check_round_trip(text); });
  fuzz::takes([&] { check_dataset(text, {}); });
  CsvOptions multi_label;
  multi_label.label_columns = {"label", "other"};
  multi_label.group_column = "patient";
  fuzz::takes([&] { check_dataset(text, multi_label); });
  return 0;
}
