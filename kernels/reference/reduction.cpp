#include "kernels/checks.h"
#include "kernels/reference/dense.h"
#include "kernels/reference/indexing.h"
#include "kernels/reference/reference_backend.h"

namespace engine {

Tensor ReferenceBackend::do_sum_to(const Tensor& x_, const Shape& shape) {
  check_sum_to(x_.shape(), shape);
  const reference::Dense x(x_);
  reference::Doubles sums = reference::zeros(shape.numel());
  const auto strides = reference::broadcast_strides(shape, x_.shape());
  reference::for_each_index(x_.shape(), [&](std::int64_t i, const reference::Index& index) {
    sums[static_cast<std::size_t>(reference::offset(index, strides))] += x[i];
  });
  return reference::store(sums, shape, x_.dtype());
}

Tensor ReferenceBackend::do_sum(const Tensor& x, const std::vector<int>& axes, bool keep) {
  const Shape kept = check_reduction("sum", x, axes, true);
  return do_sum_to(x, kept).reshaped(check_reduction("sum", x, axes, keep));
}

Tensor ReferenceBackend::do_mean(const Tensor& x, const std::vector<int>& axes, bool keep) {
  const Tensor sum = do_sum(do_cast(x, DType::f64), axes, keep);
  const double share = static_cast<double>(sum.numel()) / static_cast<double>(x.numel());
  return do_cast(do_scale(sum, share), x.dtype());
}

}  // namespace engine
