#include "kernels/checks.h"
#include "kernels/cuda/block_sums.cuh"
#include "kernels/cuda/losses.h"
#include "kernels/cuda/map.cuh"
#include "kernels/cuda/softmax_rows.cuh"
#include "kernels/cuda/target_check.h"

namespace engine::ENGINE_CUDA_NS {

// The targets of a batch and what their classes weigh.
template <class T>
struct Labels {
  const std::int64_t* target;
  const T* class_weight;  // null: 1
  std::int64_t classes, ignore_index;
  float own, each;  // what a target's term and every class's are multiplied with: 1 - e, e / C

  __device__ __forceinline__ bool ignored(std::int64_t row) const { return target[row] == ignore_index; }
  __device__ __forceinline__ bool wrong(std::int64_t row) const { return target[row] < 0 || target[row] >= classes; }
  __device__ __forceinline__ float weight(std::int64_t c) const {
    return class_weight ? number(class_weight[c]) : 1.0f;
  }
};

template <class T>
static Labels<T> labels_of(const Tensor& target, const Tensor& class_weight, std::int64_t classes,
                           const CrossEntropyParams& p) {
  return {pointer<const std::int64_t>(target),
          pointer<const T>(class_weight),
          classes,
          p.ignore_index,
          static_cast<float>(1.0 - p.label_smoothing),
          static_cast<float>(p.label_smoothing / static_cast<double>(classes))};
}

// What a class adds to the loss; one of weight 0 nothing, also where its probability is 0 and its logarithm infinite.
__device__ __forceinline__ float loss_term(float share, float log_prob) {
  return share == 0.0f ? 0.0f : -share * log_prob;
}

// A row's losses go to `each_loss` as they are wanted, or to `losses` to be summed.
template <class T, int G, int V>
__global__ void __launch_bounds__(row_threads, 4)
    cross_entropy_kernel(const T* __restrict__ logits, T* __restrict__ log_prob, Labels<T> labels, std::int64_t rows,
                         T* __restrict__ each_loss, float* __restrict__ losses) {
  const std::int64_t n = labels.classes;
  for_each_row<G>(rows, [&](std::int64_t row, bool live) {
    const std::int64_t vectors = live ? n / V : 0;
    const T* x = logits + row * n;
    MaxSum m = of_nothing();
    for_each_vector<G>(vectors, [&](std::int64_t i) { m = with_numbers(m, load<V>(x, i)); });
    m = over_row<G>(m);
    const float log_sum = logf(m.sum);
    float smooth = 0.0f;
    for_each_vector<G>(vectors, [&](std::int64_t i) {
      Vec<T, V> v = load<V>(x, i);
#pragma unroll
      for (int k = 0; k < V; ++k) {
        const float lp = (number(v.v[k]) - m.max) - log_sum;
        if (labels.each > 0.0f) smooth += loss_term(labels.weight(i * V + k), lp);
        v.v[k] = stored<T>(lp);
      }
      store<V>(log_prob + row * n, i, v);
    });
    if (labels.each > 0.0f) smooth = over_row<G>(smooth);
    if (!live || threadIdx.x % G != 0) return;
    float loss = 0.0f;
    if (!labels.ignored(row)) {
      const std::int64_t t = labels.target[row];
      loss = labels.wrong(row)
                 ? NAN
                 : loss_term(labels.own * labels.weight(t), (number(x[t]) - m.max) - log_sum) + labels.each * smooth;
    }
    if (each_loss)
      each_loss[row] = stored<T>(loss);
    else
      losses[row] = loss;
  });
}

// dx = g (sum of shares * p - share). At the target p - 1 cancels where the network is sure, e^x - 1 does not.
template <class T, int G, int V>
__global__ void __launch_bounds__(row_threads, 4)
    cross_entropy_backward_kernel(const T* __restrict__ log_prob, T* __restrict__ dx, Labels<T> labels,
                                  std::int64_t rows, const T* __restrict__ dloss, bool one_each,
                                  const double* __restrict__ divisor) {
  const std::int64_t n = labels.classes;
  const double by = divisor ? *divisor : 1.0;
  for_each_row<G>(rows, [&](std::int64_t row, bool live) {
    const std::int64_t vectors = live ? n / V : 0;
    float weights = static_cast<float>(n);
    if (labels.class_weight && labels.each > 0.0f) {
      weights = 0.0f;
      for (std::int64_t i = threadIdx.x % G; i < n; i += G) weights += labels.weight(i);
      weights = over_row<G>(weights);
    }
    if (!live) return;
    const bool ignored = labels.ignored(row), wrong = labels.wrong(row);
    const std::int64_t target = labels.target[row];
    const float g =
        wrong && !ignored ? NAN : static_cast<float>(static_cast<double>(number(dloss[one_each ? row : 0])) / by);
    const float own = wrong ? 0.0f : labels.own * labels.weight(target), others = __fmul_rn(labels.each, weights);
    for_each_vector<G>(vectors, [&](std::int64_t i) {
      Vec<T, V> v = load<V>(log_prob + row * n, i);
#pragma unroll
      for (int k = 0; k < V; ++k) {
        const float lp = number(v.v[k]),
                    share = labels.each > 0.0f ? __fmul_rn(labels.each, labels.weight(i * V + k)) : 0.0f;
        float d = (own + others) * expf(lp) - share;
        if (i * V + k == target) d = (own + others) * expm1f(lp) + (others - share);
        v.v[k] = stored<T>(ignored ? 0.0f : g * d);
      }
      store<V>(dx + row * n, i, v);
    });
  });
}

// A row's loss and the weight that its mean divides by.
template <class T>
struct LossTerms {
  Labels<T> labels;
  const float* losses;  // null: weights only
  __device__ __forceinline__ Weighted operator()(std::int64_t row) const {
    if (labels.ignored(row)) return {0.0, 0.0};
    const double weight = labels.wrong(row) ? 0.0 : static_cast<double>(labels.weight(labels.target[row]));
    return {losses ? static_cast<double>(losses[row]) : 0.0, weight};
  }
};

static void check_types(std::string_view op, const Tensor& logits, const Tensor& class_weight, const Tensor& dloss) {
  for (const Tensor& t : {class_weight, dloss})
    if (t.defined() && t.dtype() != logits.dtype())
      throw UsageError("{}: {} and {} differ in type", op, logits.str(), t.str());
}

CrossEntropyResult softmax_cross_entropy(Context& c, const Tensor& logits, const Tensor& target,
                                         const Tensor& class_weight, const CrossEntropyParams& p) {
  check_cross_entropy("softmax_cross_entropy", logits, target, class_weight);
  check_types("softmax_cross_entropy", logits, class_weight, {});
  const std::int64_t rows = logits.dim(0), classes = logits.dim(1);
  const bool none = p.reduction == Reduction::none;
  TargetCheck check(c, target, classes, p.ignore_index);
  CrossEntropyResult r{empty(c, none ? Shape{rows} : Shape{}, logits.dtype()),
                       empty(c, logits.shape(), logits.dtype())};
  with_floating("softmax_cross_entropy", logits, [&](auto sample) {
    using T = decltype(sample);
    const Labels<T> labels = labels_of<T>(target, class_weight, classes, p);
    const Tensor losses = none ? Tensor() : empty(c, {rows}, DType::f32);
    if (rows > 0) {
      const T* from = pointer<const T>(logits);
      T* to = pointer<T>(r.log_prob);
      const Cost cost{2.0 * static_cast<double>(logits.bytes()) + 12.0 * static_cast<double>(rows),
                      30.0 * static_cast<double>(logits.numel())};
      with_row_shape<T>(c, rows, classes, aligned(from, to), [&](auto group, auto vector) {
        launch<cross_entropy_kernel<T, group(), vector()>>(c, c.grid_stride(rows * group(), 1, row_threads), cost, from,
                                                           to, labels, rows, none ? pointer<T>(r.loss) : nullptr,
                                                           pointer<float>(losses));
      });
    }
    if (!none)
      add_terms(c, rows, 12.0 * static_cast<double>(rows), LossTerms<T>{labels, pointer<const float>(losses)},
                WriteLoss<T>{pointer<T>(r.loss), p.reduction == Reduction::mean, false});
  });
  check.finish();
  return r;
}

Tensor softmax_cross_entropy_backward(Context& c, const Tensor& log_prob, const Tensor& target,
                                      const Tensor& class_weight, const Tensor& dloss, const CrossEntropyParams& p) {
  constexpr std::string_view op = "softmax_cross_entropy_backward";
  check_cross_entropy(op, log_prob, target, class_weight);
  const std::int64_t rows = log_prob.dim(0), classes = log_prob.dim(1);
  const bool none = p.reduction == Reduction::none;
  check_shape(op, "dloss", dloss, none ? Shape{rows} : Shape{});
  check_types(op, log_prob, class_weight, dloss);
  TargetCheck check(c, target, classes, p.ignore_index);
  Tensor dx = empty(c, log_prob.shape(), log_prob.dtype());
  with_floating(op, log_prob, [&](auto sample) {
    using T = decltype(sample);
    if (rows == 0) return;
    const Labels<T> labels = labels_of<T>(target, class_weight, classes, p);
    Tensor divisor;
    if (p.reduction == Reduction::mean) {
      divisor = empty(c, {}, DType::f64);
      add_terms(c, rows, 8.0 * static_cast<double>(rows), LossTerms<T>{labels, nullptr},
                WriteDivisor{pointer<double>(divisor), false});
    }
    const T* from = pointer<const T>(log_prob);
    T* to = pointer<T>(dx);
    const Cost cost{2.0 * static_cast<double>(log_prob.bytes()) + 8.0 * static_cast<double>(rows),
                    14.0 * static_cast<double>(log_prob.numel())};
    with_row_shape<T>(c, rows, classes, aligned(from, to), [&](auto group, auto vector) {
      launch<cross_entropy_backward_kernel<T, group(), vector()>>(c, c.grid_stride(rows * group(), 1, row_threads),
                                                                  cost, from, to, labels, rows, pointer<const T>(dloss),
                                                                  none, pointer<const double>(divisor));
    });
  });
  check.finish();
  return dx;
}

}  // namespace engine::ENGINE_CUDA_NS
