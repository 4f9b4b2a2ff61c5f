// PNG, BMP, PNM and GIF: depths kept, channels converted, and files whose pixels are not all there.
#include <zlib.h>

#include <cmath>

#include "engine/io/gzip.h"
#include "engine/io/image_decode.h"
#include "engine/io/image_formats.h"
#include "engine/tensor/error.h"
#include "tests/io/support.h"

using namespace engine;
using test::Buffer;

namespace {

void big32(Buffer& b, std::uint32_t v) {
  for (int shift = 24; shift >= 0; shift -= 8) b.push_back(static_cast<std::uint8_t>(v >> shift));
}

void chunk(Buffer& b, const std::string& type, const Buffer& body) {
  big32(b, static_cast<std::uint32_t>(body.size()));
  Buffer covered(type.begin(), type.end());
  covered.insert(covered.end(), body.begin(), body.end());
  b.insert(b.end(), covered.begin(), covered.end());
  big32(b, static_cast<std::uint32_t>(crc32(0, covered.data(), static_cast<uInt>(covered.size()))));
}

// A PNG of unfiltered rows; samples are bytes in the order of the file.
Buffer png(int width, int height, int depth, int colour_type, const Buffer& samples) {
  Buffer b{0x89, 'P', 'N', 'G', '\r', '\n', 0x1A, '\n'}, header, rows;
  big32(header, static_cast<std::uint32_t>(width));
  big32(header, static_cast<std::uint32_t>(height));
  header.insert(header.end(), {static_cast<std::uint8_t>(depth), static_cast<std::uint8_t>(colour_type), 0, 0, 0});
  const auto stride = static_cast<std::ptrdiff_t>(samples.size()) / height;
  for (int y = 0; y < height; ++y) {
    rows.push_back(0);
    rows.insert(rows.end(), samples.begin() + y * stride, samples.begin() + (y + 1) * stride);
  }
  chunk(b, "IHDR", header);
  chunk(b, "IDAT", deflate(rows));
  chunk(b, "IEND", {});
  return b;
}

Buffer pnm(const std::string& header, const Buffer& samples) {
  Buffer b;
  test::append(b, header);
  b.insert(b.end(), samples.begin(), samples.end());
  return b;
}

// Two pixels, red and blue: LZW codes 4 (clear), 0, 1, 5 (end) of 3 bits each.
const Buffer gif{'G', 'I',  'F', '8', '9', 'a', 2, 0, 1, 0, 0x80, 0, 0, 255,  0,    0, 0,   0,
                 255, 0x2C, 0,   0,   0,   0,   2, 0, 1, 0, 0,    2, 2, 0x44, 0x0A, 0, 0x3B};

void check_cut_anywhere(const Buffer& whole, const std::string& name, std::size_t step) {
  CHECK_NOTHROW(decode_image(whole, name));
  for (std::size_t n = 0; n < whole.size(); n += step) {
    INFO(name << ", " << n << " of " << whole.size() << " bytes");
    CHECK_THROWS_WITH_AS(decode_image(std::span(whole).first(n), name), doctest::Contains(name.c_str()), DataError);
  }
}

}  // namespace

TEST_CASE("16-bit PNGs keep all their bits, in every kind of channels") {
  for (const auto& [colour_type, channels] : {std::pair{0, 1}, std::pair{4, 2}, std::pair{2, 3}, std::pair{6, 4}}) {
    const Buffer samples = test::random_bytes(static_cast<std::size_t>(13 * 7 * channels * 2), 30);
    const Buffer bytes = png(13, 7, 16, colour_type, samples);
    const ImageInfo info = probe_image(bytes, "x.png");
    CHECK(info.wide);
    CHECK(info.channels == channels);
    const Image image = decode_image(bytes, "x.png");
    CHECK(image.wide);
    CHECK(image.scale() == 65535.0f);
    CHECK(image.samples8.empty());
    REQUIRE(image.samples16.size() == static_cast<std::size_t>(13 * 7 * channels));
    int wrong = 0;
    for (std::size_t i = 0; i < image.samples16.size(); ++i)
      wrong += image.samples16[i] != samples[2 * i] * 256 + samples[2 * i + 1];
    CHECK(wrong == 0);
  }
}

