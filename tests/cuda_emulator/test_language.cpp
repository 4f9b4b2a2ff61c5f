#include <doctest/doctest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <numeric>
#include <random>

#include "engine/tensor/philox.h"
#include "kernels/cuda_on_cpu/intrinsics.h"
#include "kernels/cuda_on_cpu/launch.h"
#include "tests/cuda_emulator/good_kernels.h"
#include "tests/cuda_emulator/support.h"

using namespace engine;
using test::context;
using test::memory_of;
using test::tensor_of;

namespace {

using Ints = std::vector<std::int32_t>;
using Floats = std::vector<float>;

Tensor ints(std::int64_t n) { return context().empty({n}, DType::i32); }
Tensor floats(std::int64_t n) { return context().empty({n}, DType::f32); }

Floats random_values(std::size_t n, std::uint32_t sample) {
  RandomKey key(11, RandomStream::test);
  key.sample = sample;
  Random random(key);
  Floats v(n);
  for (float& x : v) x = random.uniform(-1, 1);
  return v;
}

template <class F>
void in_each_order(F&& f) {
  for (const auto order : test::orders()) {
    CAPTURE(static_cast<int>(order));
    const test::WithOrder with(order, 3);
    f();
  }
}

}  // namespace

TEST_CASE("A block reduction equals the sum, for float and double instantiations side by side") {
  in_each_order([] {
    for (const std::size_t n : {1u, 31u, 129u, 5003u}) {
      std::vector<double> x(n);
      std::iota(x.begin(), x.end(), 1.0);
      const Tensor y = tensor_of<double>({0.0});
      test::block_sum(context(), tensor_of(x), y);
      const Tensor z = tensor_of<float>({0.0f});
      test::block_sum(context(), tensor_of(Floats(n, 1.0f)), z);
      CHECK(memory_of<double>(y)[0] == static_cast<double>(n) * static_cast<double>(n + 1) / 2);
      CHECK(memory_of<float>(z)[0] == static_cast<float>(n));
    }
  });
}

TEST_CASE("The last block sees what all wrote, and leaves the counter as it was") {
  in_each_order([] {
    for (const int n : {1, 64, 65, 1000}) {
      CAPTURE(n);
      Floats x(static_cast<std::size_t>(n));
      float sum = 0;
      for (int i = 0; i < n; ++i) sum += x[static_cast<std::size_t>(i)] = static_cast<float>(i % 7);
      const Tensor y = tensor_of(Floats{0, 0});
      test::last_block_sum(context(), tensor_of(x), y, 3);
      const auto found = memory_of<float>(y);
      CHECK(found[0] == sum);
      CHECK(found[1] == 3.0f);
    }
  });
}

TEST_CASE("fmaf rounds once, whatever the processor") {
  std::mt19937 random(11);
  const auto any = [&] { return std::bit_cast<float>(static_cast<std::uint32_t>(random())); };
  for (int i = 0; i < 20000; ++i) {
    const float a = any(), b = any(), c = i % 2 == 0 ? any() : -a * b;
    const float found = emulator::language::fmaf(a, b, c), expected = ::fmaf(a, b, c);
    CAPTURE(a);
    CAPTURE(b);
    CAPTURE(c);
    CHECK((std::isnan(expected) ? std::isnan(found)
                                : std::bit_cast<std::uint32_t>(found) == std::bit_cast<std::uint32_t>(expected)));
  }
}

TEST_CASE("A product in shared-memory tiles equals the plain one") {
  in_each_order([] {
    const std::size_t m = 37, k = 50, n = 19;
    const Floats a = random_values(m * k, 1), b = random_values(k * n, 2);
    const Tensor y = floats(m * n);
    const Tensor left = tensor_of(a).reshaped({m, k}), right = tensor_of(b).reshaped({k, n});
    test::tiled_product(context(), left, right, y);
    const Floats found = memory_of<float>(y);
    double worst = 0;
    for (std::size_t i = 0; i < m; ++i)
      for (std::size_t j = 0; j < n; ++j) {
        double sum = 0;
        for (std::size_t l = 0; l < k; ++l) sum += double{a[i * k + l]} * double{b[l * n + j]};
        const double error = std::fabs(sum - double{found[i * n + j]});
        if (!(error <= worst)) worst = error;
      }
    CHECK(worst <= 1e-5);
  });
}

TEST_CASE("Lanes exchange through shared memory with __syncwarp") {
  in_each_order([] {
    const Tensor y = floats(64);
    test::warp_sum(context(), y);
    CHECK(memory_of<float>(y) == Floats(64, 2016.0f));
  });
}

