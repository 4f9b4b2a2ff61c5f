// Pictures made ready on the device beside transform() on the host.
#include <fmt/core.h>

#include "engine/data/packed_pictures.h"
#include "engine/train/batch_feed.h"
#include "kernels/cuda/pictures.h"
#include "tests/cuda/compare.h"
#include "tests/data/support.h"

namespace {

using test::noisy_picture;

// Of awkward sizes: larger and smaller than the result, wide, tall, of one size with it; some of 16 bits.
std::vector<Image> pictures(int channels, bool wide) {
  std::vector<Image> all;
  std::uint64_t seed = 60;
  for (const auto& [width, height] : {std::pair{47, 31}, {9, 40}, {13, 11}, {100, 12}, {5, 3}, {29, 17}}) {
    Image image = noisy_picture(width, height, channels, seed++);
    if (wide && seed % 2 == 0) {
      image.wide = true;
      for (const std::uint8_t v : image.samples8) image.samples16.push_back(static_cast<std::uint16_t>(v * 257 - v / 3));
      image.samples8.clear();
    }
    all.push_back(std::move(image));
  }
  return all;
}

TransformPlan plan_of(int channels) {
  TransformPlan plan;
  plan.channels = channels;
  plan.height = 11, plan.width = 13;
  plan.mean.assign(static_cast<std::size_t>(channels), 0.4f);
  plan.deviation.assign(static_cast<std::size_t>(channels), 0.3f);
  if (channels == 3) plan.mean = {0.1f, 0.5f, 0.7f};
  return plan;
}

// The largest difference between device and host over a batch, with the keys of several epochs.
double worst_difference(const std::vector<Image>& images, const TransformPlan& plan, bool augment) {
  plan.check();
  double worst = 0.0;
  PackedPictures packed;
  for (std::uint32_t epoch = 0; epoch < (augment ? 6u : 1u); ++epoch) {
    packed.clear(plan);
    std::vector<float> expected(images.size() * plan.output_size());
    for (std::size_t i = 0; i < images.size(); ++i) {
      RandomKey key(77, RandomStream::augment);
      key.epoch = epoch, key.sample = static_cast<std::uint32_t>(i);
      packed.add(images[i], plan, augment ? &key : nullptr);
      transform(images[i], plan, augment ? &key : nullptr,
                {expected.data() + i * plan.output_size(), plan.output_size()});
    }
    std::vector<std::byte> bytes(packed.bytes());
    packed.write(bytes.data());
    const Tensor there =
        test::device::from_host(context(), bytes.data(), {static_cast<std::int64_t>(bytes.size())}, DType::u8);
    const Tensor result = test::device::transform_pictures(context(), there, packed.batch());
    CHECK(result.shape() == Shape{static_cast<std::int64_t>(images.size()), plan.channels, plan.output_height(), plan.output_width()});
    const auto found = test::memory_of<float>(result);
    REQUIRE(found.size() == expected.size());
    for (std::size_t i = 0; i < found.size(); ++i) {
      const double difference = std::fabs(static_cast<double>(found[i]) - static_cast<double>(expected[i]));
      if (!(difference <= worst)) worst = difference;  // NaN stays
    }
  }
  return worst;
}

}  // namespace

TEST_CASE("Resized, cropped, padded and normalised pictures have the host's bits") {
  for (const int channels : {1, 3})
    for (const Interpolation how : {Interpolation::nearest, Interpolation::bilinear, Interpolation::bicubic})
      for (const int pad : {0, 2})
        for (const int resize_short : {0, 16}) {
          CAPTURE(channels);
          TransformPlan plan = plan_of(channels);
          plan.interpolation = how;
          plan.pad = pad;
          plan.resize_short = resize_short;
          CHECK(worst_difference(pictures(channels, false), plan, false) == 0.0);
        }
}

TEST_CASE("Random crops and flips have the host's bits") {
  TransformPlan plan = plan_of(3);
  plan.random_resized_crop = plan.horizontal_flip = plan.vertical_flip = true;
  plan.pad = 1;
  CHECK(worst_difference(pictures(3, false), plan, true) == 0.0);
}

