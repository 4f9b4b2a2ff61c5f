// Every step of every ladder (docs/ladder) against the double-precision reference, as the step that is used is.
#include <doctest/doctest.h>

#include <fstream>
#include <sstream>

#include "kernels/cuda/batch_norm.h"
#include "kernels/cuda/convolution.h"
#include "kernels/cuda/matmul.h"
#include "tests/cuda/conv_cases.h"

namespace {

// The device takes a step for as long as it lives.
class Taking {
 public:
  Taking(std::string_view ladder, std::size_t step) : former_(context().kernels) {
    gpu::choose_kernel(context().kernels, fmt::format("{}={}", ladder, step));
  }
  ~Taking() { context().kernels = former_; }
  Taking(const Taking&) = delete;
  Taking& operator=(const Taking&) = delete;

 private:
  gpu::KernelChoice former_;
};

// Calls f() with the device at each step.
template <class F>
void for_each_step(std::string_view op, F&& f) {
  const gpu::Ladder& ladder = *gpu::ladder_of(op);
  for (std::size_t i = 0; i < ladder.steps.size(); ++i) {
    CAPTURE(std::string(ladder.steps[i].name));
    const Taking step(ladder.name, i + 1);
    f();
  }
}

// The kernels that f launches, without template arguments, and their grids.
template <class F>
std::vector<std::string> kernels_of(F&& f) {
  struct Names final : gpu::LaunchObserver {
    std::vector<std::string> all;
    void launched(std::string_view function, const gpu::LaunchShape& shape, const gpu::Cost&) override {
      const std::string_view name = gpu::kernel_name(function);
      all.push_back(fmt::format("{} {}x{}", name.substr(0, name.find('<')), shape.grid.x, shape.grid.y));
    }
  } names;
  context().observer = &names;
  f();
  context().observer = nullptr;
  return names.all;
}

std::string page(const std::string& name) {
  std::ifstream in(std::string(SOURCE_DIR) + "/docs/ladder/" + name);
  return {std::istreambuf_iterator<char>(in), {}};
}

}  // namespace

TEST_CASE("Each step of matmul equals the reference in every type, transposed or not, and repeats its bits") {
  struct Size {
    std::int64_t m, n, k;
  };
  for_each_step("matmul", [] {
    for (const DType type : test::floating)
      for (const Size& s : {Size{1, 5, 3}, Size{17, 16, 33}, Size{72, 80, 24}, Size{9, 67, 130}, Size{13, 10, 0}, Size{0, 4, 3}})
        for (const bool ta : {false, true})
          for (const bool tb : {false, true}) {
            CAPTURE(name_of(type));
            CAPTURE(s.m);
            CAPTURE(ta);
            CAPTURE(tb);
            const Tensor a = test::normal(ta ? Shape{s.k, s.m} : Shape{s.m, s.k}, type, 60);
            const Tensor b = test::normal(tb ? Shape{s.n, s.k} : Shape{s.k, s.n}, type, 61);
            const Tensor a_ = on_device(a), b_ = on_device(b);
            const Tensor y = device::matmul(context(), a_, b_, ta, tb);
            check_sum(y, reference().matmul(a, b, ta, tb), s.k);
            if (s.k == 130) CHECK(same_bits(to_reference(y), to_reference(device::matmul(context(), a_, b_, ta, tb))));
          }
  });
}

