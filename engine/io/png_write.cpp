#include "engine/io/png_write.h"

#include <zlib.h>

#include "engine/io/file.h"
#include "engine/io/gzip.h"
#include "engine/tensor/error.h"

namespace engine {
namespace {

using Buffer = std::vector<std::uint8_t>;

void put32(Buffer& out, std::uint32_t v) {
  for (int shift = 24; shift >= 0; shift -= 8) out.push_back(static_cast<std::uint8_t>(v >> shift));
}

void put_chunk(Buffer& out, const char* type, const Buffer& body) {
  put32(out, static_cast<std::uint32_t>(body.size()));
  const std::size_t covered = out.size();
  out.insert(out.end(), type, type + 4);
  out.insert(out.end(), body.begin(), body.end());
  put32(out, static_cast<std::uint32_t>(crc32(0, out.data() + covered, static_cast<uInt>(out.size() - covered))));
}

}  // namespace

std::vector<std::uint8_t> encode_png(const Image& image) {
  if (image.wide || (image.channels != 1 && image.channels != 3))
    throw UsageError("PNG: expected 1 or 3 channels of 8 bits, found {} of {}", image.channels, image.wide ? 16 : 8);
  if (image.width < 1 || image.height < 1 || image.samples8.size() != image.sample_count())
    throw UsageError("PNG: {} samples are no picture of {}x{} with {} channels", image.samples8.size(), image.width,
                     image.height, image.channels);
  Buffer out{0x89, 'P', 'N', 'G', '\r', '\n', 0x1A, '\n'};
  Buffer header;
  put32(header, static_cast<std::uint32_t>(image.width));
  put32(header, static_cast<std::uint32_t>(image.height));
  const std::uint8_t color_type = image.channels == 1 ? 0 : 2;
  header.insert(header.end(), {8, color_type, 0, 0, 0});
  put_chunk(out, "IHDR", header);
  // Filter "up" on every row: differences to the row above pack well.
  const std::size_t stride = static_cast<std::size_t>(image.width) * static_cast<std::size_t>(image.channels);
  Buffer rows;
  rows.reserve((stride + 1) * static_cast<std::size_t>(image.height));
  for (std::size_t y = 0; y < static_cast<std::size_t>(image.height); ++y) {
    constexpr std::uint8_t filter_up = 2;
    rows.push_back(filter_up);
    for (std::size_t i = 0; i < stride; ++i) {
      const int above = y == 0 ? 0 : image.samples8[(y - 1) * stride + i];
      rows.push_back(static_cast<std::uint8_t>(image.samples8[y * stride + i] - above));
    }
  }
  put_chunk(out, "IDAT", deflate(rows));
  put_chunk(out, "IEND", {});
  return out;
}

void write_png(const std::filesystem::path& path, const Image& image) {
  const Buffer bytes = encode_png(image);
  atomic_write(path, [&](FileSink& sink) { sink.write(std::as_bytes(std::span(bytes))); });
}

}  // namespace engine
