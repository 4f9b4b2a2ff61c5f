// What one call of a config leaves behind, on any device and in any layout.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "bench/conformance/case.h"

namespace engine::conformance {

/// Which floating tensors [N,C,H,W] of a call come in the layout that the device's own convolution leaves (blocked,
/// channels-last), and which in plain row-major. The cotangent counts as one more input after the last.
enum class Arrangement : std::uint8_t { plain, carried, first_carried, first_plain };
inline constexpr Arrangement arrangements[] = {Arrangement::plain, Arrangement::carried, Arrangement::first_carried,
                                               Arrangement::first_plain};
constexpr std::string_view name_of(Arrangement a) {
  constexpr std::string_view names[] = {"plain", "carried layout", "1st, 3rd, ... in carried layout",
                                        "2nd, 4th, ... in carried layout"};
  return names[static_cast<int>(a)];
}

/// x in the layout that a convolution of its device leaves: exactly the same numbers.
Tensor carried(const Tensor& x);

/// How a config is called.
struct Call {
  Backend& backend;    ///< takes the place of its device's backend while the function runs, and only then
  DType dtype;         ///< of the floating tensors
  DType rounding;      ///< all numbers are rounded to this type first, so that two calls see the same ones
  std::uint64_t seed;  ///< of the cotangent
  Arrangement arrangement = Arrangement::plain;
  std::function<Tensor(const Tensor&)> carry = carried;  ///< lays a tensor out as the arrangement says
  bool audited = true;  ///< whether the rules of writing are watched: every argument is copied before and after
};

struct Entry {
  std::string what;  ///< "result", "gradient of x", "x afterwards"
  Shape shape;
  DType dtype;
  std::vector<std::byte> bytes;  ///< row-major
  std::vector<double> values;    ///< the same as numbers
  bool channel = false;          ///< of parameter_dtype()
};

struct Outcome {
  /// Results, gradients for a random cotangent, written inputs.
  std::vector<Entry> entries;
  /// Rules of writing that were not kept: a tensor changed that must not, a write that Storage::version hides.
  std::vector<std::string> broken_rules;
};

/// The random cotangent of a config's result.
std::vector<double> cotangent(const Config& config, const Shape& shape, std::uint64_t seed);

/// Calls the config and takes everything to the host. The memory of the results is left full of NaN, so that a later
/// call that forgets to write an element shows it.
Outcome call(const Config& config, const Call& how);

/// Whether the device has layouts of its own; without, only Arrangement::plain is different.
bool has_own_layout(Backend& backend, DType dtype);
/// v after rounding to a floating type.
double rounded(double v, DType dtype);

/// The backend of its device for as long as the object lives.
class ActingBackend {
 public:
  explicit ActingBackend(Backend& backend);
  ~ActingBackend();
  ActingBackend(const ActingBackend&) = delete;
  ActingBackend& operator=(const ActingBackend&) = delete;

 private:
  Backend& former_;
};

}  // namespace engine::conformance
