// Calls that make no sense: a UsageError that names the operation, before anything is computed or written.
#include <functional>
#include <set>

#include "tests/kernels/support.h"

using namespace engine;

namespace {

// Tensors of one device.
struct Bench {
  Backend& backend;
  Tensor t(const Shape& shape) const { return full(shape, 0.5, type(), backend.device()); }
  Tensor labels(const Shape& shape) const { return full(shape, 1.0, DType::i64, backend.device()); }
  DType type() const { return backend.device() == Device::reference ? DType::f64 : DType::f32; }
  OptimizerSlot slot(const Shape& grad, const Shape& m, const Shape& v) const {
    return {t({3}), t(grad), t(m), t(v)};
  }
  UpdateNumbers numbers(Tensor norm = {}) const { return update_numbers(0.1, 2, backend.device(), std::move(norm)); }
};

struct Wrong {
  std::string op;
  std::function<void(Backend&, const Bench&)> call;
};

Pool2dParams pool(std::int64_t kernel, std::int64_t padding) {
  return {{kernel, kernel}, {1, 1}, Padding2d::same(padding), false, true};
}

Conv2dParams conv(std::int64_t groups, std::int64_t stride, std::int64_t padding) {
  return {{stride, stride}, Padding2d::same(padding), {1, 1}, groups};
}

std::vector<Wrong> convolution_and_products() {
  const auto conv2d = [](const Shape& x, const Shape& w, const Conv2dParams& p) {
    return Wrong{"conv2d", [=](Backend& b, const Bench& k) { b.conv2d(k.t(x), k.t(w), {}, p); }};
  };
  return {
      conv2d({2, 3, 4}, {5, 3, 1, 1}, {}),
      conv2d({2, 3, 4, 4}, {5, 4, 1, 1}, {}),
      conv2d({2, 3, 4, 4}, {5, 3, 5, 5}, {}),
      conv2d({2, 4, 4, 4}, {5, 2, 1, 1}, conv(2, 1, 0)),
      conv2d({2, 3, 4, 4}, {5, 3, 1, 1}, conv(0, 1, 0)),
      conv2d({2, 3, 4, 4}, {5, 3, 1, 1}, conv(1, 0, 0)),
      conv2d({2, 3, 9, 9}, {5, 3, 3, 3}, conv(1, 1, -1)),
      {"conv2d",
       [](Backend& b, const Bench& k) {
         b.conv2d(k.t({2, 3, 4, 4}), k.t({5, 3, 1, 1}), k.t({4}), {});
       }},
      {"conv2d_backward",
       [](Backend& b, const Bench& k) {
         b.conv2d_backward(k.t({2, 3, 4, 4}), k.t({5, 3, 1, 1}), k.t({2, 5, 3, 4}), {}, {});
       }},
      {"matmul",
       [](Backend& b, const Bench& k) {
         b.matmul(k.t({2, 3}), k.t({2, 3}), false, false);
       }},
      {"matmul",
       [](Backend& b, const Bench& k) {
         b.matmul(k.t({2, 3}), k.t({3, 2}), true, false);
       }},
      {"matmul",
       [](Backend& b, const Bench& k) {
         b.matmul(k.t({2, 3, 1}), k.t({3, 2}), false, false);
       }},
  };
}

std::vector<Wrong> normalization() {
  const auto train = [](const Shape& x, const Shape& weight, const Shape& bias, const Shape& mean, const Shape& var) {
    return Wrong{"batch_norm_train", [=](Backend& b, const Bench& k) {
                   b.batch_norm_train(k.t(x), {}, k.t(weight), k.t(bias), k.t(mean), k.t(var), {});
                 }};
  };
  return {
      train({4}, {4}, {4}, {4}, {4}),
      train({2, 4}, {3}, {4}, {4}, {4}),
      train({2, 4}, {4}, {5}, {4}, {4}),
      train({2, 4}, {4}, {4}, {1}, {4}),
      train({2, 4}, {4}, {4}, {4}, {1, 4}),
      train({1, 4, 1, 1}, {4}, {4}, {4}, {4}),
      {"batch_norm_train",
       [](Backend& b, const Bench& k) {
         b.batch_norm_train(k.t({2, 4}), {}, k.t({4}), k.t({4}), k.t({4}), {}, {});
       }},
      {"batch_norm_train",
       [](Backend& b, const Bench& k) {
         b.batch_norm_train(k.t({2, 4}), k.t({4}), k.t({4}), k.t({4}), {}, {}, {});
       }},
      {"batch_norm_train_backward",
       [](Backend& b, const Bench& k) {
         const Tensor x = k.t({2, 4}), c = k.t({4});
         b.batch_norm_train_backward(x, {}, c, c, c, c, k.t({4, 2}), {}, false, {});
       }},
      {"batch_norm_train_backward",
       [](Backend& b, const Bench& k) {
         const Tensor x = k.t({2, 4}), c = k.t({4});
         b.batch_norm_train_backward(x, {}, c, c, k.t({3}), c, x, {}, false, {});
       }},
      {"batch_norm_train_backward",
       [](Backend& b, const Bench& k) {
         const Tensor x = k.t({2, 4}), c = k.t({4});
         b.batch_norm_train_backward(x, {}, c, c, c, c, x, k.t({4, 2}), false, {});
       }},
      {"batch_norm_eval",
       [](Backend& b, const Bench& k) {
         b.batch_norm_eval(k.t({2, 4}), {}, k.t({4}), k.t({4}), k.t({2}), k.t({4}), {});
       }},
      {"batch_norm_eval",
       [](Backend& b, const Bench& k) {
         b.batch_norm_eval(k.t({2, 4}), {}, k.t({4}), k.t({4}), {}, {}, {});
       }},
      {"batch_norm_eval_backward",
       [](Backend& b, const Bench& k) {
         const Tensor x = k.t({2, 4}), c = k.t({4});
         b.batch_norm_eval_backward(x, {}, c, c, c, c, k.t({2, 5}), false, {});
       }},
      {"batch_norm_eval_backward",
       [](Backend& b, const Bench& k) {
         const Tensor x = k.t({2, 4}), c = k.t({4});
         b.batch_norm_eval_backward(x, {}, k.t({5}), c, c, c, x, false, {});
       }},
      {"layer_norm",
       [](Backend& b, const Bench& k) {
         b.layer_norm(k.t({2, 4}), k.t({2}), k.t({4}), 1, 1e-5);
       }},
      {"layer_norm",
       [](Backend& b, const Bench& k) {
         b.layer_norm(k.t({2, 4}), k.t({4}), k.t({2}), 1, 1e-5);
       }},
      {"layer_norm",
       [](Backend& b, const Bench& k) {
         b.layer_norm(k.t({2, 4}), k.t({4}), k.t({4}), 0, 1e-5);
       }},
      {"layer_norm",
       [](Backend& b, const Bench& k) {
         b.layer_norm(k.t({2, 4}), k.t({4}), k.t({4}), 3, 1e-5);
       }},
      {"layer_norm_backward",
       [](Backend& b, const Bench& k) {
         b.layer_norm_backward(k.t({2, 4}), k.t({4}), k.t({2}), k.t({2}), k.t({4, 2}), 1);
       }},
      {"layer_norm_backward",
       [](Backend& b, const Bench& k) {
         b.layer_norm_backward(k.t({2, 4}), k.t({4}), k.t({3}), k.t({2}), k.t({2, 4}), 1);
       }},
  };
}

std::vector<Wrong> elementwise_and_shape() {
  return {
      {"copy_",
       [](Backend& b, const Bench& k) {
         b.copy_(k.t({2, 3}), k.t({3, 2}));
       }},
      {"copy_", [](Backend& b, const Bench& k) { b.copy_(k.t({2}), k.labels({2})); }},
      {"cast_all", [](Backend& b, const Bench& k) { b.cast_all({k.t({2}), k.labels({2})}, DType::f32); }},
      {"cast_all", [](Backend& b, const Bench& k) { b.cast_all({k.t({2})}, DType::i64); }},
      {"activation_backward",
       [](Backend& b, const Bench& k) {
         b.activation_backward(k.t({2, 3}), k.t({6}), {});
       }},
      {"add",
       [](Backend& b, const Bench& k) {
         b.add(k.t({2, 3}), k.t({2}));
       }},
      {"mul",
       [](Backend& b, const Bench& k) {
         b.mul(k.t({2, 3}), k.t({4, 3}));
       }},
      {"accumulate_",
       [](Backend& b, const Bench& k) {
         b.accumulate_(k.t({2, 3}), k.t({3}));
       }},
      {"dropout", [](Backend& b, const Bench& k) { b.dropout(k.t({2}), 1.0, {}); }},
      {"dropout", [](Backend& b, const Bench& k) { b.dropout(k.t({2}), -0.1, {}); }},
      {"dropout", [](Backend& b, const Bench& k) { b.dropout(k.t({2}), std::nan(""), {}); }},
      {"concat", [](Backend& b, const Bench&) { b.concat({}, 0); }},
      {"concat",
       [](Backend& b, const Bench& k) {
         b.concat({k.t({2, 3}), k.t({2, 4})}, 0);
       }},
      {"concat",
       [](Backend& b, const Bench& k) {
         b.concat({k.t({2, 3}), k.t({2})}, 0);
       }},
      {"concat",
       [](Backend& b, const Bench& k) {
         b.concat({k.t({2}), k.labels({2})}, 0);
       }},
      {"concat",
       [](Backend& b, const Bench& k) {
         b.concat({k.t({2, 3})}, 2);
       }},
      {"slice",
       [](Backend& b, const Bench& k) {
         b.slice(k.t({2, 3}), {0, 1}, {2, 3});
       }},
      {"slice",
       [](Backend& b, const Bench& k) {
         b.slice(k.t({2, 3}), {0, -1}, {2, 3});
       }},
      {"slice",
       [](Backend& b, const Bench& k) {
         b.slice(k.t({2, 3}), {0}, {2, 3});
       }},
      {"slice",
       [](Backend& b, const Bench& k) {
         b.slice(k.t({2, 3}), {0, 0}, {2});
       }},
      {"pad",
       [](Backend& b, const Bench& k) {
         b.pad(k.t({2, 3}), {0}, {0, 0}, 0.0);
       }},
      {"pad",
       [](Backend& b, const Bench& k) {
         b.pad(k.t({2, 3}), {0, 0}, {0, -1}, 0.0);
       }},
      {"transpose",
       [](Backend& b, const Bench& k) {
         b.transpose(k.t({2, 3}), {0});
       }},
      {"transpose",
       [](Backend& b, const Bench& k) {
         b.transpose(k.t({2, 3}), {0, 0});
       }},
      {"transpose",
       [](Backend& b, const Bench& k) {
         b.transpose(k.t({2, 3}), {0, 2});
       }},
      {"broadcast_to",
       [](Backend& b, const Bench& k) {
         b.broadcast_to(k.t({2, 3}), {3});
       }},
      {"broadcast_to",
       [](Backend& b, const Bench& k) {
         b.broadcast_to(k.t({2, 3}), {2, 4});
       }},
      {"sum",
       [](Backend& b, const Bench& k) {
         b.sum(k.t({2, 3}), {2}, false);
       }},
      {"sum",
       [](Backend& b, const Bench& k) {
         b.sum(k.t({2, 3}), {-1}, false);
       }},
      {"mean",
       [](Backend& b, const Bench& k) {
         b.mean(k.t({2, 3}), {1, 1}, true);
       }},
      {"sum_to",
       [](Backend& b, const Bench& k) {
         b.sum_to(k.t({2, 3}), {2});
       }},
      {"sum_to",
       [](Backend& b, const Bench& k) {
         b.sum_to(k.t({3}), {2, 3});
       }},
  };
}

std::vector<Wrong> pooling() {
  return {
      {"max_pool2d",
       [](Backend& b, const Bench& k) {
         b.max_pool2d(k.t({2, 4, 4}), pool(2, 0));
       }},
      {"max_pool2d",
       [](Backend& b, const Bench& k) {
         b.max_pool2d(k.t({1, 1, 4, 4}), pool(5, 0));
       }},
      {"max_pool2d",
       [](Backend& b, const Bench& k) {
         b.max_pool2d(k.t({1, 1, 4, 4}), pool(2, 2));
       }},
      {"max_pool2d",
       [](Backend& b, const Bench& k) {
         b.max_pool2d(k.t({1, 1, 4, 4}), pool(2, -1));
       }},
      {"max_pool2d",
       [](Backend& b, const Bench& k) {
         b.max_pool2d(k.t({1, 1, 20, 20}), pool(17, 0));
       }},
      {"max_pool2d_backward",
       [](Backend& b, const Bench& k) {
         const Tensor argmax = b.max_pool2d(k.t({1, 1, 4, 4}), pool(2, 0)).argmax;
         b.max_pool2d_backward(k.t({1, 1, 2, 2}), argmax, {1, 1, 4, 4}, pool(2, 0));
       }},
      {"max_pool2d_backward",
       [](Backend& b, const Bench& k) {
         const Tensor argmax = b.max_pool2d(k.t({1, 1, 3, 3}), pool(2, 0)).argmax;
         b.max_pool2d_backward(k.t({1, 1, 3, 3}), argmax, {1, 1, 4, 4}, pool(2, 0));
       }},
      {"avg_pool2d",
       [](Backend& b, const Bench& k) {
         b.avg_pool2d(k.t({4, 4}), pool(2, 0));
       }},
      {"avg_pool2d",
       [](Backend& b, const Bench& k) {
         b.avg_pool2d(k.t({1, 1, 4, 4}), pool(0, 0));
       }},
      {"avg_pool2d_backward",
       [](Backend& b, const Bench& k) {
         b.avg_pool2d_backward(k.t({1, 1, 4, 4}), {1, 1, 4, 4}, pool(2, 0));
       }},
      {"adaptive_avg_pool2d",
       [](Backend& b, const Bench& k) {
         b.adaptive_avg_pool2d(k.t({4, 4}), 1, 1);
       }},
      {"adaptive_avg_pool2d",
       [](Backend& b, const Bench& k) {
         b.adaptive_avg_pool2d(k.t({1, 1, 4, 4}), 0, 1);
       }},
      {"adaptive_avg_pool2d_backward",
       [](Backend& b, const Bench& k) {
         b.adaptive_avg_pool2d_backward(k.t({1, 2, 1, 1}), {1, 3, 4, 4});
       }},
      {"resize_bilinear",
       [](Backend& b, const Bench& k) {
         b.resize_bilinear(k.t({4, 4}), 2, 2);
       }},
      {"resize_bilinear",
       [](Backend& b, const Bench& k) {
         b.resize_bilinear(k.t({1, 1, 4, 4}), 2, 0);
       }},
      {"resize_bilinear_backward",
       [](Backend& b, const Bench& k) {
         b.resize_bilinear_backward(k.t({1, 2, 2, 2}), {2, 2, 4, 4});
       }},
  };
}

std::vector<Wrong> losses() {
  return {
      {"softmax",
       [](Backend& b, const Bench& k) {
         b.softmax(k.t({2, 3}), 2);
       }},
      {"softmax_backward",
       [](Backend& b, const Bench& k) {
         b.softmax_backward(k.t({2, 3}), k.t({3, 2}), 1);
       }},
      {"log_softmax",
       [](Backend& b, const Bench& k) {
         b.log_softmax(k.t({2, 3}), -1);
       }},
      {"log_softmax_backward",
       [](Backend& b, const Bench& k) {
         b.log_softmax_backward(k.t({2, 3}), k.t({2, 3}), 2);
       }},
      {"softmax_cross_entropy",
       [](Backend& b, const Bench& k) { b.softmax_cross_entropy(k.t({6}), k.labels({6}), {}, {}); }},
      {"softmax_cross_entropy",
       [](Backend& b, const Bench& k) {
         b.softmax_cross_entropy(k.t({2, 3}), k.labels({3}), {}, {});
       }},
      {"softmax_cross_entropy",
       [](Backend& b, const Bench& k) {
         b.softmax_cross_entropy(k.t({2, 3}), k.t({2}), {}, {});
       }},
      {"softmax_cross_entropy",
       [](Backend& b, const Bench& k) {
         b.softmax_cross_entropy(k.t({2, 3}), k.labels({2}), k.t({2}), {});
       }},
      {"softmax_cross_entropy_backward",
       [](Backend& b, const Bench& k) {
         b.softmax_cross_entropy_backward(k.t({2, 3}), k.labels({2}), {}, k.t({2}), {});
       }},
      {"bce_with_logits",
       [](Backend& b, const Bench& k) {
         b.bce_with_logits(k.t({2, 3}), k.t({3, 2}), {}, {});
       }},
      {"bce_with_logits", [](Backend& b, const Bench& k) { b.bce_with_logits(k.t({6}), k.t({6}), {}, {}); }},
      {"bce_with_logits",
       [](Backend& b, const Bench& k) {
         b.bce_with_logits(k.t({2, 3}), k.t({2, 3}), k.t({2}), {});
       }},
      {"bce_with_logits_backward",
       [](Backend& b, const Bench& k) {
         b.bce_with_logits_backward(k.t({2, 3}), k.t({2, 3}), {}, k.t({2, 3}), {});
       }},
  };
}

std::vector<Wrong> optimizers() {
  return {
      {"sgd_", [](Backend& b, const Bench& k) { b.sgd_({k.slot({4}, {3}, {3})}, {}, k.numbers()); }},
      {"sgd_",
       [](Backend& b, const Bench& k) {
         b.sgd_({k.slot({3}, {4}, {3})}, {0.9, 0.0, false}, k.numbers());
       }},
      {"sgd_",
       [](Backend& b, const Bench& k) {
         b.sgd_({{k.t({3}), {}, {}, {}}}, {}, k.numbers());
       }},
      {"sgd_", [](Backend& b, const Bench& k) { b.sgd_({k.slot({3}, {3}, {3})}, {}, {}); }},
      {"sgd_", [](Backend& b, const Bench& k) { b.sgd_({k.slot({3}, {3}, {3})}, {}, {k.t({2, 1}), {}}); }},
      {"sgd_", [](Backend& b, const Bench& k) { b.sgd_({k.slot({3}, {3}, {3})}, {}, k.numbers(k.t({2}))); }},
      {"adam_",
       [](Backend& b, const Bench& k) {
         b.adam_({k.slot({3}, {3}, {1, 3})}, {}, k.numbers());
       }},
      {"adam_",
       [](Backend& b, const Bench& k) {
         b.adam_({{k.t({3}), k.t({3}), {}, k.t({3})}}, {}, k.numbers());
       }},
      {"rmsprop_", [](Backend& b, const Bench& k) { b.rmsprop_({k.slot({3}, {3}, {2})}, {}, k.numbers()); }},
      {"ema_", [](Backend& b, const Bench& k) { b.ema_({k.t({3})}, {}, 0.9, {}); }},
      {"ema_",
       [](Backend& b, const Bench& k) {
         b.ema_({k.t({3})}, {k.t({1, 3})}, 0.9, {});
       }},
      {"ema_", [](Backend& b, const Bench& k) { b.ema_({k.t({3})}, {k.t({3})}, 0.9, k.labels({1})); }},
      {"clip_grad_norm_", [](Backend& b, const Bench&) { b.clip_grad_norm_({}, 1.0, {}); }},
      {"clip_grad_norm_", [](Backend& b, const Bench& k) { b.clip_grad_norm_({k.t({3})}, 1.0, k.labels({1})); }},
  };
}

std::vector<Wrong> decompositions() {
  return {
      {"eigh", [](Backend& b, const Bench& k) { b.eigh(k.t({2, 3})); }},
      {"eigh", [](Backend& b, const Bench& k) { b.eigh(k.t({4})); }},
      {"eigh", [](Backend& b, const Bench&) { b.eigh(full({2, 2}, 1.0, DType::f16, b.device())); }},
      {"eigh", [](Backend& b, const Bench& k) { b.eigh(k.labels({2, 2})); }},
      {"svd", [](Backend& b, const Bench& k) { b.svd(k.t({2, 3, 1})); }},
      {"svd", [](Backend& b, const Bench&) { b.svd(full({2, 3}, 1.0, DType::bf16, b.device())); }},
  };
}

std::vector<Wrong> covariances() {
  const auto call = [](const Shape& products, const Shape& sums, const Shape& x, const Shape& pivot,
                       DType kept = DType::f64) {
    return Wrong{"accumulate_covariance_", [=](Backend& b, const Bench& k) {
                   const auto wide = [&](const Shape& s, DType t) { return full(s, 0.5, t, b.device()); };
                   b.accumulate_covariance_(wide(products, kept), wide(sums, DType::f64), k.t(x),
                                            wide(pivot, DType::f64));
                 }};
  };
  return {call({3, 3}, {3}, {5, 4}, {3}),    call({3, 4}, {3}, {5, 3}, {3}), call({3, 3}, {4}, {5, 3}, {3}),
          call({3, 3}, {3}, {5, 3}, {1}),    call({3, 3}, {3}, {3}, {3}),    call({3, 3}, {3}, {5, 3, 1}, {3}),
          call({3, 3}, {3}, {5, 3}, {3}, DType::f32)};
}

std::vector<Wrong> all_wrong_calls() {
  std::vector<Wrong> all;
  for (auto family : {convolution_and_products, normalization, elementwise_and_shape, covariances, decompositions, pooling,
                      losses, optimizers})
    for (Wrong& w : family()) all.push_back(std::move(w));
  return all;
}

}  // namespace

