#include <algorithm>
#include <array>

#include "engine/tensor/allocator.h"
#include "kernels/cuda/convolution.h"
#include "kernels/cuda/cudnn_convolution.h"
#include "tests/cuda/conv_cases.h"
#include "tests/cudnn/devices.h"
#include "tests/cudnn/installed.h"

// cuDNN plans for a described GPU; what it would run there is computed by the reference, out of the memory that it was
// given: channels-last images and weights, found by the ids of the plan's tensors. Everything else is production's.
namespace engine::gpu::cudnn {
namespace {

struct Stage {
  const Api* real = nullptr;
  Direction direction = Direction::forward;
  Shape x, w;
  Conv2dParams p;
  DType dtype = DType::f32;
  int runs = 0;
  int status = success;
  bool handle_lives = false;
  std::array<std::int64_t, 3> ids{};  // of the last pack
  std::array<void*, 3> pointers{};
  void* workspace = nullptr;
} stage;

// cuDNN does not tell what stands in a pack, so that it is noted on the way in.
int set_attribute(void* descriptor, Attribute name, AttributeType type, std::int64_t count, const void* values) {
  if (name == Attribute::pack_ids) std::copy_n(static_cast<const std::int64_t*>(values), 3, stage.ids.begin());
  if (name == Attribute::pack_pointers) std::copy_n(static_cast<void* const*>(values), 3, stage.pointers.begin());
  if (name == Attribute::pack_workspace) stage.workspace = *static_cast<void* const*>(values);
  return stage.real->set_attribute(descriptor, name, type, count, values);
}

int create(void** handle) {
  *handle = &stage;
  stage.handle_lives = true;
  return success;
}
int destroy(void*) {
  stage.handle_lives = false;
  return success;
}
int set_stream(void*, void* stream) { return stream == context().compute().handle ? success : 2000; }

Tensor from_channels_last(void* memory, const Shape& s) {
  std::vector<std::byte> bytes(static_cast<std::size_t>(s.numel()) * size_of(stage.dtype));
  context().download(bytes.data(), memory, bytes.size());
  return test::reference().transpose(
      test::reference().from_host(bytes.data(), {s[0], s[2], s[3], s[1]}, stage.dtype), {0, 3, 1, 2});
}
void to_channels_last(void* memory, const Tensor& t) {
  const Tensor last = test::reference().transpose(t, {0, 2, 3, 1});
  std::vector<std::byte> bytes(last.bytes());
  test::reference().to_host(last, bytes.data());
  context().upload(memory, bytes.data(), bytes.size());
}

int execute(void* handle, void* plan, void*) {
  if (stage.status != success) return stage.status;
  std::array<void*, 3> by_id{};
  for (std::size_t i = 0; i < 3; ++i) by_id[static_cast<std::size_t>(stage.ids[i] - 1)] = stage.pointers[i];
  std::int64_t bytes = 0, count = 0;
  const Api& real = *stage.real;
  check(real, real.get_attribute(plan, Attribute::plan_workspace, AttributeType::int64, 1, &count, &bytes),
        "read the size of the workspace");
  // A device that checks accesses stops where the workspace is too small.
  context().runtime().set_bytes(stage.workspace, 0xff, static_cast<std::size_t>(bytes), context().compute());
  const auto [x_memory, w_memory, y_memory] = by_id;
  const Shape y = conv2d_output_shape(stage.x, stage.w, stage.p);
  const auto read = [](bool needed, void* memory, const Shape& s) {
    return needed ? from_channels_last(memory, s) : full(s, 0.0, stage.dtype, Device::reference);
  };
  const Direction d = stage.direction;
  const Tensor x = read(d != Direction::data_gradient, x_memory, stage.x),
               w = read(d != Direction::weight_gradient, w_memory, stage.w);
  if (d == Direction::forward) {
    to_channels_last(y_memory, test::reference().conv2d(x, w, {}, stage.p));
  } else {
    const Conv2dGrads g = test::reference().conv2d_backward(x, w, read(true, y_memory, y), stage.p, {});
    if (d == Direction::data_gradient)
      to_channels_last(x_memory, g.dx);
    else
      to_channels_last(w_memory, test::reference().cast(g.dw, stage.dtype));  // as the engines write it
  }
  ++stage.runs;
  return handle == &stage ? success : 2000;
}

// cuDNN with a device that computes, as the one of the emulated backend.
struct Staged {
  Api api;
  Executor executor;
  explicit Staged(const Api& real)
      : api(staged(real)),
        executor(api, test::device_sheet("A100").choice(), context().compute().handle) {
    device::set_cudnn(&executor);
  }
  ~Staged() { device::set_cudnn(nullptr); }
  static Api staged(Api api) {
    api.create = create;
    api.destroy = destroy;
    api.set_stream = set_stream;
    api.set_attribute = set_attribute;
    api.execute = execute;
    return api;
  }
};

// The device's allocator gets nothing more from the system.
struct NoMoreMemory {
  CachingAllocator& allocator = allocator_of(context().device());
  NoMoreMemory() {
    allocator.trim();
    allocator.set_limit(allocator.stats().reserved);
  }
  ~NoMoreMemory() { allocator.set_limit(0); }
};

void set_stage(Direction d, const test::ConvCase& k, DType type) {
  stage.direction = d;
  stage.x = k.x;
  stage.w = k.w;
  stage.p = k.p;
  stage.dtype = type;
}
bool depthwise(const test::ConvCase& k) { return k.x[1] > 1 && k.w[1] == 1 && k.w[0] == k.x[1]; }

}  // namespace

TEST_CASE("the backend's convolutions and gradients go through cuDNN's memory and come back right") {
  stage.real = test::installed_cudnn("convolutions given to cuDNN");
  if (!stage.real) return;
  {
    const Staged staged(*stage.real);
    CHECK(stage.handle_lives);
    int expected = 0;
    stage.runs = 0;
    test::for_each_conv(test::conv_cases(), [&](DType type, const test::ConvCase& k, bool last) {
      const Tensor x = test::normal(k.x, type, 1), w = test::normal(k.w, type, 2), dy = test::normal(k.y(), type, 3);
      expected += depthwise(k) ? 0 : 3;
      set_stage(Direction::forward, k, type);
      check_close(device::conv2d(context(), on_device(x, last), on_device(w), {}, k.p),
                  test::reference().conv2d(x, w, {}, k.p));
      const Conv2dGrads truth = test::reference().conv2d_backward(x, w, dy, k.p, {});
      const auto gradients = [&](Conv2dNeeds needs) {
        return device::conv2d_backward(context(), on_device(x, last), on_device(w), on_device(dy, last), k.p, needs);
      };
      set_stage(Direction::data_gradient, k, type);
      check_close(gradients({.dx = true, .dw = false}).dx, truth.dx);
      set_stage(Direction::weight_gradient, k, type);
      // Depthwise ones are ours, and not rounded.
      const Tensor rounded = test::reference().cast(test::reference().cast(truth.dw, type), DType::f32);
      check_close(gradients({.dx = false, .dw = true}).dw, depthwise(k) ? truth.dw : rounded);
    });
    CHECK(stage.runs == expected);
  }
  CHECK_FALSE(stage.handle_lives);
}

TEST_CASE("what has a bias goes to cuDNN, too") {
  stage.real = test::installed_cudnn("convolutions with a bias");
  if (!stage.real) return;
  const Staged staged(*stage.real);
  stage.runs = 0;
  for (const DType type : {DType::f32, DType::f16, DType::bf16}) {
    const test::ConvCase k{{2, 8, 5, 7}, {16, 8, 3, 3}, {}};
    const Tensor x = test::normal(k.x, type, 1), w = test::normal(k.w, type, 2), bias = test::normal({16}, type, 4);
    set_stage(Direction::forward, k, type);
    check_close(device::conv2d(context(), on_device(x), on_device(w), on_device(bias), k.p),
                test::reference().conv2d(x, w, bias, k.p));
  }
  CHECK(stage.runs == 3);
}

TEST_CASE("own kernels compute what cuDNN has no plan for") {
  stage.real = test::installed_cudnn("convolutions not given to cuDNN");
  if (!stage.real) return;
  const Staged staged(*stage.real);
  stage.runs = 0;
  const Tensor w = test::normal({4, 3, 3, 3}, DType::f32, 2), x = test::normal({0, 3, 5, 5}, DType::f32, 1);
  check_close(device::conv2d(context(), on_device(x), on_device(w), {}, {}), test::reference().conv2d(x, w, {}, {}));
  CHECK(stage.runs == 0);
}

TEST_CASE("where there is no memory for a plan's workspace, one that needs less computes") {
  stage.real = test::installed_cudnn("convolutions without memory for their workspace");
  if (!stage.real) return;
  Staged staged(*stage.real);
  stage.runs = 0;
  const test::ConvCase k{{1, 64, 7, 7}, {64, 64, 3, 3}, {.padding = Padding2d::same(1)}};
  const auto workspace = [&](const Shape& x_shape) {
    const Plan* plan = staged.executor.plan(
        staged.executor.problem(Direction::forward, x_shape, k.w, k.p, DType::f32, 16));
    REQUIRE(plan != nullptr);
    return plan->engine.workspace;
  };
  const Shape other{1, 64, 14, 14};
  const std::int64_t wanted = workspace(k.x), of_other = workspace(other);
  REQUIRE(wanted > 256 * 1024);  // more than what small tensors leave in their segment
  const Tensor x = test::normal(k.x, DType::f32, 1), w = test::normal(k.w, DType::f32, 2);
  const Tensor there = on_device(x), weight = on_device(w);
  set_stage(Direction::forward, k, DType::f32);
  Tensor y;
  {
    const NoMoreMemory limited;
    y = device::conv2d(context(), there, weight, {}, k.p);
  }
  check_close(y, test::reference().conv2d(x, w, {}, k.p));
  CHECK(stage.runs == 1);
  CHECK(workspace(k.x) <= wanted / 2);
  CHECK(workspace(other) == of_other);  // which found memory, or was not asked for it
}

TEST_CASE("a convolution that cuDNN fails to run is an error") {
  stage.real = test::installed_cudnn("convolutions that fail");
  if (!stage.real) return;
  const Staged staged(*stage.real);
  stage.status = 5000;
  CHECK_THROWS_WITH_AS(device::conv2d(context(), on_device(test::normal({1, 8, 5, 5}, DType::f32, 1)),
                                      on_device(test::normal({8, 8, 3, 3}, DType::f32, 2)), {}, {}),
                       doctest::Contains("run a convolution"), CudnnError);
  stage.status = success;
}

TEST_CASE("without a GPU the machine's convolutions are own kernels, and it says why") {
  CHECK(machine_executor(nullptr, {}).words == "own kernels, as asked for");
  const MachineExecutor m = machine_executor(reinterpret_cast<void*>(1), {});  // the stream a GPU has without asking
  if (m.executor) {
    std::printf("SKIPPED a machine without cuDNN or a GPU: this one has both\n");
    return;
  }
  CHECK_MESSAGE(m.words.starts_with("own kernels: cuDNN: "), m.words);
  if (test::installed_cudnn("cuDNN's words without a GPU"))
    CHECK_MESSAGE(m.words.find("describe a device: CUDNN_STATUS_NOT_INITIALIZED") != std::string::npos, m.words);
}

}  // namespace engine::gpu::cudnn
