// Pictures: header and whole decode of JPEG, PNG, BMP, GIF and PNM.
#include <zlib.h>

#include "engine/io/image_decode.h"
#include "engine/io/image_formats.h"
#include "engine/io/png_write.h"
#include "tests/fuzz/fuzz.h"

using namespace engine;

namespace {

// Small, so that sizes just below and above it are often met and a run decodes often.
constexpr std::int64_t max_pixels = 1 << 18;

void check_samples(const Image& image) {
  fuzz::require(image.width > 0 && image.height > 0 && image.channels >= 1 && image.channels <= 4, "a usual picture");
  fuzz::require((image.wide ? image.samples16.size() : image.samples8.size()) == image.sample_count(),
                "as many samples as the size says");
}

void check_decode(Bytes bytes) {
  const ImageInfo info = probe_image(bytes, "input");
  DecodeOptions options;
  options.max_pixels = max_pixels;
  options.apply_orientation = false;
  const Image image = decode_image(bytes, "input", options);
  check_samples(image);
  fuzz::require(image.width == info.width && image.height == info.height && image.wide == info.wide,
                "the header tells the size of the picture");
  fuzz::require(std::int64_t{image.width} * image.height <= max_pixels, "larger pictures are refused");
  for (const int channels : {1, 3}) {
    const Image converted = to_channels(image, channels);
    check_samples(converted);
    if (image.wide) continue;
    const Image again = decode_image(encode_png(converted), "written", options);
    fuzz::require(again.channels == channels && again.samples8 == converted.samples8, "a PNG keeps every sample");
  }
  options.apply_orientation = true;
  options.short_side_hint = 5;
  check_samples(decode_image(bytes, "input", options));
}

// Right checksums, which no mutation finds: otherwise few inputs would reach the PNG decoder.
std::vector<std::uint8_t> with_png_checksums(Bytes bytes) {
  std::vector<std::uint8_t> out(bytes.begin(), bytes.end());
  const auto big32 = [&](std::size_t at) {
    return std::size_t{out[at]} << 24 | std::size_t{out[at + 1]} << 16 | std::size_t{out[at + 2]} << 8 | out[at + 3];
  };
  for (std::size_t at = 8; at + 12 <= out.size();) {
    const std::size_t length = big32(at);
    if (length > out.size() - at - 12) break;
    const auto checksum = crc32(0, out.data() + at + 4, static_cast<uInt>(length + 4));
    for (std::size_t i = 0; i < 4; ++i) out[at + 8 + length + i] = static_cast<std::uint8_t>(checksum >> (24 - 8 * i));
    at += 12 + length;
  }
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const Bytes input(data, size);
  jpeg_markers(input);
  fuzz::takes([&] { check_decode(input); });
  if (image_format(input) == "png") fuzz::takes([&] { check_decode(with_png_checksums(input)); });
  return 0;
}
