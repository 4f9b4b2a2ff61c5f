// Synthetic fundus pictures: repeatable, consistent with their table, and labelled as what they are.
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "engine/data/csv.h"
#include "engine/data/synth_fundus.h"
#include "engine/io/image_decode.h"
#include "tests/data/support.h"

using namespace engine;
namespace fs = std::filesystem;

namespace {

SynthFundusOptions small(std::size_t count) {
  SynthFundusOptions o;
  o.count = count;
  o.size = 32;
  return o;
}

// Bytes of every file by its path.
std::map<std::string, test::Buffer> contents(const fs::path& folder) {
  std::map<std::string, test::Buffer> all;
  for (const auto& e : fs::recursive_directory_iterator(folder))
    if (e.is_regular_file()) all[e.path().lexically_relative(folder).string()] = read_file(e.path());
  return all;
}

double brightness(const Image& image, int x, int y) {
  const auto at = static_cast<std::size_t>((y * image.width + x) * 3);
  return (image.samples8[at] + image.samples8[at + 1] + image.samples8[at + 2]) / 3.0;
}

}  // namespace

TEST_CASE("A picture is a function of seed, patient, eye, classes and size") {
  const SynthFundus a = make_synth_fundus(42, 7, 1, 5, 48);
  const SynthFundus again = make_synth_fundus(42, 7, 1, 5, 48);
  CHECK(a.image.samples8 == again.image.samples8);
  CHECK(a.grade == again.grade);
  CHECK(a.image.width == 48);
  CHECK(a.image.height == 48);
  CHECK(a.image.channels == 3);
  CHECK(a.left_eye);
  std::set<test::Buffer> different{a.image.samples8};
  different.insert(make_synth_fundus(43, 7, 1, 5, 48).image.samples8);
  different.insert(make_synth_fundus(42, 8, 1, 5, 48).image.samples8);
  different.insert(make_synth_fundus(42, 7, 0, 5, 48).image.samples8);
  CHECK(different.size() == 4);
  CHECK_FALSE(make_synth_fundus(42, 7, 0, 5, 48).left_eye);
}

TEST_CASE("It looks like a fundus: black corners, a bright disc on the nose's side, no flat colour") {
  for (std::uint32_t patient = 0; patient < 6; ++patient)
    for (const int eye : {0, 1}) {
      CAPTURE(patient);
      CAPTURE(eye);
      const SynthFundus f = make_synth_fundus(42, patient, eye, 5, 96);
      for (const int x : {0, 95})
        for (const int y : {0, 95}) CHECK(brightness(f.image, x, y) <= 30);
      double side[2] = {};  // the brightest spot of each half, near the middle line
      for (int y = 40; y < 56; ++y)
        for (int x = 8; x < 88; ++x) {
          double& best = side[x >= 48];
          best = std::max(best, brightness(f.image, x, y));
        }
      CHECK(side[f.left_eye ? 0 : 1] > side[f.left_eye ? 1 : 0]);
      CHECK(std::set<std::uint8_t>(f.image.samples8.begin(), f.image.samples8.end()).size() > 60);
    }
}

TEST_CASE("Grades follow from the lesions' scale, and every grade occurs about equally often") {
  for (const int classes : {2, 3, 5}) {
    CAPTURE(classes);
    std::vector<int> count(static_cast<std::size_t>(classes), 0);
    for (std::uint32_t patient = 0; patient < 300; ++patient) {
      const SynthFundus f = make_synth_fundus(5, patient, 0, classes, 32);
      REQUIRE(f.grade >= 0);
      REQUIRE(f.grade < classes);
      ++count[static_cast<std::size_t>(f.grade)];
      const int severity = f.grade * 4 / (classes - 1);
      const LesionCounts& n = f.lesions;
      CHECK((n.new_vessels > 0) == (severity == 4));
      if (severity == 0) CHECK(n.microaneurysms <= 1);
      if (severity == 0) CHECK(n.haemorrhages == 0);
      if (severity >= 1) CHECK(n.microaneurysms >= 1);
      if (severity >= 3) CHECK(n.haemorrhages >= 3);
    }
    const double expected = 300.0 / classes;
    for (const int c : count) CHECK(std::abs(c - expected) <= 5 * std::sqrt(expected));
  }
}

TEST_CASE("Lesions change the picture: severe eyes have more dark red on their retina") {
  double dark[2] = {}, eyes[2] = {};
  for (std::uint32_t patient = 0; patient < 60; ++patient) {
    const SynthFundus f = make_synth_fundus(6, patient, 0, 2, 96);
    int n = 0;
    for (int y = 24; y < 72; ++y)
      for (int x = 24; x < 72; ++x) {
        const auto at = static_cast<std::size_t>((y * 96 + x) * 3);
        const std::uint8_t* p = &f.image.samples8[at];
        n += p[0] > 40 && p[1] * 5 < p[0] * 1;  // hardly any green: blood
      }
    dark[f.grade] += n;
    eyes[f.grade] += 1;
  }
  CHECK(dark[1] / eyes[1] > 1.3 * dark[0] / eyes[0]);
}

