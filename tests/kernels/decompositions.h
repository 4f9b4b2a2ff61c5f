// What makes a decomposition right whatever basis it chose, for matrices of all kinds, on any backend.
#pragma once

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <numbers>
#include <string>
#include <vector>

#include "engine/tensor/philox.h"
#include "kernels/backend.h"

namespace engine::test {

/// Row-major, in double.
struct Matrix {
  std::int64_t rows = 0, columns = 0;
  std::vector<double> values;
  Matrix(std::int64_t m, std::int64_t n, const std::function<double(std::int64_t, std::int64_t)>& f)
      : rows(m), columns(n) {
    for (std::int64_t i = 0; i < m; ++i)
      for (std::int64_t j = 0; j < n; ++j) values.push_back(f(i, j));
  }
  explicit Matrix(const Tensor& t) : rows(t.dim(0)), columns(t.dim(1)), values(to_vector<double>(t)) {}
  double operator()(std::int64_t i, std::int64_t j) const { return values[static_cast<std::size_t>(i * columns + j)]; }
  Matrix transposed() const {
    return {columns, rows, [&](std::int64_t i, std::int64_t j) { return (*this)(j, i); }};
  }
  Tensor on(Backend& b) const {
    const DType type = b.device() == Device::reference ? DType::f64 : DType::f32;
    return from_vector(values, {rows, columns}, b.device(), type);
  }
};
inline Matrix operator*(const Matrix& a, const Matrix& b) {
  return {a.rows, b.columns, [&](std::int64_t i, std::int64_t j) {
            double sum = 0;
            for (std::int64_t l = 0; l < a.columns; ++l) sum += a(i, l) * b(l, j);
            return sum;
          }};
}
inline Matrix diagonal(const std::vector<double>& d) {
  const auto n = static_cast<std::int64_t>(d.size());
  return {n, n, [&](std::int64_t i, std::int64_t j) { return i == j ? d[static_cast<std::size_t>(i)] : 0.0; }};
}
inline Matrix identity(std::int64_t n) { return diagonal(std::vector<double>(static_cast<std::size_t>(n), 1.0)); }
/// Seeded normal numbers.
inline Matrix random_matrix(std::int64_t m, std::int64_t n, std::uint32_t sample) {
  RandomKey key(77, RandomStream::test);
  key.sample = sample;
  Random random(key);
  return {m, n, [&](std::int64_t, std::int64_t) { return random.normal(); }};
}

inline double frobenius(const Matrix& a) {
  double sum = 0;
  for (const double v : a.values) sum += v * v;
  return std::sqrt(sum);
}
/// ||a - b||, NaN where there is one.
inline double distance(const Matrix& a, const Matrix& b) {
  REQUIRE(a.rows == b.rows);
  REQUIRE(a.columns == b.columns);
  return frobenius({a.rows, a.columns, [&](std::int64_t i, std::int64_t j) { return a(i, j) - b(i, j); }});
}

/// What rounding may leave of a matrix's size: LAPACK's tests allow 30 n units of roundoff.
inline double allowed(const Tensor& t, std::int64_t n) {
  return 30.0 * static_cast<double>(std::max<std::int64_t>(n, 4)) * (t.dtype() == DType::f64 ? 0x1p-53 : 0x1p-24);
}

inline void check_descending(const std::vector<double>& values) {
  for (std::size_t i = 1; i < values.size(); ++i) CHECK(values[i - 1] >= values[i]);
}
/// Columns have the sign of conventions.h.
inline void check_signs(const Matrix& columns) {
  for (std::int64_t j = 0; j < columns.columns; ++j) {
    double largest = 0;
    for (std::int64_t i = 0; i < columns.rows; ++i) largest = std::max(largest, std::abs(columns(i, j)));
    for (std::int64_t i = 0; i < columns.rows; ++i)
      if (std::abs(columns(i, j)) > 0.7001 * largest) {
        CHECK_MESSAGE(columns(i, j) > 0.0, "column ", j);
        break;
      } else if (std::abs(columns(i, j)) > 0.6999 * largest) {
        break;  // rounding decides
      }
  }
}

/// What multiplying back may leave; below the smallest normal numbers every value is rounded by as much as the first.
inline double allowed_of(const Tensor& given, const Matrix& exact) {
  const std::int64_t n = std::max(exact.rows, exact.columns);
  return allowed(given, n) * frobenius(exact) + static_cast<double>(n) * 0x1p-149;
}

/// Returns the eigenvalues.
inline std::vector<double> check_eigh(Backend& b, const Matrix& a, const std::string& name) {
  INFO(name, " on ", name_of(b.device()));
  const Tensor given = a.on(b);
  const Matrix exact(given);
  const EighResult r = b.eigh(given);
  REQUIRE(r.values.shape() == Shape{a.rows});
  REQUIRE(r.vectors.shape() == Shape{a.rows, a.rows});
  const std::vector<double> values = to_vector<double>(r.values);
  const Matrix v(r.vectors);
  const double bound = allowed(given, a.rows);
  CHECK(distance(v * diagonal(values) * v.transposed(), exact) <= allowed_of(given, exact));
  CHECK(distance(v.transposed() * v, identity(a.rows)) <= bound);
  check_descending(values);
  check_signs(v);
  return values;
}
/// Returns the singular values.
inline std::vector<double> check_svd(Backend& b, const Matrix& a, const std::string& name) {
  INFO(name, " on ", name_of(b.device()));
  const std::int64_t k = std::min(a.rows, a.columns);
  const Tensor given = a.on(b);
  const Matrix exact(given);
  const SvdResult r = b.svd(given);
  REQUIRE(r.u.shape() == Shape{a.rows, k});
  REQUIRE(r.s.shape() == Shape{k});
  REQUIRE(r.vt.shape() == Shape{k, a.columns});
  const std::vector<double> s = to_vector<double>(r.s);
  const Matrix u(r.u), vt(r.vt);
  const double bound = allowed(given, std::max(a.rows, a.columns));
  CHECK(distance(u * diagonal(s) * vt, exact) <= allowed_of(given, exact));
  CHECK(distance(u.transposed() * u, identity(k)) <= bound);
  CHECK(distance(vt * vt.transposed(), identity(k)) <= bound);
  check_descending(s);
  for (const double value : s) CHECK(value >= 0.0);
  check_signs(u);
  return s;
}

inline Matrix tridiagonal(std::int64_t n) {
  return {n, n, [](std::int64_t i, std::int64_t j) { return i == j ? 2.0 : std::abs(i - j) == 1 ? -1.0 : 0.0; }};
}
inline Matrix hilbert(std::int64_t m, std::int64_t n) {
  return {m, n, [](std::int64_t i, std::int64_t j) { return 1.0 / static_cast<double>(i + j + 1); }};
}

/// Every kind of matrix whose decomposition has gone wrong somewhere.
inline void check_decompositions(Backend& b) {
  const auto zero = [](std::int64_t, std::int64_t) { return 0.0; };
  const auto one = [](std::int64_t, std::int64_t) { return 1.0; };
  const Matrix gauss = random_matrix(21, 9, 1), low = random_matrix(19, 3, 2) * random_matrix(3, 14, 3);

  check_eigh(b, {1, 1, [](auto, auto) { return -3.0; }}, "one negative number");
  check_eigh(b, {7, 7, zero}, "zeros");
  check_eigh(b, {8, 8, one}, "ones");
  check_eigh(b, identity(6), "identity");
  check_eigh(b, {2, 2, [](auto i, auto j) { return i == j ? 0.0 : 1.0; }}, "eigenvalues 1 and -1");
  check_eigh(b, diagonal({1e-6, -4.0, 3.0, 0.0, 3.0, -4.0, 1e6}), "diagonal, indefinite, repeated");
  check_eigh(b, gauss.transposed() * gauss, "covariance");
  check_eigh(b, gauss * gauss.transposed(), "of rank 9");
  check_eigh(b, {16, 16, [&](auto i, auto j) { return gauss(std::max(i, j), std::min(i, j) % 9); }}, "indefinite");
  for (const double size : {1e-30, 1e-41, 1e30})
    check_eigh(b, {5, 5, [&](auto i, auto j) { return size * static_cast<double>(1 + i + j); }}, "tiny or huge");
  // Reads the lower triangle only.
  constexpr double infinite = std::numeric_limits<double>::infinity();
  const auto lower = check_eigh(b, tridiagonal(5), "tridiagonal");
  Matrix half = tridiagonal(5);
  for (std::int64_t i = 0; i < 5; ++i)
    for (std::int64_t j = i + 1; j < 5; ++j) half.values[static_cast<std::size_t>(i * 5 + j)] = j == 4 ? infinite : 1e9;
  CHECK(to_vector<double>(b.eigh(half.on(b)).values) == lower);

  check_svd(b, {1, 1, [](auto, auto) { return -3.0; }}, "one negative number");
  check_svd(b, {1, 6, [](auto, auto j) { return static_cast<double>(j); }}, "a row");
  check_svd(b, {6, 1, [](auto i, auto) { return static_cast<double>(-i); }}, "a column");
  check_svd(b, {5, 5, zero}, "zeros");
  check_svd(b, {9, 4, zero}, "tall zeros");
  check_svd(b, {8, 8, one}, "ones");
  check_svd(b, identity(7), "identity");
  check_svd(b, gauss, "tall");
  check_svd(b, gauss.transposed(), "wide");
  check_svd(b, low, "of rank 3");
  check_svd(b, low.transposed(), "wide, of rank 3");
  check_svd(b, {10, 6, [&](auto i, auto j) { return j % 2 == 0 ? gauss(i, j) : 0.0; }}, "zero columns");
  check_svd(b, {12, 6, [&](auto i, auto j) { return gauss(i, j / 2); }}, "equal columns");
  check_svd(b, {12, 6, [&](auto i, auto j) { return std::pow(10.0, -3.0 * static_cast<double>(j)) * gauss(i, j); }},
            "columns of very different size");
  check_svd(b, hilbert(12, 8), "Hilbert's");
  for (const double size : {1e-30, 1e-41, 1e30})
    check_svd(b, {5, 4, [&](auto i, auto j) { return size * gauss(i, j); }}, "tiny or huge");
}

/// Values known in closed form.
inline void check_known_values(Backend& b) {
  const std::int64_t n = 23;
  const auto values = check_eigh(b, tridiagonal(n), "tridiagonal"),
             singular = check_svd(b, tridiagonal(n), "tridiagonal");
  for (std::int64_t i = 0; i < n; ++i) {
    const double sine = std::sin(std::numbers::pi * static_cast<double>(n - i) / (2.0 * static_cast<double>(n + 1)));
    CHECK(values[static_cast<std::size_t>(i)] == doctest::Approx(4.0 * sine * sine).epsilon(2e-6));
    CHECK(singular[static_cast<std::size_t>(i)] == doctest::Approx(4.0 * sine * sine).epsilon(2e-6));
  }
  // Published values of Hilbert's matrix of order 3.
  const auto small = check_eigh(b, hilbert(3, 3), "Hilbert's");
  CHECK(std::abs(small[0] - 1.408318927123654) < 1e-6);
  CHECK(std::abs(small[1] - 0.122327065853906) < 1e-6);
  CHECK(std::abs(small[2] - 0.002687340355773) < 1e-6);
}

/// NaN and infinity anywhere are an error, wherever they are, and nothing at all has an empty decomposition.
inline void check_refusals(Backend& b) {
  for (const double odd : {std::numeric_limits<double>::quiet_NaN(), -std::numeric_limits<double>::infinity()})
    for (const std::size_t at : {0, 11, 24}) {  // of the lower triangle
      Matrix a = random_matrix(5, 5, 4);
      a.values[at] = odd;
      CHECK_THROWS_AS(b.eigh(a.on(b)), NumericError);
      CHECK_THROWS_AS(b.svd(a.on(b)), NumericError);
    }
  const DType type = b.device() == Device::reference ? DType::f64 : DType::f32;
  const EighResult none = b.eigh(Tensor({0, 0}, type, b.device()));
  CHECK(none.values.shape() == Shape{0});
  CHECK(none.vectors.shape() == Shape{0, 0});
  const SvdResult flat = b.svd(Tensor({3, 0}, type, b.device()));
  CHECK(flat.u.shape() == Shape{3, 0});
  CHECK(flat.s.shape() == Shape{0});
  CHECK(flat.vt.shape() == Shape{0, 0});
}

}  // namespace engine::test
