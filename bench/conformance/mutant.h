// A backend that does one thing wrong: the proof that a case can fail.
#pragma once

#include <string>
#include <vector>

#include "bench/conformance/interceptor.h"

namespace engine::conformance {

/// What can be wrong with one place of a call. A place is a result or a tensor the call writes, counted in that order;
/// for `meddling` an argument that it must not write.
enum class Fault : std::uint8_t {
  element,      ///< one element is off by a thousandth of the largest
  scaled,       ///< all elements are a thousandth too large
  nan,          ///< one element is NaN
  unwritten,    ///< a result is memory nobody wrote
  dropped,      ///< a write does not happen
  unsteady,     ///< some calls round one element differently
  unannounced,  ///< a write that Storage::version does not show
  meddling,     ///< an argument is changed
};
inline constexpr Fault faults[] = {Fault::element, Fault::scaled,   Fault::nan,         Fault::unwritten,
                                   Fault::dropped, Fault::unsteady, Fault::unannounced, Fault::meddling};
constexpr std::string_view name_of(Fault f) {
  constexpr std::string_view names[] = {"element", "scaled",   "nan",         "unwritten",
                                        "dropped", "unsteady", "unannounced", "meddling"};
  return names[static_cast<int>(f)];
}

struct Mutation {
  std::string op;  ///< empty: every operation
  Fault fault;
  std::size_t place = 0;  ///< everywhere: all places at once (element, scaled, nan and unsteady)
};
inline constexpr std::size_t everywhere = static_cast<std::size_t>(-1);

/// Forwards to `healthy`, the backend of the same device, and falsifies the calls that the mutation names.
class Mutant final : public Interceptor {
 public:
  Mutant(Backend& healthy, Mutation mutation) : Interceptor(healthy), mutation_(std::move(mutation)) {}
  /// Calls in which there was something to falsify.
  int falsified() const { return falsified_; }
  /// Most places that one call had.
  std::size_t places() const { return places_; }

 protected:
  void before(const OpCall& call) override;
  void after(const OpCall& call) override;

 private:
  bool concerns(const OpCall& call) const { return mutation_.op.empty() || mutation_.op == call.op; }
  void damage(const Tensor& t);

  struct State {
    Tensor contents;  ///< a copy from before the call, where the fault needs one
    std::uint64_t version;
  };
  Mutation mutation_;
  std::vector<State> states_;
  unsigned calls_ = 0;
  int falsified_ = 0;
  std::size_t places_ = 0;
};

}  // namespace engine::conformance
