// JSON as configurations, weight files and checkpoints hold it.
#include <doctest/doctest.h>

#include "engine/io/json.h"

using namespace engine;

namespace {

std::string nested(int depth) {
  return std::string(static_cast<std::size_t>(depth), '[') + std::string(static_cast<std::size_t>(depth), ']');
}

void check_refused(const std::string& text, const std::string& why) {
  CAPTURE(text.substr(0, 60));
  CHECK_THROWS_WITH_AS(parse_json(text, "file"), doctest::Contains("file: "), DataError);
  CHECK_THROWS_WITH_AS(parse_json(text, "file"), doctest::Contains(why.c_str()), DataError);
}

}  // namespace

TEST_CASE("JSON is read whole") {
  const nlohmann::json expected{{"a", {1, 2.5, "x", nullptr, true}}, {"b", {{"a", 1}}}};
  CHECK(parse_json(R"({"a": [1, 2.5, "x", null, true], "b": {"a": 1}})", "file") == expected);
  CHECK(parse_json("3", "file") == 3);
}

TEST_CASE("What is not JSON is refused") {
  for (const char* text : {"", "{", "{}}", "[1,]", "{'a': 1}", "1e999", "\"\xFF\"", "\"\\ud800\"", "nan"})
    check_refused(text, "not valid JSON");
  check_refused(std::string("{}\0{", 4), "not valid JSON (a zero byte)");
}

TEST_CASE("A message quotes no more than the beginning of what is wrong") {
  try {
    parse_json('"' + std::string(100000, 'x'), "file");
    FAIL("an open quote was taken");
  } catch (const DataError& e) {
    CHECK(std::string_view(e.what()).size() < 300);
  }
}

TEST_CASE("A key that one object names twice is refused; other objects may name it too") {
  check_refused(R"({"a": 1, "a": 1})", "names 'a' twice");
  check_refused(R"([{"x": {"a": 1, "\u0061": 2}}])", "names 'a' twice");
  CHECK_NOTHROW(parse_json(R"({"a": {"a": [{"a": 1}, {"a": 2}]}, "b": {"a": 3}})", "file"));
}

TEST_CASE("Values nested more than 100 deep are refused: a million brackets would end on the stack") {
  CHECK_NOTHROW(parse_json(nested(100), "file"));
  check_refused(nested(101), "nested more than 100 deep");
  check_refused(nested(1000000), "nested more than 100 deep");
  check_refused(std::string(1000000, '['), "nested more than 100 deep");
  std::string objects;
  for (int i = 0; i < 1000000; ++i) objects += "{\"a\":";
  check_refused(objects, "nested more than 100 deep");
}

TEST_CASE("A number is taken only as what it is") {
  CHECK(json_as<int>(7) == 7);
  CHECK(json_as<int>(-7) == -7);
  CHECK(json_as<double>(7) == 7.0);
  CHECK(json_as<float>(0.5) == 0.5f);
  CHECK(json_as<std::uint64_t>(std::uint64_t{1} << 62) == std::uint64_t{1} << 62);
  CHECK(json_as<std::string>("7") == "7");
  CHECK(json_as<nlohmann::json>(1.5) == 1.5);
  for (const auto& j : {nlohmann::json(1.5), nlohmann::json(1e300), nlohmann::json("7"), nlohmann::json(nullptr),
                        nlohmann::json(std::int64_t{1} << 32), nlohmann::json(true), nlohmann::json::array()}) {
    CAPTURE(j.dump());
    CHECK_THROWS_AS(json_as<int>(j), DataError);
  }
  CHECK_THROWS_AS(json_as<std::int64_t>(std::uint64_t{1} << 63), DataError);
  CHECK_THROWS_AS(json_as<std::uint8_t>(-1), DataError);
  CHECK_THROWS_AS(json_as<bool>(1), DataError);
  CHECK_THROWS_AS((json_as<std::vector<std::string>>(nlohmann::json{"a", 1})), DataError);
}

TEST_CASE("Whole numbers are looked for in every member") {
  const nlohmann::json like{{"n", 0}, {"x", 0.5}, {"in", {{"n", 0}}}};
  CHECK(whole_where(like, {{"n", 3}, {"x", 3}, {"in", {{"n", -1}}}}));
  CHECK(whole_where(like, {{"n", 3}, {"x", 1e300}, {"other", 0.5}}));
  CHECK_FALSE(whole_where(like, {{"n", 3.0}}));
  CHECK_FALSE(whole_where(like, {{"n", 3}, {"in", {{"n", 0.25}}}}));
  CHECK_FALSE(whole_where(like, {{"n", 18446744073709551615u}}));
}
