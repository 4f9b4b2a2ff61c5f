// Max, average and adaptive pooling; bilinear resize.
#include <limits>

#include "bench/conformance/data.h"
#include "engine/autograd/functions.h"

namespace engine::conformance {
namespace {

struct Pool {
  const char* name;
  Shape x;
  Pool2dParams p;
};

Pool2dParams square(std::int64_t k, std::int64_t s, std::int64_t pad, bool ceil_mode = false, bool count_pad = true) {
  return {{k, k}, {s, s}, Padding2d::same(pad), ceil_mode, count_pad};
}

const std::vector<Pool>& pools() {
  static const std::vector<Pool> list = {
      {"3x3 stride 2", {2, 17, 11, 13}, square(3, 2, 0)},
      {"3x3 stride 2 padded", {1, 33, 9, 8}, square(3, 2, 1)},
      {"ceil", {2, 5, 8, 10}, square(3, 2, 0, true)},
      {"ceil padded", {2, 16, 8, 7}, square(3, 2, 1, true)},
      {"padding not counted", {1, 7, 9, 8}, square(3, 2, 1, false, false)},
      {"ceil padded, not counted", {2, 3, 8, 7}, square(3, 2, 1, true, false)},
      {"2x2", {3, 32, 6, 6}, square(2, 2, 0)},
      {"overlapping", {1, 3, 7, 5}, square(3, 1, 1)},
      {"window is the map", {4, 19, 3, 3}, square(3, 3, 0)},
      {"one pixel", {2, 9, 1, 1}, square(1, 1, 0)},
      {"2x3 stride 3x1, uneven padding", {2, 6, 8, 7}, {{2, 3}, {3, 1}, {1, 0, 0, 2}, false, true}},
      {"gaps between windows", {1, 4, 11, 9}, square(2, 3, 0)},
      {"two threads", {2, 19, 37, 41}, square(3, 2, 1)},
  };
  return list;
}

Config pool_config(Input x, const Pool& pool, bool maximum) {
  Config c;
  c.name = fmt::format("{} {}", pool.name, pool.x.str());
  c.inputs = {std::move(x)};
  c.function = [p = pool.p, maximum](const Variables& v) {
    return maximum ? max_pool2d(v[0], p) : avg_pool2d(v[0], p);
  };
  c.reduction = pool.p.kernel[0] * pool.p.kernel[1];
  c.flops = static_cast<double>(pool2d_output_shape(pool.x, pool.p).numel() * c.reduction);
  c.backward_flops = c.flops;
  return c;
}

std::vector<Config> max_configs(std::uint64_t seed) {
  Data data(seed, "max_pool2d");
  std::vector<Config> list;
  for (const Pool& p : pools()) list.push_back(pool_config(data.normal("x", p.x, -1.0), p, true));
  for (std::size_t i : {0, 1, 3}) {
    list.push_back(pool_config(data.ties("x", pools()[i].x), pools()[i], true));
    list.back().name += ", ties";
    list.back().smooth = false;
  }
  Input odd = data.normal("x", pools()[0].x);
  odd.values[40] = odd.values[200] = std::numeric_limits<double>::quiet_NaN();
  odd.values[90] = std::numeric_limits<double>::infinity();
  list.push_back(pool_config(std::move(odd), pools()[0], true));
  list.back().name += ", NaN and infinity";
  list.back().smooth = false;
  return list;
}

std::vector<Config> average_configs(std::uint64_t seed) {
  Data data(seed, "avg_pool2d");
  std::vector<Config> list;
  for (const Pool& p : pools()) list.push_back(pool_config(data.normal("x", p.x, 0.5), p, false));
  return list;
}

Config adaptive_config(Data& data, const Shape& x, std::int64_t h, std::int64_t w) {
  Config c;
  c.name = fmt::format("{} to {}x{}", x.str(), h, w);
  c.inputs = {data.normal("x", x)};
  c.function = [=](const Variables& v) { return adaptive_avg_pool2d(v[0], h, w); };
  c.reduction = x[2] * x[3];
  c.flops = c.backward_flops = static_cast<double>(x.numel());
  return c;
}

Config resize_config(Data& data, const Shape& x, std::int64_t h, std::int64_t w) {
  Config c;
  c.name = fmt::format("{} to {}x{}", x.str(), h, w);
  c.inputs = {data.normal("x", x)};
  c.function = [=](const Variables& v) { return resize_bilinear(v[0], h, w); };
  // Source positions are computed in the element type: their rounding scales with the position.
  c.reduction = std::max<std::int64_t>({4, x[2] * x[3], h * w});
  c.flops = c.backward_flops = 8.0 * static_cast<double>(x[0] * x[1] * h * w);
  return c;
}

}  // namespace

std::vector<Case> pooling_cases() {
  const Pool large{"resnet", {8, 64, 112, 112}, square(3, 2, 1)};
  return {
      {"max_pool2d",
       {"max_pool2d", "max_pool2d_backward"},
       max_configs,
       [=](std::uint64_t seed) {
         Data data(seed, "large");
         return std::vector<Config>{pool_config(data.uniform("x", large.x, -1, 1), large, true)};
       }},
      {"avg_pool2d",
       {"avg_pool2d", "avg_pool2d_backward"},
       average_configs,
       [=](std::uint64_t seed) {
         Data data(seed, "large");
         return std::vector<Config>{pool_config(data.uniform("x", large.x, -1, 1), large, false)};
       }},
      {"adaptive_avg_pool2d",
       {"adaptive_avg_pool2d", "adaptive_avg_pool2d_backward"},
       [](std::uint64_t seed) {
         Data data(seed, "adaptive_avg_pool2d");
         return std::vector<Config>{
             adaptive_config(data, {2, 17, 5, 3}, 1, 1),  adaptive_config(data, {1, 33, 13, 9}, 7, 7),
             adaptive_config(data, {3, 16, 1, 1}, 1, 1),  adaptive_config(data, {2, 5, 3, 5}, 7, 7),
             adaptive_config(data, {1, 1, 31, 33}, 3, 2), adaptive_config(data, {2, 19, 37, 41}, 5, 3),
             adaptive_config(data, {2, 19, 37, 41}, 1, 1)};
       },
       [](std::uint64_t seed) {
         Data data(seed, "large");
         return std::vector<Config>{adaptive_config(data, {8, 2048, 7, 7}, 1, 1)};
       }},
      {"resize_bilinear",
       {"resize_bilinear", "resize_bilinear_backward"},
       [](std::uint64_t seed) {
         Data data(seed, "resize_bilinear");
         return std::vector<Config>{
             resize_config(data, {2, 3, 5, 7}, 13, 11),   resize_config(data, {1, 17, 13, 9}, 5, 7),
             resize_config(data, {2, 16, 3, 3}, 6, 6),    resize_config(data, {1, 5, 1, 1}, 3, 5),
             resize_config(data, {2, 3, 7, 6}, 1, 1),     resize_config(data, {1, 2, 9, 9}, 9, 9),
             resize_config(data, {2, 19, 31, 17}, 43, 37)};
       },
       [](std::uint64_t seed) {
         Data data(seed, "large");
         return std::vector<Config>{resize_config(data, {8, 64, 56, 56}, 112, 112)};
       }},
  };
}

}  // namespace engine::conformance