TEST_CASE("Each step of conv2d equals the reference in every type and layout, with groups, strides and dilation") {
  // With 16-byte reads, no multiples of anything, groups with a bias, nothing but padding at a corner, depthwise.
  const Padding2d one = Padding2d::same(1);
  const std::vector<ConvCase> cases = {{{2, 3, 7, 5}, {5, 3, 3, 3}, {{1, 1}, one}},
                                       {{1, 16, 6, 7}, {24, 16, 3, 3}, {{1, 1}, one}},
                                       {{2, 16, 9, 7}, {8, 16, 1, 1}, {{2, 2}}},
                                       {{1, 7, 12, 5}, {9, 7, 3, 2}, {{1, 3}, {2, 1, 0, 1}, {3, 2}}},
                                       {{1, 6, 5, 4}, {9, 2, 3, 3}, {{1, 1}, one, {1, 1}, 3}},
                                       {{1, 8, 13, 13}, {16, 4, 3, 4}, {{3, 2}, {3, 1, 2, 3}, {2, 3}, 2}},
                                       {{1, 5, 9, 8}, {5, 1, 5, 3}, {{2, 2}, {2, 1, 1, 2}, {1, 2}, 5}},
                                       {{1, 4, 3, 5}, {16, 4, 2, 2}, {{7, 2}, {0, 0, 3, 1}}},
                                       {{2, 0, 5, 5}, {4, 0, 3, 3}},
                                       {{0, 3, 5, 5}, {4, 3, 3, 3}}};
  for_each_step("conv2d", [&] {
    test::for_each_conv(cases, [](DType type, const ConvCase& k, bool last) {
      const Tensor x = test::normal(k.x, type, 70), w = test::normal(k.w, type, 71);
      const Tensor bias = k.w[0] % 2 == 0 ? test::normal({k.w[0]}, type, 72) : Tensor();
      const Tensor y = device::conv2d(context(), on_device(x, last), on_device(w),
                                      bias.defined() ? on_device(bias) : Tensor(), k.p);
      CHECK(device::channels_last(y) == device::has_channels_last(y.shape()));
      check_sum(y, reference().conv2d(x, w, bias, k.p), k.w[1] * k.w[2] * k.w[3]);
    });
  });
}

TEST_CASE("Each step of batch_norm equals the reference in every type and layout: result and all statistics") {
  const std::vector<Shape> shapes = {{13, 7}, {2, 3, 7}, {2, 17, 5, 3}, {3, 40, 7, 7}, {2, 1, 5, 1}, {4, 40, 1, 1}, {1, 5, 31, 37}};
  for_each_step("batch_norm_train", [&] {
    for (const DType type : test::floating)
      for (const Shape& s : shapes)
        for (const bool last : {false, true}) {
          if (last && !device::has_channels_last(s)) continue;
          CAPTURE(s.str());
          CAPTURE(name_of(type));
          CAPTURE(last);
          const Shape channels{s[1]};
          const std::int64_t values = s.numel() / s[1];
          const Tensor x = test::normal(s, type, 1, 2.0), w = test::normal(channels, DType::f32, 3),
                       b = test::normal(channels, DType::f32, 4);
          const Tensor r = s[1] % 2 == 1 ? test::normal(s, type, 2) : Tensor();
          const Tensor mean = test::normal(channels, DType::f32, 5);
          const Tensor var = full(channels, 0.7, DType::f32, Device::reference);
          const Tensor found_mean = on_device(mean), found_var = on_device(var);
          BatchNormParams p;
          p.relu = r.defined();
          const auto truth = reference().batch_norm_train(x, r, w, b, mean, var, p);
          const auto found = device::batch_norm_train(context(), on_device(x, last), r.defined() ? on_device(r) : r,
                                                      on_device(w), on_device(b), found_mean, found_var, p);
          CHECK(device::channels_last(found.y) == last);
          check_close(found.y, truth.y);
          check_sum(found.mean, truth.mean, values);
          check_close(found.inv_std, truth.inv_std);
          check_sum(found_mean, mean, values);
          check_close(found_var, var);
        }
  });
}

TEST_CASE("Far from zero the last step of batch_norm keeps digits that the others lose") {
  const Shape s{3, 8, 31, 32};
  auto v = to_vector<double>(test::normal(s, DType::f32, 41));
  for (double& x : v) x += 1000.0;
  const Tensor x = from_vector(v, s, Device::reference, DType::f32), w = test::normal({8}, DType::f32, 42);
  const Tensor truth = reference().batch_norm_train(x, {}, w, w, {}, {}, {}).y;
  std::vector<double> errors;
  for_each_step("batch_norm_train", [&] {
    errors.push_back(test::error(
        device::batch_norm_train(context(), on_device(x), {}, on_device(w), on_device(w), {}, {}, {}).y, truth));
  });
  const double allowed = conformance::tolerance(DType::f32, 1).element;
  CHECK(errors.back() <= allowed);
  for (std::size_t i = 0; i + 1 < errors.size(); ++i) {
    CAPTURE(i);
    CHECK(errors[i] > allowed);
    CHECK(errors[i] < 1e-3);
  }
}

