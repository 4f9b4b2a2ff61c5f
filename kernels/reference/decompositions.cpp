// Jacobi's methods (Golub and Van Loan, "Matrix Computations", 8.5 and 8.6): slow, short, and accurate.
#include <algorithm>
#include <cmath>
#include <numeric>

#include "kernels/checks.h"
#include "kernels/orientation.h"
#include "kernels/reference/dense.h"
#include "kernels/reference/reference_backend.h"

namespace engine {
namespace reference {
namespace {

constexpr int most_sweeps = 60;
constexpr double precision = 0x1p-53;

// Rows of equal length, one behind the other.
struct Rows {
  std::int64_t count, length;
  Doubles values;
  Rows(std::int64_t n, std::int64_t l) : count(n), length(l), values(zeros(n * l)) {}
  double* operator[](std::int64_t i) { return values.data() + i * length; }
  const double* operator[](std::int64_t i) const { return values.data() + i * length; }
};

Rows identity(std::int64_t n) {
  Rows r(n, n);
  for (std::int64_t i = 0; i < n; ++i) r[i][i] = 1.0;
  return r;
}

double dot(const double* x, const double* y, std::int64_t n) { return std::inner_product(x, x + n, y, 0.0); }

struct Rotation {
  double c, s, t;
};
// The smaller of the two angles with cot(2 angle) = zeta.
Rotation rotation(double zeta) {
  const double t = (zeta < 0.0 ? -1.0 : 1.0) / (std::abs(zeta) + std::hypot(1.0, zeta)), c = 1.0 / std::hypot(1.0, t);
  return {c, t * c, t};
}
void rotate(const Rotation& r, double* x, double* y, std::int64_t n, std::int64_t stride = 1) {
  for (std::int64_t i = 0; i < n * stride; i += stride) {
    const double former = x[i];
    x[i] = r.c * former - r.s * y[i];
    y[i] = r.s * former + r.c * y[i];
  }
}

// Numbers of the largest first; of equal ones the first.
std::vector<std::int64_t> descending(const Doubles& values) {
  std::vector<std::int64_t> order(values.size());
  std::iota(order.begin(), order.end(), std::int64_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::int64_t a, std::int64_t b) {
    return values[static_cast<std::size_t>(a)] > values[static_cast<std::size_t>(b)];
  });
  return order;
}

// Rows of `w` become orthogonal; `p` goes through the same rotations.
void orthogonalize(Rows& w, Rows& p) {
  double largest = 0;
  for (std::int64_t i = 0; i < w.count; ++i) largest = std::max(largest, dot(w[i], w[i], w.length));
  const double nothing = largest * precision * precision;
  bool turned = true;
  for (int sweep = 0; turned && sweep < most_sweeps; ++sweep) {
    turned = false;
    for (std::int64_t i = 0; i < w.count; ++i)
      for (std::int64_t j = i + 1; j < w.count; ++j) {
        const double xx = dot(w[i], w[i], w.length), yy = dot(w[j], w[j], w.length), xy = dot(w[i], w[j], w.length);
        if (xx <= nothing || yy <= nothing || std::abs(xy) <= 8.0 * precision * std::sqrt(xx) * std::sqrt(yy)) continue;
        const Rotation r = rotation((yy - xx) / (2.0 * xy));
        rotate(r, w[i], w[j], w.length);
        rotate(r, p[i], p[j], p.length);
        turned = true;
      }
  }
  if (turned) throw NumericError("svd: no convergence in {} sweeps", most_sweeps);
}

// Divides rows by their norms; what is nothing beside the largest row is noise, and gets a direction of its own.
void normalize(Rows& w, const Doubles& norms) {
  const double largest = *std::max_element(norms.begin(), norms.end());
  std::vector<bool> known(norms.size());
  for (std::size_t i = 0; i < norms.size(); ++i) {
    known[i] = norms[i] > largest * precision * static_cast<double>(w.length);
    double* row = w[static_cast<std::int64_t>(i)];
    for (std::int64_t l = 0; known[i] && l < w.length; ++l) row[l] /= norms[i];
  }
  std::int64_t next = 0;  // unit vector to try
  for (std::size_t i = 0; i < norms.size(); ++i) {
    double* row = w[static_cast<std::int64_t>(i)];
    // One of the unit vectors keeps that much: what all of them keep adds up to the number of missing directions.
    const double enough = 0.5 / static_cast<double>(w.length);
    for (double kept = 0; !known[i] && kept < enough; ++next) {
      std::fill_n(row, w.length, 0.0);
      row[next % w.length] = 1.0;
      for (int again = 0; again < 2; ++again) {
        for (std::size_t j = 0; j < norms.size(); ++j) {
          if (!known[j]) continue;
          const double* other = w[static_cast<std::int64_t>(j)];
          const double share = dot(row, other, w.length);
          for (std::int64_t l = 0; l < w.length; ++l) row[l] -= share * other[l];
        }
        const double squared = dot(row, row, w.length);
        if (again == 0) kept = squared;
        if (squared < enough && again == 0) break;
        for (std::int64_t l = 0; l < w.length; ++l) row[l] /= std::sqrt(squared);
      }
    }
    known[i] = true;
  }
}

}  // namespace
}  // namespace reference

