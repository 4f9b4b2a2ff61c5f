// What every file that calls oneDNN needs. Only kernels/cpu/*.cpp include this.
#pragma once

#include <dnnl.hpp>

#include "kernels/cpu/layout.h"

namespace engine::cpu {

const dnnl::engine& dnnl_engine();
dnnl::stream& dnnl_stream();

/// Descriptor of an f32 activation [N,C,H,W] in plain (block 1) or blocked layout.
dnnl::memory::desc activation_desc(const Shape& shape, int block);
/// A tensor's memory as oneDNN sees it.
dnnl::memory wrap(const dnnl::memory::desc& desc, const Tensor& t);

}  // namespace engine::cpu
