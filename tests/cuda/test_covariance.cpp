#include "kernels/cuda/covariance.h"

#include "bench/conformance/outcome.h"
#include "kernels/cpu/cpu_backend.h"
#include "kernels/cuda_on_cpu/runtime_emulated.h"
#include "tests/cuda/compare.h"
#include "tests/cuda_emulator/support.h"

namespace {

struct Accumulated {
  Tensor products, sums;
};

Accumulated zeros(std::int64_t p, Device on) {
  return {full({p, p}, 0.0, DType::f64, on), full({p}, 0.0, DType::f64, on)};
}

Accumulated accumulate(Device on, const std::vector<Tensor>& batches, const std::vector<double>& pivot) {
  const auto p = static_cast<std::int64_t>(pivot.size());
  const Accumulated a = zeros(p, on);
  for (const Tensor& x : batches) {
    const Tensor there = from_vector(to_vector<double>(x), x.shape(), on, x.dtype());
    backend_of(on).accumulate_covariance_(a.products, a.sums, there, from_vector(pivot, {p}, on));
  }
  return a;
}

// (products - sums sums^T / n) / (n - 1)
std::vector<double> covariance(const Accumulated& a, std::int64_t n) {
  const auto products = to_vector<double>(a.products), sums = to_vector<double>(a.sums);
  const std::size_t p = sums.size();
  std::vector<double> out(p * p);
  const auto count = static_cast<double>(n);
  for (std::size_t i = 0; i < p; ++i)
    for (std::size_t j = 0; j < p; ++j)
      out[i * p + j] = (products[i * p + j] - sums[i] * sums[j] / count) / (count - 1.0);
  return out;
}

void register_all() {
  if (!has_backend(Device::cpu)) register_cpu_backend();
  test::reference();
  test::device::register_cuda_backend();
}

}  // namespace

TEST_CASE("Covariances of columns far from zero, batch after batch, are those of two passes in long double") {
  register_all();
  // One tile, whose rows are split; and three.
  for (const std::int64_t p : {37, 67}) {
    CAPTURE(p);
    std::vector<Tensor> batches;
    std::vector<std::vector<long double>> rows;
    std::uint32_t sample = 10;
    for (const std::int64_t n : {700, 1, 33}) {
      std::vector<double> x = to_vector<double>(test::normal({n, p}, DType::f32, sample++));
      // Neighbours are alike, and all are a thousand deviations from zero.
      for (std::size_t i = x.size(); i-- > 1;) x[i] = conformance::rounded(x[i] + 0.9 * x[i - 1] + 1e3, DType::f32);
      batches.push_back(from_vector(x, {n, p}, Device::reference, DType::f32));
      for (std::int64_t r = 0; r < n; ++r) rows.emplace_back(x.begin() + r * p, x.begin() + (r + 1) * p);
    }
    const auto n = static_cast<std::int64_t>(rows.size());
    std::vector<long double> mean(static_cast<std::size_t>(p), 0.0L);
    for (const auto& row : rows)
      for (std::size_t i = 0; i < mean.size(); ++i) mean[i] += row[i] / static_cast<long double>(n);
    const std::vector<double> pivot(mean.size(), 1001.0);
    for (const Device on : {Device::cpu, context().device(), Device::reference}) {
      CAPTURE(name_of(on));
      const auto found = covariance(accumulate(on, batches, pivot), n);
      double worst = 0;
      for (std::size_t i = 0; i < mean.size(); ++i)
        for (std::size_t j = 0; j < mean.size(); ++j) {
          long double sum = 0;
          for (const auto& row : rows) sum += (row[i] - mean[i]) * (row[j] - mean[j]);
          const auto truth = static_cast<double>(sum / static_cast<long double>(n - 1));
          const double off = std::fabs(found[i * mean.size() + j] - truth);
          if (!(off <= worst)) worst = off;
        }
      CHECK(worst < 1e-11);  // of about 2
    }
  }
}

TEST_CASE("Covariances on a large device: rows of several tiles are split") {
  register_all();
  const emulator::DeviceSize large(20, 1024);
  // As on a device, where parts come in any order.
  const test::WithOrder mixed(emulator::ThreadOrder::random, 7);
  const Tensor x = test::normal({700, 67}, DType::f32, 30);
  const std::vector<double> pivot(67, 0.125);
  const Accumulated found = accumulate(context().device(), {x}, pivot);
  const Accumulated truth = accumulate(Device::reference, {x}, pivot);
  check_sum(found.products, truth.products, 700);
  check_sum(found.sums, truth.sums, 700);
  CHECK(same_bits(to_reference(found.products), to_reference(accumulate(context().device(), {x}, pivot).products)));
}

TEST_CASE("Covariances of 16-bit activations are those of the rounded numbers, in double") {
  register_all();
  for (const DType type : {DType::f16, DType::bf16}) {
    CAPTURE(name_of(type));
    const Tensor x = test::normal({150, 70}, type, 20);
    const std::vector<double> pivot(70, 0.125);
    const Accumulated found = accumulate(context().device(), {x}, pivot);
    const Accumulated truth = accumulate(Device::reference, {x}, pivot);
    check_sum(found.products, truth.products, 150);
    check_sum(found.sums, truth.sums, 150);
  }
}

TEST_CASE("Covariances: no rows add nothing, NaN stays with its column, what does not fit is refused") {
  register_all();
  for (const Device on : {Device::cpu, context().device(), Device::reference}) {
    CAPTURE(name_of(on));
    Backend& backend = backend_of(on);
    const Accumulated a = zeros(3, on);
    const auto rows = [&](const std::vector<double>& v, std::int64_t columns) {
      return from_vector(v, {static_cast<std::int64_t>(v.size()) / columns, columns}, on, DType::f32);
    };
    const Tensor pivot = full({3}, 0.0, DType::f64, on);
    backend.accumulate_covariance_(a.products, a.sums, full({0, 3}, 0.0, DType::f32, on), pivot);
    CHECK(to_vector<double>(a.products) == std::vector<double>(9, 0.0));
    backend.accumulate_covariance_(a.products, a.sums, rows({1, not_a_number, 2, 3, 4, 5}, 3), pivot);
    const auto products = to_vector<double>(a.products);
    for (std::size_t i = 0; i < 9; ++i) CHECK(std::isnan(products[i]) == (i / 3 == 1 || i % 3 == 1));
    CHECK(products[0] == 10.0);
    CHECK(products[2] == 17.0);
    CHECK(products[6] == 17.0);
    CHECK(to_vector<double>(a.sums)[2] == 7.0);

    CHECK_THROWS_AS(backend.accumulate_covariance_(a.products, a.sums, rows({1, 2}, 2), pivot), UsageError);
    CHECK_THROWS_AS(backend.accumulate_covariance_(a.products, a.sums, rows({1, 2, 3}, 3).reshaped({3}), pivot),
                    UsageError);
    const Tensor single = full({3, 3}, 0.0, DType::f32, on), whole = full({1, 3}, 0, DType::i64, on);
    CHECK_THROWS_AS(backend.accumulate_covariance_(single, a.sums, rows({1, 2, 3}, 3), pivot), UsageError);
    CHECK_THROWS_AS(backend.accumulate_covariance_(a.products, a.sums, whole, pivot), UsageError);
  }
}
