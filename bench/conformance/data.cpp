#include "bench/conformance/data.h"

#include <cmath>

namespace engine::conformance {
namespace {

RandomKey key_of(std::uint64_t seed, std::string_view name) {
  RandomKey key(seed, RandomStream::test);
  for (unsigned char c : name) key.substream = (key.substream ^ c) * 16777619u;
  return key;
}

template <class Draw>
Input make(std::string name, const Shape& shape, Draw draw) {
  Input x;
  x.name = std::move(name);
  x.shape = shape;
  x.values.resize(static_cast<std::size_t>(shape.numel()));
  for (double& v : x.values) v = draw();
  return x;
}

}  // namespace

Data::Data(std::uint64_t seed, std::string_view name) : random_(key_of(seed, name)) {}

Input Data::normal(std::string name, const Shape& shape, double mean, double std) {
  return make(std::move(name), shape, [&] { return mean + std * random_.normal(); });
}

Input Data::uniform(std::string name, const Shape& shape, double low, double high) {
  return make(std::move(name), shape, [&] { return low + (high - low) * random_.uniform(); });
}

Input Data::ties(std::string name, const Shape& shape) {
  return make(std::move(name), shape, [&] { return static_cast<double>(random_.below(3)) - 2.0; });
}

Input Data::labels(std::string name, std::int64_t n, std::int64_t classes) {
  Input x = make(std::move(name), {n},
                 [&] { return static_cast<double>(random_.below(static_cast<std::uint32_t>(classes))); });
  x.integer = true;
  x.differentiable = false;
  return x;
}

}  // namespace engine::conformance
