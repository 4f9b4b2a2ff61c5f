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

// One of x, w and y is written, by the direction. False, and nothing done, where cuDNN has no plan for it, or none whose
// workspace there is memory for.
static bool run(Context& c, Direction direction, const Tensor& x, const Tensor& w, const Tensor& y,
                const Conv2dParams& p) {
  if (!runs) return false;
  const auto problem = runs->problem(direction, x.shape(), w.shape(), p, x.dtype(), alignment(x, w, y));
  while (const Plan* plan = runs->plan(problem)) {
    Tensor workspace;  // freed when the host returns, reused in the order of the stream
    try {
      workspace = c.empty({std::max<std::int64_t>(plan->engine.workspace, 1)}, DType::u8);
    } catch (const OutOfMemory&) {
      // A recording is given up: an engine that has never run may not be loaded in one.
      if (plan->engine.workspace == 0 || c.recorder) throw;
      runs->want_smaller(problem);
      continue;
    }
    runs->run(*plan, x.raw(), w.raw(), y.raw(), workspace.raw());
    return true;
  }
  return false;
}

bool cudnn_forward(Context& c, const Tensor& x, const Tensor& w, const Tensor& y, const Conv2dParams& p) {
  return run(c, Direction::forward, x, w, y, p);
}

bool cudnn_input_gradient(Context& c, const Tensor& w, const Tensor& dy, const Tensor& dx, const Conv2dParams& p) {
  return run(c, Direction::data_gradient, dx, w, dy, p);
}

bool cudnn_weight_gradient(Context& c, const Tensor& x, const Tensor& dy, const Tensor& dw, const Conv2dParams& p) {
  // Beside 16 bits, no engine writes f32: what it wrote is cast.
  const Tensor narrow = x.dtype() == dw.dtype() ? dw : empty_like(c, dw, dw.shape(), x.dtype());
  if (!run(c, Direction::weight_gradient, x, narrow, dy, p)) return false;
  if (narrow.storage() != dw.storage()) cast_into(c, narrow, dw);
  return true;
}

}  // namespace engine::ENGINE_CUDA_NS
