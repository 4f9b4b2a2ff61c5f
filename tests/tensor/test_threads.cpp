// Several threads at one allocator. Built with ThreadSanitizer, this also shows races that leave no trace here.
#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <thread>
#include <vector>

#include "engine/tensor/philox.h"
#include "engine/tensor/tensor.h"
#include "tests/tensor/support.h"

using namespace engine;

TEST_CASE("Threads that allocate and free at once never share a block") {
  test::MemoryLog log;
  constexpr int threads = 4, rounds = 1500;
  std::atomic<int> damaged{0};
  {
    CachingAllocator allocator(std::make_unique<test::LoggedMemory>(log));
    std::vector<std::thread> workers;
    for (int t = 0; t < threads; ++t)
      workers.emplace_back([&allocator, &damaged, t] {
        RandomKey key(9, RandomStream::test);
        key.substream = static_cast<std::uint32_t>(t);
        Random random(key);
        struct Live {
          unsigned char* p;
          std::size_t bytes;
        };
        std::vector<Live> live;
        const auto give_back = [&](std::size_t k) {
          const Live b = live[k];
          if (b.p[0] != t + 1 || std::memcmp(b.p, b.p + 1, b.bytes - 1) != 0) ++damaged;
          allocator.deallocate(b.p);
          live[k] = live.back();
          live.pop_back();
        };
        for (int i = 0; i < rounds; ++i) {
          if (live.size() == 12) give_back(random.below(12));
          const std::size_t bytes = 1 + random.below(random.bernoulli(0.1f) ? 600000 : 3000);
          live.push_back({static_cast<unsigned char*>(allocator.allocate(bytes)), bytes});
          std::memset(live.back().p, t + 1, bytes);
          if (i % 50 == 0) allocator.stats();
          if (i % 500 == 0) allocator.trim();
          if (i % 700 == 0) allocator.reset_peak();
        }
        while (!live.empty()) give_back(live.size() - 1);
      });
    for (std::thread& w : workers) w.join();
    CHECK(damaged == 0);
    CHECK(allocator.stats().current == 0);
  }
  CHECK(log.held.empty());
  CHECK(log.wrong_returns == 0);
}

TEST_CASE("A block freed by another thread than its owner's is whole again") {
  CachingAllocator& allocator = host_allocator();
  const std::size_t before = allocator.stats().current;
  std::vector<Tensor> made(8);
  std::vector<std::thread> workers;
  for (std::size_t t = 0; t < made.size(); ++t)
    workers.emplace_back([&made, t] {
      made[t] = Tensor({static_cast<std::int64_t>(t) * 1001 + 1}, DType::f32, Device::cpu);
      made[t].data<float>()[0] = static_cast<float>(t);
    });
  for (std::thread& w : workers) w.join();
  std::vector<std::uint64_t> ids;
  for (const Tensor& t : made) ids.push_back(t.storage()->id());
  std::sort(ids.begin(), ids.end());
  CHECK(std::adjacent_find(ids.begin(), ids.end()) == ids.end());
  for (std::size_t t = 0; t < made.size(); ++t) CHECK(made[t].data<float>()[0] == static_cast<float>(t));
  made.clear();
  CHECK(allocator.stats().current == before);
}

TEST_CASE("Copies of one tensor may come and go in several threads") {
  const std::size_t before = host_allocator().stats().current;
  {
    const Tensor shared({17}, DType::i64, Device::cpu);
    std::vector<std::thread> workers;
    for (int t = 0; t < 4; ++t)
      workers.emplace_back([&shared] {
        for (int i = 0; i < 500; ++i) {
          const Tensor copy = shared;
          const Tensor again = copy.reshaped({17, 1});
        }
      });
    for (std::thread& w : workers) w.join();
    CHECK(shared.storage().use_count() == 1);
  }
  CHECK(host_allocator().stats().current == before);
}
