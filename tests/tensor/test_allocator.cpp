// The caching allocator: reuse, splitting and joining of blocks, its books, and what happens when memory runs out.
#include <doctest/doctest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdint>
#include <cstring>
#include <iostream>
#include <vector>

#include "engine/tensor/error.h"
#include "engine/tensor/philox.h"
#include "tests/tensor/support.h"

using namespace engine;
using test::LoggedMemory;
using test::mib;
using test::MemoryLog;

namespace {

constexpr std::size_t kib = 1024;

std::size_t rounded(std::size_t bytes) { return (bytes + 63) / 64 * 64; }

}  // namespace

TEST_CASE("Blocks are aligned to 64 bytes, disjoint, and as large as asked for") {
  MemoryLog log;
  CachingAllocator allocator(std::make_unique<LoggedMemory>(log));
  const std::vector<std::size_t> sizes{1, 63, 64, 65, 127, 4097, 256 * kib, 256 * kib + 1, 3 * mib + 7, 17 * mib};
  std::vector<unsigned char*> blocks;
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    blocks.push_back(static_cast<unsigned char*>(allocator.allocate(sizes[i])));
    CHECK(reinterpret_cast<std::uintptr_t>(blocks[i]) % 64 == 0);
    std::memset(blocks[i], static_cast<int>(i + 1), sizes[i]);
  }
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    INFO(sizes[i] << " bytes");
    CHECK(blocks[i][0] == i + 1);
    CHECK(blocks[i][sizes[i] - 1] == i + 1);
    CHECK(std::memcmp(blocks[i], blocks[i] + 1, sizes[i] - 1) == 0);
    allocator.deallocate(blocks[i]);
  }
}

TEST_CASE("Nothing is handed out for 0 bytes, and nothing may be given back") {
  MemoryLog log;
  CachingAllocator allocator(std::make_unique<LoggedMemory>(log));
  CHECK(allocator.allocate(0) == nullptr);
  allocator.deallocate(nullptr);
  CHECK(log.requests == 0);
  CHECK(allocator.stats().current == 0);
}

TEST_CASE("The second step of a training loop asks the system for nothing") {
  MemoryLog log;
  CachingAllocator allocator(std::make_unique<LoggedMemory>(log));
  for (int step = 0; step < 3; ++step) {
    std::vector<void*> blocks;
    for (const std::size_t bytes : {5 * mib, std::size_t{100}, 700 * kib, 12 * mib, std::size_t{7}, 300 * kib})
      blocks.push_back(allocator.allocate(bytes));
    for (void* p : blocks) allocator.deallocate(p);
    if (step == 0) log.budget = 0;
  }
  CHECK(log.requests == static_cast<int>(log.held.size()));
  CHECK(log.wrong_returns == 0);
}

TEST_CASE("A freed block serves smaller requests, and joins its neighbours to serve larger ones") {
  MemoryLog log;
  CachingAllocator allocator(std::make_unique<LoggedMemory>(log));
  void* big = allocator.allocate(12 * mib);
  allocator.deallocate(big);
  const int requests = log.requests;
  std::vector<void*> parts;
  for (int i = 0; i < 4; ++i) parts.push_back(allocator.allocate(3 * mib));
  CHECK(parts[0] == big);
  CHECK(log.requests == requests);
  // In an order that needs the joining with the block before, the one after, and both.
  for (int i : {1, 3, 0, 2}) allocator.deallocate(parts[static_cast<std::size_t>(i)]);
  CHECK(allocator.allocate(12 * mib) == big);
  CHECK(log.requests == requests);
  allocator.deallocate(big);
}

TEST_CASE("Small requests never break up the segments of large ones") {
  MemoryLog log;
  CachingAllocator allocator(std::make_unique<LoggedMemory>(log));
  void* large = allocator.allocate(16 * mib);
  allocator.deallocate(large);
  void* small = allocator.allocate(64);
  CHECK(allocator.allocate(16 * mib) == large);
  CHECK(log.requests == 2);
  allocator.deallocate(large);
  allocator.deallocate(small);
}

TEST_CASE("The best fit is taken, not the first") {
  MemoryLog log;
  CachingAllocator allocator(std::make_unique<LoggedMemory>(log));
  void* wide = allocator.allocate(40 * mib);
  void* close = allocator.allocate(20 * mib);
  allocator.deallocate(wide);
  allocator.deallocate(close);
  void* small = allocator.allocate(19 * mib);
  void* large = allocator.allocate(39 * mib);
  CHECK(small == close);
  CHECK(large == wide);
  allocator.deallocate(small);
  allocator.deallocate(large);
}

