#include "engine/autograd/functions.h"
#include "engine/autograd/tape.h"
#include "kernels/backend.h"

namespace engine {

Variable max_pool2d(const Variable& x, const Pool2dParams& p) {
  MaxPoolResult r = backend_of(x.value()).max_pool2d(x.value(), p);
  return Tape::result(std::move(r.y), {&x}, [&] {
    return [gx = x.gradient(), argmax = r.argmax, input = x.shape(), p](const Tensor& dy) {
      gx->accumulate(backend_of(dy).max_pool2d_backward(dy, argmax, input, p));
    };
  });
}

Variable avg_pool2d(const Variable& x, const Pool2dParams& p) {
  return Tape::result(backend_of(x.value()).avg_pool2d(x.value(), p), {&x}, [&] {
    return [gx = x.gradient(), input = x.shape(), p](const Tensor& dy) {
      gx->accumulate(backend_of(dy).avg_pool2d_backward(dy, input, p));
    };
  });
}

Variable adaptive_avg_pool2d(const Variable& x, std::int64_t height, std::int64_t width) {
  return Tape::result(backend_of(x.value()).adaptive_avg_pool2d(x.value(), height, width), {&x}, [&] {
    return [gx = x.gradient(), input = x.shape()](const Tensor& dy) {
      gx->accumulate(backend_of(dy).adaptive_avg_pool2d_backward(dy, input));
    };
  });
}

Variable global_avg_pool2d(const Variable& x) { return adaptive_avg_pool2d(x, 1, 1); }

Variable resize_bilinear(const Variable& x, std::int64_t height, std::int64_t width) {
  return Tape::result(backend_of(x.value()).resize_bilinear(x.value(), height, width), {&x}, [&] {
    return [gx = x.gradient(), input = x.shape()](const Tensor& dy) {
      gx->accumulate(backend_of(dy).resize_bilinear_backward(dy, input));
    };
  });
}

}  // namespace engine