using reference::Rows;

EighResult ReferenceBackend::do_eigh(const Tensor& a_) {
  check_eigh(a_);
  const std::int64_t n = a_.dim(0);
  const reference::Dense given(a_);
  Rows a(n, n), v = reference::identity(n);  // row j of v is the vector of a[j][j]
  double largest = 0;
  for (std::int64_t i = 0; i < n; ++i)
    for (std::int64_t j = 0; j <= i; ++j) {
      a[i][j] = a[j][i] = given[i * n + j];
      if (!std::isfinite(a[i][j])) throw NumericError("eigh: {} holds NaN or infinity", a_.str());
      largest = std::max(largest, std::abs(a[i][j]));
    }
  const double nothing = largest * reference::precision / static_cast<double>(std::max<std::int64_t>(n, 1));
  bool turned = true;
  for (int sweep = 0; turned && sweep < reference::most_sweeps; ++sweep) {
    turned = false;
    for (std::int64_t i = 0; i < n; ++i)
      for (std::int64_t j = i + 1; j < n; ++j) {
        if (std::abs(a[i][j]) <= nothing) continue;
        const double off = a[i][j];
        const reference::Rotation r = reference::rotation((a[j][j] - a[i][i]) / (2.0 * off));
        const double first = a[i][i] - r.t * off, second = a[j][j] + r.t * off;
        reference::rotate(r, a[i], a[j], n);
        reference::rotate(r, a[0] + i, a[0] + j, n, n);
        reference::rotate(r, v[i], v[j], n);
        a[i][i] = first;
        a[j][j] = second;
        a[i][j] = a[j][i] = 0.0;
        turned = true;
      }
  }
  if (turned) throw NumericError("eigh: no convergence in {} sweeps", reference::most_sweeps);

  reference::Doubles diagonal(static_cast<std::size_t>(n)), values(diagonal.size()), vectors = reference::zeros(n * n);
  for (std::int64_t i = 0; i < n; ++i) diagonal[static_cast<std::size_t>(i)] = a[i][i];
  const auto order = reference::descending(diagonal);
  for (std::int64_t j = 0; j < n; ++j) {
    const std::int64_t from = order[static_cast<std::size_t>(j)];
    values[static_cast<std::size_t>(j)] = a[from][from];
    const double sign = orientation(v[from], n);
    for (std::int64_t i = 0; i < n; ++i) vectors[static_cast<std::size_t>(i * n + j)] = sign * v[from][i];
  }
  return {reference::store(values, {n}, a_.dtype()), reference::store(vectors, {n, n}, a_.dtype())};
}

SvdResult ReferenceBackend::do_svd(const Tensor& a_) {
  check_svd(a_);
  if (do_has_nonfinite(a_)) throw NumericError("svd: {} holds NaN or infinity", a_.str());
  const std::int64_t m = a_.dim(0), n = a_.dim(1), k = std::min(m, n), length = std::max(m, n);
  const bool tall = m > n;
  const reference::Dense a(a_);
  Rows w(k, length), p = reference::identity(k);  // w = p a, or p a^T where a is tall
  for (std::int64_t i = 0; i < k; ++i)
    for (std::int64_t l = 0; l < length; ++l) w[i][l] = tall ? a[l * n + i] : a[i * n + l];
  reference::orthogonalize(w, p);
  reference::Doubles norms(static_cast<std::size_t>(k)), s(norms.size());
  for (std::int64_t i = 0; i < k; ++i)
    norms[static_cast<std::size_t>(i)] = std::sqrt(reference::dot(w[i], w[i], length));
  if (k > 0) reference::normalize(w, norms);

  const Rows &left = tall ? w : p, &right = tall ? p : w;
  const auto order = reference::descending(norms);
  reference::Doubles u = reference::zeros(m * k), vt = reference::zeros(k * n);
  for (std::int64_t j = 0; j < k; ++j) {
    const std::int64_t from = order[static_cast<std::size_t>(j)];
    s[static_cast<std::size_t>(j)] = norms[static_cast<std::size_t>(from)];
    const double sign = orientation(left[from], m);
    for (std::int64_t i = 0; i < m; ++i) u[static_cast<std::size_t>(i * k + j)] = sign * left[from][i];
    for (std::int64_t i = 0; i < n; ++i) vt[static_cast<std::size_t>(j * n + i)] = sign * right[from][i];
  }
  const DType type = a_.dtype();
  return {reference::store(u, {m, k}, type), reference::store(s, {k}, type), reference::store(vt, {k, n}, type)};
}

}  // namespace engine
