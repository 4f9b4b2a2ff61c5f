#include "kernels/cpu/dnnl_support.h"

namespace engine::cpu {

const dnnl::engine& dnnl_engine() {
  static const dnnl::engine engine(dnnl::engine::kind::cpu, 0);
  return engine;
}

dnnl::stream& dnnl_stream() {
  static thread_local dnnl::stream stream(dnnl_engine());
  return stream;
}

dnnl::memory::desc activation_desc(const Shape& shape, int block) {
  using tag = dnnl::memory::format_tag;
  return {shape.dims(), dnnl::memory::data_type::f32, block == 1 ? tag::nchw : block == 8 ? tag::nChw8c : tag::nChw16c};
}

dnnl::memory wrap(const dnnl::memory::desc& desc, const Tensor& t) { return {desc, dnnl_engine(), t.raw()}; }

}  // namespace engine::cpu
