// Memory that grows in place: freed neighbours join across what the system gave at different times.
#include <doctest/doctest.h>

#include <cstdint>
#include <cstring>
#include <vector>

#include "tests/tensor/support.h"

using namespace engine;
using test::LoggedMemory;
using test::mib;
using test::MemoryLog;


TEST_CASE("Blocks of several extensions join and serve one request as large as all of them") {
  MemoryLog log;
  log.room = 256 * mib;
  CachingAllocator allocator(std::make_unique<LoggedMemory>(log));
  std::vector<void*> blocks;
  for (const std::size_t n : {20, 33, 17}) blocks.push_back(allocator.allocate(n * mib));
  CHECK(log.requests == 1);
  CHECK(log.extensions == 2);
  CHECK(blocks[1] == static_cast<char*>(blocks[0]) + 20 * mib);
  for (void* p : blocks) allocator.deallocate(p);
  const std::size_t reserved = allocator.stats().reserved;
  void* whole = allocator.allocate(70 * mib);
  CHECK(whole == blocks[0]);
  CHECK(allocator.stats().reserved == reserved);
  CHECK(log.requests == 1);
  CHECK(log.extensions == 2);
  std::memset(whole, 7, 70 * mib);
  allocator.deallocate(whole);
}

TEST_CASE("A free block at the end is used before the rest is added") {
  MemoryLog log;
  log.room = 256 * mib;
  CachingAllocator allocator(std::make_unique<LoggedMemory>(log));
  void* first = allocator.allocate(30 * mib);
  allocator.deallocate(first);
  void* larger = allocator.allocate(50 * mib);
  CHECK(larger == first);
  CHECK(log.requests == 1);
  CHECK(allocator.stats().reserved == 50 * mib);
  CHECK(log.bytes() == 50 * mib);
  allocator.deallocate(larger);
}

TEST_CASE("Where a range cannot grow a new one is taken, and both go back whole") {
  MemoryLog log;
  log.room = 56 * mib;
  {
    CachingAllocator allocator(std::make_unique<LoggedMemory>(log));
    void* a = allocator.allocate(40 * mib);
    void* b = allocator.allocate(40 * mib);
    CHECK(log.requests == 2);
    void* c = allocator.allocate(8 * mib);  // behind b
    CHECK(c == static_cast<char*>(b) + 40 * mib);
    CHECK(log.requests == 2);
    for (void* p : {b, a, c}) allocator.deallocate(p);
    allocator.trim();
    CHECK(log.held.empty());
    CHECK(allocator.stats().reserved == 0);
    // What grew is gone; growing must start afresh.
    a = allocator.allocate(20 * mib);
    b = allocator.allocate(20 * mib);
    CHECK(b == static_cast<char*>(a) + 20 * mib);
    allocator.deallocate(a);
    allocator.deallocate(b);
  }
  CHECK(log.held.empty());
  CHECK(log.wrong_returns == 0);
}

TEST_CASE("Host memory grows behind its end, keeps what it held, and says where it cannot") {
  const auto memory = make_host_memory();
  auto* p = static_cast<unsigned char*>(memory->allocate(16 * mib));
  CHECK(reinterpret_cast<std::uintptr_t>(p) % 64 == 0);
  memory->handed_out(p, 16 * mib);
  std::memset(p, 1, 16 * mib);
  CHECK(memory->extend(p + 8 * mib, mib) == nullptr);       // not an end
  if (memory->extend(p + 16 * mib, 32 * mib) != nullptr) {  // addresses may be rationed
    memory->handed_out(p + 16 * mib, 32 * mib);
    std::memset(p + 16 * mib, 2, 32 * mib);
    CHECK(p[0] == 1);
    CHECK(p[16 * mib - 1] == 1);
    CHECK(p[48 * mib - 1] == 2);
    CHECK(memory->extend(p + 16 * mib, mib) == nullptr);  // the end has moved
    CHECK(memory->extend(p + 48 * mib, std::size_t{1} << 46) == nullptr);
    memory->deallocate(p, 48 * mib);
  } else {
    memory->deallocate(p, 16 * mib);
  }
  CHECK_THROWS_AS(memory->allocate(std::size_t{1} << 60), std::bad_alloc);
}
