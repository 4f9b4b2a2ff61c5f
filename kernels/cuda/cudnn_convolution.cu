#include "kernels/cuda/cudnn_convolution.h"

#include <algorithm>

#include "kernels/cuda/movement.h"

namespace engine::ENGINE_CUDA_NS {

using gpu::cudnn::Direction;
using gpu::cudnn::Plan;

static gpu::cudnn::Executor* runs = nullptr;

void set_cudnn(gpu::cudnn::Executor* executor) { runs = executor; }

// Of memory that begins there. More than 16 bytes help no engine.
static std::int64_t alignment(const Tensor& a, const Tensor& b, const Tensor& c) {
  const auto bits = reinterpret_cast<std::uintptr_t>(a.raw()) | reinterpret_cast<std::uintptr_t>(b.raw()) |
                    reinterpret_cast<std::uintptr_t>(c.raw());
  return bits % 16 == 0 ? 16 : static_cast<std::int64_t>(size_of(a.dtype()));
}

// `w_shaped` is w or its gradient.
static const Plan* plan(Direction direction, const Tensor& x, const Tensor& w_shaped, const Tensor& y,
                        const Conv2dParams& p) {
  if (!runs) return nullptr;
  return runs->plan(direction, x.shape(), w_shaped.shape(), p, x.dtype(), alignment(x, w_shaped, y));
}

static void run(Context& c, const Plan& plan, const Tensor& x, const Tensor& w, const Tensor& y) {
  // Freed when the host returns, reused in the order of the stream.
  const Tensor workspace = c.empty({std::max<std::int64_t>(plan.engine.workspace, 1)}, DType::u8);
  runs->run(plan, x.raw(), w.raw(), y.raw(), workspace.raw());
}

bool cudnn_forward(Context& c, const Tensor& x, const Tensor& w, const Tensor& y,
                   const Conv2dParams& p) {
  const Plan* found = plan(Direction::forward, x, w, y, p);
  if (found) run(c, *found, x, w, y);
  return found != nullptr;
}

bool cudnn_input_gradient(Context& c, const Tensor& w, const Tensor& dy, const Tensor& dx, const Conv2dParams& p) {
  const Plan* found = plan(Direction::data_gradient, dx, w, dy, p);
  if (found) run(c, *found, dx, w, dy);
  return found != nullptr;
}

bool cudnn_weight_gradient(Context& c, const Tensor& x, const Tensor& dy, const Tensor& dw, const Conv2dParams& p) {
  // Beside 16 bits, no engine writes f32: what it wrote is cast.
  const Tensor narrow = x.dtype() == dw.dtype() ? dw : empty_like(c, dw, dw.shape(), x.dtype());
  const Plan* found = plan(Direction::weight_gradient, x, narrow, dy, p);
  if (!found) return false;
  run(c, *found, x, narrow, dy);
  if (narrow.storage() != dw.storage()) cast_into(c, narrow, dw);
  return true;
}

}  // namespace engine::ENGINE_CUDA_NS
