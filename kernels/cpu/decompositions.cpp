// Eigenvalues and singular values by the LAPACK inside OpenBLAS. Its own interface rather than LAPACKE, whose library
// would bring another BLAS along.
#include <lapack.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "kernels/checks.h"
#include "kernels/cpu/cpu_backend.h"
#include "kernels/cpu/layout.h"
#include "kernels/cpu/support.h"
#include "kernels/orientation.h"

namespace engine {
namespace {

// LAPACK tells the best size of its work space as a float, which may have been rounded down.
lapack_int work_size(float answer) {
  const auto whole = static_cast<lapack_int>(answer);
  return whole + (whole >> 20) + 1;
}

void check_answer(const char* op, const Tensor& a, lapack_int answer) {
  if (answer != 0) throw NumericError("{}: no convergence for {} (LAPACK's answer {})", op, a.str(), answer);
}

}  // namespace

// Memory is row-major here and column-major there: LAPACK sees a^T, and what it writes as columns are our rows.

EighResult CpuBackend::do_eigh(const Tensor& a) {
  check_eigh(a);
  cpu::require_f32("eigh", a);
  for (std::int64_t i = 0; i < a.dim(0); ++i)
    for (std::int64_t j = 0; j <= i; ++j)
      if (!std::isfinite(a.data<float>()[i * a.dim(0) + j]))
        throw NumericError("eigh: {} holds NaN or infinity", a.str());
  const auto n = static_cast<lapack_int>(a.dim(0));
  EighResult result{cpu::empty({n}), cpu::empty({n, n})};
  if (n == 0) return result;
  std::vector<float> rows(a.data<float>(), a.data<float>() + a.numel()), ascending(static_cast<std::size_t>(n));
  float best = 0;
  lapack_int best_integers = 0, ask = -1, answer = 0;
  const auto call = [&](float* work, const lapack_int* size, lapack_int* integers, const lapack_int* integer_size) {
    LAPACK_ssyevd("V", "U", &n, rows.data(), &n, ascending.data(), work, size, integers, integer_size, &answer);
    check_answer("eigh", a, answer);
  };
  call(&best, &ask, &best_integers, &ask);
  const lapack_int size = work_size(best);
  std::vector<float> work(static_cast<std::size_t>(size));
  std::vector<lapack_int> integers(static_cast<std::size_t>(best_integers));
  call(work.data(), &size, integers.data(), &best_integers);

  float *values = result.values.data<float>(), *vectors = result.vectors.data<float>();
  for (std::int64_t j = 0; j < n; ++j) {
    const float* row = rows.data() + (n - 1 - j) * n;
    const float sign = orientation(row, n);
    values[j] = ascending[static_cast<std::size_t>(n - 1 - j)];
    for (std::int64_t i = 0; i < n; ++i) vectors[i * n + j] = sign * row[i];
  }
  return result;
}

SvdResult CpuBackend::do_svd(const Tensor& a) {
  check_svd(a);
  cpu::require_f32("svd", a);
  if (do_has_nonfinite(a)) throw NumericError("svd: {} holds NaN or infinity", a.str());
  // a^T = v s u^T: our vt is what LAPACK calls u.
  const auto m = static_cast<lapack_int>(a.dim(0)), n = static_cast<lapack_int>(a.dim(1)), k = std::min(m, n);
  SvdResult result{cpu::empty({m, k}), cpu::empty({k}), cpu::empty({k, n})};
  if (k == 0) return result;
  float *u = result.u.data<float>(), *vt = result.vt.data<float>();
  std::vector<float> rows(a.data<float>(), a.data<float>() + a.numel());
  std::vector<lapack_int> integers(static_cast<std::size_t>(8 * k));
  lapack_int ask = -1, answer = 0;
  const auto call = [&](float* work, const lapack_int* size) {
    LAPACK_sgesdd("S", &n, &m, rows.data(), &n, result.s.data<float>(), vt, &n, u, &k, work, size, integers.data(),
                  &answer);
    check_answer("svd", a, answer);
  };
  float best = 0;
  call(&best, &ask);
  const lapack_int size = work_size(best);
  std::vector<float> work(static_cast<std::size_t>(size));
  call(work.data(), &size);

  for (std::int64_t j = 0; j < k; ++j) {
    if (orientation(u + j, m, k) > 0.0f) continue;
    for (std::int64_t i = 0; i < m; ++i) u[i * k + j] = -u[i * k + j];
    for (std::int64_t i = 0; i < n; ++i) vt[j * n + i] = -vt[j * n + i];
  }
  return result;
}

}  // namespace engine
