// Single operations at the sizes networks have: right first, then timed.
#pragma once

#include <string>
#include <vector>

#include "bench/conformance/case.h"
#include "bench/machine_limits.h"
#include "kernels/cuda/kernel_choice.h"

namespace engine::bench {

/// Times of the emulated device mean nothing: there, costs are declared and nothing is timed.
inline bool has_times(Device device) { return device != Device::cuda_emulated; }

/// One of the ways in which a device computes an operation.
struct Variant {
  int step = 0;      ///< of the operation's ladder; 0: a library, or an operation without one
  bool vendor = false;  ///< a vendor's library: may compute with fewer operations than the formula has (Winograd)
  std::string name;  ///< "shared tiles", "own", "cuDNN 9.19.0, strict f32"; "-" off CUDA devices, which have one way
};
/// All that `device` has for a case, or the one that it was told to take (--kernel). The last is what it takes by itself
/// or was told to: that one is timed backward too.
std::vector<Variant> variants_of(const conformance::Case& c, Device device);

gpu::KernelChoice choice_of(const conformance::Case& c, const Variant& variant);
/// Has the device take these kernels for as long as it lives; nothing on devices that have no choice.
class Taking {
 public:
  Taking(Device device, const gpu::KernelChoice& choice);
  ~Taking();
  Taking(const Taking&) = delete;
  Taking& operator=(const Taking&) = delete;

 private:
  Device device_;
  gpu::KernelChoice former_;
};

struct KernelTime {
  std::string of_case, config;
  Variant variant;
  bool backward = false;    ///< forward and backward together
  double warm_seconds = 0;  ///< median, called again and again; 0 where the device has no times
  double cold_seconds = 0;  ///< median, caches overwritten before each call
  double spread = 0;        ///< median absolute deviation of the warm times over their median
  double flops = 0;
  double bytes = 0;         ///< what must be read and written, once; on CUDA devices, what kernels declare
  int launches = 0;         ///< CUDA devices only
};

/// Best possible over cold time, by the f32 units where they are a bound, else by the matrix product, or by the memory.
/// Warm times may be better than that, by the caches.
double share_of_limit(const KernelTime& t, const MachineLimits& limits);
/// Whether a cold time cannot be: more than all of the limit, even if the cache holds all that it can. Then what is
/// declared is wrong, or the clock is. A vendor's library may know a way with fewer operations.
bool impossible(const KernelTime& t, const MachineLimits& limits);

/// Times the benchmarks of a case, each for about `seconds` warm and cold; backward only where asked for.
std::vector<KernelTime> time_kernels(const conformance::Case& c, Device device, const Variant& variant, bool backward,
                                     DType dtype, std::uint64_t seed, double seconds);

}  // namespace engine::bench