TEST_CASE("Shapes and attributes that do not fit throw a UsageError on every backend") {
  test::register_backends();
  const std::vector<Wrong> all = all_wrong_calls();
  for (std::size_t i = 0; i < all.size(); ++i)
    for (const Device device : {Device::cpu, Device::reference}) {
      Backend& b = backend_of(device);
      INFO("call ", i, ", ", all[i].op, " on ", name_of(device));
      CHECK_THROWS_AS(all[i].call(b, Bench{b}), UsageError);
    }
}

TEST_CASE("Every operation that two arguments of could misfit is called wrongly above") {
  // These take one tensor of any shape.
  std::set<std::string> called = {"from_host", "to_host",       "to_plain",   "clone", "cast",
                                  "fill_",     "has_nonfinite", "activation", "scale"};
  for (const Wrong& wrong : all_wrong_calls()) called.insert(wrong.op);
  for (const std::string_view op : op_names()) CHECK_MESSAGE(called.count(std::string(op)) == 1, op);
}

TEST_CASE("An error leaves its operands as they were") {
  test::register_backends();
  for (const Device device : {Device::cpu, Device::reference}) {
    Backend& b = backend_of(device);
    const Bench k{b};
    const Tensor mean = k.t({4}), var = k.t({4});
    CHECK_THROWS_AS(b.batch_norm_train(k.t({1, 4, 1, 1}), {}, k.t({4}), k.t({4}), mean, var, {}), UsageError);
    CHECK(to_vector<double>(mean) == std::vector<double>(4, 0.5));
    const OptimizerSlot good = k.slot({3}, {3}, {3}), bad = k.slot({4}, {3}, {3});
    CHECK_THROWS_AS(b.sgd_({good, bad}, {}, k.numbers()), UsageError);
    CHECK(to_vector<double>(good.param) == std::vector<double>(3, 0.5));
    const Tensor average = k.t({3});
    CHECK_THROWS_AS(b.ema_({average, k.t({2})}, {full({3}, 1.0, k.type(), device), k.t({3})}, 0.5, {}), UsageError);
    CHECK(to_vector<double>(average) == std::vector<double>(3, 0.5));
  }
}

