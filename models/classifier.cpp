#include "models/classifier.h"

#include "engine/autograd/tape.h"

namespace engine::models {

Variable Classifier::run_block(nn::Module& block, const Variable& x) const {
  if (!recompute_) return block(x);
  return recompute([&block](const Variable& v) { return block(v); }, x);
}

}  // namespace engine::models
