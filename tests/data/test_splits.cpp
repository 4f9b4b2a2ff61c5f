// Splitting by patient, leaks, subsets, fingerprints.
#include <set>

#include "engine/data/splits.h"
#include "tests/data/support.h"

using namespace engine;

namespace {

// `groups` patients with 1 to 5 pictures each.
test::MemoryDataset patients(std::uint32_t groups, std::uint64_t seed) {
  Random random(RandomKey(seed, RandomStream::test));
  test::MemoryDataset data({"no", "yes"});
  for (std::uint32_t g = 0; g < groups; ++g) {
    const std::uint32_t pictures = 1 + random.below(5);
    for (std::uint32_t i = 0; i < pictures; ++i)
      data.add("p" + std::to_string(g) + "/" + std::to_string(i), "p" + std::to_string(g), random.below(2));
  }
  return data;
}

std::set<std::string> groups_of(const Dataset& data, const std::vector<std::size_t>& indices) {
  std::set<std::string> groups;
  for (const std::size_t i : indices) groups.insert(data.sample(i).group);
  return groups;
}

}  // namespace

TEST_CASE("A split keeps groups whole, loses nobody, and takes at least the fraction and little more") {
  for (std::uint64_t seed = 1; seed <= 10; ++seed)
    for (const double fraction : {0.05, 0.1, 0.37, 0.9}) {
      CAPTURE(seed);
      CAPTURE(fraction);
      const auto data = patients(83, seed);
      const SplitIndices s = split_by_group(data, fraction, seed);
      CHECK(s.kept.size() + s.taken.size() == data.size());
      std::set<std::size_t> all(s.kept.begin(), s.kept.end());
      all.insert(s.taken.begin(), s.taken.end());
      CHECK(all.size() == data.size());
      for (const std::string& g : groups_of(data, s.taken)) CHECK(groups_of(data, s.kept).count(g) == 0);
      const double wanted = fraction * static_cast<double>(data.size());
      CHECK(static_cast<double>(s.taken.size()) >= wanted - 0.5);
      CHECK(static_cast<double>(s.taken.size()) <= wanted + 5.0);  // one group more at most
      CHECK(std::is_sorted(s.kept.begin(), s.kept.end()));
      CHECK(std::is_sorted(s.taken.begin(), s.taken.end()));
    }
}

TEST_CASE("The same seed splits alike whatever the order of the rows; another seed splits differently") {
  const auto data = patients(40, 3);
  test::MemoryDataset reversed(data.classes());
  for (std::size_t i = data.size(); i-- > 0;)
    reversed.add(data.sample(i).id, data.sample(i).group, data.sample(i).label);
  const auto taken = [](const Dataset& d, std::uint64_t seed) {
    return groups_of(d, split_by_group(d, 0.3, seed).taken);
  };
  CHECK(taken(data, 5) == taken(reversed, 5));
  CHECK(taken(data, 5) == taken(data, 5));
  CHECK(taken(data, 5) != taken(data, 6));
}

TEST_CASE("Over many seeds every group is taken about equally often") {
  const auto data = test::numbered(20);
  std::vector<int> count(20, 0);
  for (std::uint64_t seed = 0; seed < 2000; ++seed)
    for (const std::size_t i : split_by_group(data, 0.25, seed).taken) ++count[i];
  for (const int c : count) {  // binomial: 500, deviation 19.4
    CHECK(c >= 500 - 5 * 20);
    CHECK(c <= 500 + 5 * 20);
  }
}

TEST_CASE("Nothing is taken for a fraction of 0, never the last group, and no other fraction is accepted") {
  const auto data = patients(5, 1);
  CHECK(split_by_group(data, 0.0, 1).taken.empty());
  CHECK_FALSE(split_by_group(data, 0.999, 1).kept.empty());
  test::MemoryDataset one({"a", "b"});
  for (int i = 0; i < 4; ++i) one.add(std::to_string(i), "only", 0);
  CHECK(split_by_group(one, 0.5, 1).taken.empty());
  for (const double fraction : {-0.1, 1.0, 2.0, std::nan("")})
    CHECK_THROWS_AS(split_by_group(data, fraction, 1), UsageError);
}

TEST_CASE("A group on both sides is a leak: named and counted") {
  test::MemoryDataset a({"x", "y"}), b({"x", "y"});
  a.add("1", "anna", 0);
  a.add("2", "bert", 1);
  b.add("3", "carl", 0);
  CHECK_NOTHROW(check_no_leak(a, b));
  b.add("4", "bert", 1);
  b.add("5", "bert", 1);
  CHECK_THROWS_WITH_AS(check_no_leak(a, b), doctest::Contains("group 'bert'"), DataError);
  CHECK_THROWS_WITH_AS(check_no_leak(a, b), doctest::Contains("1 group(s)"), DataError);
  b.add("6", "anna", 1);
  CHECK_THROWS_WITH_AS(check_no_leak(a, b), doctest::Contains("group 'anna'"), DataError);
  CHECK_THROWS_WITH_AS(check_no_leak(a, b), doctest::Contains("2 group(s)"), DataError);
}

TEST_CASE("A subset shows the chosen pictures in the order given") {
  const auto data = std::make_shared<test::MemoryDataset>(test::numbered(7));
  const Subset s(data, {5, 0, 5}, "part");
  CHECK(s.name() == "part");
  CHECK(s.classes() == data->classes());
  CHECK(s.task() == data->task());
  REQUIRE(s.size() == 3);
  CHECK(test::ids_of(s) == std::vector<std::string>{"5", "0", "5"});
  CHECK(s.sample(0).label == 2);
  CHECK(s.load(0).samples8 == data->load(5).samples8);
  CHECK(s.load(1).samples8 == data->load(0).samples8);
}

TEST_CASE("The fingerprint changes with ids, groups, labels, targets, classes and order, and with nothing else") {
  const auto make = [](const std::string& id, const std::string& group, std::int64_t label) {
    test::MemoryDataset d({"x", "y"});
    d.add("0", "g", 0);
    d.add(id, group, label);
    return d.fingerprint();
  };
  const std::string base = make("1", "g", 1);
  CHECK(base.size() == 16);
  CHECK(base.find_first_not_of("0123456789abcdef") == std::string::npos);
  CHECK(make("1", "g", 1) == base);
  std::set<std::string> all{base, make("2", "g", 1), make("1", "h", 1), make("1", "g", 0), make("1g", "", 1)};
  test::MemoryDataset swapped({"x", "y"}), renamed({"x", "z"});
  swapped.add("1", "g", 1);
  swapped.add("0", "g", 0);
  renamed.add("0", "g", 0);
  renamed.add("1", "g", 1);
  all.insert({swapped.fingerprint(), renamed.fingerprint()});
  CHECK(all.size() == 7);
  test::MemoryDataset a({"x"}, Task::multi_label), b({"x"}, Task::multi_label);
  a.add("1", std::vector<float>{0});
  b.add("1", std::vector<float>{missing_target});
  CHECK(a.fingerprint() != b.fingerprint());
}
