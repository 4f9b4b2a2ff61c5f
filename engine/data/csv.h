// Comma-separated tables (RFC 4180): quoted fields may hold commas, doubled quotes and line ends.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace engine {

struct CsvRow {
  std::size_t line = 0;  ///< where the row begins, from 1
  std::vector<std::string> fields;
};

struct CsvTable {
  std::vector<std::string> columns;
  std::vector<CsvRow> rows;  ///< each with as many fields as there are columns
};

/// Throws DataError naming `name` and the line: no header, a quote that is never closed, text behind a closing quote, a
/// row with the wrong number of fields.
CsvTable parse_csv(std::string_view text, const std::string& name);

/// The field, quoted where it needs to be.
std::string csv_field(const std::string& value);

}  // namespace engine
