// accumulate_covariance_: of columns far from zero, which only double and a pivot get right.
#include <cmath>

#include "bench/conformance/data.h"

namespace engine::conformance {
namespace {

Config covariance_config(Data& data, std::int64_t n, std::int64_t p) {
  Config c;
  c.name = fmt::format("{} rows of {} columns", n, p);
  c.inputs = {written(wide(data.normal("products", {p, p}))), written(wide(data.normal("sums", {p}))),
              constant(data.normal("x", {n, p}, 20.0)), wide(data.normal("pivot", {p}, 20.0, 0.01))};
  // Symmetric, as what was accumulated before is.
  std::vector<double>& products = c.inputs[0].values;
  for (std::int64_t i = 0; i < p; ++i)
    for (std::int64_t j = 0; j < i; ++j)
      products[static_cast<std::size_t>(j * p + i)] = products[static_cast<std::size_t>(i * p + j)];
  c.direct = [](Backend& b, const Tensors& in) {
    b.accumulate_covariance_(in[0], in[1], in[2], in[3]);
    return Tensors{};
  };
  c.reduction = n + 1;
  c.terms = 2.0 * std::sqrt(static_cast<double>(n));  // on their way sums are as large as this, whatever they end at
  c.flops = static_cast<double>(n) * static_cast<double>(p) * static_cast<double>(p + 1);
  return c;
}

}  // namespace

std::vector<Case> covariance_cases() {
  return {{"accumulate_covariance_",
           {"accumulate_covariance_"},
           [](std::uint64_t seed) {
             Data data(seed, "accumulate_covariance_");
             std::vector<Config> list;
             for (const auto& [n, p] : std::vector<std::pair<std::int64_t, std::int64_t>>{
                      {1, 1}, {5, 3}, {16, 64}, {17, 65}, {300, 37}, {643, 5}, {41, 131}})
               list.push_back(covariance_config(data, n, p));
             return list;
           },
           [](std::uint64_t seed) {
             Data data(seed, "covariance benchmark");
             return std::vector<Config>{covariance_config(data, 3136, 512), covariance_config(data, 50176, 64)};
           }}};
}

}  // namespace engine::conformance
