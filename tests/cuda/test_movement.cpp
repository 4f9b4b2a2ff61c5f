#include "tests/cuda/compare.h"

namespace {

constexpr DType all_types[] = {DType::f32, DType::f16, DType::bf16, DType::f64, DType::i32, DType::i64, DType::u8};

// Element (n, c, h, w) of a row-major tensor is found at its place in [N, H, W, C].
template <class T>
bool is_permuted(const std::vector<T>& plain, const std::vector<T>& last, const Shape& s) {
  std::size_t i = 0;
  for (std::int64_t n = 0; n < s[0]; ++n)
    for (std::int64_t c = 0; c < s[1]; ++c)
      for (std::int64_t h = 0; h < s[2]; ++h)
        for (std::int64_t w = 0; w < s[3]; ++w, ++i)
          if (plain[i] != last[static_cast<std::size_t>(((n * s[2] + h) * s[3] + w) * s[1] + c)]) return false;
  return true;
}

template <class T>
void check_channels_last(const Shape& shape) {
  CAPTURE(shape.str());
  CAPTURE(sizeof(T));
  std::vector<T> values(static_cast<std::size_t>(shape.numel()));
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<T>(i * 7 + 1);
  const Tensor x = device::from_host(context(), values.data(), shape, dtype_of<T>);
  const Tensor y = device::to_channels_last(context(), x);
  CHECK(y.str().ends_with("nhwc"));
  CHECK(is_permuted(values, test::memory_of<T>(y), shape));
  CHECK(test::memory_of<T>(device::to_plain(context(), y)) == values);
}

}  // namespace

TEST_CASE("Channels-last moves each element to its place and back, for each element size and kind of shape") {
  // Few channels, few pixels, several tiles with remainders in both directions, one image and many.
  for (const Shape& s : {Shape{2, 3, 33, 9}, Shape{1, 8, 5, 5}, Shape{3, 33, 2, 3}, Shape{2, 65, 7, 9},
                         Shape{1, 31, 1, 33}, Shape{5, 9, 3, 3}, Shape{1, 128, 16, 4}}) {
    check_channels_last<std::uint8_t>(s);
    check_channels_last<float>(s);
    check_channels_last<double>(s);
  }
  for (const Shape& s : {Shape{2, 3, 33, 9}, Shape{2, 65, 7, 9}}) {
    const Tensor x = test::normal(s, DType::f16, 3);
    CHECK(test::same_bits(to_reference(on_device(x, true)), x));
  }
}

TEST_CASE("A tensor of one channel or one pixel counts as plain: both orders are the same memory") {
  for (const Shape& s : {Shape{3, 1, 5, 5}, Shape{3, 17, 1, 1}, Shape{12}, Shape{2, 0, 4, 4}})
    CHECK(device::to_channels_last(context(), on_device(test::normal(s, DType::f32, 1))).plain());
}

TEST_CASE("from_host and to_host keep the bits of every type, and from_host lets the host reuse its memory") {
  for (const DType type : all_types)
    for (const Shape& s : test::shapes()) {
      const Tensor x = reference().cast(test::normal(s, DType::f64, 5, 50.0), type);
      CHECK(test::same_bits(to_reference(on_device(x)), x));
    }
  std::vector<float> values(100, 1.0f);
  const Tensor t = device::from_host(context(), values.data(), {100}, DType::f32);
  std::fill(values.begin(), values.end(), 2.0f);
  CHECK(test::memory_of<float>(t) == std::vector<float>(100, 1.0f));
}

TEST_CASE("clone has its own memory and the same layout") {
  for (const bool last : {false, true}) {
    const Tensor truth = test::normal({2, 17, 5, 3}, DType::f32, 6);
    const Tensor x = on_device(truth, last), y = device::clone(context(), x);
    CHECK(device::same_layout(x, y));
    device::fill_(context(), x, 0.0);
    CHECK(test::same_bits(to_reference(y), truth));
  }
}

TEST_CASE("cast rounds and truncates as the reference does, between any two types and in either layout") {
  for (const DType from : all_types)
    for (const DType to : all_types)
      for (const Shape& s : {Shape{31}, Shape{2, 17, 5, 3}}) {
        CAPTURE(name_of(from));
        CAPTURE(name_of(to));
        // In the range of u8, beyond which the reference's own conversion is undefined.
        const Tensor x = reference().cast(
            reference().activation(test::normal(s, DType::f64, 7, 40.0), {Activation::relu}), from);
        CHECK(test::same_bits(to_reference(device::cast(context(), on_device(x, true), to)), reference().cast(x, to)));
      }
}

