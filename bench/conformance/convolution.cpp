// conv2d and matmul.
#include "bench/conformance/data.h"
#include "engine/autograd/functions.h"

namespace engine::conformance {
namespace {

struct Conv {
  const char* name;
  Shape x, w;
  Conv2dParams p;
  bool bias;
};

Conv2dParams params(std::array<std::int64_t, 2> stride, Padding2d padding,
                    std::array<std::int64_t, 2> dilation = {1, 1}, std::int64_t groups = 1) {
  return {stride, padding, dilation, groups};
}

// Taps of one dimension that meet the picture and not its padding, over all outputs: the others need no arithmetic.
double taps_inside(std::int64_t in, std::int64_t out, std::int64_t kernel, std::int64_t stride, std::int64_t dilation,
                   std::int64_t before) {
  std::int64_t inside = 0;
  for (std::int64_t o = 0; o < out; ++o)
    for (std::int64_t k = 0; k < kernel; ++k) {
      const std::int64_t at = o * stride + k * dilation - before;
      if (at >= 0 && at < in) ++inside;
    }
  return static_cast<double>(inside);
}

Config config_of(Data& data, const Conv& c) {
  Config out;
  out.name = fmt::format("{} {}*{}", c.name, c.x.str(), c.w.str());
  out.inputs = {data.normal("x", c.x), plain(wide_gradient(data.normal("w", c.w)))};
  if (c.bias) out.inputs.push_back(wide_gradient(data.normal("b", {c.w[0]})));
  out.function = [p = c.p](const Variables& v) { return conv2d(v[0], v[1], v.size() > 2 ? v[2] : Variable(), p); };
  const Shape y = conv2d_output_shape(c.x, c.w, c.p);
  const std::int64_t taps = c.w[1] * c.w[2] * c.w[3];
  // The longest sum: over the taps (y), over outputs and taps (dx), over batch and map (dw).
  out.reduction = std::max({taps, c.w[0] * c.w[2] * c.w[3] / c.p.groups, c.x[0] * y[2] * y[3]});
  out.terms = 1.0;  // a bias may cancel a product
  out.flops = 2.0 * static_cast<double>(y[0] * y[1] * c.w[1]) *
              taps_inside(c.x[2], y[2], c.w[2], c.p.stride[0], c.p.dilation[0], c.p.padding.top) *
              taps_inside(c.x[3], y[3], c.w[3], c.p.stride[1], c.p.dilation[1], c.p.padding.left);
  out.backward_flops = 2.0 * out.flops;
  return out;
}

std::vector<Config> conv_configs(std::uint64_t seed) {
  Data data(seed, "conv2d");
  const Padding2d none = Padding2d::same(0), one = Padding2d::same(1);
  const std::vector<Conv> list = {
      {"1x1 on 1x1", {1, 1, 1, 1}, {1, 1, 1, 1}, params({1, 1}, none), true},
      {"1x1", {2, 17, 5, 3}, {31, 17, 1, 1}, params({1, 1}, none), true},
      {"1x1 stride 2", {2, 16, 7, 9}, {24, 16, 1, 1}, params({2, 2}, none), false},
      {"3x3 same", {2, 3, 31, 33}, {8, 3, 3, 3}, params({1, 1}, one), true},
      {"3x3 same, blocks and a rest", {3, 33, 7, 11}, {37, 33, 3, 3}, params({1, 1}, one), false},
      {"3x3 whole blocks", {2, 32, 13, 13}, {32, 32, 3, 3}, params({1, 1}, one), false},
      {"3x3 stride 2", {1, 19, 13, 11}, {16, 19, 3, 3}, params({2, 2}, one), false},
      {"3x3 on 1x1 map", {3, 16, 1, 1}, {5, 16, 3, 3}, params({1, 1}, one), true},
      {"stride 2 by 1", {2, 5, 9, 8}, {7, 5, 3, 2}, params({2, 1}, none), true},
      {"uneven padding", {2, 4, 6, 5}, {3, 4, 3, 3}, params({1, 1}, {2, 0, 1, 3}), true},
      {"dilation 2 by 3", {1, 6, 11, 13}, {5, 6, 3, 3}, params({1, 1}, {2, 2, 3, 3}, {2, 3}), true},
      {"groups", {2, 6, 7, 7}, {9, 2, 3, 3}, params({1, 1}, one, {1, 1}, 3), true},
      {"depthwise stride 2", {2, 13, 9, 9}, {13, 1, 5, 5}, params({2, 2}, Padding2d::same(2), {1, 1}, 13), false},
      {"7x7", {1, 3, 23, 21}, {32, 3, 7, 7}, params({1, 1}, Padding2d::same(3)), false},
      {"7x7 stride 2", {1, 3, 32, 31}, {16, 3, 7, 7}, params({2, 2}, Padding2d::same(3)), false},
      {"5x5", {2, 8, 9, 9}, {16, 8, 5, 5}, params({1, 1}, Padding2d::same(2)), false},
      {"1x7", {1, 12, 9, 10}, {11, 12, 1, 7}, params({1, 1}, {0, 0, 3, 3}), false},
      {"map equals kernel", {4, 7, 3, 3}, {10, 7, 3, 3}, params({1, 1}, none), true},
  };
  std::vector<Config> configs;
  for (const Conv& c : list) configs.push_back(config_of(data, c));
  // A frozen first layer: only the weight wants a gradient.
  configs.push_back(config_of(data, list[3]));
  configs.back().name += ", x constant";
  configs.back().inputs[0].differentiable = false;
  return configs;
}

std::vector<Config> conv_benchmarks(std::uint64_t seed) {
  Data data(seed, "conv2d benchmark");
  const Padding2d none = Padding2d::same(0), one = Padding2d::same(1);
  std::vector<Config> configs;
  for (const Conv& c :
       std::vector<Conv>{{"resnet conv1", {8, 3, 224, 224}, {64, 3, 7, 7}, params({2, 2}, Padding2d::same(3)), false},
                         {"resnet 3x3", {8, 64, 56, 56}, {64, 64, 3, 3}, params({1, 1}, one), false},
                         {"resnet 1x1", {8, 256, 56, 56}, {64, 256, 1, 1}, params({1, 1}, none), false},
                         {"resnet 3x3 low", {8, 512, 7, 7}, {512, 512, 3, 3}, params({1, 1}, one), false},
                         {"cbr 7x7", {8, 64, 55, 55}, {128, 64, 7, 7}, params({1, 1}, Padding2d::same(3)), false},
                         {"cbr 5x5", {8, 64, 55, 55}, {128, 64, 5, 5}, params({1, 1}, Padding2d::same(2)), false},
                         {"depthwise", {8, 144, 56, 56}, {144, 1, 3, 3}, params({1, 1}, one, {1, 1}, 144), false}})
    configs.push_back(config_of(data, c));
  return configs;
}

Config matmul_config(Data& data, std::int64_t m, std::int64_t n, std::int64_t k, bool ta, bool tb) {
  Config c;
  c.name = fmt::format("{}{}*{}{}", fmt::format("[{}, {}]", ta ? k : m, ta ? m : k), ta ? "^T " : " ",
                       fmt::format("[{}, {}]", tb ? n : k, tb ? k : n), tb ? "^T" : "");
  c.inputs = {data.normal("a", ta ? Shape{k, m} : Shape{m, k}), data.normal("b", tb ? Shape{n, k} : Shape{k, n})};
  c.function = [=](const Variables& v) { return matmul(v[0], v[1], ta, tb); };
  c.reduction = std::max({m, n, k});
  c.flops = 2.0 * static_cast<double>(m * n * k);
  c.backward_flops = 2.0 * c.flops;
  return c;
}

std::vector<Config> matmul_configs(std::uint64_t seed) {
  Data data(seed, "matmul");
  std::vector<Config> list;
  struct Size {
    std::int64_t m, n, k;
  };
  for (const Size& s : {Size{1, 1, 1}, Size{1, 33, 7}, Size{13, 1, 31}, Size{13, 7, 1}, Size{67, 33, 129}})
    for (bool ta : {false, true})
      for (bool tb : {false, true}) list.push_back(matmul_config(data, s.m, s.n, s.k, ta, tb));
  return list;
}

}  // namespace

std::vector<Case> convolution_cases() {
  return {{"conv2d", {"conv2d", "conv2d_backward"}, conv_configs, conv_benchmarks},
          {"matmul", {"matmul"}, matmul_configs, [](std::uint64_t seed) {
             Data data(seed, "matmul benchmark");
             return std::vector<Config>{matmul_config(data, 1024, 1024, 1024, false, false),
                                        matmul_config(data, 16, 1000, 2048, false, true)};
           }}};
}

}  // namespace engine::conformance
