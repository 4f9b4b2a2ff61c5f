// Which of cuDNN's engines computes a convolution, decided without running anything. A GPU of this machine and one that
// is only described take the same path, so that tests without a GPU decide as production does.
#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <variant>

#include "kernels/cuda/cudnn_descriptor.h"
#include "kernels/types.h"

namespace engine::gpu::cudnn {

enum class Direction : std::uint8_t { forward, data_gradient, weight_gradient };
/// What products of f32 numbers may become; 16-bit numbers are always multiplied exactly and summed in f32.
enum class Math : std::uint8_t { strict, tf32 };

/// All tensors are channels-last: x and y [N,H,W,C], weights [O,KH,KW,C/groups] in memory.
struct ConvProblem {
  Direction direction = Direction::forward;
  Shape x, w;              ///< [N,C,H,W] and [O,C/groups,KH,KW]
  Conv2dParams params;
  DType dtype = DType::f32;   ///< of what is read
  DType result = DType::f32;  ///< of what is written. No engine writes f32 weight gradients from 16 bits: cast them.
  Math math = Math::strict;
  bool deterministic = false;  ///< the same bits in every run
  std::int64_t alignment = 16;  ///< bytes, of every tensor
  std::int64_t workspace_limit = std::numeric_limits<std::int64_t>::max();  ///< bytes
  bool operator==(const ConvProblem&) const = default;
};

/// Where a plan shall run.
struct DeviceChoice {
  int id = 0;          ///< a GPU of this machine, unless there is a description
  std::string json{};  ///< cuDNN's own description of a device
  bool operator==(const DeviceChoice&) const = default;
};
/// Throws CudnnError where there is no such GPU or cuDNN does not understand the description.
Descriptor describe(const Api& api, const DeviceChoice& device);

/// What cuDNN says of an engine with its settings.
struct EngineFacts {
  std::int64_t engine = -1;      ///< number, within the direction and the version of cuDNN
  std::uint32_t numerical = 0;   ///< bit n: NumericalNote n
  std::uint32_t behavior = 0;    ///< bit n: BehaviorNote n
  std::int64_t workspace = 0;    ///< bytes
  bool has(NumericalNote n) const { return (numerical >> static_cast<int>(n) & 1) != 0; }
  bool has(BehaviorNote n) const { return (behavior >> static_cast<int>(n) & 1) != 0; }
  bool deterministic() const { return !has(NumericalNote::nondeterministic); }
};

enum class Verdict : std::uint8_t { allowed, imprecise, nondeterministic, compiles_when_run, too_much_workspace };
Verdict judge(const EngineFacts& engine, const ConvProblem& problem);

/// Ready to run: finalised by cuDNN. Tensors have the ids 1 (x or dx), 2 (w or dw) and 3 (y or dy).
struct Plan {
  EngineFacts engine;
  std::shared_ptr<const void> graph;  ///< what it was made of lives as long as it does
  Descriptor configuration;
  Descriptor descriptor;
};

/// bad_problem: we do not ask. refused: cuDNN takes it for no convolution. no_engine: it has nothing for this device.
/// forbidden: only engines that `judge` turned away; those that compile when run do not count. broken: those allowed
/// could not be finalised.
enum class NoPlanKind : std::uint8_t { bad_problem, refused, no_engine, forbidden, broken };
constexpr std::string_view name_of(NoPlanKind k) {
  constexpr std::string_view names[] = {"bad_problem", "refused", "no_engine", "forbidden", "broken"};
  return names[static_cast<int>(k)];
}
struct NoPlan {
  NoPlanKind kind;
  std::string reason;
};
using PlanResult = std::variant<Plan, NoPlan>;

/// The first engine that cuDNN's heuristics name and `judge` allows.
PlanResult plan_convolution(const Api& api, const ConvProblem& problem, const Descriptor& device);

}  // namespace engine::gpu::cudnn