TEST_CASE("The mask that batch norm's backward computes again is each step's, to the bit") {
  for_each_step("batch_norm_train", [] {
    const Shape s{2, 6, 5, 3}, channels{6};
    const Tensor x = on_device(test::normal(s, DType::f32, 31)), w = on_device(test::normal(channels, DType::f32, 33));
    const Tensor dy = on_device(test::normal(s, DType::f32, 32));
    BatchNormParams p;
    p.relu = true;
    const auto r = device::batch_norm_train(context(), x, {}, w, w, {}, {}, p);
    const auto given = device::batch_norm_train_backward(context(), x, r.y, w, r.mean, r.inv_std, {}, dy, {}, true, p);
    const auto again = device::batch_norm_train_backward(context(), x, {}, w, r.mean, r.inv_std, r.shift, dy, {}, true, p);
    CHECK(same_bits(to_reference(given.dresidual), to_reference(again.dresidual)));
  });
}

TEST_CASE("Every step has kernels or grids of its own, the last those that are used without a choice") {
  const Tensor a = on_device(test::normal({32, 32}, DType::f32, 1)), x = on_device(test::normal({2, 8, 5, 5}, DType::f32, 2), true);
  const Tensor w = on_device(test::normal({8, 8, 3, 3}, DType::f32, 3)), one = on_device(test::normal({8}, DType::f32, 4));
  const auto kernels = [&](std::string_view op) {
    return kernels_of([&] {
      if (op == "matmul") device::matmul(context(), a, a, false, false);
      if (op == "conv2d") device::conv2d(context(), x, w, {}, {});
      if (op == "batch_norm_train") device::batch_norm_train(context(), x, {}, one, one, {}, {}, {});
    });
  };
  for (const gpu::Ladder& ladder : gpu::ladders()) {
    std::vector<std::vector<std::string>> found;
    for_each_step(ladder.op, [&] { found.push_back(kernels(ladder.op)); });
    CHECK(found.back() == kernels(ladder.op));
    for (std::size_t i = 1; i < found.size(); ++i) {
      CAPTURE(ladder.name);
      CAPTURE(i);
      CHECK(found[i] != found[i - 1]);
    }
  }
}

TEST_CASE("A step that does not exist is refused with the list of those that do") {
  gpu::KernelChoice choice;
  gpu::choose_kernel(choice, "batch_norm=2");
  CHECK(choice.batch_norm == 2);
  CHECK(choice.matmul == 0);
  for (const char* wrong : {"matmul=0", "matmul=5", "matmul=-1", "matmul", "matmul=", "matmul=2x", "matmul=99999999999"})
    CHECK_THROWS_WITH_AS(gpu::choose_kernel(choice, wrong), doctest::Contains("matmul=2  shared tiles: a block reads"),
                         UsageError);
  CHECK_THROWS_WITH_AS(gpu::choose_kernel(choice, "matmull=1"), doctest::Contains("did you mean 'matmul'?"), UsageError);
  CHECK_THROWS_WITH_AS(gpu::choose_kernel(choice, ""), doctest::Contains("conv2d=1  naive"), UsageError);
  CHECK(choice.matmul == 0);
}

TEST_CASE("docs/ladder tells of every step, by its number and name") {
  const std::string index = page("README.md");
  for (const gpu::Ladder& ladder : gpu::ladders()) {
    const std::string name(ladder.name), text = page(name == "matmul" ? "gemm.md" : name == "conv2d" ? "convolution.md" : name + ".md");
    std::size_t headings = 0;
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);)
      if (line.starts_with("## ") && line.size() > 3 && line[3] >= '1' && line[3] <= '9') ++headings;
    CHECK(headings == ladder.steps.size());
    for (std::size_t i = 0; i < ladder.steps.size(); ++i) {
      CAPTURE(name);
      CAPTURE(i);
      CHECK(text.find(fmt::format("\n## {}. {}\n", i + 1, ladder.steps[i].name)) != std::string::npos);
      CHECK(text.find(fmt::format("{}={}", name, i + 1)) != std::string::npos);
      CHECK(index.find(fmt::format("| `{}={}` | {} | {} |\n", name, i + 1, ladder.steps[i].name, ladder.steps[i].idea)) !=
            std::string::npos);
    }
  }
}
