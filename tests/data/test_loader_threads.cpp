// The loader's threads: how far they run ahead, how they end, and what becomes of their exceptions.
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "engine/data/folder.h"
#include "engine/data/loader.h"
#include "tests/data/support.h"

using namespace engine;
using namespace std::chrono_literals;

namespace {

TransformPlan tiny_plan() {
  TransformPlan plan;
  plan.height = 5;
  plan.width = 6;
  return plan;
}

LoaderOptions threads_with(int workers, std::size_t batch = 2, std::size_t prefetch = 3) {
  LoaderOptions o;
  o.workers = workers;
  o.batch_size = batch;
  o.prefetch = prefetch;
  return o;
}

bool becomes_true(const std::function<bool()>& condition) {
  for (int i = 0; i < 2000 && !condition(); ++i) std::this_thread::sleep_for(1ms);
  return condition();
}

// Pictures that count who asks for them, and wait at a gate.
class GatedDataset : public test::MemoryDataset {
 public:
  explicit GatedDataset(int n) : MemoryDataset({"a", "b"}) {
    for (int i = 0; i < n; ++i) add(std::to_string(i), std::to_string(i), i % 2);
    picture = [this](std::size_t i) {
      ++asked;
      std::unique_lock lock(mutex_);
      opened_.wait(lock, [this] { return open_; });
      return test::noisy_picture(6, 5, 3, i);
    };
  }
  void open() {
    {
      const std::lock_guard lock(mutex_);
      open_ = true;
    }
    opened_.notify_all();
  }
  std::atomic<int> asked{0};

 private:
  std::mutex mutex_;
  std::condition_variable opened_;
  bool open_ = false;
};

// Twelve pictures in two classes; number 5 and number 8 are damaged.
struct DamagedFolder {
  DamagedFolder() {
    for (int i = 0; i < 12; ++i)
      test::write_picture(folder.path() / (i < 6 ? "ant" : "bee") / (std::to_string(i % 6) + ".png"),
                          static_cast<std::uint64_t>(i));
    atomic_write(folder.path() / "ant" / "5.png", "text");
    test::Buffer bytes = read_file(folder.path() / "bee" / "2.png");
    bytes.resize(bytes.size() / 2);
    test::write_bytes(folder.path() / "bee" / "2.png", bytes);
    data = open_class_folders(folder.path(), "zoo");
  }
  test::TemporaryFolder folder;
  std::shared_ptr<Dataset> data;
};

}  // namespace

TEST_CASE("Workers run ahead by the prefetch and no further") {
  for (const int workers : {1, 2, 4})
    for (const std::size_t prefetch : {1u, 3u}) {
      CAPTURE(workers);
      CAPTURE(prefetch);
      GatedDataset data(200);
      data.open();
      Loader loader(data, tiny_plan(), threads_with(workers, 2, prefetch));
      std::this_thread::sleep_for(2ms);
      CHECK(data.asked == 0);  // nothing before an epoch
      loader.start_epoch(0);
      Batch b;
      for (int taken = 0; taken <= 5; ++taken) {
        const int ahead = 2 * (taken + static_cast<int>(prefetch));
        CHECK(becomes_true([&] { return data.asked == ahead; }));
        std::this_thread::sleep_for(2ms);
        CHECK(data.asked == ahead);
        CHECK(loader.next(b));
      }
    }
}

TEST_CASE("Several workers make batches at once") {
  GatedDataset data(40);
  Loader loader(data, tiny_plan(), threads_with(3, 1, 10));
  loader.start_epoch(0);
  CHECK(becomes_true([&] { return data.asked == 3; }));  // each waits at the gate with a picture of its own
  data.open();
  int batches = 0;
  for (Batch b; loader.next(b);) ++batches;
  CHECK(batches == 40);
  CHECK(data.asked == 40);
}

TEST_CASE("A batch still in hand when a new epoch begins does not get into it") {
  for (const int workers : {1, 2, 4}) {
    CAPTURE(workers);
    GatedDataset data(12);
    LoaderOptions o = threads_with(workers);
    o.sampling = Sampling::shuffled;
    Loader loader(data, tiny_plan(), o);
    loader.start_epoch(0);
    CHECK(becomes_true([&] { return data.asked >= std::min(workers, 3); }));
    loader.start_epoch(1);
    data.open();
    std::vector<std::size_t> order;
    for (Batch b; loader.next(b);) order.insert(order.end(), b.indices.begin(), b.indices.end());
    CHECK(order == epoch_order(data, Sampling::shuffled, o.seed, 1));
  }
}

TEST_CASE("A loader may go at any time: it waits for what is in hand and begins nothing new") {
  for (const int workers : {1, 2, 4}) {
    CAPTURE(workers);
    GatedDataset data(100);
    std::atomic<bool> going{false}, gone{false};
    std::thread destroyer;
    {
      auto loader = std::make_unique<Loader>(data, tiny_plan(), threads_with(workers, 1, 8));
      loader->start_epoch(0);
      CHECK(becomes_true([&] { return data.asked == workers; }));
      destroyer = std::thread([&going, &gone, taken = std::move(loader)]() mutable {
        going = true;
        taken.reset();
        gone = true;
      });
    }
    CHECK(becomes_true([&] { return going.load(); }));
    std::this_thread::sleep_for(50ms);  // for the loader to say so to its workers
    CHECK_FALSE(gone);
    data.open();
    destroyer.join();
    CHECK(gone);
    CHECK(data.asked == workers);
  }
}

