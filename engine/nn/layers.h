// The layers networks are made of. Parameter names and order are torchvision's. Weights follow their input's element
// type, so that f32 parameters compute in 16 bits where the images come in 16 bits (mixed precision).
#pragma once

#include <optional>

#include "engine/nn/module.h"

namespace engine::nn {

/// Cross-correlation over [N, C, H, W]; weight [O, C/groups, KH, KW], optional bias [O].
class Conv2d final : public Module {
 public:
  Conv2d(std::int64_t in, std::int64_t out, std::array<std::int64_t, 2> kernel, Conv2dParams p, bool bias);
  /// Square kernel, one stride and padding for all sides, no bias: what stands before a batch norm.
  Conv2d(std::int64_t in, std::int64_t out, std::int64_t kernel, std::int64_t stride = 1, std::int64_t padding = 0);

  std::string describe() const override;
  const Conv2dParams& params() const { return params_; }
  const Shape& weight_shape() const { return weight_.variable.shape(); }

 protected:
  Variable forward(const Variable& x) override;

 private:
  Conv2dParams params_;
  Parameter& weight_;
  Parameter* bias_ = nullptr;
};

/// Which statistics a batch norm uses while training. In evaluation it always uses the running ones.
enum class Statistics : std::uint8_t {
  batch,   ///< the batch's own, and update the running ones
  frozen,  ///< the running ones, untouched
};

class BatchNorm2d final : public Module {
 public:
  explicit BatchNorm2d(std::int64_t channels, double eps = conventions::batch_norm_eps,
                       double momentum = conventions::batch_norm_momentum);

  /// relu(norm(x) + residual) in one pass over memory; residual may be undefined. A hook on this module sees norm(x)
  /// alone, as torchvision's module would return it; the fusion is undone for that.
  Variable then_relu(const Variable& x, const Variable& residual = {});
  void set_statistics(Statistics s) { statistics_ = s; }
  Statistics statistics() const { return statistics_; }
  std::string describe() const override;

 protected:
  Variable forward(const Variable& x) override { return normalize(x, {}, false); }

 private:
  Variable normalize(const Variable& x, const Variable& residual, bool relu);

  BatchNormParams params_;
  Statistics statistics_ = Statistics::batch;
  Parameter &weight_, &bias_;
  Buffer &running_mean_, &running_var_;
};

/// x W^T + b; weight [out, in], bias [out].
class Linear final : public Module {
 public:
  Linear(std::int64_t in, std::int64_t out, bool bias = true);
  std::string describe() const override;
  const Shape& weight_shape() const { return weight_.variable.shape(); }

 protected:
  Variable forward(const Variable& x) override;

 private:
  Parameter& weight_;
  Parameter* bias_ = nullptr;
};

class MaxPool2d final : public Module {
 public:
  explicit MaxPool2d(const Pool2dParams& p) : params_(p) {}
  MaxPool2d(std::int64_t kernel, std::int64_t stride, std::int64_t padding = 0);
  std::string describe() const override;

 protected:
  Variable forward(const Variable& x) override { return max_pool2d(x, params_); }

 private:
  Pool2dParams params_;
};

/// [N, C, H, W] -> [N, C]: the mean over the map.
class GlobalAvgPool final : public Module {
 public:
  std::string describe() const override { return "GlobalAvgPool"; }

 protected:
  Variable forward(const Variable& x) override { return flatten(global_avg_pool2d(x)); }
};

/// Inverted dropout, active in training. The bits depend on set_random_step() and the layer's path alone.
class Dropout final : public Module {
 public:
  /// Throws UsageError unless 0 <= p < 1.
  explicit Dropout(double p);
  std::string describe() const override;
  void set_key(const RandomKey& key) { key_ = key; }

 protected:
  Variable forward(const Variable& x) override;

 private:
  double p_;
  RandomKey key_;
};

/// Tells every Dropout below `root` which step of which run it is.
void set_random_step(Module& root, std::uint64_t seed, std::uint64_t step);

/// Children run one after the other, named "0", "1", ...
class Sequential final : public Module {
 public:
  template <class M, class... Args>
  M& append(Args&&... args) {
    M& m = add<M>(std::to_string(stages_.size()), std::forward<Args>(args)...);
    stages_.push_back(&m);
    return m;
  }
  std::string describe() const override { return "Sequential"; }

 protected:
  Variable forward(const Variable& x) override;

 private:
  std::vector<Module*> stages_;
};

/// Sets the statistics switch of every batch norm whose path matches (all for an empty regex). Returns how many; throws
/// UsageError when none matches.
int set_statistics(Module& root, const std::string& regex, Statistics s);

}  // namespace engine::nn
