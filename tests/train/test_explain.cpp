// docs/autograd.md follows one training step by hand; here its figures are held against the step that is computed.
#include <doctest/doctest.h>

#include <cctype>
#include <cmath>
#include <fstream>
#include <map>
#include <regex>
#include <sstream>

#include "engine/train/explain_step.h"
#include "tests/train/support.h"

using namespace engine;

namespace {

struct Figure {
  double value;
  int decimals;  // as written
  /// Against a number printed with six digits: to be equal with as many, within the rounding of both with fewer.
  bool shows(double printed) const {
    const double rounding = decimals < 6 ? 0.5 * std::pow(10.0, -decimals) + 0.5e-6 : 0.0;
    return std::abs(value - printed) <= rounding + 1e-12;
  }
};

// Numbers of a line; not the digits of names such as W1.
std::vector<Figure> figures(const std::string& line) {
  std::vector<Figure> all;
  const auto at = [&](std::size_t i) { return i < line.size() ? static_cast<unsigned char>(line[i]) : ' '; };
  for (std::size_t i = 0; i < line.size();) {
    if (std::isalpha(at(i))) {
      while (std::isalnum(at(i))) ++i;
      continue;
    }
    const bool sign = at(i) == '-' && std::isdigit(at(i + 1));
    if (!sign && !std::isdigit(at(i))) {
      ++i;
      continue;
    }
    const std::size_t begin = i++;
    while (std::isdigit(at(i)) || (at(i) == '.' && std::isdigit(at(i + 1)))) ++i;
    const std::string text = line.substr(begin, i - begin);
    const std::size_t point = text.find('.');
    all.push_back({std::stod(text), point == std::string::npos ? 0 : static_cast<int>(text.size() - point - 1)});
  }
  return all;
}

// "a*b + c - d*e" of numbers.
double evaluate(const std::string& expression) {
  std::istringstream in(expression);
  double sum = 0.0, product = 0.0;
  char operation = '+';
  double sign = 1.0;
  do {
    double x = 0.0;
    in >> x;
    if (operation == '*') {
      product *= x;
    } else {
      sum += sign * product;
      sign = operation == '-' ? -1.0 : 1.0;
      product = x;
    }
  } while (in >> operation);
  return sum + sign * product;
}

// What the program prints: rows of numbers by the name before " =".
struct Step {
  std::multimap<std::string, std::vector<double>> rows;
  std::vector<double> all;
  std::string text;

  Step() {
    std::ostringstream out;
    explain_training_step(out);
    text = out.str();
    std::istringstream lines(text);
    constexpr std::size_t name_width = 14;
    for (std::string line; std::getline(lines, line);) {
      for (const Figure& f : figures(line)) all.push_back(f.value);
      if (line.size() <= name_width || line[name_width] != ' ') continue;
      std::vector<double> row;
      for (const Figure& f : figures(line.substr(name_width))) row.push_back(f.value);
      rows.emplace(name_of(line.substr(0, name_width)), row);
    }
  }

  // "a" of "a = x W1' + b1", "softmax(z)" of "softmax(z)       p1", "W1" of "W1[0]".
  static std::string name_of(const std::string& text) { return text.substr(0, text.find_first_of(" [")); }

  bool has(const Figure& f) const {
    return std::any_of(all.begin(), all.end(), [&](double v) { return f.shows(v); });
  }
  bool has_row(const std::string& name, const std::vector<Figure>& wanted) const {
    const auto [begin, end] = rows.equal_range(name);
    return std::any_of(begin, end, [&](const auto& item) {
      const std::vector<double>& row = item.second;
      return std::search(row.begin(), row.end(), wanted.begin(), wanted.end(),
                         [](double v, const Figure& f) { return f.shows(v); }) != row.end();
    });
  }
};

std::vector<std::string> code_lines(const std::string& page) {
  std::ifstream file(std::string(SOURCE_DIR) + "/docs/" + page);
  std::vector<std::string> lines;
  for (std::string line; std::getline(file, line);)
    if (line.starts_with("    ")) lines.push_back(line.substr(4));
  return lines;
}

}  // namespace

TEST_CASE("Every number in the page's code blocks is one the step prints, to the digits shown") {
  test::register_backends();
  const Step step;
  int checked = 0;
  for (const std::string& line : code_lines("autograd.md"))
    for (const Figure& f : figures(line)) {
      CAPTURE(line);
      CAPTURE(f.value);
      CHECK(step.has(f));
      ++checked;
    }
  CHECK(checked > 80);
}

TEST_CASE("What a line of the page ends with is the printed row of its name") {
  test::register_backends();
  const Step step;
  int checked = 0;
  for (const std::string& line : code_lines("autograd.md")) {
    const std::string name = Step::name_of(line);
    if (name.empty()) continue;  // goes on from the line above
    CAPTURE(line);
    const std::string end = line.substr(line.rfind('=') + 1);
    CHECK(step.has_row(name, figures(end.substr(0, end.find("  ", end.find_first_not_of(' '))))));
    ++checked;
  }
  CHECK(checked == 18);
}

TEST_CASE("The page's sums and products come out as it says") {
  int checked = 0;
  const auto check = [&](const std::string& line, const std::string& expression, const std::string& result) {
    CAPTURE(line);
    CAPTURE(expression);
    const auto shown = figures(result);
    REQUIRE(shown.size() == 1);
    // The factors are rounded too: four digits at least.
    CHECK(std::abs(evaluate(expression) - shown[0].value) <= 2.5e-4);
    ++checked;
  };
  const std::string number = R"(-?[0-9]+(?:\.[0-9]+)?)";
  const std::string arithmetic = number + R"((?:(?: *\* *| +[-+] +))" + number + ")+";
  const std::regex scalar("(" + arithmetic + ") += +(" + number + ")");
  const std::regex pair(R"(\[()" + arithmetic + "), (" + arithmetic + R"()\] = \[()" + number + "), (" + number +
                        R"()\])");
  for (const std::string& line : code_lines("autograd.md")) {
    std::smatch m;
    if (std::regex_search(line, m, pair)) {
      check(line, m[1], m[3]);
      check(line, m[2], m[4]);
    } else if (std::regex_search(line, m, scalar)) {
      check(line, m[1], m[2]);
    }
  }
  CHECK(checked == 8);  // a, z, dh and W1[0], two numbers each
}

TEST_CASE("The tape of the step holds six notes before backward and none after") {
  test::register_backends();
  const std::string text = Step().text;
  const std::size_t before = text.find("notes on the tape: 6\n"), after = text.find("notes on the tape: 0\n");
  REQUIRE(before != std::string::npos);
  CHECK(after > before);
  CHECK(after != std::string::npos);
}
