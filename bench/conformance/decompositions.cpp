// eigh and svd, of matrices whose values are known and lie apart: of equal ones any basis would be right. Other
// matrices are in tests/kernels/decompositions.h, where only what defines a decomposition is checked.
#include <algorithm>

#include "bench/conformance/data.h"

namespace engine::conformance {
namespace {

// Rows of an orthogonal matrix [n,n]: a product of three reflections.
std::vector<double> orthogonal(Data& data, std::int64_t n) {
  std::vector<double> q(static_cast<std::size_t>(n * n), 0.0);
  for (std::int64_t i = 0; i < n; ++i) q[static_cast<std::size_t>(i * n + i)] = 1.0;
  for (int reflection = 0; reflection < 3; ++reflection) {
    const std::vector<double> v = data.normal("v", {n}).values;
    double squared = 0;
    for (const double x : v) squared += x * x;
    for (std::int64_t i = 0; i < n; ++i) {
      double* row = q.data() + i * n;
      double along = 0;
      for (std::int64_t j = 0; j < n; ++j) along += row[j] * v[static_cast<std::size_t>(j)];
      for (std::int64_t j = 0; j < n; ++j) row[j] -= 2.0 * along / squared * v[static_cast<std::size_t>(j)];
    }
  }
  return q;
}

// sum_l left[l]^T values[l] right[l], of the first rows of two orthogonal matrices.
Input composed(const std::vector<double>& left, std::int64_t m, const std::vector<double>& values,
               const std::vector<double>& right, std::int64_t n) {
  Input a;
  a.name = "a";
  a.shape = {m, n};
  a.differentiable = false;
  a.values.assign(static_cast<std::size_t>(m * n), 0.0);
  for (std::size_t l = 0; l < values.size(); ++l)
    for (std::int64_t i = 0; i < m; ++i)
      for (std::int64_t j = 0; j < n; ++j)
        a.values[static_cast<std::size_t>(i * n + j)] +=
            left[l * static_cast<std::size_t>(m) + static_cast<std::size_t>(i)] * values[l] *
            right[l * static_cast<std::size_t>(n) + static_cast<std::size_t>(j)];
  return a;
}

Config eigh_config(Data& data, std::int64_t n) {
  std::vector<double> values;
  for (std::int64_t i = 0; i < n; ++i) values.push_back(static_cast<double>(i % 2 == 0 ? n - i : i - n));
  const std::vector<double> q = orthogonal(data, n);
  Config c;
  c.name = fmt::format("eigh of {}", n);
  c.inputs = {composed(q, n, values, q, n)};
  c.direct = [](Backend& b, const Tensors& in) {
    const EighResult r = b.eigh(in[0]);
    return Tensors{r.values, r.vectors};
  };
  // A vector is off by the matrix's rounding error over the distance to the next value: by up to n times as much.
  c.reduction = n * n;
  c.flops = 9.0 * static_cast<double>(n * n * n);
  return c;
}

Config svd_config(Data& data, std::int64_t m, std::int64_t n) {
  const std::int64_t k = std::min(m, n);
  std::vector<double> values;
  for (std::int64_t i = 0; i < k; ++i) values.push_back(static_cast<double>(k - i) - 0.5);
  const std::vector<double> left = orthogonal(data, m), right = orthogonal(data, n);
  Config c;
  c.name = fmt::format("svd of [{}, {}]", m, n);
  c.inputs = {composed(left, m, values, right, n)};
  c.direct = [](Backend& b, const Tensors& in) {
    const SvdResult r = b.svd(in[0]);
    return Tensors{r.u, r.s, r.vt};
  };
  c.reduction = 4 * k * k + std::max(m, n);
  c.flops = 6.0 * static_cast<double>(m * n * k) + 20.0 * static_cast<double>(k * k * k);
  return c;
}

}  // namespace

std::vector<Case> decomposition_cases() {
  Case eigh{"eigh",
            {"eigh"},
            [](std::uint64_t seed) {
              Data data(seed, "eigh");
              std::vector<Config> list;
              for (const std::int64_t n : {1, 2, 13, 32, 37}) list.push_back(eigh_config(data, n));
              return list;
            },
            [](std::uint64_t seed) {
              Data data(seed, "eigh benchmark");
              return std::vector<Config>{eigh_config(data, 256)};
            }};
  Case svd{"svd",
           {"svd"},
           [](std::uint64_t seed) {
             Data data(seed, "svd");
             std::vector<Config> list;
             for (const auto& [m, n] : std::vector<std::pair<std::int64_t, std::int64_t>>{
                      {1, 1}, {1, 7}, {9, 1}, {2, 2}, {32, 32}, {31, 13}, {17, 37}})
               list.push_back(svd_config(data, m, n));
             return list;
           },
           [](std::uint64_t seed) {
             Data data(seed, "svd benchmark");
             return std::vector<Config>{svd_config(data, 1024, 128)};
           }};
  eigh.takes_16_bits = svd.takes_16_bits = false;
  return {eigh, svd};
}

}  // namespace engine::conformance
