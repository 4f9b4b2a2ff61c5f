#include <doctest/doctest.h>

#include <cmath>

#include "engine/tensor/allocator.h"
#include "tests/cuda_emulator/good_kernels.h"
#include "tests/cuda_emulator/support.h"

using namespace engine;
using gpu::StreamName;
using test::context;
using test::memory_of;
using test::tensor_of;

namespace {

gpu::Runtime& runtime() { return context().runtime(); }

// Device memory that the runtime itself hands out.
class Memory {
 public:
  explicit Memory(std::size_t floats) : p_(static_cast<float*>(runtime().allocate(floats * sizeof(float)))) {}
  ~Memory() { runtime().free(p_); }
  Memory(const Memory&) = delete;
  Memory& operator=(const Memory&) = delete;
  float* get() const { return p_; }

 private:
  float* p_;
};

constexpr std::size_t bytes = 4 * sizeof(float);

}  // namespace

TEST_CASE("Nothing runs before somebody waits, so a missing synchronisation shows") {
  const Memory m(4);
  const float ones[4] = {1, 1, 1, 1};
  float back[4] = {};
  const auto s = context().compute();
  runtime().copy_to_device(m.get(), ones, bytes, s);
  runtime().copy_to_host(back, m.get(), bytes, s);
  CHECK(back[0] == 0.0f);
  runtime().synchronize(s);
  CHECK(back[0] == 1.0f);
}

TEST_CASE("Host memory changed before the copy ran shows as wrong data") {
  const Memory m(4);
  float values[4] = {1, 1, 1, 1}, back[4] = {};
  const auto s = context().compute();
  runtime().copy_to_device(m.get(), values, bytes, s);
  values[2] = 5;
  runtime().copy_to_host(back, m.get(), bytes, s);
  runtime().synchronize(s);
  CHECK(back[2] == 5.0f);
}

TEST_CASE("Context::upload lets the host reuse its memory at once, whatever the size") {
  for (const std::size_t n : {std::size_t{1}, std::size_t{1000}, std::size_t{3} << 20}) {
    std::vector<float> values(n, 2.0f);
    const Tensor t = tensor_of(values);
    std::fill(values.begin(), values.end(), -1.0f);
    const auto back = memory_of<float>(t);
    CHECK(back.front() == 2.0f);
    CHECK(back.back() == 2.0f);
  }
}

TEST_CASE("Without an event, a stream does not see what another one copied; with it, it does") {
  const float ones[4] = {1, 1, 1, 1};
  const auto compute = runtime().stream(StreamName::compute), upload = runtime().stream(StreamName::upload);
  for (const bool with_event : {false, true}) {
    const Memory m(4);
    float back[4] = {};
    const auto event = runtime().make_event();
    runtime().copy_to_device(m.get(), ones, bytes, upload);
    if (with_event) {
      runtime().record(*event, upload);
      runtime().wait(compute, *event);
    }
    runtime().copy_to_host(back, m.get(), bytes, compute);
    runtime().synchronize(compute);
    CHECK((back[0] == 1.0f) == with_event);
    CHECK(std::isnan(back[0]) == !with_event);
    runtime().synchronize();
  }
}

TEST_CASE("An event has happened once its stream got there, and not later work") {
  const Memory m(4);
  const float ones[4] = {1, 1, 1, 1}, twos[4] = {2, 2, 2, 2};
  const auto s = context().compute();
  const auto event = runtime().make_event();
  CHECK(runtime().has_happened(*event));  // never recorded
  runtime().copy_to_device(m.get(), ones, bytes, s);
  runtime().record(*event, s);
  runtime().copy_to_device(m.get(), twos, bytes, s);
  CHECK(!runtime().has_happened(*event));
  runtime().synchronize(*event);
  CHECK(runtime().has_happened(*event));
  CHECK(m.get()[0] == 1.0f);
  runtime().synchronize();
  CHECK(m.get()[0] == 2.0f);
}

TEST_CASE("Events measure time") {
  const auto s = context().compute();
  const auto begin = runtime().make_event(), end = runtime().make_event();
  runtime().record(*begin, s);
  const Tensor y = context().empty({15000}, DType::f32);
  test::large_dynamic(context(), y);
  runtime().record(*end, s);
  const double ms = runtime().elapsed(*begin, *end);
  CHECK(ms > 0.0);
  CHECK(ms < 10000.0);
}

TEST_CASE("A tensor given back while queued work uses it stays intact until that work has run") {
  const Tensor y = tensor_of<double>({0.0});
  {
    const Tensor x = tensor_of(std::vector<double>(1000, 1.0));
    test::block_sum(context(), x, y);
  }
  // Takes x's memory; its fill and copy come behind the sum in the stream.
  const Tensor other = tensor_of(std::vector<double>(1000, 5.0));
  CHECK(memory_of<double>(y)[0] == 1000.0);
  CHECK(memory_of<double>(other)[999] == 5.0);
}

TEST_CASE("Fresh memory is NaN, also where it had been used before") {
  for (int i = 0; i < 2; ++i) {
    const Tensor t = context().empty({37}, DType::f32);
    for (const float v : memory_of<float>(t)) CHECK(std::isnan(v));
    runtime().set_bytes(t.raw(), 0, t.bytes(), context().compute());
    context().synchronize();
  }
}

TEST_CASE("A copy beyond an object is refused with what is there") {
  const Tensor t = context().empty({31}, DType::f32);
  std::vector<float> values(32);
  runtime().copy_to_device(t.raw(), values.data(), 32 * sizeof(float), context().compute());
  std::string message;
  try {
    context().synchronize();
  } catch (const Error& e) {
    message = e.what();
  }
  CHECK(message.find("copy_to_device of 128 bytes") != std::string::npos);
  CHECK(message.find("an object of 124 bytes") != std::string::npos);
  CHECK_NOTHROW(context().synchronize());
}

TEST_CASE("The emulated device's tensors say so, and its memory is counted") {
  const Tensor t = context().empty({3, 5}, DType::f16);
  CHECK(t.str() == "f16[3, 5] cuda-emulated");
  CHECK(allocator_of(Device::cuda_emulated).stats().current > 0);
}
