// What every network of the zoo is: features, and a linear head on top.
#pragma once

#include "engine/nn/layers.h"

namespace engine::models {

class Classifier : public nn::Module {
 public:
  /// x [N, C, H, W] -> the input of the head, [N, D].
  virtual Variable features(const Variable& x) = 0;
  /// The last linear layer, which a new task replaces.
  virtual nn::Linear& head() = 0;
  /// Trades time for memory: blocks keep only their inputs and run again in backward.
  void set_recompute(bool on) { recompute_ = on; }

 protected:
  Variable forward(const Variable& x) override { return head()(features(x)); }
  /// Runs a block, with or without recomputation.
  Variable run_block(nn::Module& block, const Variable& x) const;

 private:
  bool recompute_ = false;
};

}  // namespace engine::models
