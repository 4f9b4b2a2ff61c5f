#include "engine/io/image_decode.h"

#include <stb_image.h>
#include <turbojpeg.h>

#include <algorithm>
#include <climits>
#include <limits>
#include <memory>
#include <string_view>

#include "engine/io/file.h"
#include "engine/io/image_formats.h"
#include "engine/tensor/error.h"

namespace engine {
namespace {

using JpegHandle = std::unique_ptr<void, int (*)(tjhandle)>;

// A new one for every picture: an old one would lend its tables to a picture that lacks them, and after a damaged header
// it reads every later picture from the middle.
JpegHandle decompressor() {
  JpegHandle handle(tjInitDecompress(), tjDestroy);
  if (!handle) throw Error("libjpeg-turbo could not be started");
  return handle;
}

struct JpegHeader {
  int width, height, subsampling, colorspace;
  int channels() const { return colorspace == TJCS_GRAY ? 1 : 3; }
  bool four_inks() const { return colorspace == TJCS_CMYK || colorspace == TJCS_YCCK; }
};

JpegHeader read_header(tjhandle handle, Bytes bytes, const std::string& name) {
  JpegHeader h{};
  if (tjDecompressHeader3(handle, bytes.data(), bytes.size(), &h.width, &h.height, &h.subsampling, &h.colorspace) != 0)
    throw DataError("{}: JPEG cannot be read: {}", name, tjGetErrorStr2(handle));
  if (h.width < 1 || h.height < 1) throw DataError("{}: JPEG cannot be read: no picture in it", name);
  return h;
}

void check_size(std::int64_t width, std::int64_t height, const std::string& name, const DecodeOptions& o) {
  if (width < 1 || height < 1) throw DataError("{}: picture of {}x{} pixels", name, width, height);
  if (width > o.max_pixels / height)
    throw DataError("{}: {}x{} pixels, at most {} are decoded", name, width, height, o.max_pixels);
}

tjscalingfactor scaling_for(const JpegHeader& h, int short_side_hint) {
  tjscalingfactor best{1, 1};
  if (short_side_hint <= 0) return best;
  int n = 0;
  const tjscalingfactor* factors = tjGetScalingFactors(&n);
  for (int i = 0; i < n; ++i) {
    const tjscalingfactor f = factors[i];
    // Only 1/2, 1/4 and 1/8: the others are slower than a full decode.
    if (f.num != 1 || f.denom > 8 || f.denom < best.denom || (f.denom & (f.denom - 1)) != 0) continue;
    if (TJSCALED(std::min(h.width, h.height), f) >= 2 * short_side_hint) best = f;
  }
  return best;
}

// Stored Adobe values are inverted inks: 255 = none. As Pillow converts them.
void inks_to_rgb(const std::vector<std::uint8_t>& inks, bool inverted, std::vector<std::uint8_t>& rgb) {
  const auto scaled = [](int a, int b) {
    const int product = a * b + 128;
    return ((product >> 8) + product) >> 8;
  };
  for (std::size_t i = 0; i < rgb.size() / 3; ++i) {
    const std::uint8_t* ink = inks.data() + 4 * i;
    const int white = inverted ? ink[3] : 255 - ink[3];
    for (std::size_t c = 0; c < 3; ++c)
      rgb[3 * i + c] = static_cast<std::uint8_t>(std::max(0, white - scaled(inverted ? 255 - ink[c] : ink[c], white)));
  }
}

Image decode_jpeg(Bytes bytes, const std::string& name, const DecodeOptions& o) {
  const JpegHandle handle = decompressor();
  const JpegHeader h = read_header(handle.get(), bytes, name);
  check_size(h.width, h.height, name, o);
  const tjscalingfactor scale = scaling_for(h, o.short_side_hint);
  Image image;
  image.width = TJSCALED(h.width, scale);
  image.height = TJSCALED(h.height, scale);
  image.channels = h.channels();
  image.samples8.resize(image.sample_count());
  std::vector<std::uint8_t> inks;
  if (h.four_inks()) inks.resize(image.sample_count() / 3 * 4);
  const int format = h.four_inks() ? TJPF_CMYK : image.channels == 1 ? TJPF_GRAY : TJPF_RGB;
  const int status =
      tjDecompress2(handle.get(), bytes.data(), bytes.size(), h.four_inks() ? inks.data() : image.samples8.data(),
                    image.width, 0, image.height, format, TJFLAG_ACCURATEDCT);
  if (status != 0) {
    const std::string why = tjGetErrorStr2(handle.get());
    // Junk in front of the end marker is common and harmless; any other warning means pixels that were made up. Only
    // the first warning is told, so junk further up would hide them.
    if (tjGetErrorCode(handle.get()) != TJERR_WARNING ||
        why.find("extraneous bytes before marker 0xd9") == std::string::npos)
      throw DataError("{}: JPEG is damaged or truncated: {}", name, why);
  }
  const JpegMarkers markers = jpeg_markers(bytes);
  if (h.four_inks()) inks_to_rgb(inks, markers.adobe, image.samples8);
  return o.apply_orientation ? oriented(image, markers.orientation) : image;
}

struct StbFree {
  void operator()(void* p) const { stbi_image_free(p); }
};

Image decode_stb(Bytes bytes, const std::string& name, const ImageInfo& info) {
  Image image;
  image.wide = info.wide;
  const int length = static_cast<int>(bytes.size());
  const auto take = [&](auto* samples, auto& destination) {
    const std::unique_ptr<void, StbFree> owned(samples);
    if (!samples) throw DataError("{}: {} is damaged: {}", name, info.format, stbi_failure_reason());
    destination.assign(samples, samples + image.sample_count());
  };
  if (info.wide) {
    stbi_us* samples = stbi_load_16_from_memory(bytes.data(), length, &image.width, &image.height, &image.channels, 0);
    take(samples, image.samples16);
  } else {
    stbi_uc* samples = stbi_load_from_memory(bytes.data(), length, &image.width, &image.height, &image.channels, 0);
    take(samples, image.samples8);
  }
  return image;
}

// stb_image reads PNM too, but neither notices missing pixels nor heeds the byte order and the largest value.
Image decode_pnm(Bytes bytes, const std::string& name) {
  const PnmHeader h = pnm_header(bytes, name);
  Image image;
  image.width = h.width, image.height = h.height, image.channels = h.channels;
  image.wide = h.maximum > 255;
  const std::size_t count = image.sample_count(), needed = image.wide ? 2 * count : count;
  if (needed > bytes.size() - h.pixels)
    throw DataError("{}: pnm is truncated (expected {} bytes of pixels, found {})", name, needed,
                    bytes.size() - h.pixels);
  const std::uint8_t* from = bytes.data() + h.pixels;
  const auto maximum = static_cast<std::uint32_t>(h.maximum);
  const auto stretched = [maximum](std::uint32_t v, std::uint32_t white) {
    return (std::min(v, maximum) * white + maximum / 2) / maximum;
  };
  if (image.wide) {
    image.samples16.resize(count);
    for (std::size_t i = 0; i < count; ++i)
      image.samples16[i] = static_cast<std::uint16_t>(
          stretched(static_cast<std::uint32_t>(from[2 * i] << 8 | from[2 * i + 1]), 65535));
  } else {
    image.samples8.resize(count);
    for (std::size_t i = 0; i < count; ++i) image.samples8[i] = static_cast<std::uint8_t>(stretched(from[i], 255));
  }
  return image;
}

template <class T>
void convert_channels(const std::vector<T>& from, int have, std::vector<T>& to, int want) {
  const std::size_t pixels = from.size() / static_cast<std::size_t>(have);
  for (std::size_t i = 0; i < pixels; ++i) {
    const T* p = from.data() + i * static_cast<std::size_t>(have);
    if (want == 1) {
      // ITU-R 601-2 in 16-bit fixed point.
      const std::uint64_t luma = have < 3 ? std::uint64_t{p[0]} << 16
                                          : std::uint64_t{p[0]} * 19595 + std::uint64_t{p[1]} * 38470 +
                                                std::uint64_t{p[2]} * 7471 + 0x8000;
      to[i] = static_cast<T>(luma >> 16);
    } else {
      for (std::size_t c = 0; c < 3; ++c) to[3 * i + c] = have < 3 ? p[0] : p[c];
    }
  }
}

template <class T>
void rearrange(const std::vector<T>& from, const Image& image, int orientation, std::vector<T>& to, int width) {
  const bool swaps = orientation >= 5;
  const auto channels = static_cast<std::size_t>(image.channels);
  for (int y = 0; y < image.height; ++y)
    for (int x = 0; x < image.width; ++x) {
      // Where the stored pixel (x, y) belongs in the upright picture.
      int tx = x, ty = y;
      if (orientation == 2 || orientation == 3) tx = image.width - 1 - x;
      if (orientation == 3 || orientation == 4) ty = image.height - 1 - y;
      if (orientation == 6 || orientation == 7) ty = image.height - 1 - y;
      if (orientation == 7 || orientation == 8) tx = image.width - 1 - x;
      if (swaps) std::swap(tx, ty);
      const T* source = from.data() + (static_cast<std::size_t>(y) * static_cast<std::size_t>(image.width) +
                                       static_cast<std::size_t>(x)) * channels;
      std::copy(source, source + channels,
                to.data() + (static_cast<std::size_t>(ty) * static_cast<std::size_t>(width) +
                             static_cast<std::size_t>(tx)) * channels);
    }
}

}  // namespace

ImageInfo probe_image(Bytes bytes, const std::string& name) {
  ImageInfo info;
  info.format = image_format(bytes);
  if (info.format.empty())
    throw DataError("{}: not a picture ({})", name,
                    bytes.empty() ? "the file is empty" : "neither JPEG, PNG, BMP, GIF nor PGM/PPM");
  if (info.format == "jpeg") {
    const JpegHeader h = read_header(decompressor().get(), bytes, name);
    info.width = h.width, info.height = h.height, info.channels = h.channels();
    return info;
  }
  if (info.format == "pnm") {
    const PnmHeader h = pnm_header(bytes, name);
    info.width = h.width, info.height = h.height, info.channels = h.channels;
    info.wide = h.maximum > 255;
    return info;
  }
  if (bytes.size() > static_cast<std::size_t>(std::numeric_limits<int>::max()))
    throw DataError("{}: {} bytes are too many for a picture", name, bytes.size());
  const int length = static_cast<int>(bytes.size());
  if (!stbi_info_from_memory(bytes.data(), length, &info.width, &info.height, &info.channels))
    throw DataError("{}: {} header cannot be read: {}", name, info.format, stbi_failure_reason());
  if (info.height < 0) info.height = info.height == INT_MIN ? 0 : -info.height;  // a BMP with its top row first
  if (info.width < 1 || info.height < 1)
    throw DataError("{}: {} of {}x{} pixels", name, info.format, info.width, info.height);
  info.wide = stbi_is_16_bit_from_memory(bytes.data(), length) != 0;
  return info;
}

Image decode_image(Bytes bytes, const std::string& name, const DecodeOptions& options) {
  if (image_format(bytes) == "jpeg") return decode_jpeg(bytes, name, options);
  if (image_format(bytes) == "png") {
    // Before stb_image looks: what is too large for it, it takes for no picture.
    const auto [width, height] = png_extents(bytes);
    if (width > 0 && height > 0) check_size(width, height, name, options);
  }
  const ImageInfo info = probe_image(bytes, name);
  check_size(info.width, info.height, name, options);
  if (info.format == "png") check_png(bytes, name);
  if (info.format == "bmp") check_bmp(bytes, name);
  if (info.format == "gif") check_gif(bytes, name);
  if (info.format == "pnm") return decode_pnm(bytes, name);
  return decode_stb(bytes, name, info);
}

Image read_image(const std::filesystem::path& path, const DecodeOptions& options) {
  return decode_image(read_file(path, std::uint64_t{1} << 31), path.string(), options);
}

Image to_channels(const Image& image, int channels) {
  if (channels != 1 && channels != 3) throw UsageError("pictures have 1 or 3 channels, not {}", channels);
  if (image.channels == channels) return image;
  Image out;
  out.width = image.width, out.height = image.height, out.channels = channels, out.wide = image.wide;
  if (image.wide) {
    out.samples16.resize(out.sample_count());
    convert_channels(image.samples16, image.channels, out.samples16, channels);
  } else {
    out.samples8.resize(out.sample_count());
    convert_channels(image.samples8, image.channels, out.samples8, channels);
  }
  return out;
}

Image oriented(const Image& image, int orientation) {
  if (orientation <= 1 || orientation > 8) return image;
  Image out = image;
  if (orientation >= 5) std::swap(out.width, out.height);
  if (image.wide)
    rearrange(image.samples16, image, orientation, out.samples16, out.width);
  else
    rearrange(image.samples8, image, orientation, out.samples8, out.width);
  return out;
}

}  // namespace engine
