#include "engine/train/nan_watch.h"

#include "kernels/backend.h"

namespace engine {
namespace {

class NanWatch final : public OpObserver {
 public:
  NanWatch(nn::Module& model, std::int64_t step) : buffers_(model.buffers()), step_(step) {}
  void before(Backend&, std::string_view) override {}
  void after(Backend& backend, std::string_view op, const std::function<void(const TensorVisitor&)>& visit) override {
    if (checking_) return;  // has_nonfinite is an operation too
    const std::string layer = current_layer().empty() ? "loss" : current_layer();
    visit([&](const Tensor& t) {
      if (bad(backend, t))
        throw NumericError("step {}: operation {} of layer '{}' gave NaN or Inf in {}", step_, op, layer, t.str());
    });
    // Statistics can overflow where the result, normalised by them, is still finite.
    for (const nn::Buffer* b : buffers_)
      if (b->name.starts_with(layer + ".") && bad(backend, b->value))
        throw NumericError("step {}: operation {} of layer '{}' gave NaN or Inf in buffer '{}'", step_, op, layer,
                           b->name);
  }

 private:
  bool bad(Backend& backend, const Tensor& t) {
    if (!is_floating(t.dtype())) return false;
    checking_ = true;
    const bool found = backend.has_nonfinite(t);
    checking_ = false;
    return found;
  }

  std::vector<nn::Buffer*> buffers_;
  std::int64_t step_;
  bool checking_ = false;
};

}  // namespace

void explain_nonfinite(nn::Module& model, const Tensor& images, std::int64_t step_number,
                       const std::function<void()>& step) {
  const auto bad = [](const Tensor& t) { return backend_of(t).has_nonfinite(t); };
  if (bad(images)) throw NumericError("step {}: the images themselves hold NaN or Inf", step_number);
  for (const nn::Parameter* p : model.parameters())
    if (bad(p->variable.value()))
      throw NumericError("step {}: weight '{}' holds NaN or Inf {}", step_number, p->name,
                         step_number > 0 ? fmt::format("since the optimizer's update of step {}", step_number - 1)
                                         : "before the first update");
  NanWatch watch(model, step_number);
  const ObserveOps observing(watch);
  step();
  throw NumericError("step {}: loss or gradient norm is NaN or Inf, though every single operation's result is finite",
                     step_number);
}

}  // namespace engine
