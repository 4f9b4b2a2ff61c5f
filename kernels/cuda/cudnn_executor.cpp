#include "kernels/cuda/cudnn_executor.h"

#include <array>

namespace engine::gpu::cudnn {

Executor::Executor(const Api& api, DeviceChoice device, void* stream, const ExecutorOptions& options)
    : api_(api), device_(std::move(device)), options_(options), cache_(api) {
  check(api, api.create(&handle_), "create a handle");
  if (const int status = api.set_stream(handle_, stream); status != success) {
    const CudnnError error(api, status, "set the stream");
    api.destroy(handle_);
    throw error;
  }
}

Executor::~Executor() { api_.destroy(handle_); }

ConvProblem Executor::problem(Direction direction, const Shape& x, const Shape& w, const Conv2dParams& params,
                              DType dtype, std::int64_t alignment) const {
  return {.direction = direction,
          .x = x,
          .w = w,
          .params = params,
          .dtype = dtype,
          .result = dtype,
          .math = options_.math,
          .deterministic = options_.deterministic,
          .alignment = alignment,
          .workspace_limit = options_.workspace_limit};
}

const Plan* Executor::plan(const ConvProblem& problem) {
  PlanKey key{problem, device_};
  if (const auto limit = limits_.find(key); limit != limits_.end()) key.problem.workspace_limit = limit->second;
  return std::get_if<Plan>(&cache_.plan(key));
}

void Executor::want_smaller(const ConvProblem& problem) {
  if (const Plan* last = plan(problem)) limits_[{problem, device_}] = last->engine.workspace / 2;
}

void Executor::run(const Plan& plan, void* x, void* w, void* y, void* workspace) {
  const std::array<std::int64_t, 3> ids{1, 2, 3};
  const std::array<void*, 3> pointers{x, w, y};
  Descriptor pack(api_, DescriptorType::variant_pack);
  pack.set(Attribute::pack_ids, AttributeType::int64, 3, ids.data());
  pack.set(Attribute::pack_pointers, AttributeType::void_pointer, 3, pointers.data());
  pack.set(Attribute::pack_workspace, AttributeType::void_pointer, 1, &workspace);
  pack.finalize("name the tensors of a convolution");
  check(api_, api_.execute(handle_, plan.descriptor.raw(), pack.raw()), "run a convolution");
}

MachineExecutor machine_executor(void* stream, const ExecutorOptions& options) {
  if (!stream) return {nullptr, "own kernels, as asked for"};
  static const auto answer = load_api();
  if (const auto* no = std::get_if<NoApi>(&answer)) return {nullptr, "own kernels: " + no->reason};
  const Api& api = std::get<Api>(answer);
  try {
    describe(api, {});  // what plans will ask for must be there
    return {std::make_unique<Executor>(api, DeviceChoice{}, stream, options),
            fmt::format("cuDNN {}, {}", version_text(api.version()), options.math == Math::tf32 ? "TF32" : "strict f32")};
  } catch (const CudnnError& e) {
    return {nullptr, fmt::format("own kernels: {}", e.what())};
  }
}

}  // namespace engine::gpu::cudnn
