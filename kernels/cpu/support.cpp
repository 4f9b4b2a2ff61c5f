#include "kernels/cpu/support.h"

#include <algorithm>
#include <cstring>

#include "kernels/cpu/parallel.h"

namespace engine::cpu {

void zero_padding(const Tensor& x) {
  if (!has_padding(x) || x.numel() == 0) return;
  const std::int64_t block = block_of(x), filled = x.dim(1) % block, images = x.dim(0), plane = x.dim(2) * x.dim(3);
  const std::int64_t element = static_cast<std::int64_t>(size_of(x.dtype()));
  const std::int64_t image_bytes = padded_channels(x) * plane * element;
  const auto empty_bytes = static_cast<std::size_t>((block - filled) * element);
  std::byte* bytes = static_cast<std::byte*>(x.raw());
  for (std::int64_t n = 0; n < images; ++n) {
    std::byte* last = bytes + (n + 1) * image_bytes - plane * block * element;
    for (std::int64_t i = 0; i < plane; ++i) std::memset(last + (i * block + filled) * element, 0, empty_bytes);
  }
}

std::vector<std::int64_t> physical_dims(const Tensor& x) {
  if (x.plain()) return x.shape().dims();
  const std::int64_t block = block_of(x);
  return {x.dim(0), padded_channels(x) / block, x.dim(2), x.dim(3), block};
}

}  // namespace engine::cpu
