#include <doctest/doctest.h>

#include "tests/cudnn/devices.h"
#include "tests/cudnn/installed.h"

namespace engine::gpu::cudnn {
namespace {

// A 3x3 of ResNet's first stage.
ConvProblem small(Direction direction, DType dtype) {
  return {.direction = direction,
          .x = {8, 64, 56, 56},
          .w = {64, 64, 3, 3},
          .params = {.padding = Padding2d::same(1)},
          .dtype = dtype,
          .result = dtype};
}
constexpr Direction directions[] = {Direction::forward, Direction::data_gradient, Direction::weight_gradient};

class Planner {
 public:
  explicit Planner(const Api& api) : api_(api) {}
  PlanResult operator()(const ConvProblem& p, const std::string& device = "A100") const {
    return plan_convolution(api_, p, describe(api_, test::device_sheet(device).choice()));
  }
  EngineFacts planned(const ConvProblem& p, const std::string& device = "A100") const {
    const PlanResult r = (*this)(p, device);
    if (const auto* no = std::get_if<NoPlan>(&r)) FAIL(device << ": " << name_of(no->kind) << ": " << no->reason);
    return std::get<Plan>(r).engine;
  }
  void expect_none(const ConvProblem& p, NoPlanKind kind, const std::string& words,
                   const std::string& device = "A100") const {
    const PlanResult r = (*this)(p, device);
    REQUIRE(std::holds_alternative<NoPlan>(r));
    const NoPlan& no = std::get<NoPlan>(r);
    CHECK_MESSAGE(no.kind == kind, device, ": ", name_of(no.kind), ": ", no.reason);
    CHECK_MESSAGE(no.reason.find(words) != std::string::npos, no.reason);
  }

 private:
  const Api& api_;
};

TEST_CASE("all directions and types have plans that keep what was asked for") {
  const Api* api = test::installed_cudnn("plans of convolutions");
  if (!api) return;
  const Planner plan(*api);
  for (const test::DeviceSheet& device : test::device_sheets())
    for (const Direction direction : directions)
      for (const DType dtype : {DType::f32, DType::f16, DType::bf16}) {
        ConvProblem p = small(direction, dtype);
        p.deterministic = true;
        CAPTURE(device.name);
        CAPTURE(static_cast<int>(direction));
        CAPTURE(name_of(dtype));
        if (device.name == "T4" && dtype == DType::bf16) {
          plan.expect_none(p, NoPlanKind::no_engine, "no engine", "T4");
          continue;
        }
        const EngineFacts e = plan.planned(p, device.name);
        CHECK(e.deterministic());
        CHECK(e.has(NumericalNote::tensor_core) == (dtype != DType::f32));
      }
}

TEST_CASE("TF32 is used only when asked for") {
  const Api* api = test::installed_cudnn("plans with TF32");
  if (!api) return;
  const Planner plan(*api);
  for (const Direction direction : directions) {
    ConvProblem p = small(direction, DType::f32);
    CHECK_FALSE(plan.planned(p).has(NumericalNote::tensor_core));
    p.math = Math::tf32;
    CHECK(plan.planned(p).has(NumericalNote::tensor_core));
  }
}

TEST_CASE("no engine writes f32 weight gradients from 16 bits") {
  const Api* api = test::installed_cudnn("mixed weight gradients");
  if (!api) return;
  const Planner plan(*api);
  for (const test::DeviceSheet& device : test::device_sheets()) {
    ConvProblem p = small(Direction::weight_gradient, DType::f16);
    p.result = DType::f32;
    plan.expect_none(p, NoPlanKind::no_engine, "", device.name);
  }
}

TEST_CASE("a limit of the workspace leads to a smaller plan") {
  const Api* api = test::installed_cudnn("limits of the workspace");
  if (!api) return;
  const Planner plan(*api);
  // The stem's weights: sums of parts of the images meet in the workspace.
  ConvProblem p{.direction = Direction::weight_gradient, .x = {8, 3, 224, 224}, .w = {64, 3, 7, 7}};
  p.dtype = p.result = DType::f16;
  p.params = {.stride = {2, 2}, .padding = Padding2d::same(3)};
  const EngineFacts free = plan.planned(p);
  REQUIRE(free.workspace > 0);
  p.workspace_limit = free.workspace;
  CHECK(plan.planned(p).workspace == free.workspace);
  p.workspace_limit = free.workspace - 1;
  CHECK(plan.planned(p).workspace < free.workspace);
  p.workspace_limit = -1;
  plan.expect_none(p, NoPlanKind::forbidden, "need more workspace than -1 bytes");
}

TEST_CASE("groups, dilation, strides of their own and padding of each side") {
  const Api* api = test::installed_cudnn("plans of odd convolutions");
  if (!api) return;
  const Planner plan(*api);
  for (const Direction direction : directions)
    for (const DType dtype : {DType::f32, DType::f16}) {
      ConvProblem p = small(direction, dtype);
      p.params.dilation = {2, 2};
      plan.planned(p);
      p = small(direction, dtype);
      p.params.stride = {2, 1};
      plan.planned(p);
      p = small(direction, dtype);
      p.w = {64, 2, 3, 3};
      p.params.groups = 32;
      plan.planned(p);
      p = small(direction, dtype);
      p.params.padding = {.top = 0, .bottom = 2, .left = 1, .right = 0};
      plan.planned(p);
    }
}

TEST_CASE("what cannot be asked gets a reason without asking") {
  const Api* api = test::installed_cudnn("problems that make no sense");
  if (!api) return;
  const Planner plan(*api);
  ConvProblem p = small(Direction::forward, DType::f64);
  plan.expect_none(p, NoPlanKind::bad_problem, "f64");
  p = small(Direction::forward, DType::f32);
  p.x = {0, 64, 56, 56};
  plan.expect_none(p, NoPlanKind::bad_problem, "[0, 64, 56, 56]");
  p = small(Direction::forward, DType::f32);
  p.w = {64, 63, 3, 3};
  plan.expect_none(p, NoPlanKind::bad_problem, "63");
  p = small(Direction::forward, DType::f32);
  p.alignment = 3;
  plan.expect_none(p, NoPlanKind::refused, "lignment");
}

TEST_CASE("a device that cuDNN does not understand is an error in its own words") {
  const Api* api = test::installed_cudnn("descriptions of devices");
  if (!api) return;
  DeviceChoice lacking = test::device_sheet("A100").choice();
  lacking.json.replace(lacking.json.find("maxGridSize"), 11, "minGridSize");
  CHECK_THROWS_WITH_AS(describe(*api, lacking), doctest::Contains("maxGridSize"), CudnnError);
  CHECK_THROWS_AS(describe(*api, {.json = "{"}), CudnnError);
}

}  // namespace
}  // namespace engine::gpu::cudnn