TEST_CASE("8-bit PNGs of every kind come out as they are stored") {
  for (const auto& [colour_type, channels] : {std::pair{0, 1}, std::pair{4, 2}, std::pair{2, 3}, std::pair{6, 4}}) {
    const Image noise = test::noisy_picture(13, 7, channels, 31);
    const Image image = decode_image(png(13, 7, 8, colour_type, noise.samples8), "x.png");
    CHECK(image.width == 13);
    CHECK(image.height == 7);
    CHECK(image.channels == channels);
    CHECK(image.samples8 == noise.samples8);
  }
}

TEST_CASE("Channels are converted as Pillow does it") {
  const Image rgb = test::noisy_picture(31, 17, 3, 32);
  const Image grey = to_channels(rgb, 1);
  REQUIRE(grey.samples8.size() == 31 * 17);
  int wrong = 0;
  for (std::size_t i = 0; i < grey.samples8.size(); ++i) {
    const double luma = 0.299 * rgb.samples8[3 * i] + 0.587 * rgb.samples8[3 * i + 1] + 0.114 * rgb.samples8[3 * i + 2];
    wrong += std::abs(grey.samples8[i] - luma) > 0.51;
  }
  CHECK(wrong == 0);
  const Image back = to_channels(grey, 3);
  for (std::size_t i = 0; i < back.samples8.size(); ++i) wrong += back.samples8[i] != grey.samples8[i / 3];
  // Alpha is dropped without blending.
  const Image rgba = test::noisy_picture(31, 17, 4, 33), no_alpha = to_channels(rgba, 3);
  for (std::size_t i = 0; i < 31 * 17; ++i)
    for (std::size_t c = 0; c < 3; ++c) wrong += no_alpha.samples8[3 * i + c] != rgba.samples8[4 * i + c];
  const Image grey_alpha = test::noisy_picture(31, 17, 2, 34);
  for (std::size_t i = 0; i < 31 * 17; ++i) {
    wrong += to_channels(grey_alpha, 1).samples8[i] != grey_alpha.samples8[2 * i];
    wrong += to_channels(grey_alpha, 3).samples8[3 * i + 2] != grey_alpha.samples8[2 * i];
  }
  CHECK(wrong == 0);
  CHECK(to_channels(rgb, 3).samples8 == rgb.samples8);
  const Image wide{1, 1, 3, true, {}, {65535, 65535, 65535}};
  CHECK(to_channels(wide, 1).samples16 == std::vector<std::uint16_t>{65535});
  CHECK(to_channels(to_channels(wide, 1), 3).samples16 == wide.samples16);
  for (int channels : {0, 2, 4}) CHECK_THROWS_AS(to_channels(rgb, channels), UsageError);
}

TEST_CASE("PNM: comments, any white space, any largest value, 16 bits with the high byte first") {
  const Image plain =
      decode_image(pnm("P5\n# made by hand\n3 2 # width and height\n255\n", {0, 1, 2, 253, 254, 255}), "x.pgm");
  CHECK(plain.width == 3);
  CHECK(plain.height == 2);
  CHECK(plain.channels == 1);
  CHECK(plain.samples8 == Buffer{0, 1, 2, 253, 254, 255});
  CHECK(decode_image(pnm("P6 1\t1\r\n255 ", {10, 32, 35}), "x.ppm").samples8 == Buffer{10, 32, 35});
  // White is the largest value, and nothing is whiter.
  CHECK(decode_image(pnm("P5 4 1 3\n", {0, 1, 3, 9}), "x.pgm").samples8 == Buffer{0, 85, 255, 255});
  CHECK(decode_image(pnm("P5 2 1 1\n", {0, 1}), "x.pgm").samples8 == Buffer{0, 255});
  const Image wide = decode_image(pnm("P5 3 1 65535\n", {0x12, 0x34, 0xFF, 0xFE, 0, 1}), "x.pgm");
  CHECK(wide.wide);
  CHECK(wide.samples16 == std::vector<std::uint16_t>{0x1234, 0xFFFE, 1});
  // 12 bits, as X-ray detectors have.
  const Image xray = decode_image(pnm("P5 3 1 4095\n", {0x0F, 0xFF, 0x08, 0x00, 0, 0}), "x.pgm");
  CHECK(xray.samples16 == std::vector<std::uint16_t>{65535, 32776, 0});
  const ImageInfo info = probe_image(pnm("P6 7 5 4095\n", {}), "x.ppm");
  CHECK(info.format == "pnm");
  CHECK(info.width == 7);
  CHECK(info.height == 5);
  CHECK(info.channels == 3);
  CHECK(info.wide);
}

