// Our own loops on the one thread pool of the process: libgomp's, which oneDNN and OpenBLAS use too.
#pragma once

#include <omp.h>

#include <algorithm>
#include <cstdint>
#include <exception>

namespace engine::cpu {

/// Calls f(begin, end) on disjoint ranges that cover [0, n), in parallel when there are at least two grains of work.
/// Ranges depend on the number of threads: a reduction must not depend on where they end. f's first exception is
/// thrown again here.
template <class F>
void parallel_for(std::int64_t n, std::int64_t grain, F&& f) {
  const std::int64_t parts = std::min<std::int64_t>(omp_get_max_threads(), n / std::max<std::int64_t>(grain, 1));
  if (parts <= 1 || omp_in_parallel()) {
    if (n > 0) f(std::int64_t{0}, n);
    return;
  }
  std::exception_ptr failure;
  // All threads, though some may have nothing to do: libgomp ends those that a smaller team leaves out, and has to start
  // new ones for the next.
#pragma omp parallel for schedule(static, 1)
  for (std::int64_t part = 0; part < parts; ++part) {
    try {
      f(n * part / parts, n * (part + 1) / parts);
    } catch (...) {
#pragma omp critical(engine_parallel_for)
      if (!failure) failure = std::current_exception();
    }
  }
  if (failure) std::rethrow_exception(failure);
}

/// Elements below which a simple loop is not worth a second thread.
inline constexpr std::int64_t elementwise_grain = 16384;

}  // namespace engine::cpu