TEST_CASE("Votes count what they should") {
  in_each_order([] {
    const Tensor y = ints(4);
    test::votes(context(), y);
    CHECK(memory_of<std::int32_t>(y) == Ints{32, 1, 0, 16});
  });
}

TEST_CASE("Shuffles move what the CUDA manual says") {
  in_each_order([] {
    const Tensor y = ints(160);
    test::shuffles(context(), y);
    const Ints found = memory_of<std::int32_t>(y);
    for (int i = 0; i < 32; ++i) {
      CHECK(found[i] == (i + 1) % 32);
      CHECK(found[32 + i] == std::max(0, i - 1));
      CHECK(found[64 + i] == std::min(31, i + 1));
      CHECK(found[96 + i] == (i ^ 5));
      CHECK(found[128 + i] == (i < 16 ? 3 : 19));
    }
  });
}

TEST_CASE("Grids and blocks have three dimensions, x fastest") {
  in_each_order([] {
    const Tensor y = ints(288);
    test::three_dimensions(context(), y);
    Ints expected(288);
    std::iota(expected.begin(), expected.end(), 0);
    CHECK(memory_of<std::int32_t>(y) == expected);
  });
}

TEST_CASE("A launch that opts in has more than 48 KB of shared memory") {
  in_each_order([] {
    const Tensor y = floats(15000);
    test::large_dynamic(context(), y);
    const Floats found = memory_of<float>(y);
    CHECK(found.front() == 14999.0f);
    CHECK(found.back() == 0.0f);
  });
}

TEST_CASE("Blocks may write neighbouring bytes of one word") {
  in_each_order([] {
    const Tensor y = context().empty({256}, DType::u8);
    test::neighbouring_bytes(context(), y);
    CHECK(memory_of<std::uint8_t>(y) == std::vector<std::uint8_t>(256, 7));
  });
}

TEST_CASE("Atomics update without losing anything") {
  in_each_order([] {
    const Tensor y = tensor_of<std::int32_t>({-5, 1000, 0, 0});
    test::atomics(context(), y);
    CHECK(memory_of<std::int32_t>(y) == Ints{127, 0, 9, 4});
  });
}

TEST_CASE("Halves of a warp may go different ways under their own masks") {
  in_each_order([] {
    const Tensor y = ints(64);
    test::half_warps(context(), y);
    const Ints found = memory_of<std::int32_t>(y);
    for (int i = 0; i < 64; ++i) CHECK(found[i] == (i ^ (i % 32 < 16 ? 1 : 2)));
  });
}

TEST_CASE("The launch hook sees symbol, shape and arguments, and may run the kernel itself") {
  static int calls;
  calls = 0;
  const auto hook = [](const emulator::KernelLaunch& l) {
    ++calls;
    CHECK(l.name.ends_with("three_dimensions_kernel"));
    CHECK(emulator::symbol_of(l.kernel) == "_ZN6engine13cuda_emulated23three_dimensions_kernelEPi");
    CHECK(l.grid.x * l.grid.y * l.grid.z == 12);
    CHECK(l.block.x * l.block.y * l.block.z == 24);
    REQUIRE(l.arguments.size() == 1);
    CHECK(l.argument_bytes[0] == sizeof(void*));
    **static_cast<std::int32_t**>(l.arguments[0]) = 77;
    return true;
  };
  const Tensor y = ints(288);
  const auto former = emulator::set_launch_hook(hook);
  test::three_dimensions(context(), y);
  CHECK(calls == 0);  // queued
  const Ints found = memory_of<std::int32_t>(y);
  emulator::set_launch_hook(former);
  CHECK(calls == 1);
  CHECK(found[0] == 77);
  CHECK(found[1] == -1);  // fresh memory is 0xFF
}

TEST_CASE("An observer sees each kernel's name and cost") {
  struct Watch final : gpu::LaunchObserver {
    std::string name;
    gpu::Cost cost;
    void launched(std::string_view pretty, const gpu::LaunchShape&, const gpu::Cost& c) override {
      name = gpu::kernel_name(pretty);
      cost = c;
    }
  } watch;
  const Tensor a = tensor_of(Floats(6, 1.0f)).reshaped({2, 3}), b = tensor_of(Floats(12, 1.0f)).reshaped({3, 4});
  context().observer = &watch;
  test::tiled_product(context(), a, b, floats(8));
  context().observer = nullptr;
  context().synchronize();
  CHECK(watch.name.ends_with("tiled_product_kernel"));
  CHECK(watch.cost.flops == 48.0);
  CHECK(watch.cost.bytes == 104.0);
}
