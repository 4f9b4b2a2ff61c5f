#include "tests/cudnn/census/convolutions.h"

#include <algorithm>

#include "engine/autograd/tape.h"
#include "kernels/cpu/cpu_backend.h"
#include "models/registry.h"

namespace engine::test {
namespace {

// Computes on the CPU, except where a convolution is asked for.
class Forwarding : public Backend {
 public:
  Device device() const override { return Device::cpu; }
  void synchronize() override {}

 protected:
#define ENGINE_OP(result, name, parameters, arguments) \
  result do_##name parameters override { return cpu_.name arguments; }
#include "kernels/ops.def"
#undef ENGINE_OP

 private:
  CpuBackend cpu_;
};

class Recorder final : public Forwarding {
 public:
  std::string model;
  std::vector<Convolution> found;

 protected:
  Tensor do_conv2d(const Tensor& x, const Tensor& w, const Tensor&, const Conv2dParams& p) override {
    const Convolution c{x.shape(), w.shape(), p, model};
    if (std::find(found.begin(), found.end(), c) == found.end()) found.push_back(c);
    return full(conv2d_output_shape(x.shape(), w.shape(), p), 0.0, x.dtype(), Device::cpu);
  }
};

}  // namespace

std::vector<Convolution> convolutions_of_all_models(std::int64_t batch) {
  Recorder recorder;
  register_backend(recorder);
  const NoGrad no_notes;
  for (const models::ModelInfo& info : models::model_list()) {
    recorder.model = info.name;
    const models::ModelOptions options;
    const auto model = models::make_model(info.name, options);
    model->set_training(false);
    (*model)(Variable(full({1, options.channels, info.input, info.input}, 0.0, DType::f32, Device::cpu)));
  }
  register_cpu_backend();
  // Their geometry does not depend on the batch, and a whole one takes long.
  for (Convolution& c : recorder.found) c.x = c.x.with(0, batch);
  return recorder.found;
}

}  // namespace engine::test