TEST_CASE("PNM headers that are damaged or lie are refused") {
  for (const char* header :
       {"P5", "P5\n", "P5\n3", "P5\n3 2", "P5\n3 2\n255", "P5\n-3 2\n255\n", "P5\n3 -2\n255\n", "P5\n0 2\n255\n",
        "P5\n3 0\n255\n", "P5\n3 2\n0\n", "P5\n3 2\n65536\n", "P5\nx 2\n255\n", "P5\n3.5 2\n255\n", "P5\n3 2\n255x",
        "P5\n99999999999999999999 2\n255\n", "P5 # only a comment"}) {
    INFO(header);
    CHECK_THROWS_WITH_AS(decode_image(pnm(header, {}), "bad.pgm"), doctest::Contains("bad.pgm: "), DataError);
  }
  CHECK_THROWS_WITH_AS(decode_image(pnm("P5\n3 2\n255\n", {1, 2, 3, 4, 5}), "short.pgm"),
                       doctest::Contains("short.pgm: pnm is truncated (expected 6 bytes of pixels, found 5)"),
                       DataError);
  CHECK_THROWS_WITH_AS(decode_image(pnm("P6\n3 2\n256\n", Buffer(35)), "short.ppm"), doctest::Contains("expected 36"),
                       DataError);
  CHECK_THROWS_WITH_AS(decode_image(pnm("P5\n1000000000 1000000000\n255\n", {1}), "bomb.pgm"),
                       doctest::Contains("at most"), DataError);
}

TEST_CASE("A GIF's first frame is read") {
  const Image image = to_channels(decode_image(gif, "x.gif"), 3);
  CHECK(image.width == 2);
  CHECK(image.height == 1);
  CHECK(image.samples8 == Buffer{255, 0, 0, 0, 0, 255});
}

TEST_CASE("BMPs of the older header and upside-down rows are read") {
  // OS/2: extents of 16 bits; rows from the bottom, padded to 4 bytes, blue first.
  const Buffer os2{'B', 'M', 42, 0,  0, 0, 0, 0, 0, 0, 26, 0, 0, 0, 12, 0, 0,  0,  2,  0, 2,
                   0,   1,   0,  24, 0, 1, 2, 3, 4, 5, 6,  0, 0, 7, 8,  9, 10, 11, 12, 0, 0};
  const Buffer expected{9, 8, 7, 12, 11, 10, 3, 2, 1, 6, 5, 4};
  CHECK(decode_image(os2, "x.bmp").samples8 == expected);
  check_cut_anywhere(os2, "os2.bmp", 1);
  Buffer windows{'B', 'M', 70, 0, 0, 0, 0, 0, 0, 0, 54, 0, 0, 0, 40, 0, 0, 0, 2, 0, 0, 0, 2, 0, 0, 0, 1, 0, 24, 0};
  windows.resize(54);
  windows.insert(windows.end(), os2.begin() + 26, os2.end());
  CHECK(decode_image(windows, "x.bmp").samples8 == expected);
  // A negative height: the top row first.
  for (std::size_t i = 22; i < 26; ++i) windows[i] = i == 22 ? 0xFE : 0xFF;
  CHECK(decode_image(windows, "x.bmp").samples8 == Buffer{3, 2, 1, 6, 5, 4, 9, 8, 7, 12, 11, 10});
  for (std::size_t i = 18; i < 22; ++i) windows[i] = 0xFF;
  CHECK_THROWS_WITH_AS(decode_image(windows, "x.bmp"), doctest::Contains("x.bmp: "), DataError);
}

TEST_CASE("A picture cut off anywhere is an error that names it") {
  check_cut_anywhere(read_file(test::images / "png_rgb.png"), "png_rgb.png", 13);
  check_cut_anywhere(read_file(test::images / "png_interlaced.png"), "png_interlaced.png", 13);
  check_cut_anywhere(read_file(test::images / "png_palette_4bit.png"), "png_palette_4bit.png", 5);
  check_cut_anywhere(read_file(test::images / "bmp_rgb.bmp"), "bmp_rgb.bmp", 13);
  check_cut_anywhere(read_file(test::images / "pgm_gray.pgm"), "pgm_gray.pgm", 7);
  check_cut_anywhere(gif, "two.gif", 1);
}

