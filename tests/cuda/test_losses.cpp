#include <string>

#include "kernels/cuda/losses.h"
#include "kernels/cuda/target_check.h"
#include "tests/cuda/compare.h"

namespace {

Tensor classes_of(const std::vector<std::int64_t>& v) {
  return reference().from_host(v.data(), {static_cast<std::int64_t>(v.size())}, DType::i64);
}

// Row i has class 5 i mod C; every fourth is ignored where asked for.
std::vector<std::int64_t> classes_for(std::int64_t rows, std::int64_t classes, std::int64_t ignored) {
  std::vector<std::int64_t> v;
  for (std::int64_t i = 0; i < rows; ++i) v.push_back(i % 4 == 3 ? ignored : i * 5 % classes);
  return v;
}

Tensor positive(const Shape& s, DType type, std::uint32_t sample) {
  const Tensor x = test::normal(s, DType::f64, sample);
  return reference().cast(
      reference().add(reference().mul(x, x), from_vector(std::vector<double>{0.25}, {}, Device::reference, DType::f64)),
      type);
}
Tensor scalar(double v, DType type) { return from_vector(std::vector<double>{v}, {}, Device::reference, type); }

// On the device, or absent as it was.
Tensor there(const Tensor& t) { return t.defined() ? on_device(t) : Tensor(); }

constexpr Reduction reductions[] = {Reduction::mean, Reduction::sum, Reduction::none};

// Counts the launches of kernels whose name has a part.
class Launches final : public gpu::LaunchObserver {
 public:
  explicit Launches(std::string part) : part_(std::move(part)) { context().observer = this; }
  ~Launches() override { context().observer = nullptr; }
  void launched(std::string_view name, const gpu::LaunchShape&, const gpu::Cost&) override {
    count += gpu::kernel_name(name).find(part_) != std::string_view::npos;
  }
  int count = 0;

 private:
  std::string part_;
};

}  // namespace

TEST_CASE("Cross-entropy, its saved probabilities and its gradient equal the reference") {
  for (const DType type : test::floating)
    for (const Shape& s :
         {Shape{1, 1}, Shape{7, 3}, Shape{33, 10}, Shape{9, 37}, Shape{5, 264}, Shape{2, 2200}, Shape{4500, 4}})
      for (const double smoothing : {0.0, 0.1})
        for (const bool weighted : {false, true})
          for (const std::int64_t ignored : {-100L, 1L})
            for (const Reduction reduction : reductions) {
              CAPTURE(s.str());
              CAPTURE(name_of(type));
              CAPTURE(smoothing);
              CAPTURE(weighted);
              CAPTURE(ignored);
              if (s[0] > 1000 && (ignored == 1 || reduction == Reduction::none || smoothing > 0)) continue;
              const CrossEntropyParams p{smoothing, ignored, reduction};
              const Tensor x = test::normal(s, type, 60, 2.0), target = classes_of(classes_for(s[0], s[1], ignored));
              const Tensor weight = weighted ? positive({s[1]}, type, 61) : Tensor();
              const auto truth = reference().softmax_cross_entropy(x, target, weight, p);
              const Tensor there_target = on_device(target);
              const auto found = device::softmax_cross_entropy(context(), on_device(x), there_target, there(weight), p);
              check_close(found.loss, truth.loss);
              check_close(found.log_prob, truth.log_prob);
              const Tensor dloss = reduction == Reduction::none ? test::normal({s[0]}, type, 62) : scalar(1.5, type);
              check_close(device::softmax_cross_entropy_backward(context(), on_device(truth.log_prob), there_target,
                                                                 there(weight), on_device(dloss), p),
                          reference().softmax_cross_entropy_backward(truth.log_prob, target, weight, dloss, p));
            }
}

TEST_CASE("The gradient at a target is right also where the network is all but sure") {
  const Tensor log_prob = from_vector(std::vector<double>{-1e-9, -21.0, -22.0}, {1, 3}, Device::reference, DType::f32);
  const Tensor target = classes_of({0}), dloss = scalar(1.0, DType::f32);
  const auto found = to_vector<double>(to_reference(device::softmax_cross_entropy_backward(
      context(), on_device(log_prob), on_device(target), {}, on_device(dloss), {})));
  CHECK(found[0] == doctest::Approx(-1e-9).epsilon(1e-5));
}

