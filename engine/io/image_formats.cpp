#include "engine/io/image_formats.h"

#include <zlib.h>

#include <algorithm>
#include <cstring>

#include "engine/tensor/error.h"

namespace engine {
namespace {

bool begins_with(Bytes bytes, std::string_view magic) {
  return bytes.size() >= magic.size() && std::memcmp(bytes.data(), magic.data(), magic.size()) == 0;
}

std::uint32_t big16(Bytes b, std::size_t at) { return static_cast<std::uint32_t>(b[at] << 8 | b[at + 1]); }
std::uint32_t big32(Bytes b, std::size_t at) { return big16(b, at) << 16 | big16(b, at + 2); }
std::uint32_t little16(Bytes b, std::size_t at) { return static_cast<std::uint32_t>(b[at] | b[at + 1] << 8); }
std::uint32_t little32(Bytes b, std::size_t at) { return little16(b, at) | little16(b, at + 2) << 16; }

// Orientation from a TIFF structure ("II*\0" or "MM\0*", then directories of 12-byte entries); 0 if it has none.
int tiff_orientation(Bytes tiff) {
  if (tiff.size() < 8) return 0;
  const bool little = begins_with(tiff, "II");
  if (!little && !begins_with(tiff, "MM")) return 0;
  const auto read16 = [&](std::size_t at) { return little ? little16(tiff, at) : big16(tiff, at); };
  const auto read32 = [&](std::size_t at) { return little ? little32(tiff, at) : big32(tiff, at); };
  const std::size_t directory = read32(4);
  if (directory > tiff.size() - 2) return 0;
  const std::size_t entries = read16(directory);
  for (std::size_t i = 0; i < entries; ++i) {
    const std::size_t at = directory + 2 + 12 * i;
    if (at + 12 > tiff.size()) return 0;
    constexpr std::uint32_t orientation_tag = 0x0112;
    if (read16(at) == orientation_tag) return static_cast<int>(read16(at + 8));
  }
  return 0;
}

}  // namespace

std::string image_format(Bytes b) {
  if (begins_with(b, "\xFF\xD8\xFF")) return "jpeg";
  if (begins_with(b, "\x89PNG\r\n\x1A\n")) return "png";
  if (begins_with(b, "BM")) return "bmp";
  if (begins_with(b, "GIF87a") || begins_with(b, "GIF89a")) return "gif";
  if (b.size() > 2 && b[0] == 'P' && (b[1] == '5' || b[1] == '6')) return "pnm";
  return "";
}

JpegMarkers jpeg_markers(Bytes b) {
  JpegMarkers found;
  constexpr std::uint8_t start_of_scan = 0xDA, app1 = 0xE1, app14 = 0xEE;
  std::size_t at = 2;
  while (at + 4 <= b.size() && b[at] == 0xFF) {
    const std::uint8_t marker = b[at + 1];
    if (marker == 0xFF) {  // fill byte
      ++at;
      continue;
    }
    if (marker == start_of_scan) break;
    const std::size_t length = big16(b, at + 2);
    if (length < 2 || at + 2 + length > b.size()) break;
    const Bytes body = b.subspan(at + 4, length - 2);
    if (marker == app14 && begins_with(body, "Adobe")) found.adobe = true;
    if (marker == app1 && begins_with(body, std::string_view("Exif\0\0", 6))) {
      const int orientation = tiff_orientation(body.subspan(6));
      if (orientation >= 1 && orientation <= 8) found.orientation = orientation;
    }
    at += 2 + length;
  }
  return found;
}

PnmHeader pnm_header(Bytes b, const std::string& name) {
  std::size_t at = 2;
  const auto is_space = [&] { return at < b.size() && (b[at] == ' ' || (b[at] >= '\t' && b[at] <= '\r')); };
  const auto number = [&](const char* what, int largest) {
    while (is_space() || (at < b.size() && b[at] == '#')) {
      if (b[at] == '#')
        while (at < b.size() && b[at] != '\n' && b[at] != '\r') ++at;
      else
        ++at;
    }
    std::int64_t value = 0;
    const std::size_t begin = at;
    for (; at < b.size() && b[at] >= '0' && b[at] <= '9' && value <= largest; ++at) value = value * 10 + (b[at] - '0');
    if (at == begin || !is_space() || value < 1 || value > largest)
      throw DataError("{}: pnm header is damaged ({} at byte {})", name, what, begin);
    return static_cast<int>(value);
  };
  PnmHeader h;
  h.channels = b[1] == '6' ? 3 : 1;
  h.width = number("width", 1 << 30);
  h.height = number("height", 1 << 30);
  h.maximum = number("largest value", 65535);
  h.pixels = at + 1;
  return h;
}

std::array<std::int64_t, 2> png_extents(Bytes b) {
  if (b.size() < 24) return {0, 0};
  return {big32(b, 16), big32(b, 20)};
}

void check_png(Bytes b, const std::string& name) {
  std::size_t at = 8;
  while (true) {
    if (at + 12 > b.size()) throw DataError("{}: PNG is truncated ({} bytes, no IEND chunk)", name, b.size());
    const std::size_t length = big32(b, at);
    if (length > b.size() - at - 12)
      throw DataError("{}: PNG is truncated (a chunk of {} bytes at {} in a file of {})", name, length, at, b.size());
    const Bytes covered = b.subspan(at + 4, length + 4);
    const auto computed = static_cast<std::uint32_t>(crc32(0, covered.data(), static_cast<uInt>(covered.size())));
    const std::string type(covered.begin(), covered.begin() + 4);
    if (computed != big32(b, at + 8 + length))
      throw DataError("{}: PNG is damaged (wrong checksum of chunk {} at byte {})", name, type, at);
    if (type == "IEND") return;
    at += 12 + length;
  }
}

void check_bmp(Bytes b, const std::string& name) {
  if (b.size() < 30) throw DataError("{}: BMP is truncated ({} bytes)", name, b.size());
  const std::uint64_t offset = little32(b, 10), header = little32(b, 14);
  const bool os2 = header < 40;  // the older form: extents of 16 bits
  const std::int64_t width = os2 ? little16(b, 18) : static_cast<std::int32_t>(little32(b, 18));
  const std::int64_t height =
      os2 ? little16(b, 20) : std::abs(static_cast<std::int64_t>(static_cast<std::int32_t>(little32(b, 22))));
  const std::int64_t bits = os2 ? little16(b, 24) : little16(b, 28);
  if (width < 1 || height < 1 || width > (1 << 24) || height > (1 << 24) || bits > 32)
    throw DataError("{}: BMP is damaged ({}x{} pixels of {} bits)", name, width, height, bits);
  const std::uint64_t needed = offset + static_cast<std::uint64_t>((width * bits + 31) / 32 * 4 * height);
  if (needed > b.size())
    throw DataError("{}: BMP is truncated (expected {} bytes, found {})", name, needed, b.size());
}

void check_gif(Bytes b, const std::string& name) {
  constexpr std::uint8_t trailer = 0x3B;
  std::size_t end = b.size();
  while (end > 0 && b[end - 1] == 0) --end;  // some writers pad
  if (end == 0 || b[end - 1] != trailer) throw DataError("{}: GIF is truncated (no trailer)", name);
}

}  // namespace engine
