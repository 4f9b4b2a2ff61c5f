#include <algorithm>
#include <cmath>

#include "engine/train/batch_feed.h"
#include "engine/train/evaluate.h"
#include "kernels/backend.h"

namespace engine {
namespace {

// Softmax of one row in double; returns the logarithm of the normaliser, so that -log p[c] is that minus logits[c].
double softmax_row(const float* logits, std::size_t classes, double* probability) {
  const double top = *std::max_element(logits, logits + classes);
  double sum = 0.0;
  for (std::size_t c = 0; c < classes; ++c) sum += probability[c] = std::exp(logits[c] - top);
  for (std::size_t c = 0; c < classes; ++c) probability[c] /= sum;
  return std::log(sum) + top;
}

double softplus(double x) { return std::max(x, 0.0) + std::log1p(std::exp(-std::fabs(x))); }

struct LossSum {
  double sum = 0.0;
  std::int64_t count = 0;
};

void append(Predictions& p, LossSum& loss, const Dataset& data, const Batch& batch, const std::vector<float>& logits) {
  const std::size_t classes = p.classes.size();
  for (std::size_t i = 0; i < batch.size(); ++i) {
    const Sample& s = data.sample(batch.indices[i]);
    const float* row = logits.data() + i * classes;
    p.ids.push_back(s.id);
    p.groups.push_back(s.group);
    p.probabilities.resize(p.probabilities.size() + classes);
    double* out = p.probabilities.data() + p.probabilities.size() - classes;
    if (p.task == Task::multi_class) {
      p.labels.push_back(s.label);
      const double normalizer = softmax_row(row, classes, out);
      if (s.label < 0) continue;  // a picture to predict, not to judge
      loss.sum += normalizer - static_cast<double>(row[s.label]);
      ++loss.count;
      continue;
    }
    for (std::size_t c = 0; c < classes; ++c) {
      const double x = row[c], target = s.targets[c];
      out[c] = 1.0 / (1.0 + std::exp(-x));
      p.targets.push_back(s.targets[c]);
      if (s.targets[c] == missing_target) continue;
      loss.sum += softplus(x) - target * x;
      ++loss.count;
    }
  }
}

}  // namespace

std::size_t Predictions::top(std::size_t i) const {
  return static_cast<std::size_t>(std::max_element(row(i), row(i) + classes.size()) - row(i));
}

Predictions predict(nn::Module& model, const Dataset& data, const TransformPlan& plan, const LoaderOptions& options,
                    Device device, const std::function<bool()>& stop) {
  Predictions p;
  p.task = data.task();
  p.classes = data.classes();
  model.set_training(false);
  BatchFeed feed(data, plan, options, device);
  feed.start_epoch(0);
  LossSum loss;
  DeviceBatch batch;
  while (feed.next(batch)) {
    if (batch.size() == 0) continue;
    const Variable logits = model(Variable(batch.images));
    feed.prefetch();
    append(p, loss, data, batch.host, to_vector<float>(logits.value()));
    if (stop && stop()) break;
  }
  p.loss = loss.count > 0 ? loss.sum / static_cast<double>(loss.count) : std::nan("");
  return p;
}

}  // namespace engine
