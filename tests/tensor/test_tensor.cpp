// Tensors as holders: who owns the bytes, under which shape and type they are seen.
#include <doctest/doctest.h>

#include <memory>

#include "engine/tensor/tensor.h"
#include "tests/tensor/support.h"

using namespace engine;

namespace {

class BlockedLayout final : public Layout {
 public:
  std::string name() const override { return "nChw8c"; }
};

}  // namespace

TEST_CASE("A tensor knows its shape, type, device and size") {
  const Tensor t({2, 3, 5, 7}, DType::f32, Device::reference);
  CHECK(t.defined());
  CHECK(t.plain());
  CHECK(t.numel() == 210);
  CHECK(t.bytes() == 840);
  CHECK(t.dim(1) == 3);
  CHECK(t.dim(-1) == 7);
  CHECK(t.dtype() == DType::f32);
  CHECK(t.device() == Device::reference);
  CHECK(t.storage()->bytes() == 840);
  CHECK(t.str() == "f32[2, 3, 5, 7] reference");
  CHECK(Tensor({3}, DType::f16, Device::cpu).bytes() == 6);
  CHECK(Tensor({}, DType::f64, Device::cpu).bytes() == 8);
}

TEST_CASE("A default tensor is undefined and has no memory") {
  const Tensor t;
  CHECK_FALSE(t.defined());
  CHECK(t.raw() == nullptr);
  CHECK(t.numel() == 0);
  CHECK(t.str() == "undefined");
}

TEST_CASE("An empty tensor is defined and owns nothing") {
  const std::size_t before = host_allocator().stats().current;
  const Tensor t({0, 3}, DType::f32, Device::cpu);
  CHECK(t.defined());
  CHECK(t.numel() == 0);
  CHECK(t.raw() == nullptr);
  CHECK(host_allocator().stats().current == before);
  CHECK(t.reshaped({3, 0, 2}).shape() == Shape{3, 0, 2});
}

TEST_CASE("Copies share storage; the last owner frees it") {
  const std::size_t before = host_allocator().stats().current;
  Tensor a({31}, DType::f32, Device::cpu);
  {
    const Tensor b = a;
    CHECK(b.storage() == a.storage());
    b.data<float>()[30] = 7.0f;
    ++b.storage()->version;
  }
  CHECK(a.data<float>()[30] == 7.0f);
  CHECK(a.storage()->version == 1);
  CHECK(host_allocator().stats().current > before);
  const Tensor moved = std::move(a);
  CHECK(moved.data<float>()[30] == 7.0f);
  a = Tensor();
  CHECK(host_allocator().stats().current > before);
  a = moved;
  CHECK(a.raw() == moved.raw());
}

TEST_CASE("No two storages ever have the same id, even at the same address") {
  std::uint64_t last = 0;
  for (int i = 0; i < 10; ++i) {
    const Tensor t({100}, DType::f32, Device::cpu);
    CHECK(t.storage()->id() > last);
    CHECK(t.storage()->version == 0);
    last = t.storage()->id();
  }
}

TEST_CASE("Reshaping shows the same bytes under another shape") {
  const Tensor t({4, 6}, DType::i32, Device::cpu);
  for (int i = 0; i < 24; ++i) t.data<std::int32_t>()[i] = i;
  const Tensor r = t.reshaped({2, 3, 1, 4});
  CHECK(r.shape() == Shape{2, 3, 1, 4});
  CHECK(t.shape() == Shape{4, 6});
  CHECK(r.storage() == t.storage());
  CHECK(r.data<std::int32_t>()[23] == 23);
  CHECK(Tensor({}, DType::f32, Device::cpu).reshaped({1, 1}).numel() == 1);
}

TEST_CASE("A reshape that cannot be says what was asked of what") {
  const Tensor t({4, 6}, DType::f32, Device::cpu);
  CHECK_THROWS_WITH_AS(t.reshaped({5, 5}), doctest::Contains("f32[4, 6] cpu to [5, 5]: 24 elements against 25"),
                       UsageError);
  CHECK_THROWS_AS(t.reshaped({4, 5}), UsageError);
  CHECK_THROWS_AS(t.reshaped({}), UsageError);
  CHECK_THROWS_AS(t.reshaped({0}), UsageError);
  const Tensor blocked({4, 6}, DType::f32, Device::cpu, t.storage(), std::make_shared<BlockedLayout>());
  CHECK_FALSE(blocked.plain());
  CHECK(blocked.str() == "f32[4, 6] cpu nChw8c");
  CHECK_THROWS_WITH_AS(blocked.reshaped({24}), doctest::Contains("plain layout"), UsageError);
}

TEST_CASE("The typed pointer is only given for the element type") {
  const Tensor t({3}, DType::i64, Device::cpu);
  CHECK(t.data<std::int64_t>() == t.raw());
  CHECK_THROWS_WITH_AS(t.data<float>(), doctest::Contains("holds i64, asked for f32"), UsageError);
  CHECK_THROWS_AS(t.data<std::int32_t>(), UsageError);
}

TEST_CASE("A tensor larger than any memory is an error, not an empty tensor") {
  for (const DType type : {DType::f64, DType::f32, DType::u8})
    for (const int exponent : {49, 58, 60})
      CHECK_THROWS_AS((Tensor({std::int64_t{1} << exponent}, type, Device::cpu)), Error);
  // 8 x (2^61 + 1) bytes are 8 in 64 bits.
  CHECK_THROWS_AS((Tensor({(std::int64_t{1} << 61) + 1}, DType::f64, Device::cpu)), Error);
}

TEST_CASE("A device brings its own allocator; one without a backend is named") {
  CHECK(&allocator_of(Device::cpu) == &host_allocator());
  CHECK(&allocator_of(Device::reference) == &host_allocator());
  CHECK_THROWS_WITH_AS(allocator_of(Device::cuda), doctest::Contains("device cuda"), DeviceError);
  CHECK_THROWS_AS((Tensor({3}, DType::f32, Device::cuda)), DeviceError);
  test::MemoryLog log;
  CachingAllocator own(std::make_unique<test::LoggedMemory>(log));
  register_allocator(Device::cuda, &own);
  {
    const Tensor t({3}, DType::f32, Device::cuda);
    CHECK(own.stats().current == 64);
    CHECK(t.str() == "f32[3] cuda");
  }
  CHECK(own.stats().current == 0);
  register_allocator(Device::cuda, nullptr);
  CHECK_THROWS_AS(allocator_of(Device::cuda), DeviceError);
}