TEST_CASE("cast to an integer clamps, and NaN becomes 0") {
  const auto nan = static_cast<float>(not_a_number), inf = static_cast<float>(infinity);
  const Tensor x = test::tensor_of(std::vector<float>{nan, inf, -inf, 3e9f, -3e9f, 1e19f, -1e19f, 2147483520.0f});
  using Limits32 = std::numeric_limits<std::int32_t>;
  using Limits64 = std::numeric_limits<std::int64_t>;
  CHECK(test::memory_of<std::int32_t>(device::cast(context(), x, DType::i32)) ==
        std::vector<std::int32_t>{0, Limits32::max(), Limits32::min(), Limits32::max(), Limits32::min(),
                                  Limits32::max(), Limits32::min(), 2147483520});
  CHECK(test::memory_of<std::int64_t>(device::cast(context(), x, DType::i64)) ==
        std::vector<std::int64_t>{0, Limits64::max(), Limits64::min(), 3000000000, -3000000000, Limits64::max(),
                                  Limits64::min(), 2147483520});
  CHECK(test::memory_of<std::uint8_t>(device::cast(context(), x, DType::u8)) ==
        std::vector<std::uint8_t>{0, 255, 0, 255, 0, 255, 0, 255});
  // The first float beyond each type.
  const Tensor next = test::tensor_of(std::vector<float>{256.0f, 0x1p31f, 0x1p63f});
  CHECK(test::memory_of<std::uint8_t>(device::cast(context(), next, DType::u8)) ==
        std::vector<std::uint8_t>{255, 255, 255});
  CHECK(test::memory_of<std::int32_t>(device::cast(context(), next, DType::i32)) ==
        std::vector<std::int32_t>{256, Limits32::max(), Limits32::max()});
  CHECK(test::memory_of<std::int64_t>(device::cast(context(), next, DType::i64)) ==
        std::vector<std::int64_t>{256, 0x80000000, Limits64::max()});
}

TEST_CASE("fill_ writes every element of every type and tells that the contents changed") {
  for (const DType type : all_types)
    for (const Shape& s : test::shapes())
      for (const double value : {0.0, 7.0, 1.5}) {
        const Tensor x = on_device(reference().cast(test::normal(s, DType::f64, 8), type), true);
        const auto version = x.storage()->version;
        device::fill_(context(), x, value);
        CHECK(x.storage()->version == version + 1);
        Tensor truth = reference().cast(test::normal(s, DType::f64, 8), type);
        reference().fill_(truth, value);
        CHECK(test::same_bits(to_reference(x), truth));
      }
}

TEST_CASE("copy_ crosses layouts and refuses other shapes and types") {
  for (const bool from_last : {false, true})
    for (const bool to_last : {false, true}) {
      const Tensor truth = test::normal({2, 17, 5, 3}, DType::bf16, 9);
      const Tensor dst = on_device(test::normal({2, 17, 5, 3}, DType::bf16, 10), to_last);
      device::copy_(context(), dst, on_device(truth, from_last));
      CHECK(test::same_bits(to_reference(dst), truth));
      CHECK(device::channels_last(dst) == to_last);
    }
  const Tensor x = on_device(test::normal({3}, DType::f32, 1));
  CHECK_THROWS_AS(device::copy_(context(), x, on_device(test::normal({4}, DType::f32, 1))), UsageError);
  CHECK_THROWS_AS(device::copy_(context(), x, on_device(test::normal({3}, DType::f16, 1))), UsageError);
}

TEST_CASE("has_nonfinite finds one NaN or infinity wherever it is, and nothing else") {
  for (const DType type : {DType::f32, DType::f16, DType::bf16, DType::f64})
    for (const std::size_t n : {1u, 31u, 4099u})
      for (const double odd : {0.0, 60000.0, not_a_number, infinity, -infinity})
        for (const bool last : {false, true}) {
          std::vector<double> v(n, 1.0);
          (last ? v.back() : v.front()) = odd;
          const Tensor x = on_device(from_vector(v, {static_cast<std::int64_t>(n)}, Device::reference, type));
          CHECK(device::has_nonfinite(context(), x) == !std::isfinite(odd));
        }
  // Found by every thread of every block.
  const Tensor all = on_device(from_vector(std::vector<double>(4099, infinity), {4099}, Device::reference, DType::f32));
  CHECK(device::has_nonfinite(context(), all));
  const Tensor whole = on_device(reference().cast(test::normal({31}, DType::f64, 2), DType::i64));
  CHECK(!device::has_nonfinite(context(), whole));
}

TEST_CASE("cast_all equals cast of each tensor, in one launch") {
  struct Count final : gpu::LaunchObserver {
    int launches = 0;
    void launched(std::string_view, const gpu::LaunchShape&, const gpu::Cost&) override { ++launches; }
  };
  for (const DType from : test::floating)
    for (const DType to : test::floating) {
      std::vector<Tensor> xs;
      for (const Shape& s : test::shapes()) xs.push_back(on_device(test::normal(s, from, 40), xs.size() % 2 == 1));
      Count count;
      context().observer = &count;
      const std::vector<Tensor> ys = device::cast_all(context(), xs, to);
      context().observer = nullptr;
      if (from != to) CHECK(count.launches == 1);
      REQUIRE(ys.size() == xs.size());
      for (std::size_t i = 0; i < xs.size(); ++i) {
        CHECK(device::channels_last(ys[i]) == device::channels_last(xs[i]));
        CHECK(same_bits(to_reference(ys[i]), to_reference(device::cast(context(), xs[i], to))));
      }
    }
  CHECK(device::cast_all(context(), {}, DType::f16).empty());
  const Tensor half = on_device(test::normal({3}, DType::f16, 41)), full = on_device(test::normal({3}, DType::f32, 42));
  CHECK_THROWS_AS(device::cast_all(context(), {half, full}, DType::bf16), UsageError);
  CHECK_THROWS_AS(device::cast_all(context(), {full}, DType::i32), UsageError);
}