TEST_CASE("All rows ignored: the mean is NaN, the sum and every gradient are 0; so is the loss of no rows") {
  const Tensor x = test::normal({3, 4}, DType::f32, 63), target = classes_of({-100, -100, -100});
  for (const Reduction reduction : reductions) {
    const CrossEntropyParams p{0.0, -100, reduction};
    const auto found = device::softmax_cross_entropy(context(), on_device(x), on_device(target), {}, p);
    check_close(found.loss, reference().softmax_cross_entropy(x, target, {}, p).loss);
    if (reduction == Reduction::mean) CHECK(std::isnan(test::memory_of<float>(found.loss)[0]));
    const Tensor dloss = reduction == Reduction::none ? test::normal({3}, DType::f32, 64) : scalar(1.0, DType::f32);
    const Tensor dx =
        device::softmax_cross_entropy_backward(context(), found.log_prob, on_device(target), {}, on_device(dloss), p);
    CHECK(test::memory_of<float>(dx) == std::vector<float>(12, 0.0f));
    const auto empty = device::softmax_cross_entropy(context(), on_device(test::normal({0, 4}, DType::f32, 1)),
                                                     on_device(classes_of({})), {}, p);
    check_close(empty.loss,
                reference().softmax_cross_entropy(test::normal({0, 4}, DType::f32, 1), classes_of({}), {}, p).loss);
  }
}

TEST_CASE("A class of weight 0 adds nothing to the loss, also where its probability is 0") {
  const Tensor x =
      from_vector(std::vector<double>{0, -infinity, 1, -infinity, 2, 0}, {2, 3}, Device::reference, DType::f32);
  const Tensor weight = from_vector(std::vector<double>{1, 0, 2}, {3}, Device::reference, DType::f32);
  for (const double smoothing : {0.0, 0.2})
    for (const std::int64_t t : {0, 1, 2}) {
      const CrossEntropyParams p{smoothing, -100, Reduction::none};
      const Tensor target = classes_of({t, 2});
      check_close(device::softmax_cross_entropy(context(), on_device(x), on_device(target), on_device(weight), p).loss,
                  reference().softmax_cross_entropy(x, target, weight, p).loss);
    }
}

TEST_CASE("A target that is no class is an error that names the first such row") {
  std::vector<std::int64_t> v = classes_for(3000, 10, -100);
  const Tensor x = on_device(test::normal({3000, 10}, DType::f32, 65)), dloss = on_device(scalar(1.0, DType::f32));
  v[2900] = v[1234] = -7;
  v[101] = 10;
  const Tensor target = on_device(classes_of(v));
  for (const Reduction reduction : {Reduction::mean, Reduction::none}) {
    const CrossEntropyParams p{0.1, -100, reduction};
    CHECK_THROWS_WITH_AS(device::softmax_cross_entropy(context(), x, target, {}, p),
                         "softmax_cross_entropy: target 10 of row 101 is outside of [0, 10)", DataError);
  }
  CHECK_THROWS_AS(device::softmax_cross_entropy_backward(context(), x, target, {}, dloss, {}), DataError);
  const Tensor huge = on_device(classes_of({std::numeric_limits<std::int64_t>::max(), -100}));
  CHECK_THROWS_AS(
      device::softmax_cross_entropy(context(), on_device(test::normal({2, 3}, DType::f32, 1)), huge, {}, {}),
      DataError);
}

TEST_CASE("Targets are searched once: not for the gradient, not again, but after they were written") {
  const Tensor x = on_device(test::normal({3, 4}, DType::f32, 66)), target = on_device(classes_of({0, 3, -100}));
  const Tensor dloss = on_device(scalar(1.0, DType::f32));
  Launches searches("find_wrong_target");
  const auto r = device::softmax_cross_entropy(context(), x, target, {}, {});
  CHECK(searches.count == 1);
  device::softmax_cross_entropy_backward(context(), r.log_prob, target, {}, dloss, {});
  device::softmax_cross_entropy(context(), x, target, {}, {});
  CHECK(searches.count == 1);
  // Fewer classes, another index to ignore: other questions.
  CHECK_THROWS_AS(
      device::softmax_cross_entropy(context(), on_device(test::normal({3, 3}, DType::f32, 1)), target, {}, {}),
      DataError);
  CHECK_THROWS_AS(device::softmax_cross_entropy(context(), x, target, {}, {0.0, 2, Reduction::mean}), DataError);
  CHECK(searches.count == 3);
  device::copy_(context(), target, on_device(classes_of({0, 4, 1})));
  CHECK_THROWS_AS(device::softmax_cross_entropy(context(), x, target, {}, {}), DataError);
  // What was found wrong is searched again.
  CHECK_THROWS_AS(device::softmax_cross_entropy(context(), x, target, {}, {}), DataError);
  // A check as soon as targets are there spares the loss its own.
  const Tensor fresh = on_device(classes_of({1, 1, 2}));
  device::TargetCheck(context(), fresh, 4, -100).finish();
  const int before = searches.count;
  device::softmax_cross_entropy(context(), x, fresh, {}, {});
  CHECK(searches.count == before);
}

