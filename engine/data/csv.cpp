#include "engine/data/csv.h"

#include "engine/tensor/error.h"

namespace engine {
namespace {

class Parser {
 public:
  Parser(std::string_view text, const std::string& name) : text_(text), name_(name) {
    if (text_.starts_with("\xEF\xBB\xBF")) at_ = 3;  // byte order mark
  }
  bool done() const { return at_ >= text_.size(); }

  CsvRow row() {
    CsvRow r{line_, {}};
    while (true) {
      r.fields.push_back(field());
      if (done()) return r;
      const char c = text_[at_++];
      if (c == ',') continue;
      if (c == '\r' && !done() && text_[at_] == '\n') ++at_;
      ++line_;
      return r;
    }
  }

 private:
  static bool ends(char c) { return c == ',' || c == '\n' || c == '\r'; }

  std::string field() {
    if (!done() && text_[at_] == '"') return quoted();
    const std::size_t begin = at_;
    while (!done() && !ends(text_[at_])) ++at_;
    return std::string(text_.substr(begin, at_ - begin));
  }

  std::string quoted() {
    const std::size_t opened = line_;
    std::string value;
    for (++at_; !done(); ++at_) {
      const char c = text_[at_];
      if (c == '\n') ++line_;
      if (c != '"') {
        value += c;
        continue;
      }
      ++at_;
      if (!done() && text_[at_] == '"') {
        value += '"';
        continue;
      }
      if (!done() && !ends(text_[at_])) throw DataError("{}:{}: text behind a closing quote", name_, line_);
      return value;
    }
    throw DataError("{}:{}: a quote is never closed", name_, opened);
  }

  std::string_view text_;
  const std::string& name_;
  std::size_t at_ = 0, line_ = 1;
};

}  // namespace

CsvTable parse_csv(std::string_view text, const std::string& name) {
  Parser parser(text, name);
  if (parser.done()) throw DataError("{}: the table is empty", name);
  CsvTable table;
  table.columns = parser.row().fields;
  while (!parser.done()) {
    CsvRow row = parser.row();
    if (row.fields.size() == 1 && row.fields[0].empty()) continue;  // blank line
    if (row.fields.size() != table.columns.size())
      throw DataError("{}:{}: expected {} fields, found {}", name, row.line, table.columns.size(), row.fields.size());
    table.rows.push_back(std::move(row));
  }
  return table;
}

std::string csv_field(const std::string& value) {
  if (value.find_first_of(",\"\r\n") == std::string::npos) return value;
  std::string quoted = "\"";
  for (char c : value) quoted += c == '"' ? std::string("\"\"") : std::string(1, c);
  return quoted + '"';
}

}  // namespace engine
