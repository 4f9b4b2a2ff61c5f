#include <cmath>

#include "kernels/checks.h"
#include "kernels/reference/dense.h"
#include "kernels/reference/reference_backend.h"

namespace engine {
namespace {

// Elements of one normalised row: the product of the last `axes` extents.
std::int64_t row_length(const Shape& s, int axes) {
  std::int64_t n = 1;
  for (int i = 1; i <= axes; ++i) n *= s[-i];
  return n;
}

Shape row_shape(const Shape& s, int axes) {
  return Shape(std::vector<std::int64_t>(s.dims().begin(), s.dims().end() - axes));
}

}  // namespace

LayerNormResult ReferenceBackend::do_layer_norm(const Tensor& x_, const Tensor& weight, const Tensor& bias, int axes,
                                                double eps) {
  check_layer_norm("layer_norm", x_, weight, bias, axes);
  const std::int64_t length = row_length(x_.shape(), axes), rows = length == 0 ? 0 : x_.numel() / length;
  const reference::Dense x(x_), w(weight), b(bias);
  reference::Doubles y = reference::zeros(x_.numel()), means = reference::zeros(rows), inv_stds = means;
  for (std::int64_t r = 0; r < rows; ++r) {
    const double* row = x.data() + r * length;
    double mean = 0.0, squares = 0.0;
    for (std::int64_t i = 0; i < length; ++i) mean += row[i];
    mean /= static_cast<double>(length);
    for (std::int64_t i = 0; i < length; ++i) squares += (row[i] - mean) * (row[i] - mean);
    const double inv_std = 1.0 / std::sqrt(squares / static_cast<double>(length) + eps);
    for (std::int64_t i = 0; i < length; ++i)
      y[static_cast<std::size_t>(r * length + i)] = (row[i] - mean) * inv_std * w[i] + b[i];
    means[static_cast<std::size_t>(r)] = mean;
    inv_stds[static_cast<std::size_t>(r)] = inv_std;
  }
  const Shape per_row = row_shape(x_.shape(), axes);
  return {reference::store(y, x_.shape(), x_.dtype()), reference::store(means, per_row, x_.dtype()),
          reference::store(inv_stds, per_row, x_.dtype())};
}

LayerNormGrads ReferenceBackend::do_layer_norm_backward(const Tensor& x_, const Tensor& weight, const Tensor& mean_,
                                                        const Tensor& inv_std_, const Tensor& dy_, int axes) {
  check_layer_norm_backward("layer_norm_backward", x_, weight, mean_, inv_std_, dy_, axes);
  const std::int64_t length = row_length(x_.shape(), axes), rows = length == 0 ? 0 : x_.numel() / length;
  const reference::Dense x(x_), w(weight), dy(dy_), mean(mean_), inv_std(inv_std_);
  reference::Doubles dx = reference::zeros(x_.numel()), dw = reference::zeros(length), db = dw;
  for (std::int64_t r = 0; r < rows; ++r) {
    const double* g = dy.data() + r * length;
    const auto normal = [&](std::int64_t i) { return (x[r * length + i] - mean[r]) * inv_std[r]; };
    double sum_g = 0.0, sum_gx = 0.0;
    for (std::int64_t i = 0; i < length; ++i) {
      sum_g += g[i] * w[i];
      sum_gx += g[i] * w[i] * normal(i);
      dw[static_cast<std::size_t>(i)] += g[i] * normal(i);
      db[static_cast<std::size_t>(i)] += g[i];
    }
    const auto n = static_cast<double>(length);
    for (std::int64_t i = 0; i < length; ++i)
      dx[static_cast<std::size_t>(r * length + i)] = inv_std[r] * (g[i] * w[i] - sum_g / n - normal(i) * sum_gx / n);
  }
  return {reference::store(dx, x_.shape(), x_.dtype()), reference::store(dw, weight.shape(), x_.dtype()),
          reference::store(db, weight.shape(), x_.dtype())};
}

}  // namespace engine