TEST_CASE("Pictures of 16 bits, and of other channels than the network's") {
  TransformPlan plan = plan_of(3);
  plan.random_resized_crop = true;
  // A rounding to 16 bits that falls to the other side: 1 / 65535 over the deviation.
  CHECK(worst_difference(pictures(3, true), plan, true) < 6e-5);
  CHECK(worst_difference(pictures(1, false), plan, true) == 0.0);
  CHECK(worst_difference(pictures(4, false), plan_of(1), false) == 0.0);
}

TEST_CASE("Rotations and changes of colour differ from the host's by roundings") {
  for (const int channels : {1, 3}) {
    TransformPlan plan = plan_of(channels);
    plan.rotate_degrees = 90;
    CHECK(worst_difference(pictures(channels, false), plan, true) < 2e-6);
    plan.jitter = {0.4f, 0.4f, 0.4f, 0.2f};
    plan.vertical_flip = true;
    plan.pad = 3;
    CHECK(worst_difference(pictures(channels, false), plan, true) < 2e-5);
    plan.rotate_degrees = 0;
    plan.jitter = {0.0f, 0.6f, 0.0f, 0.0f};
    CHECK(worst_difference(pictures(channels, false), plan, true) < 2e-5);
  }
}

TEST_CASE("A batch without pictures, and one that does not hold what it says") {
  PackedPictures packed;
  packed.clear(plan_of(3));
  CHECK(worst_difference({}, plan_of(3), false) == 0.0);
  PictureBatch batch = packed.batch();
  batch.count = 5;
  const Tensor bytes = context().empty({100}, DType::u8);
  CHECK_THROWS_AS(test::device::transform_pictures(context(), bytes, batch), UsageError);
  batch.channels = 2;
  CHECK_THROWS_AS(test::device::transform_pictures(context(), bytes, batch), UsageError);
}

TEST_CASE("A feed gives a device the batches it gives device cpu, ahead of time or not, and tells of bad pictures in time") {
  if (!has_backend(context().device())) test::device::register_cuda_backend();
  test::MemoryDataset data = test::numbered(23);
  data.picture = [](std::size_t i) -> Image {
    if (i == 7) throw DataError("picture 7 is torn");
    return noisy_picture(9 + static_cast<int>(i), 7, 3, 1000 + i);
  };
  TransformPlan plan = plan_of(3);
  plan.random_resized_crop = plan.horizontal_flip = true;
  LoaderOptions options;
  options.batch_size = 5;
  options.sampling = Sampling::shuffled;
  options.augment = options.skip_bad_images = true;
  BatchFeed plain(data, plan, options, Device::reference);
  BatchFeed feed(data, plan, options, context().device());
  for (const std::uint32_t epoch : {0u, 1u}) {
    const std::size_t first = epoch;  // an epoch may begin later
    plain.start_epoch(epoch, first);
    feed.start_epoch(epoch, first);
    DeviceBatch a, b;
    std::size_t batches = first;
    while (plain.next(a)) {
      if (batches % 2 == 1) feed.prefetch();
      REQUIRE(feed.next(b));
      feed.prefetch();
      CHECK(b.host.indices == a.host.indices);
      CHECK(to_vector<float>(b.images) == to_vector<float>(a.images));
      CHECK(to_vector<std::int64_t>(b.target) == to_vector<std::int64_t>(a.target));
      CHECK(feed.bad_images().size() == plain.bad_images().size());
      ++batches;
    }
    CHECK(!feed.next(b));
    CHECK(batches == plain.batches());
    CHECK(feed.bad_images().size() == 1);
  }
}

TEST_CASE("What a batch that was fetched ahead throws is thrown when it is asked for") {
  if (!has_backend(context().device())) test::device::register_cuda_backend();
  test::MemoryDataset data = test::numbered(6);
  data.picture = [](std::size_t i) -> Image {
    if (i == 4) throw DataError("picture 4 is torn");
    return noisy_picture(9, 7, 3, i);
  };
  LoaderOptions options;
  options.batch_size = 3;
  BatchFeed feed(data, plan_of(3), options, context().device());
  feed.start_epoch(0);
  DeviceBatch batch;
  CHECK(feed.next(batch));
  CHECK_NOTHROW(feed.prefetch());
  CHECK_THROWS_WITH_AS(feed.next(batch), doctest::Contains("torn"), DataError);
}
