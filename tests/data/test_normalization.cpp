// Mean and deviation of a training split.
#include "engine/data/normalization.h"
#include "tests/data/support.h"

using namespace engine;

namespace {

TransformPlan plan_of(int channels, int height, int width) {
  TransformPlan plan;
  plan.channels = channels;
  plan.height = height;
  plan.width = width;
  return plan;
}

// In double, the mean first and then the squares of the distances from it.
Normalization in_two_passes(const Dataset& data, const TransformPlan& plan, const std::vector<std::size_t>& pictures) {
  const auto channels = static_cast<std::size_t>(plan.channels);
  const std::size_t plane = plan.output_size() / channels;
  std::vector<std::vector<float>> all;
  for (const std::size_t i : pictures) {
    all.emplace_back(plan.output_size());
    transform(data.load(i), plan, nullptr, all.back());
  }
  Normalization n;
  for (std::size_t c = 0; c < channels; ++c) {
    const auto count = static_cast<double>(all.size() * plane);
    double mean = 0.0, variance = 0.0;
    for (const auto& p : all)
      for (std::size_t k = 0; k < plane; ++k) mean += p[c * plane + k] / count;
    for (const auto& p : all)
      for (std::size_t k = 0; k < plane; ++k) variance += (p[c * plane + k] - mean) * (p[c * plane + k] - mean) / count;
    n.mean.push_back(static_cast<float>(mean));
    n.deviation.push_back(static_cast<float>(std::sqrt(variance)));
  }
  return n;
}

void check_near(const Normalization& found, const Normalization& expected) {
  REQUIRE(found.mean.size() == expected.mean.size());
  REQUIRE(found.deviation.size() == expected.deviation.size());
  for (std::size_t c = 0; c < found.mean.size(); ++c) {
    CHECK(std::abs(found.mean[c] - expected.mean[c]) <= 1e-6f);
    CHECK(std::abs(found.deviation[c] - expected.deviation[c]) <= 1e-6f);
  }
}

std::vector<std::size_t> first(std::size_t n) {
  std::vector<std::size_t> v;
  for (std::size_t i = 0; i < n; ++i) v.push_back(i);
  return v;
}

}  // namespace

TEST_CASE("Statistics equal two passes in double, in colour and in grey, with a resize before") {
  const auto data = test::numbered(23);
  for (const TransformPlan& plan : {plan_of(3, 7, 9), plan_of(3, 4, 4), plan_of(1, 7, 9)})
    check_near(compute_normalization(data, plan, 2), in_two_passes(data, plan, first(23)));
}

TEST_CASE("A small deviation around a large mean keeps its digits") {
  auto data = test::numbered(10);
  data.picture = [](std::size_t i) {
    Image image;
    image.width = image.height = 50;
    image.channels = 1;
    image.wide = true;
    for (const std::uint8_t b : test::random_bytes(2500, i))
      image.samples16.push_back(static_cast<std::uint16_t>(65200 + b % 3));
    return image;
  };
  const Normalization expected = in_two_passes(data, plan_of(1, 50, 50), first(10));
  CHECK(expected.deviation[0] < 2e-5f);
  const Normalization found = compute_normalization(data, plan_of(1, 50, 50), 1);
  CHECK(std::abs(found.deviation[0] / expected.deviation[0] - 1.0f) <= 1e-3f);
}

TEST_CASE("Threads do not change a bit of them") {
  const auto data = test::numbered(40);
  const Normalization one = compute_normalization(data, plan_of(3, 7, 9), 1);
  for (const int threads : {0, 2, 4, 7}) {
    const Normalization n = compute_normalization(data, plan_of(3, 7, 9), threads);
    CHECK(n.mean == one.mean);
    CHECK(n.deviation == one.deviation);
  }
}

TEST_CASE("Padding, normalisation and the random part of the plan have no say") {
  const auto data = test::numbered(9);
  const TransformPlan plain = plan_of(3, 7, 9);
  TransformPlan plan = plain;
  plan.pad = 4;
  plan.mean = plan.deviation = {0.5f, 0.5f, 0.5f};
  plan.horizontal_flip = plan.random_resized_crop = true;
  plan.jitter.brightness = 0.5f;
  const Normalization a = compute_normalization(data, plain, 1), b = compute_normalization(data, plan, 1);
  CHECK(a.mean == b.mean);
  CHECK(a.deviation == b.deviation);
}

TEST_CASE("A limit takes pictures spread evenly over the set") {
  const auto data = test::numbered(100);
  std::vector<std::size_t> every_tenth;
  for (std::size_t i = 0; i < 100; i += 10) every_tenth.push_back(i);
  check_near(compute_normalization(data, plan_of(3, 7, 9), 2, 10), in_two_passes(data, plan_of(3, 7, 9), every_tenth));
}

TEST_CASE("A channel without variation gets a deviation of one") {
  auto data = test::numbered(3);
  data.picture = [](std::size_t i) {
    Image image = test::noisy_picture(5, 5, 3, i);
    for (std::size_t k = 1; k < image.samples8.size(); k += 3) image.samples8[k] = 51;
    return image;
  };
  const Normalization n = compute_normalization(data, plan_of(3, 5, 5), 1);
  CHECK(n.deviation[1] == 1.0f);
  CHECK(n.mean[1] == doctest::Approx(0.2));
  CHECK(n.deviation[0] < 0.5f);
}

TEST_CASE("No pictures are refused; one that cannot be read surfaces from whatever thread") {
  CHECK_THROWS_WITH_AS(compute_normalization(test::numbered(0), plan_of(3, 5, 5), 1), doctest::Contains("memory"),
                       DataError);
  auto data = test::numbered(50);
  data.picture = [](std::size_t i) {
    if (i == 17) throw DataError("17.png: broken");
    return test::noisy_picture(5, 5, 3, i);
  };
  for (const int threads : {1, 4})
    CHECK_THROWS_WITH_AS(compute_normalization(data, plan_of(3, 5, 5), threads), "17.png: broken", DataError);
}