TEST_CASE("The books know what is out now, what was out at most, and what the system gave") {
  MemoryLog log;
  CachingAllocator allocator(std::make_unique<LoggedMemory>(log));
  void* a = allocator.allocate(1000);
  void* b = allocator.allocate(100);
  CHECK(allocator.stats().current == rounded(1000) + rounded(100));
  allocator.deallocate(a);
  CHECK(allocator.stats().current == rounded(100));
  CHECK(allocator.stats().peak == rounded(1000) + rounded(100));
  CHECK(allocator.stats().reserved == log.bytes());
  allocator.reset_peak();
  CHECK(allocator.stats().peak == rounded(100));
  a = allocator.allocate(64);
  CHECK(allocator.stats().peak == rounded(100) + 64);
  allocator.deallocate(a);
  allocator.deallocate(b);
  CHECK(allocator.stats().current == 0);
}

TEST_CASE("trim() gives free segments back whole and keeps those in use") {
  MemoryLog log;
  {
    CachingAllocator allocator(std::make_unique<LoggedMemory>(log));
    void* kept = allocator.allocate(100);
    std::vector<void*> blocks;
    for (int i = 0; i < 6; ++i) blocks.push_back(allocator.allocate(5 * mib));
    for (void* p : blocks) allocator.deallocate(p);
    const std::size_t before = log.bytes();
    allocator.trim();
    CHECK(log.bytes() < before);
    CHECK(log.held.size() == 1);
    CHECK(allocator.stats().reserved == log.bytes());
    std::memset(kept, 1, 100);
    allocator.deallocate(kept);
  }
  CHECK(log.held.empty());
  CHECK(log.wrong_returns == 0);
}

TEST_CASE("Blocks of a recording come from segments of their own, which nobody gets before it is dropped") {
  MemoryLog log;
  CachingAllocator allocator(std::make_unique<LoggedMemory>(log));
  for (const std::size_t size : {1 * kib, 5 * mib}) {
    void* before = allocator.allocate(size);
    allocator.deallocate(before);
    allocator.begin_recording();
    void* recorded = allocator.allocate(size);
    CHECK(recorded != before);
    allocator.deallocate(recorded);
    CHECK(allocator.allocate(size) == recorded);  // within the recording it is used again
    allocator.end_recording();
    allocator.deallocate(recorded);  // by whoever kept it longer
    CHECK(allocator.allocate(size) == before);
    allocator.trim();
    void* other = allocator.allocate(size);
    CHECK(other != recorded);
    allocator.deallocate(before);
    allocator.deallocate(other);
    const std::size_t held = allocator.stats().reserved;
    allocator.trim();
    CHECK(allocator.stats().reserved > 0);
    CHECK(allocator.stats().reserved < held);
    allocator.drop_recording();
    allocator.trim();
    CHECK(allocator.stats().reserved == 0);
  }
}

TEST_CASE("Before it gives up the allocator gives its free segments back and asks again") {
  MemoryLog log;
  CachingAllocator allocator(std::make_unique<LoggedMemory>(log));
  log.budget = 48 * mib;
  allocator.deallocate(allocator.allocate(30 * mib));
  void* p = allocator.allocate(40 * mib);  // does not fit beside the 30
  CHECK(p != nullptr);
  CHECK(log.held.size() == 1);
  try {
    allocator.allocate(9 * mib);
    FAIL("9 MiB were allocated beyond the budget");
  } catch (const Error& e) {
    const std::string message = e.what();
    INFO(message);
    for (const std::size_t figure : {9 * mib, allocator.stats().current, allocator.stats().peak})
      CHECK(message.find(std::to_string(figure)) != std::string::npos);
    CHECK(e.exit_code() == ExitCode::runtime);
  }
  // A failure leaves the books as they were, and the allocator in working order.
  CHECK(allocator.stats().current == 40 * mib);
  allocator.deallocate(p);
  p = allocator.allocate(9 * mib);
  CHECK(p != nullptr);
  allocator.deallocate(p);
}

TEST_CASE("A limit holds for what is taken from the system, whether memory grows or not, and can be lifted") {
  MemoryLog log;
  SUBCASE("fixed") {}
  SUBCASE("growing") { log.room = 200 * mib; }
  CachingAllocator allocator(std::make_unique<LoggedMemory>(log));
  void* first = allocator.allocate(20 * mib);
  allocator.set_limit(64 * mib);
  CHECK_THROWS_WITH_AS(allocator.allocate(50 * mib), doctest::Contains(std::to_string(64 * mib).c_str()), OutOfMemory);
  void* second = allocator.allocate(40 * mib);
  CHECK(allocator.stats().reserved <= 64 * mib);
  allocator.set_limit(10 * mib);  // below what is held: that stays, and freed blocks are handed out again
  CHECK_THROWS_AS(allocator.allocate(50 * mib), OutOfMemory);
  allocator.deallocate(second);
  second = allocator.allocate(40 * mib);
  allocator.set_limit(0);
  void* third = allocator.allocate(50 * mib);
  for (void* p : {first, second, third}) {
    CHECK(p != nullptr);
    allocator.deallocate(p);
  }
}

