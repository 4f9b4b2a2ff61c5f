// Seeded numbers for the cases.
#pragma once

#include <string>
#include <utility>

#include "bench/conformance/case.h"
#include "engine/tensor/philox.h"

namespace engine::conformance {

/// Makes inputs one after the other from one Philox sequence.
class Data {
 public:
  Data(std::uint64_t seed, std::string_view name);

  Input normal(std::string name, const Shape& shape, double mean = 0.0, double std = 1.0);
  Input uniform(std::string name, const Shape& shape, double low, double high);
  /// Small whole numbers, so that many are equal.
  Input ties(std::string name, const Shape& shape);
  Input labels(std::string name, std::int64_t n, std::int64_t classes);

 private:
  Random random_;
};

inline Input constant(Input x) {
  x.differentiable = false;
  return x;
}
inline Input channel(Input x) {
  x.channel = true;
  return x;
}
inline Input wide_gradient(Input x) {
  x.wide_gradient = true;
  return x;
}
inline Input wide(Input x) {
  x.wide = true;
  x.differentiable = false;
  return x;
}
inline Input plain(Input x) {
  x.plain = true;
  return x;
}
inline Input written(Input x) {
  x.written = true;
  x.differentiable = false;
  return x;
}
/// Written, and always in plain layout: parameters, their state and their averages.
inline Input parameter(Input x) {
  x.plain = true;
  return written(std::move(x));
}

}  // namespace engine::conformance
