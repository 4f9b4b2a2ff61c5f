// The CPU's blocked layouts, of this machine's width and of the other one.
#include <cstring>

#include "bench/conformance/interceptor.h"
#include "kernels/cpu/layout.h"
#include "tests/kernels/support.h"

using namespace engine;
using namespace engine::conformance;

namespace {

Tensor numbers(const Shape& shape) {
  std::vector<double> values(static_cast<std::size_t>(shape.numel()));
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<double>(i) + 1.0;
  return from_vector(values, shape, Device::cpu, DType::f32);
}

// Whether all channels that only fill up a block are zero. Positions of maxima (u8) are nobody's business there.
bool padding_is_zero(const Tensor& x) {
  if (x.plain() || x.dtype() == DType::u8) return true;
  const std::int64_t block = cpu::block_of(x), element = static_cast<std::int64_t>(size_of(x.dtype()));
  const std::int64_t plane = x.dim(2) * x.dim(3), groups = cpu::padded_channels(x) / block;
  const std::byte* bytes = static_cast<const std::byte*>(x.raw());
  for (std::int64_t i = 0; i < x.dim(0) * groups * plane * block; ++i) {
    const std::int64_t channel = i / (plane * block) % groups * block + i % block;
    if (channel < x.dim(1)) continue;
    std::uint64_t v = 0;
    std::memcpy(&v, bytes + i * element, static_cast<std::size_t>(element));
    // -0 is zero as well.
    if (v != 0 && !(x.dtype() == DType::f32 && v == 0x80000000u)) return false;
  }
  return true;
}

// Looks into the physical memory of whatever an operation returns or writes.
class PaddingWatch final : public Interceptor {
 public:
  using Interceptor::Interceptor;
  int blocked_results = 0;
  std::vector<std::string> dirty;

 protected:
  void before(const OpCall&) override {}
  void after(const OpCall& call) override {
    std::vector<Tensor> all = call.arguments;
    for (const Tensor* t : call.results) all.push_back(*t);
    for (const Tensor& t : all) {
      blocked_results += t.plain() ? 0 : 1;
      if (!padding_is_zero(t)) dirty.emplace_back(call.op);
    }
  }
};

}  // namespace

TEST_CASE("A blocked tensor holds channel c of pixel i at [n][c / B][i][c % B], and zeros beyond the last channel") {
  test::register_backends();
  for (const int block : {8, 16}) {
    const Tensor x = numbers({2, 19, 3, 5}), y = cpu::blocked(x, block);
    REQUIRE(cpu::block_of(y) == block);
    CHECK(y.layout()->name() == fmt::format("nChw{}c", block));
    const std::int64_t groups = (19 + block - 1) / block;
    for (const auto& [n, c, i] : {std::array<std::int64_t, 3>{0, 0, 0}, {1, 18, 14}, {0, 17, 3}, {1, 8, 7}})
      CHECK(y.data<float>()[((n * groups + c / block) * 15 + i) * block + c % block] ==
            x.data<float>()[(n * 19 + c) * 15 + i]);
    CHECK(padding_is_zero(y));
    CHECK(to_vector<float>(y) == to_vector<float>(x));
  }
}

TEST_CASE("carried() changes the layout and no number, NaN and infinity included") {
  test::register_backends();
  for (const std::int64_t channels : {1, 3, 16, 33}) {
    Tensor x = numbers({2, channels, 3, 2});
    x.data<float>()[1] = std::numeric_limits<float>::quiet_NaN();
    x.data<float>()[2] = -std::numeric_limits<float>::infinity();
    const Tensor y = carried(x);
    CHECK_FALSE(y.plain());
    std::vector<std::byte> before(x.bytes()), after(x.bytes());
    backend_of(x).to_host(x, before.data());
    backend_of(y).to_host(y, after.data());
    CHECK(before == after);
  }
}

TEST_CASE("Every operation takes tensors blocked by 8 and by 16, whatever this machine prefers") {
  test::register_backends();
  for (const int block : {8, 16})
    for (const Case& c : cases()) {
      const auto by_block = [block](const Tensor& x) { return cpu::blocked(x, block); };
      test::require_ok(check(c, backend_of(Device::cpu), {DType::f32, test::seed, true, by_block}),
                       fmt::format("{} blocked by {}", c.name, block));
    }
}

TEST_CASE("No operation leaves anything but zero in the padding of a block") {
  test::register_backends();
  int blocked_results = 0;
  for (const Case& c : cases())
    for (const Config& config : c.configs(test::seed)) {
      PaddingWatch watch(backend_of(Device::cpu));
      call(config, {watch, DType::f32, DType::f32, test::seed, Arrangement::carried});
      blocked_results += watch.blocked_results;
      CHECK_MESSAGE(watch.dirty.empty(), c.name, " / ", config.name, ": ", watch.dirty.empty() ? "" : watch.dirty[0]);
    }
  CHECK(blocked_results > 100);
}

TEST_CASE("Activations stay blocked from operation to operation: nothing goes back to plain inside a network") {
  test::register_backends();
  Backend& b = backend_of(Device::cpu);
  const Tensor x = carried(numbers({2, 32, 6, 6})), w = numbers({32, 32, 3, 3});
  const Tensor c = full({32}, 0.5, DType::f32, Device::cpu);
  Conv2dParams conv;
  conv.padding = Padding2d::same(1);
  Pool2dParams pool;
  CHECK_FALSE(b.conv2d(x, w, {}, conv).plain());
  CHECK_FALSE(b.batch_norm_train(x, x, c, c, {}, {}, {}).y.plain());
  CHECK_FALSE(b.batch_norm_eval(x, {}, c, c, c, c, {}).plain());
  for (int kind = 0; kind < activation_count; ++kind)
    CHECK_FALSE(b.activation(x, {static_cast<Activation>(kind)}).plain());
  CHECK_FALSE(b.add(x, x).plain());
  CHECK_FALSE(b.mul(x, numbers({2, 32, 1, 1})).plain());
  CHECK_FALSE(b.scale(x, 2.0).plain());
  CHECK_FALSE(b.concat({x, x}, 1).plain());
  CHECK_FALSE(b.slice(x, {0, 16, 0, 0}, {2, 16, 6, 6}).plain());
  CHECK_FALSE(b.pad(x, {0, 0, 1, 1}, {0, 0, 1, 1}, 0.0).plain());
  CHECK_FALSE(b.max_pool2d(x, pool).y.plain());
  CHECK_FALSE(b.avg_pool2d(x, pool).plain());
  CHECK_FALSE(b.resize_bilinear(x, 3, 9).plain());
  const Conv2dGrads g = b.conv2d_backward(x, w, x, conv, {true, true, true});
  CHECK_FALSE(g.dx.plain());
  CHECK(g.dw.plain());
  CHECK_FALSE(b.max_pool2d_backward(b.max_pool2d(x, pool).y, b.max_pool2d(x, pool).argmax, x.shape(), pool).plain());
}
