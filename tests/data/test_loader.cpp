// Batches: what is in them, in which order, and that threads have no say in it.
#include <set>

#include "engine/data/loader.h"
#include "tests/data/support.h"

using namespace engine;

namespace {

TransformPlan small_plan() {
  TransformPlan plan;
  plan.height = 5;
  plan.width = 6;
  return plan;
}

// Everything random there is, so that a decision that hangs on threads would show.
TransformPlan random_plan() {
  TransformPlan plan = small_plan();
  plan.random_resized_crop = plan.horizontal_flip = plan.vertical_flip = true;
  plan.rotate_degrees = 30;
  plan.jitter = {0.3f, 0.3f, 0.3f, 0.1f};
  plan.mean = {0.4f, 0.5f, 0.6f};
  plan.deviation = {0.2f, 0.3f, 0.4f};
  return plan;
}

LoaderOptions options_with(int workers, std::size_t batch = 4) {
  LoaderOptions o;
  o.workers = workers;
  o.batch_size = batch;
  o.prefetch = 3;
  o.sampling = Sampling::shuffled;
  o.augment = true;
  return o;
}

bool same(const std::vector<Batch>& x, const std::vector<Batch>& y) {
  return std::equal(x.begin(), x.end(), y.begin(), y.end(), [](const Batch& a, const Batch& b) {
    return a.pixels == b.pixels && a.labels == b.labels && a.targets == b.targets && a.indices == b.indices &&
           a.channels == b.channels && a.height == b.height && a.width == b.width;
  });
}

std::vector<Batch> rest_of_epoch(Loader& loader) {
  std::vector<Batch> all;
  for (Batch b; loader.next(b);) all.push_back(b);
  return all;
}

std::vector<Batch> epoch_of(Loader& loader, std::uint32_t epoch, std::size_t first = 0) {
  loader.start_epoch(epoch, first);
  return rest_of_epoch(loader);
}

}  // namespace

TEST_CASE("A batch holds pixels, labels and positions of its pictures; the last one is short") {
  const auto data = test::numbered(11);
  LoaderOptions o = options_with(0);
  o.sampling = Sampling::sequential;
  o.augment = false;
  Loader loader(data, small_plan(), o);
  CHECK(loader.batches() == 3);
  const auto batches = epoch_of(loader, 0);
  REQUIRE(batches.size() == 3);
  std::size_t at = 0;
  for (const Batch& b : batches) {
    CHECK(b.size() == (at == 8 ? 3 : 4));
    CHECK(b.channels == 3);
    CHECK(b.height == 5);
    CHECK(b.width == 6);
    CHECK(b.targets.empty());
    REQUIRE(b.pixels.size() == b.size() * 3 * 5 * 6);
    for (std::size_t i = 0; i < b.size(); ++i, ++at) {
      CHECK(b.indices[i] == at);
      CHECK(b.labels[i] == data.sample(at).label);
      std::vector<float> expected(90);
      transform(data.load(at, 0), small_plan(), nullptr, expected);
      CHECK(std::equal(expected.begin(), expected.end(), b.pixels.begin() + static_cast<std::ptrdiff_t>(90 * i)));
    }
  }
  o.drop_last = true;
  Loader dropping(data, small_plan(), o);
  CHECK(dropping.batches() == 2);
  CHECK(epoch_of(dropping, 0).size() == 2);
}

TEST_CASE("Multi-label batches hold targets, missing ones included") {
  test::MemoryDataset data({"x", "y"}, Task::multi_label);
  data.add("0", {1.0f, missing_target});
  data.add("1", {0.0f, 1.0f});
  LoaderOptions o = options_with(0);
  o.sampling = Sampling::sequential;
  Loader loader(data, small_plan(), o);
  const auto batches = epoch_of(loader, 0);
  REQUIRE(batches.size() == 1);
  CHECK(batches[0].targets == std::vector<float>{1, missing_target, 0, 1});
  CHECK(batches[0].labels.empty());
}

TEST_CASE("Batches are the same bits for 0, 1, 2 and 4 workers, whatever the prefetch") {
  const auto data = test::numbered(41);
  for (const Sampling sampling : {Sampling::sequential, Sampling::shuffled, Sampling::balanced}) {
    LoaderOptions o = options_with(0);
    o.sampling = sampling;
    Loader alone(data, random_plan(), o);
    for (const std::uint32_t epoch : {0u, 3u}) {
      const auto expected = epoch_of(alone, epoch);
      for (const int workers : {1, 2, 4})
        for (const std::size_t prefetch : {0u, 1u, 20u}) {
          CAPTURE(workers);
          CAPTURE(prefetch);
          o.workers = workers;
          o.prefetch = prefetch;
          Loader loader(data, random_plan(), o);
          CHECK(same(epoch_of(loader, epoch), expected));
        }
    }
  }
}

