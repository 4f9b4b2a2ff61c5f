#include <doctest/doctest.h>

#include "kernels/cuda/cudnn_plan.h"

namespace engine::gpu::cudnn {
namespace {

EngineFacts with(std::initializer_list<NumericalNote> notes, std::int64_t workspace = 0) {
  EngineFacts e{1, 0, 0, workspace};
  for (const NumericalNote n : notes) e.numerical |= 1u << static_cast<int>(n);
  return e;
}

TEST_CASE("strict f32 bars tensor cores, TF32 and 16 bits need them") {
  ConvProblem p;
  CHECK(judge(with({}), p) == Verdict::allowed);
  CHECK(judge(with({NumericalNote::tensor_core}), p) == Verdict::imprecise);
  CHECK(judge(with({NumericalNote::down_convert_inputs}), p) == Verdict::imprecise);
  CHECK(judge(with({NumericalNote::winograd}), p) == Verdict::allowed);
  p.math = Math::tf32;
  CHECK(judge(with({NumericalNote::tensor_core}), p) == Verdict::allowed);
  p = {.dtype = DType::f16, .result = DType::f16};
  CHECK(judge(with({NumericalNote::tensor_core}), p) == Verdict::allowed);
}

TEST_CASE("nothing may sum in 16 bits") {
  for (const DType t : {DType::f32, DType::f16, DType::bf16})
    for (const Math m : {Math::strict, Math::tf32})
      CHECK(judge(with({NumericalNote::reduced_precision_reduction}), {.dtype = t, .math = m}) == Verdict::imprecise);
}

TEST_CASE("determinism is asked for, compilers are never waited for") {
  ConvProblem p;
  CHECK(judge(with({NumericalNote::nondeterministic}), p) == Verdict::allowed);
  p.deterministic = true;
  CHECK(judge(with({NumericalNote::nondeterministic}), p) == Verdict::nondeterministic);
  CHECK(judge(with({}), p) == Verdict::allowed);
  EngineFacts compiles = with({});
  compiles.behavior = 1u << static_cast<int>(BehaviorNote::runtime_compilation);
  CHECK(judge(compiles, p) == Verdict::compiles_when_run);
}

TEST_CASE("the limit of the workspace may be reached but not passed") {
  const ConvProblem p{.workspace_limit = 1000};
  CHECK(judge(with({}, 1000), p) == Verdict::allowed);
  CHECK(judge(with({}, 1001), p) == Verdict::too_much_workspace);
}

}  // namespace
}  // namespace engine::gpu::cudnn