TEST_CASE("A label outside the classes is a DataError that names the row") {
  test::register_backends();
  for (const Device device : {Device::cpu, Device::reference}) {
    Backend& b = backend_of(device);
    const Bench k{b};
    for (const std::int64_t label : {3, -1, -100}) {
      const Tensor target = from_vector(std::vector<std::int64_t>{0, label}, {2}, device);
      CrossEntropyParams p;
      p.ignore_index = 99;
      CHECK_THROWS_WITH_AS(b.softmax_cross_entropy(k.t({2, 3}), target, {}, p), doctest::Contains("row 1"), DataError);
    }
  }
}

TEST_CASE("Device cpu computes in f32 only and says so") {
  test::register_backends();
  Backend& b = backend_of(Device::cpu);
  const Tensor x = full({2, 3}, 1.0, DType::f64, Device::cpu), c = full({3}, 1.0, DType::f32, Device::cpu);
  CHECK_THROWS_WITH_AS(b.activation(x, {}), doctest::Contains("computes in f32"), UsageError);
  CHECK_THROWS_WITH_AS(b.matmul(x, x, true, false), doctest::Contains("computes in f32"), UsageError);
  CHECK_THROWS_WITH_AS(b.add(x, c), doctest::Contains("computes in f32"), UsageError);
  CHECK_THROWS_WITH_AS(b.batch_norm_train(x, {}, c, c, {}, {}, {}), doctest::Contains("computes in f32"), UsageError);
}