TEST_CASE("Loaders begun and dropped in quick succession leave nothing behind") {
  const auto data = test::numbered(64);
  for (int round = 0; round < 60; ++round) {
    Loader loader(data, tiny_plan(), threads_with(1 + round % 4, 3));
    if (round % 5 == 0) continue;
    loader.start_epoch(static_cast<std::uint32_t>(round));
    Batch b;
    for (int i = 0; i < round % 7; ++i) CHECK(loader.next(b));
    if (round % 3 == 0) loader.start_epoch(0);
  }
}

TEST_CASE("A picture that cannot be read surfaces with its name, behind the batches before it") {
  const DamagedFolder zoo;
  for (const int workers : {0, 1, 2, 4}) {
    CAPTURE(workers);
    Loader loader(*zoo.data, tiny_plan(), threads_with(workers));
    loader.start_epoch(0);
    Batch b;
    CHECK(loader.next(b));
    CHECK(loader.next(b));
    CHECK(b.indices == std::vector<std::size_t>{2, 3});
    CHECK_THROWS_WITH_AS(loader.next(b), doctest::Contains("ant/5.png"), DataError);
    CHECK(loader.next(b));  // who goes on gets what is readable
    CHECK(b.indices == std::vector<std::size_t>{6, 7});
    CHECK_THROWS_WITH_AS(loader.next(b), doctest::Contains("bee/2.png"), DataError);
    CHECK(loader.next(b));
    CHECK_FALSE(loader.next(b));
    CHECK(loader.bad_images().empty());
  }
}

TEST_CASE("Bad pictures may be skipped: the batch is shorter, and they are listed in order with their causes") {
  const DamagedFolder zoo;
  for (const int workers : {0, 1, 2, 4}) {
    CAPTURE(workers);
    LoaderOptions o = threads_with(workers, 4);
    o.skip_bad_images = true;
    Loader loader(*zoo.data, tiny_plan(), o);
    for (std::uint32_t epoch = 0; epoch < 2; ++epoch) {
      loader.start_epoch(epoch);
      CHECK(loader.bad_images().empty());  // counted anew in every epoch
      std::vector<std::vector<std::size_t>> indices;
      for (Batch b; loader.next(b);) {
        indices.push_back(b.indices);
        CHECK(b.pixels.size() == b.size() * tiny_plan().output_size());
        CHECK(b.labels.size() == b.size());
        for (std::size_t i = 0; i < b.size(); ++i) {
          std::vector<float> expected(tiny_plan().output_size());
          transform(zoo.data->load(b.indices[i]), tiny_plan(), nullptr, expected);
          const auto begin = b.pixels.begin() + static_cast<std::ptrdiff_t>(i * expected.size());
          CHECK(std::equal(expected.begin(), expected.end(), begin));
          CHECK(b.labels[i] == zoo.data->sample(b.indices[i]).label);
        }
      }
      CHECK(indices == std::vector<std::vector<std::size_t>>{{0, 1, 2, 3}, {4, 6, 7}, {9, 10, 11}});
      REQUIRE(loader.bad_images().size() == 2);
      CHECK(loader.bad_images()[0].id == "ant/5.png");
      CHECK(loader.bad_images()[1].id == "bee/2.png");
      CHECK(loader.bad_images()[1].why.find("bee/2.png") != std::string::npos);
    }
  }
}

TEST_CASE("A batch of bad pictures alone is empty: it counts, as those do who go on in the middle of an epoch") {
  const DamagedFolder zoo;
  for (const int workers : {0, 2}) {
    CAPTURE(workers);
    LoaderOptions o = threads_with(workers, 1);
    o.skip_bad_images = true;
    Loader loader(*zoo.data, tiny_plan(), o);
    loader.start_epoch(0);
    std::size_t seen = 0, empty = 0;
    for (Batch b; loader.next(b); ++seen) {
      CHECK(b.size() <= 1);
      empty += b.size() == 0;
    }
    CHECK(seen == loader.batches());
    CHECK(seen == 12);
    CHECK(empty == 2);
    CHECK(loader.bad_images().size() == 2);
  }
}

TEST_CASE("Only unreadable pictures are skipped; other exceptions come out whatever the options") {
  auto data = test::numbered(9);
  data.picture = [](std::size_t i) {
    if (i == 4) throw std::bad_alloc();
    return test::noisy_picture(6, 5, 3, i);
  };
  for (const int workers : {0, 2}) {
    CAPTURE(workers);
    LoaderOptions o = threads_with(workers, 3);
    o.skip_bad_images = true;
    Loader loader(data, tiny_plan(), o);
    loader.start_epoch(0);
    Batch b;
    CHECK(loader.next(b));
    CHECK_THROWS_AS(loader.next(b), std::bad_alloc);
  }
}