TEST_CASE("A flipped bit in a PNG is noticed by its checksum") {
  const Buffer whole = png(13, 7, 8, 2, test::noisy_picture(13, 7, 3, 35).samples8);
  for (std::size_t i = 8; i < whole.size(); ++i) {
    Buffer b = whole;
    b[i] ^= static_cast<std::uint8_t>(1u << i % 8);
    INFO("byte " << i);
    CHECK_THROWS_WITH_AS(decode_image(b, "x.png"), doctest::Contains("x.png: "), DataError);
  }
}

TEST_CASE("What is no picture, or a picture of another format, says so") {
  CHECK_THROWS_WITH_AS(decode_image({}, "a.png"), doctest::Contains("a.png: not a picture (the file is empty)"),
                       DataError);
  Buffer text;
  test::append(text, "patient,label\n");
  CHECK_THROWS_WITH_AS(probe_image(text, "a.jpg"), doctest::Contains("a.jpg: not a picture (neither JPEG"), DataError);
  CHECK_THROWS_WITH_AS(read_image(test::images / "none.png"), doctest::Contains("none.png"), DataError);
  CHECK_THROWS_AS(read_image(test::images), DataError);
  for (const char* magic : {"BM", "GIF89a", "\x89PNG\r\n\x1A\n", "\xFF\xD8\xFF", "P6 ", "GIF87a;"}) {
    Buffer b;
    test::append(b, magic);
    CHECK_THROWS_WITH_AS(decode_image(b, "short"), doctest::Contains("short: "), DataError);
    CHECK_THROWS_AS(probe_image(b, "short"), DataError);
  }
}

TEST_CASE("A header that claims more pixels than allowed is refused before memory is taken") {
  Buffer b{0x89, 'P', 'N', 'G', '\r', '\n', 0x1A, '\n'}, header;
  big32(header, 1u << 20);
  big32(header, 1u << 20);
  header.insert(header.end(), {8, 2, 0, 0, 0});
  chunk(b, "IHDR", header);
  chunk(b, "IEND", {});
  CHECK_THROWS_WITH_AS(decode_image(b, "bomb.png"), doctest::Contains("bomb.png"), DataError);
  DecodeOptions o;
  o.max_pixels = 37 * 53 - 1;
  CHECK_THROWS_WITH_AS(read_image(test::images / "png_rgb.png", o), doctest::Contains("53x37 pixels, at most 1960"),
                       DataError);
  CHECK_THROWS_AS(read_image(test::images / "bmp_rgb.bmp", o), DataError);
  CHECK_THROWS_AS(read_image(test::images / "pgm_gray.pgm", o), DataError);
}

TEST_CASE("Damaged pictures are refused or decoded to their full size, whatever the damage") {
  const std::uint64_t seed = 36;
  Random random({seed, RandomStream::test});
  for (const char* file : {"jpeg_420.jpg", "jpeg_progressive.jpg", "jpeg_exif6.jpg", "png_palette.png", "png_rgba.png",
                           "bmp_rgb.bmp", "ppm_rgb.ppm"}) {
    const Buffer whole = read_file(test::images / file);
    DecodeOptions o;
    o.max_pixels = 1 << 20;
    for (int round = 0; round < 150; ++round) {
      Buffer b = whole;
      // Half of the damage goes where the headers are.
      const auto reach = static_cast<std::uint32_t>(round % 2 == 0 ? b.size() : std::min<std::size_t>(b.size(), 200));
      for (std::uint32_t k = 0; k <= random.below(3); ++k)
        b[random.below(reach)] = static_cast<std::uint8_t>(random.bits());
      INFO("seed " << seed << ", " << file << ", round " << round);
      try {
        const Image image = decode_image(b, file, o);
        CHECK((image.wide ? image.samples16.size() : image.samples8.size()) == image.sample_count());
      } catch (const DataError& e) {
        CHECK(std::string(e.what()).find(file) != std::string::npos);
      }
    }
  }
}
