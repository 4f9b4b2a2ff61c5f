#include "kernels/cuda/cuda_backend.h"

#include "kernels/cuda/batch_norm.h"
#include "kernels/cuda/convolution.h"
#include "kernels/cuda/covariance.h"
#include "kernels/cuda/decompositions.h"
#include "kernels/cuda/elementwise.h"
#include "kernels/cuda/layer_norm.h"
#include "kernels/cuda/losses.h"
#include "kernels/cuda/matmul.h"
#include "kernels/cuda/movement.h"
#include "kernels/cuda/optimizers.h"
#include "kernels/cuda/pictures.h"
#include "kernels/cuda/pooling.h"
#include "kernels/cuda/recording.h"
#include "kernels/cuda/reductions.h"
#include "kernels/cuda/resize.h"
#include "kernels/cuda/shape.h"
#include "kernels/cuda/softmax.h"
#include "kernels/cuda/uploads.h"
#ifdef __CUDACC__
#include "kernels/cuda/cudnn_convolution.h"
#include "kernels/cuda/cusolver_decompositions.h"
#include "kernels/cuda/runtime_cuda.h"
#else
#include "kernels/cuda_on_cpu/runtime_emulated.h"
#endif

namespace engine::ENGINE_CUDA_NS {

class CudaBackend final : public Backend {
 public:
  CudaBackend(gpu::Context& context, std::string convolutions, std::string products, std::string decompositions)
      : context_(context),
        convolutions_(std::move(convolutions)),
        products_(std::move(products)),
        decompositions_(std::move(decompositions)) {}
  Device device() const override { return context_.device(); }
  void synchronize() override { context_.synchronize(); }
  bool transforms_pictures() const override { return true; }
  Tensor transform_pictures(const Tensor& packed, const PictureBatch& batch) override {
    return ENGINE_CUDA_NS::transform_pictures(context_, packed, batch);
  }
  std::unique_ptr<Upload> make_upload() override { return std::make_unique<gpu::PinnedUpload>(context_); }
  Tensor as_conv_weight(const Tensor& weight) override { return to_channels_last(context_, weight); }
  bool can_record() const override { return true; }
  std::unique_ptr<Recording> begin_recording() override { return std::make_unique<gpu::Recorder>(context_); }
  std::vector<std::pair<std::string, std::string>> libraries() const override {
    return {{"device", context_.properties().name},
            {"convolutions", convolutions_},
            {"products", products_},
            {"decompositions", decompositions_}};
  }

 protected:
#define ENGINE_LIST(...) __VA_ARGS__
#define ENGINE_OP(result, name, parameters, arguments) \
  result do_##name parameters override { return ENGINE_CUDA_NS::name(context_, ENGINE_LIST arguments); }
#include "kernels/ops.def"
#undef ENGINE_OP
#undef ENGINE_LIST

 private:
  gpu::Context& context_;
  std::string convolutions_, products_, decompositions_;  // who computes them
};

gpu::Context& device_context() {
  // Never deleted: tensors in static variables may outlive main.
#ifdef __CUDACC__
  static auto* context = new gpu::Context(cuda_runtime(), Device::cuda);
#else
  static auto* context = new gpu::Context(emulator::emulated_runtime(), Device::cuda_emulated);
#endif
  return *context;
}

#ifdef __CUDACC__
// Never freed. Not a tensor's: libraries want it aligned to 256 bytes.
static void* lasting_memory(std::size_t bytes) { return device_context().runtime().allocate(bytes); }

void register_cuda_backend(const gpu::CudaOptions& options) {
  void* const stream = device_context().compute().handle;
  gpu::cudnn::ExecutorOptions wanted;
  if (options.tf32) wanted.math = gpu::cudnn::Math::tf32;
  // Never deleted, as the context.
  static auto* chosen = new gpu::cudnn::MachineExecutor(
      gpu::cudnn::machine_executor(options.convolutions == gpu::Provider::own ? nullptr : stream, wanted));
  set_cudnn(chosen->executor.get());
  static auto* multiplier = new gpu::cublas::MachineMultiplier(
      gpu::cublas::machine_multiplier(options.products == gpu::Provider::own ? nullptr : stream, lasting_memory,
                                       options.tf32));
  set_cublas(multiplier->multiplier.get());
  static auto* decomposer = new gpu::cusolver::MachineDecomposer(
      gpu::cusolver::machine_decomposer(options.decompositions == gpu::Provider::own ? nullptr : stream));
  set_cusolver(decomposer->decomposer.get());
  check_provider("convolutions", options.convolutions, chosen->executor != nullptr, chosen->words);
  check_provider("products", options.products, multiplier->multiplier != nullptr, multiplier->words);
  check_provider("decompositions", options.decompositions, decomposer->decomposer != nullptr, decomposer->words);
  static auto* backend = new CudaBackend(device_context(), chosen->words, multiplier->words, decomposer->words);
  register_backend(*backend);
}
#else
void register_cuda_backend() {
  static auto* backend = new CudaBackend(device_context(), "own kernels", "own kernels", "own kernels");
  register_backend(*backend);
}
#endif

}  // namespace engine::ENGINE_CUDA_NS
