// Layer norm, one row at a time; statistics by two passes in double while the row is in cache.
#include <algorithm>
#include <cmath>

#include "engine/tensor/multiversion.h"
#include "kernels/checks.h"
#include "kernels/cpu/cpu_backend.h"
#include "kernels/cpu/parallel.h"
#include "kernels/cpu/reduction_loops.h"
#include "kernels/cpu/support.h"

namespace engine {
namespace {

constexpr int row_lanes = 16;

double total(const double* acc) {
  double sum = 0.0;
  for (int l = 0; l < row_lanes; ++l) sum += acc[l];
  return sum;
}

ENGINE_MULTIVERSION
double squared_deviations(const float* x, std::int64_t n, double mean) {
  double acc[row_lanes] = {};
  std::int64_t i = 0;
  for (; i + row_lanes <= n; i += row_lanes)
    for (int l = 0; l < row_lanes; ++l) {
      const double d = static_cast<double>(x[i + l]) - mean;
      acc[l] += d * d;
    }
  for (int l = 0; i < n; ++i, ++l) acc[l] += (static_cast<double>(x[i]) - mean) * (static_cast<double>(x[i]) - mean);
  return total(acc);
}

ENGINE_MULTIVERSION
void normalize_row(const float* x, const float* weight, const float* bias, float* y, std::int64_t n, double mean,
                   double inv_std) {
  for (std::int64_t i = 0; i < n; ++i)
    y[i] = static_cast<float>((static_cast<double>(x[i]) - mean) * inv_std) * weight[i] + bias[i];
}

struct RowSums {
  double g, gx;
};

// Sums of g = dy * weight and of g * normalised x; adds the row's share to the gradients of weight and bias.
ENGINE_MULTIVERSION
RowSums gradient_sums(const float* x, const float* weight, const float* dy, std::int64_t n, float mean, float inv_std,
                      double* dweight, double* dbias) {
  double g[row_lanes] = {}, gx[row_lanes] = {};
  for (std::int64_t i = 0; i < n; i += row_lanes) {
    const std::int64_t width = std::min<std::int64_t>(row_lanes, n - i);
    for (std::int64_t l = 0; l < width; ++l) {
      const std::int64_t k = i + l;
      const double normalized = static_cast<double>((x[k] - mean) * inv_std), d = static_cast<double>(dy[k]);
      const double scaled = d * static_cast<double>(weight[k]);
      g[l] += scaled;
      gx[l] += scaled * normalized;
      dweight[k] += d * normalized;
      dbias[k] += d;
    }
  }
  return {total(g), total(gx)};
}

ENGINE_MULTIVERSION
void input_gradient(const float* x, const float* weight, const float* dy, float* dx, std::int64_t n, float mean,
                    float inv_std, float mean_g, float mean_gx) {
  for (std::int64_t i = 0; i < n; ++i)
    dx[i] = inv_std * (dy[i] * weight[i] - mean_g - (x[i] - mean) * inv_std * mean_gx);
}

constexpr std::int64_t rows_per_part = 64;  // whose shares of dweight and dbias are added before they are combined

Shape leading(const Shape& x, int axes) {
  return Shape(std::vector<std::int64_t>(x.dims().begin(), x.dims().end() - axes));
}

}  // namespace

LayerNormResult CpuBackend::do_layer_norm(const Tensor& x_any, const Tensor& weight, const Tensor& bias, int axes,
                                          double eps) {
  cpu::require_f32("layer_norm", x_any);
  check_layer_norm("layer_norm", x_any, weight, bias, axes);
  const Tensor x = cpu::plain(x_any);
  const std::int64_t n = weight.numel(), rows = n == 0 ? 0 : x.numel() / n;
  const Shape row_shape = leading(x.shape(), axes);
  LayerNormResult r{cpu::empty(x.shape()), cpu::empty(row_shape), cpu::empty(row_shape)};
  const float *from = x.data<float>(), *w = weight.data<float>(), *b = bias.data<float>();
  float *to = r.y.data<float>(), *means = r.mean.data<float>(), *inv_stds = r.inv_std.data<float>();
  const std::int64_t grain = cpu::elementwise_grain / std::max<std::int64_t>(n, 1);
  cpu::parallel_for(rows, grain, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t row = begin; row < end; ++row) {
      const float* in = from + row * n;
      const double mean = cpu::sum_row(in, n) / static_cast<double>(n);
      const double inv_std = 1.0 / std::sqrt(squared_deviations(in, n, mean) / static_cast<double>(n) + eps);
      normalize_row(in, w, b, to + row * n, n, mean, inv_std);
      means[row] = static_cast<float>(mean);
      inv_stds[row] = static_cast<float>(inv_std);
    }
  });
  return r;
}

LayerNormGrads CpuBackend::do_layer_norm_backward(const Tensor& x_any, const Tensor& weight, const Tensor& mean,
                                                  const Tensor& inv_std, const Tensor& dy_any, int axes) {
  cpu::require_f32("layer_norm_backward", x_any);
  check_layer_norm_backward("layer_norm_backward", x_any, weight, mean, inv_std, dy_any, axes);
  const Tensor x = cpu::plain(x_any), dy = cpu::plain(dy_any);
  const std::int64_t n = weight.numel(), rows = n == 0 ? 0 : x.numel() / n;
  LayerNormGrads grads{cpu::empty(x.shape()), cpu::empty(weight.shape()), cpu::empty(weight.shape())};
  const std::int64_t parts = (rows + rows_per_part - 1) / rows_per_part;
  std::vector<double> dweight(static_cast<std::size_t>(parts * n), 0.0), dbias(dweight);
  const float *from = x.data<float>(), *w = weight.data<float>(), *cotangent = dy.data<float>();
  const float *means = mean.data<float>(), *inv_stds = inv_std.data<float>();
  float* to = grads.dx.data<float>();
  const std::int64_t grain = cpu::elementwise_grain / std::max<std::int64_t>(n * rows_per_part, 1);
  cpu::parallel_for(parts, grain, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t part = begin; part < end; ++part)
      for (std::int64_t row = part * rows_per_part; row < std::min(rows, (part + 1) * rows_per_part); ++row) {
        const float *in = from + row * n, *d = cotangent + row * n;
        const RowSums sums = gradient_sums(in, w, d, n, means[row], inv_stds[row], dweight.data() + part * n,
                                           dbias.data() + part * n);
        input_gradient(in, w, d, to + row * n, n, means[row], inv_stds[row],
                       static_cast<float>(sums.g / static_cast<double>(n)),
                       static_cast<float>(sums.gx / static_cast<double>(n)));
      }
  });
  for (std::int64_t i = 0; i < n; ++i) {
    double sum_w = 0.0, sum_b = 0.0;
    for (std::int64_t part = 0; part < parts; ++part) {
      sum_w += dweight[static_cast<std::size_t>(part * n + i)];
      sum_b += dbias[static_cast<std::size_t>(part * n + i)];
    }
    grads.dweight.data<float>()[i] = static_cast<float>(sum_w);
    grads.dbias.data<float>()[i] = static_cast<float>(sum_b);
  }
  return grads;
}

}  // namespace engine