TEST_CASE("A size that is surely a mistake is refused without asking the system") {
  MemoryLog log;
  CachingAllocator allocator(std::make_unique<LoggedMemory>(log));
  CHECK_THROWS_WITH_AS(allocator.allocate(SIZE_MAX), doctest::Contains("out of memory"), Error);
  CHECK_THROWS_AS(allocator.allocate((std::size_t{1} << 48) + 1), Error);
  CHECK(log.requests == 0);
}

TEST_CASE("A long random history corrupts no block and no book, over memory that grows and memory that does not") {
  MemoryLog log;
  const RandomKey key(8, RandomStream::test);
  SUBCASE("fixed") {}
  SUBCASE("growing") { log.room = 40 * mib; }
  {
    CachingAllocator allocator(std::make_unique<LoggedMemory>(log));
    struct Live {
      unsigned char* p;
      std::size_t bytes;
      unsigned char mark;
    };
    std::vector<Live> live;
    Random random(key);
    std::size_t wanted = 0, peak = 0;
    int damaged = 0;
    for (int i = 0; i < 4000; ++i) {
      if (live.size() < 40 && random.bernoulli(0.55f)) {
        // From a byte to a megabyte, evenly in the exponent.
        const std::size_t bytes = 1 + random.below(1u << (1 + random.below(20)));
        const auto mark = static_cast<unsigned char>(i);
        live.push_back({static_cast<unsigned char*>(allocator.allocate(bytes)), bytes, mark});
        std::memset(live.back().p, mark, bytes);
        wanted += rounded(bytes);
      } else if (!live.empty()) {
        const std::size_t k = random.below(static_cast<std::uint32_t>(live.size()));
        const Live b = live[k];
        damaged += b.p[0] != b.mark || std::memcmp(b.p, b.p + 1, b.bytes - 1) != 0;
        allocator.deallocate(b.p);
        wanted -= rounded(b.bytes);
        live.erase(live.begin() + static_cast<std::ptrdiff_t>(k));
      }
      const MemoryStats s = allocator.stats();
      peak = std::max(peak, s.current);
      INFO("seed " << key.seed << ", step " << i);
      // A large block may keep a rest that is too small for the pool of large blocks.
      REQUIRE(s.current >= wanted);
      REQUIRE(s.current <= wanted + live.size() * 256 * kib);
      REQUIRE(s.peak == peak);
      REQUIRE(s.reserved == log.bytes());
    }
    for (const Live& b : live) allocator.deallocate(b.p);
    CHECK(damaged == 0);
    CHECK(allocator.stats().current == 0);
  }
  CHECK(log.held.empty());
  CHECK(log.wrong_returns == 0);
}

TEST_CASE("Giving a block back twice ends the process: its memory may be someone else's already") {
  std::cout.flush();  // or the child would print it again
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    const rlimit no_core{0, 0};
    ::setrlimit(RLIMIT_CORE, &no_core);
    ::signal(SIGABRT, SIG_DFL);
    MemoryLog log;
    CachingAllocator allocator(std::make_unique<LoggedMemory>(log));
    void* p = allocator.allocate(100);
    allocator.deallocate(p);
    allocator.deallocate(p);
    ::_exit(0);
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  CHECK(WIFSIGNALED(status));
  CHECK(WTERMSIG(status) == SIGABRT);
}

TEST_CASE("The host allocator's memory can be written and is counted") {
  CachingAllocator& allocator = host_allocator();
  CHECK(&allocator == &host_allocator());
  const std::size_t before = allocator.stats().current;
  auto* p = static_cast<unsigned char*>(allocator.allocate(3 * mib));
  CHECK(reinterpret_cast<std::uintptr_t>(p) % 64 == 0);
  std::memset(p, 0xA5, 3 * mib);
  CHECK(allocator.stats().current >= before + 3 * mib);
  CHECK(allocator.stats().reserved >= allocator.stats().current);
  allocator.deallocate(p);
  CHECK(allocator.stats().current == before);
}

TEST_CASE("Host memory grows in one range: freed neighbours serve what none of them could, and only the rest is added") {
  CachingAllocator allocator(make_host_memory());
  void* a = allocator.allocate(20 * mib);
  void* b = allocator.allocate(20 * mib);
  CHECK(static_cast<unsigned char*>(b) == static_cast<unsigned char*>(a) + 20 * mib);
  CHECK(allocator.stats().reserved == 40 * mib);
  allocator.deallocate(a);
  allocator.deallocate(b);
  auto* joined = static_cast<unsigned char*>(allocator.allocate(40 * mib));
  CHECK(joined == a);
  CHECK(allocator.stats().reserved == 40 * mib);
  allocator.deallocate(joined);
  auto* grown = static_cast<unsigned char*>(allocator.allocate(61 * mib));
  CHECK(grown == a);
  // Growth comes in steps of 16 MiB, beyond that in huge pages of 2 MiB.
  CHECK(allocator.stats().reserved == 62 * mib);
  std::memset(grown, 0x5A, 61 * mib);
  CHECK(grown[61 * mib - 1] == 0x5A);
  allocator.deallocate(grown);
  allocator.trim();
  CHECK(allocator.stats().reserved == 0);
}