TEST_CASE("Binary cross-entropy and its gradient equal the reference, with missing labels and positive weights") {
  for (const DType type : test::floating)
    for (const Shape& s : {Shape{1, 1}, Shape{7, 3}, Shape{33, 14}, Shape{700, 9}, Shape{0, 3}, Shape{3, 0}})
      for (const bool weighted : {false, true})
        for (const Reduction reduction : reductions) {
          CAPTURE(s.str());
          CAPTURE(name_of(type));
          CAPTURE(weighted);
          const BceParams p{reduction};
          const Tensor x = test::normal(s, type, 70, 3.0);
          std::vector<double> v;
          for (std::int64_t i = 0; i < s.numel(); ++i)
            v.push_back(std::vector<double>{0.0, 1.0, -1.0, 0.25, 1.0}[static_cast<std::size_t>(i % 5)]);
          const Tensor target = from_vector(v, s, Device::reference, type);
          const Tensor weight = weighted ? positive({s[1]}, type, 71) : Tensor();
          check_close(device::bce_with_logits(context(), on_device(x), on_device(target), there(weight), p),
                      reference().bce_with_logits(x, target, weight, p));
          const Tensor dloss = reduction == Reduction::none ? test::normal(s, type, 72) : scalar(1.5, type);
          check_close(device::bce_with_logits_backward(context(), on_device(x), on_device(target), there(weight),
                                                       on_device(dloss), p),
                      reference().bce_with_logits_backward(x, target, weight, dloss, p));
        }
}

TEST_CASE("Binary cross-entropy far out, and of missing labels only") {
  const Tensor x =
      from_vector(std::vector<double>{100, -100, 100, -100, 30, -30}, {6, 1}, Device::reference, DType::f32);
  const Tensor t = from_vector(std::vector<double>{1, 0, 0, 1, 1, 0}, {6, 1}, Device::reference, DType::f32);
  const Tensor ones = from_vector(std::vector<double>(6, 1.0), {6, 1}, Device::reference, DType::f32);
  const auto each = [](const Tensor& found, const Tensor& truth) {
    const auto a = to_vector<double>(to_reference(found)), b = to_vector<double>(truth);
    for (std::size_t i = 0; i < b.size(); ++i) CHECK(std::fabs(a[i] - b[i]) <= 2e-6 * std::fabs(b[i]) + 1e-38);
  };
  const BceParams none{Reduction::none};
  each(device::bce_with_logits(context(), on_device(x), on_device(t), {}, none),
       reference().bce_with_logits(x, t, {}, none));
  each(device::bce_with_logits_backward(context(), on_device(x), on_device(t), {}, on_device(ones), none),
       reference().bce_with_logits_backward(x, t, {}, ones, none));
  const Tensor missing = from_vector(std::vector<double>(6, -1.0), {6, 1}, Device::reference, DType::f32);
  CHECK(test::memory_of<float>(device::bce_with_logits(context(), on_device(x), on_device(missing), {}, {}))[0] ==
        0.0f);
  CHECK(test::memory_of<float>(device::bce_with_logits_backward(context(), on_device(x), on_device(missing), {},
                                                                on_device(scalar(1, DType::f32)), {})) ==
        std::vector<float>(6, 0.0f));
}

TEST_CASE("Losses give the same bits again, from many blocks too") {
  const Tensor x = on_device(test::normal({9000, 2}, DType::f32, 73)),
               t = on_device(from_vector(std::vector<double>(18000, 1.0), {9000, 2}, Device::reference, DType::f32));
  CHECK(test::same_bits(to_reference(device::bce_with_logits(context(), x, t, {}, {})),
                        to_reference(device::bce_with_logits(context(), x, t, {}, {}))));
}

TEST_CASE("Losses refuse what does not fit with a typed error") {
  gpu::Context& c = context();
  const Tensor x = on_device(test::normal({2, 3}, DType::f32, 1)), t = on_device(classes_of({0, 1})),
               loss = on_device(scalar(1, DType::f32));
  const Tensor half = on_device(test::normal({3}, DType::f16, 1)), four = on_device(test::normal({4}, DType::f32, 1));
  CHECK_THROWS_AS(device::softmax_cross_entropy(c, half, t, {}, {}), UsageError);
  CHECK_THROWS_AS(device::softmax_cross_entropy(c, x, on_device(classes_of({0})), {}, {}), UsageError);
  CHECK_THROWS_AS(device::softmax_cross_entropy(c, x, loss, {}, {}), UsageError);
  CHECK_THROWS_AS(device::softmax_cross_entropy(c, x, t, four, {}), UsageError);
  CHECK_THROWS_AS(device::softmax_cross_entropy(c, x, t, half, {}), UsageError);
  CHECK_THROWS_AS(device::softmax_cross_entropy_backward(c, x, t, {}, four, {}), UsageError);
  CHECK_THROWS_AS(device::bce_with_logits(c, x, t, {}, {}), UsageError);
  CHECK_THROWS_AS(device::bce_with_logits(c, x, x, half, {}), UsageError);
  CHECK_THROWS_AS(device::bce_with_logits(c, x, device::cast(c, x, DType::f16), {}, {}), UsageError);
  CHECK_THROWS_AS(device::bce_with_logits_backward(c, x, x, {}, four, {}), UsageError);
}
