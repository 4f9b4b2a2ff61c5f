// Comma-separated tables as RFC 4180 has them, and as spreadsheets write them.
#include "engine/data/csv.h"
#include "tests/data/support.h"

using namespace engine;
using Fields = std::vector<std::string>;

namespace {

std::vector<Fields> rows_of(const CsvTable& t) {
  std::vector<Fields> all;
  for (const CsvRow& r : t.rows) all.push_back(r.fields);
  return all;
}

}  // namespace

TEST_CASE("Fields are split at commas, rows at line ends of every kind") {
  const std::vector<Fields> expected{{"1", "2"}, {"", " 3 "}};
  for (const char* text : {"a,b\n1,2\n, 3 \n", "a,b\r\n1,2\r\n, 3 \r\n", "a,b\r1,2\r, 3 \r", "a,b\n1,2\n, 3 ",
                           "\xEF\xBB\xBF"
                           "a,b\r\n1,2\r\n, 3 ",
                           "a,b\n\n1,2\n\n\n, 3 \n\n"}) {
    INFO(std::string(text));
    const CsvTable t = parse_csv(text, "t.csv");
    CHECK(t.columns == Fields{"a", "b"});
    CHECK(rows_of(t) == expected);
  }
}

TEST_CASE("Quoted fields hold commas, quotes, and line ends; a quote inside a field is itself") {
  const CsvTable t = parse_csv("\"a\",\"b,c\"\n\"x \"\"y\"\"\",\"1\r\n2\"\n5\" disc,\"\"\n", "t.csv");
  CHECK(t.columns == Fields{"a", "b,c"});
  CHECK(rows_of(t) == std::vector<Fields>{{"x \"y\"", "1\r\n2"}, {"5\" disc", ""}});
}

TEST_CASE("Rows know their lines, counting blank ones and those inside quotes") {
  const CsvTable t = parse_csv("a,b\n1,\"x\ny\nz\"\n\n2,3\r\n4,5", "t.csv");
  REQUIRE(t.rows.size() == 3);
  CHECK(t.rows[0].line == 2);
  CHECK(t.rows[1].line == 6);
  CHECK(t.rows[2].line == 7);
}

TEST_CASE("Any fields come back from a table written with csv_field") {
  Random random(RandomKey(5, RandomStream::test));
  const std::string letters = "ab ,\"\r\n'\xC3\xA4";
  std::string text = "first,second,third\n";
  std::vector<Fields> expected;
  for (int row = 0; row < 300; ++row) {
    Fields fields;
    for (int f = 0; f < 3; ++f) {
      std::string value;
      for (std::uint32_t n = random.below(6); n > 0; --n) value += letters[random.below(9)];
      fields.push_back(value);
      text += (f ? "," : "") + csv_field(value);
    }
    text += "\n";
    expected.push_back(fields);
  }
  CHECK(rows_of(parse_csv(text, "t.csv")) == expected);
  CHECK(csv_field("plain text") == "plain text");
  CHECK(csv_field("a,b") == "\"a,b\"");
  CHECK(csv_field("\"") == "\"\"\"\"");
}

TEST_CASE("A table without rows has its columns; a table without anything is refused") {
  CHECK(parse_csv("a,b", "t.csv").columns == Fields{"a", "b"});
  CHECK(parse_csv("a,b\n", "t.csv").rows.empty());
  CHECK_THROWS_WITH_AS(parse_csv("", "t.csv"), doctest::Contains("t.csv"), DataError);
  CHECK_THROWS_WITH_AS(parse_csv("\xEF\xBB\xBF", "t.csv"), doctest::Contains("empty"), DataError);
}

TEST_CASE("Broken rows are refused with file and line") {
  const std::pair<const char*, const char*> cases[] = {
      {"a,b\n1,2\n3\n", "t.csv:3: expected 2 fields, found 1"},
      {"a,b\n1,2,3\n", "t.csv:2: expected 2 fields, found 3"},
      {"a,b\n1,\"x\ny\"\n4,5,\n", "t.csv:4: expected 2 fields, found 3"},
      {"a,b\n1,\"2\n3,4\n", "t.csv:2: a quote is never closed"},
      {"a,b\n1,2\n\"x\"y,3\n", "t.csv:3: text behind a closing quote"}};
  for (const auto& [text, message] : cases) {
    INFO(std::string(text));
    CHECK_THROWS_WITH_AS(parse_csv(text, "t.csv"), message, DataError);
  }
}