TEST_CASE("An epoch depends on seed and epoch alone: not on former epochs, not on where it is taken up") {
  const auto data = test::numbered(30);
  for (const int workers : {0, 2}) {
    CAPTURE(workers);
    LoaderOptions o = options_with(workers);
    Loader fresh(data, random_plan(), o), used(data, random_plan(), o);
    const auto expected = epoch_of(fresh, 5);
    epoch_of(used, 4);
    CHECK(same(epoch_of(used, 5), expected));
    for (const std::size_t first : {1u, 6u, 7u, 8u, 100u}) {
      CAPTURE(first);
      auto rest = expected;
      rest.erase(rest.begin(), rest.begin() + static_cast<std::ptrdiff_t>(std::min(first, expected.size())));
      CHECK(same(epoch_of(used, 5, first), rest));
    }
    CHECK_FALSE(same(epoch_of(used, 6), expected));
    o.seed = 43;
    Loader other(data, random_plan(), o);
    CHECK_FALSE(same(epoch_of(other, 5), expected));
  }
}

TEST_CASE("An epoch may be begun anew in the middle of another") {
  const auto data = test::numbered(50);
  LoaderOptions o = options_with(0);
  Loader alone(data, random_plan(), o);
  const auto expected = epoch_of(alone, 2);
  o.workers = 4;
  Loader loader(data, random_plan(), o);
  for (std::size_t taken = 0; taken < 10; ++taken) {
    CAPTURE(taken);
    loader.start_epoch(static_cast<std::uint32_t>(10 + taken));
    Batch b;
    for (std::size_t i = 0; i < taken; ++i) CHECK(loader.next(b));
    CHECK(same(epoch_of(loader, 2), expected));
  }
}

TEST_CASE("A picture drawn twice in an epoch is augmented in two ways") {
  test::MemoryDataset data({"a", "b"});
  for (int i = 0; i < 9; ++i) data.add(std::to_string(i), std::to_string(i), i > 0);
  LoaderOptions o = options_with(0, 20);
  o.sampling = Sampling::balanced;
  Loader loader(data, random_plan(), o);
  const auto batches = epoch_of(loader, 0);
  REQUIRE(batches.size() == 1);
  std::set<std::vector<float>> versions;
  const auto size = static_cast<std::ptrdiff_t>(random_plan().output_size());
  for (std::size_t i = 0; i < batches[0].size(); ++i)
    if (batches[0].indices[i] == 0) {
      const auto begin = batches[0].pixels.begin() + static_cast<std::ptrdiff_t>(i) * size;
      versions.emplace(begin, begin + size);
    }
  CHECK(versions.size() == 5);  // picture 0 is alone in its class and drawn for half of the nine places
}

TEST_CASE("A picture is augmented anew in every epoch") {
  const auto data = test::numbered(3);
  LoaderOptions o = options_with(0);
  o.sampling = Sampling::sequential;
  Loader loader(data, random_plan(), o);
  const auto first = epoch_of(loader, 0), second = epoch_of(loader, 1);
  REQUIRE(first.size() == 1);
  REQUIRE(second.size() == 1);
  CHECK(first[0].indices == second[0].indices);
  CHECK(first[0].pixels != second[0].pixels);
}

TEST_CASE("Without augmentation the random part of the plan is left out") {
  const auto data = test::numbered(8);
  LoaderOptions o = options_with(0);
  o.augment = false;
  Loader random(data, random_plan(), o);
  TransformPlan plain = small_plan();
  plain.mean = random_plan().mean;
  plain.deviation = random_plan().deviation;
  Loader fixed(data, plain, o);
  CHECK(same(epoch_of(random, 1), epoch_of(fixed, 1)));
}

TEST_CASE("Empty data gives no batch, and bad calls are refused") {
  const auto none = test::numbered(0);
  for (const int workers : {0, 2}) {
    Loader loader(none, small_plan(), options_with(workers));
    CHECK(loader.batches() == 0);
    CHECK(epoch_of(loader, 0).empty());
  }
  const auto data = test::numbered(3);
  Batch b;
  Loader unstarted(data, small_plan(), options_with(1));
  CHECK_THROWS_AS(unstarted.next(b), UsageError);
  CHECK_THROWS_AS(Loader(data, small_plan(), options_with(-1)), UsageError);
  CHECK_THROWS_AS(Loader(data, small_plan(), options_with(1, 0)), UsageError);
  TransformPlan bad = small_plan();
  bad.height = 0;
  CHECK_THROWS_AS(Loader(data, bad, options_with(1)), UsageError);
  Loader many(data, small_plan(), options_with(4, 100));  // more workers and places than pictures
  CHECK(epoch_of(many, 0).size() == 1);
}

TEST_CASE("The buffers of batches are used again") {
  // Seen by what the short last batch of an epoch can hold: as much as the full one whose buffer it got.
  const auto data = test::numbered(39);
  const std::size_t full = 4 * small_plan().output_size();
  for (const int workers : {0, 2}) {
    CAPTURE(workers);
    Loader loader(data, small_plan(), options_with(workers));
    int again = 0;
    Batch b;
    for (std::uint32_t epoch = 0; epoch < 20; ++epoch) {
      loader.start_epoch(epoch);
      while (loader.next(b)) {
      }
      CHECK(b.size() == 3);
      again += b.pixels.capacity() >= full;
    }
    CHECK(again >= (workers ? 10 : 20));  // workers may meet the one buffer that was empty
  }
}
