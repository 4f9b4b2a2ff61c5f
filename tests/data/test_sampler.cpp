// The order of an epoch.
#include <numeric>
#include <set>

#include "engine/data/sampler.h"
#include "tests/data/support.h"

using namespace engine;

namespace {

// 60 of class 0, 9 of class 1, 1 of class 2, none of class 3.
test::MemoryDataset skewed() {
  test::MemoryDataset data({"a", "b", "c", "d"});
  for (int i = 0; i < 70; ++i) data.add(std::to_string(i), std::to_string(i), i < 60 ? 0 : i < 69 ? 1 : 2);
  return data;
}

}  // namespace

TEST_CASE("Sequential order is the data set's; shuffled order is a permutation of it") {
  const auto data = test::numbered(53);
  std::vector<std::size_t> all(53);
  std::iota(all.begin(), all.end(), std::size_t{0});
  CHECK(epoch_order(data, Sampling::sequential, 42, 7) == all);
  auto order = epoch_order(data, Sampling::shuffled, 42, 7);
  CHECK(order != all);
  std::sort(order.begin(), order.end());
  CHECK(order == all);
  CHECK(epoch_order(test::numbered(0), Sampling::shuffled, 42, 0).empty());
  CHECK(epoch_order(test::numbered(1), Sampling::shuffled, 42, 0) == std::vector<std::size_t>{0});
}

TEST_CASE("The order is a function of seed and epoch") {
  for (const Sampling sampling : {Sampling::shuffled, Sampling::balanced}) {
    const auto data = skewed();
    std::set<std::vector<std::size_t>> orders;
    for (std::uint64_t seed = 1; seed <= 4; ++seed)
      for (std::uint32_t epoch = 0; epoch < 4; ++epoch) {
        const auto order = epoch_order(data, sampling, seed, epoch);
        CHECK(order == epoch_order(data, sampling, seed, epoch));
        orders.insert(order);
      }
    CHECK(orders.size() == 16);
  }
}

TEST_CASE("A shuffle puts every picture in every place equally often") {
  const auto data = test::numbered(6);
  std::vector<std::vector<int>> count(6, std::vector<int>(6, 0));
  for (std::uint32_t epoch = 0; epoch < 6000; ++epoch) {
    const auto order = epoch_order(data, Sampling::shuffled, 42, epoch);
    for (std::size_t place = 0; place < 6; ++place) ++count[place][order[place]];
  }
  for (const auto& row : count)
    for (const int c : row) {  // binomial: 1000, deviation 29
      CHECK(c >= 1000 - 5 * 29);
      CHECK(c <= 1000 + 5 * 29);
    }
}

TEST_CASE("Balanced sampling draws every class that occurs equally often, its pictures evenly") {
  const auto data = skewed();
  for (std::uint32_t epoch = 0; epoch < 20; ++epoch) {
    CAPTURE(epoch);
    const auto order = epoch_order(data, Sampling::balanced, 42, epoch);
    REQUIRE(order.size() == 70);
    std::vector<int> of_class(4, 0), of_picture(70, 0);
    for (const std::size_t i : order) {
      ++of_class[static_cast<std::size_t>(data.sample(i).label)];
      ++of_picture[i];
    }
    CHECK(of_class == std::vector<int>{24, 23, 23, 0});  // 70 draws over three classes
    for (std::size_t i = 0; i < 60; ++i) CHECK(of_picture[i] <= 1);
    for (std::size_t i = 60; i < 69; ++i) {  // 23 draws over nine pictures
      CHECK(of_picture[i] >= 2);
      CHECK(of_picture[i] <= 3);
    }
    CHECK(of_picture[69] == 23);
  }
}

TEST_CASE("Balanced draws are mixed, not class after class") {
  const auto data = skewed();
  const auto order = epoch_order(data, Sampling::balanced, 42, 0);
  int changes = 0;
  for (std::size_t i = 1; i < order.size(); ++i)
    changes += data.sample(order[i]).label != data.sample(order[i - 1]).label;
  CHECK(changes >= 30);  // two thirds of 69 are 46
}

TEST_CASE("Balanced sampling needs one class per picture") {
  test::MemoryDataset data({"x", "y"}, Task::multi_label);
  data.add("0", {0.0f, 1.0f});
  CHECK_THROWS_AS(epoch_order(data, Sampling::balanced, 42, 0), UsageError);
  CHECK(epoch_order(data, Sampling::shuffled, 42, 0).size() == 1);
  CHECK(epoch_order(test::MemoryDataset({"x", "y"}), Sampling::balanced, 42, 0).empty());
}
