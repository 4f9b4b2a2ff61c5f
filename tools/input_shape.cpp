#include "tools/input_shape.h"

#include <charconv>

#include "engine/tensor/error.h"

namespace engine::tools {

Shape parse_input(const std::string& text) {
  std::vector<std::int64_t> dims;
  const char *at = text.data(), *end = at + text.size();
  while (true) {
    std::int64_t extent = 0;
    const auto [next, error] = std::from_chars(at, end, extent);
    if (error != std::errc() || extent < 1 || extent > 65536) break;
    dims.push_back(extent);
    at = next;
    if (at == end) {
      if (dims.size() == 3) return Shape(dims);
      break;
    }
    if (*at++ != 'x') break;
  }
  throw UsageError("--input: expected CHANNELSxHEIGHTxWIDTH like 3x224x224, found '{}'", text);
}

}  // namespace engine::tools
