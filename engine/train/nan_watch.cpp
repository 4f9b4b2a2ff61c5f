#include "engine/train/nan_watch.h"

#include "kernels/backend.h"

namespace engine {
namespace {

class NanWatch final : public OpObserver {
 public:
  explicit NanWatch(std::int64_t step) : step_(step) {}
  void before(Backend&, std::string_view) override {}
  void after(Backend& backend, std::string_view op, const std::function<void(const TensorVisitor&)>& visit) override {
    if (checking_) return;  // has_nonfinite is an operation too
    visit([&](const Tensor& t) {
      if (!is_floating(t.dtype())) return;
      checking_ = true;
      const bool bad = backend.has_nonfinite(t);
      checking_ = false;
      if (bad)
        throw NumericError("step {}: operation {} of layer '{}' gave NaN or Inf in {}", step_, op,
                           current_layer().empty() ? "loss" : current_layer(), t.str());
    });
  }

 private:
  std::int64_t step_;
  bool checking_ = false;
};

}  // namespace

void explain_nonfinite(nn::Module& model, const Tensor& images, std::int64_t step_number,
                       const std::function<void()>& step) {
  const auto bad = [](const Tensor& t) { return backend_of(t).has_nonfinite(t); };
  if (bad(images)) throw NumericError("step {}: the images themselves hold NaN or Inf", step_number);
  for (const nn::Parameter* p : model.parameters())
    if (bad(p->variable.value())) throw NumericError("step {}: weight '{}' holds NaN or Inf", step_number, p->name);
  for (const nn::Buffer* b : model.buffers())
    if (bad(b->value)) throw NumericError("step {}: buffer '{}' holds NaN or Inf", step_number, b->name);
  NanWatch watch(step_number);
  const ObserveOps observing(watch);
  step();
  throw NumericError("step {}: loss or gradient norm is NaN or Inf, though every single operation's result is finite",
                     step_number);
}

}  // namespace engine