TEST_CASE("A written set has the same bytes for the same seed, whatever the number of threads") {
  const test::TemporaryFolder folder;
  SynthFundusOptions o = small(9);
  std::vector<std::map<std::string, test::Buffer>> sets;
  for (const int threads : {1, 3}) {
    o.threads = threads;
    write_synth_fundus(folder / ("by" + std::to_string(threads)), o);
    sets.push_back(contents(folder / ("by" + std::to_string(threads))));
  }
  CHECK(sets[0].size() == 9 + 3);
  CHECK(sets[0] == sets[1]);
  o.seed = 43;
  write_synth_fundus(folder / "other", o);
  const auto other = contents(folder / "other");
  for (const auto& [name, bytes] : other)
    if (name != "README.txt") CHECK(sets[0].at(name) != bytes);
}

TEST_CASE("The table agrees with the pictures, patients stay in one split, and all say that they are synthetic") {
  const test::TemporaryFolder folder;
  const SynthFundusOptions o = small(121);
  std::size_t last = 0;
  write_synth_fundus(folder.path(), o, [&](std::size_t done) { last = done; });
  CHECK(last == 121);
  const CsvTable t = parse_csv(read_text(folder / "labels.csv"), "labels.csv");
  CHECK(t.columns == std::vector<std::string>{"image", "label", "patient", "eye", "split", "microaneurysms",
                                              "haemorrhages", "exudates", "new_vessels"});
  REQUIRE(t.rows.size() == 121);
  std::map<std::string, std::string> split_of;
  std::map<std::string, int> count;
  for (std::size_t i = 0; i < 121; ++i) {
    const auto& f = t.rows[i].fields;
    const SynthFundus made =
        make_synth_fundus(o.seed, static_cast<std::uint32_t>(i / 2), static_cast<int>(i % 2), 5, 32);
    CHECK(f[1] == std::to_string(made.grade));
    CHECK(f[3] == (made.left_eye ? "left" : "right"));
    CHECK(f[5] == std::to_string(made.lesions.microaneurysms));
    CHECK(f[6] == std::to_string(made.lesions.haemorrhages));
    CHECK(f[7] == std::to_string(made.lesions.exudates));
    CHECK(f[8] == std::to_string(made.lesions.new_vessels));
    if (i % 40 == 0) CHECK(read_image(folder / f[0]).samples8 == made.image.samples8);
    CHECK(split_of.emplace(f[2], f[4]).first->second == f[4]);
    ++count[f[4]];
  }
  CHECK(split_of.size() == 61);
  // By patient 70/10/20: binomial around 42.7, 6.1 and 12.2 patients of two pictures, within four deviations.
  CHECK(std::abs(count["train"] - 85.4) <= 29);
  CHECK(std::abs(count["val"] - 12.2) <= 19);
  CHECK(std::abs(count["test"] - 24.4) <= 25);
  CHECK(count.size() == 3);

  CHECK(read_text(folder / "README.txt").starts_with("SYNTHETIC DATA"));
  const auto description = nlohmann::json::parse(read_text(folder / "dataset.json"));
  CHECK(description.at("synthetic") == true);
  CHECK(description.at("notice").get<std::string>().find("no patients") != std::string::npos);
  CHECK(description.at("count") == 121);
  CHECK(description.at("seed") == 42);
}

TEST_CASE("Options out of range and folders that cannot be written are refused") {
  const test::TemporaryFolder folder;
  const fs::path dir = folder / "set";
  for (const int classes : {1, 6}) {
    SynthFundusOptions o = small(2);
    o.classes = classes;
    CHECK_THROWS_AS(write_synth_fundus(dir, o), UsageError);
    CHECK_THROWS_AS(make_synth_fundus(1, 1, 0, classes, 64), UsageError);
  }
  for (const int size : {31, 4097, -1}) {
    SynthFundusOptions o = small(2);
    o.size = size;
    CHECK_THROWS_AS(write_synth_fundus(dir, o), UsageError);
    CHECK_THROWS_AS(make_synth_fundus(1, 1, 0, 5, size), UsageError);
  }
  CHECK_THROWS_AS(write_synth_fundus(dir, small(0)), UsageError);
  CHECK_FALSE(fs::exists(dir));  // nothing was begun
  atomic_write(folder / "file", "x");
  CHECK_THROWS_AS(write_synth_fundus(folder / "file", small(2)), FileError);
  CHECK_THROWS_AS(write_synth_fundus(folder.path() / "file" / "below", small(2)), FileError);
  std::string error;
  {
    const test::FileSizeLimit full_disk(100);
    SynthFundusOptions o = small(8);
    o.threads = 2;
    try {
      write_synth_fundus(dir, o);
    } catch (const FileError& e) {
      error = e.what();
    }
  }
  CHECK(error.find("images") != std::string::npos);
}
