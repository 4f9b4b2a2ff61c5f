// JPEG: scaled decoding, EXIF orientation, grey and inks; junk, truncation and damage.
#include <turbojpeg.h>

#include <memory>

#include "engine/io/image_decode.h"
#include "engine/io/image_formats.h"
#include "engine/tensor/error.h"
#include "tests/io/support.h"

using namespace engine;
using test::Buffer;

namespace {

Buffer jpeg_of(const std::uint8_t* pixels, int width, int height, int format, int subsampling, int quality = 100) {
  const std::unique_ptr<void, int (*)(tjhandle)> handle(tjInitCompress(), tjDestroy);
  unsigned char* out = nullptr;
  unsigned long size = 0;
  REQUIRE(tjCompress2(handle.get(), pixels, width, 0, height, format, &out, &size, subsampling, quality,
                      TJFLAG_ACCURATEDCT) == 0);
  const Buffer bytes(out, out + size);
  tjFree(out);
  return bytes;
}

Buffer jpeg_of(const Image& image, int subsampling = TJSAMP_444) {
  return jpeg_of(image.samples8.data(), image.width, image.height, image.channels == 1 ? TJPF_GRAY : TJPF_RGB,
                 image.channels == 1 ? TJSAMP_GRAY : subsampling);
}

int largest_difference(const Buffer& a, const Buffer& b) {
  if (a.size() != b.size()) return 1000;
  int largest = 0;
  for (std::size_t i = 0; i < a.size(); ++i) largest = std::max(largest, std::abs(a[i] - b[i]));
  return largest;
}

// An EXIF segment whose one directory entry is the orientation, as a camera of either byte order writes it.
Buffer exif(int orientation, bool little) {
  Buffer tiff;
  const auto put = [&](std::uint32_t v, int bytes) {
    for (int i = 0; i < bytes; ++i) tiff.push_back(static_cast<std::uint8_t>(v >> 8 * (little ? i : bytes - 1 - i)));
  };
  test::append(tiff, little ? "II" : "MM");
  put(42, 2);
  put(8, 4);       // where the directory is
  put(2, 2);       // entries
  put(0x0100, 2);  // width: a tag to pass over
  put(4, 2), put(1, 4), put(77, 4);
  put(0x0112, 2);
  put(3, 2), put(1, 4), put(static_cast<std::uint32_t>(orientation), 2), put(0, 2);
  put(0, 4);
  return tiff;
}

Buffer with_exif(const Buffer& jpeg, const Buffer& tiff) {
  const std::size_t length = 2 + 6 + tiff.size();
  Buffer b{0xFF, 0xD8, 0xFF, 0xE1, static_cast<std::uint8_t>(length >> 8), static_cast<std::uint8_t>(length)};
  test::append(b, std::string("Exif\0\0", 6));
  b.insert(b.end(), tiff.begin(), tiff.end());
  b.insert(b.end(), jpeg.begin() + 2, jpeg.end());
  return b;
}

// Without the segments of one marker before the scan.
Buffer without_segments(const Buffer& jpeg, std::uint8_t marker) {
  Buffer bare{0xFF, 0xD8};
  for (std::size_t at = 2;;) {
    const auto begin = jpeg.begin() + static_cast<std::ptrdiff_t>(at);
    if (begin[1] == 0xDA) {
      bare.insert(bare.end(), begin, jpeg.end());
      break;
    }
    const int length = 2 + begin[2] * 256 + begin[3];
    if (begin[1] != marker) bare.insert(bare.end(), begin, begin + length);
    at += static_cast<std::size_t>(length);
  }
  CHECK(bare.size() < jpeg.size());
  return bare;
}

// Which stored pixel an upright one shows, from the table of the EXIF standard (where row 0 and column 0 lie).
std::pair<int, int> stored_at(int orientation, int x, int y, int width, int height) {
  switch (orientation) {
    case 2:
      return {width - 1 - x, y};
    case 3:
      return {width - 1 - x, height - 1 - y};
    case 4:
      return {x, height - 1 - y};
    case 5:
      return {y, x};
    case 6:
      return {y, height - 1 - x};
    case 7:
      return {width - 1 - y, height - 1 - x};
    case 8:
      return {width - 1 - y, x};
    default:
      return {x, y};
  }
}

void check_upright(const Image& upright, const Image& stored, int orientation) {
  INFO("orientation " << orientation);
  const bool turned = orientation >= 5;
  REQUIRE(upright.width == (turned ? stored.height : stored.width));
  REQUIRE(upright.height == (turned ? stored.width : stored.height));
  int wrong = 0;
  for (int y = 0; y < upright.height; ++y)
    for (int x = 0; x < upright.width; ++x) {
      const auto [sx, sy] = stored_at(orientation, x, y, stored.width, stored.height);
      for (int c = 0; c < stored.channels; ++c) {
        const auto to = static_cast<std::size_t>((y * upright.width + x) * stored.channels + c);
        const auto from = static_cast<std::size_t>((sy * stored.width + sx) * stored.channels + c);
        wrong += stored.wide ? upright.samples16[to] != stored.samples16[from]
                             : upright.samples8[to] != stored.samples8[from];
      }
    }
  CHECK(wrong == 0);
}

}  // namespace

TEST_CASE("A smooth picture survives JPEG almost unchanged, in colour and in grey") {
  for (const int channels : {1, 3}) {
    const Image image = test::smooth_picture(101, 67, channels);
    const Buffer bytes = jpeg_of(image);
    const ImageInfo info = probe_image(bytes, "x.jpg");
    CHECK(info.format == "jpeg");
    CHECK(info.width == 101);
    CHECK(info.height == 67);
    CHECK(info.channels == channels);
    CHECK_FALSE(info.wide);
    const Image back = decode_image(bytes, "x.jpg");
    CHECK(back.channels == channels);
    CHECK(largest_difference(back.samples8, image.samples8) <= 4);
  }
}

TEST_CASE("A hint shrinks the picture in the decoder, never below twice the hint") {
  const Image image = test::smooth_picture(256, 192, 3);
  const Buffer bytes = jpeg_of(image);
  for (const auto& [hint, expected] :
       {std::pair{0, 1}, std::pair{1000, 1}, std::pair{97, 1}, std::pair{49, 1}, std::pair{48, 2}, std::pair{25, 2},
        std::pair{24, 4}, std::pair{13, 4}, std::pair{12, 8}, std::pair{1, 8}}) {
    INFO("hint " << hint);
    DecodeOptions o;
    o.short_side_hint = hint;
    const Image small = decode_image(bytes, "x.jpg", o);
    CHECK(small.width == 256 / expected);
    CHECK(small.height == 192 / expected);
    // Each pixel is the mean of the block it stands for, up to what the dropped frequencies held.
    int largest = 0;
    for (int y = 0; y < small.height; ++y)
      for (int x = 0; x < small.width; ++x)
        for (int c = 0; c < 3; ++c) {
          int sum = 0;
          for (int dy = 0; dy < expected; ++dy)
            for (int dx = 0; dx < expected; ++dx)
              sum += image.samples8[static_cast<std::size_t>(((y * expected + dy) * 256 + x * expected + dx) * 3 + c)];
          const int found = small.samples8[static_cast<std::size_t>((y * small.width + x) * 3 + c)];
          largest = std::max(largest, std::abs(found - sum / (expected * expected)));
        }
    CHECK(largest <= 4);
  }
}

TEST_CASE("Odd sizes round up when they shrink, also in subsampled colour, and turn upright") {
  const Image image = test::smooth_picture(101, 67, 3);
  DecodeOptions o;
  o.short_side_hint = 10;
  const Image small = decode_image(jpeg_of(image, TJSAMP_420), "x.jpg", o);
  CHECK(small.width == 51);
  CHECK(small.height == 34);
  const Image upright = decode_image(with_exif(jpeg_of(image, TJSAMP_420), exif(6, true)), "x.jpg", o);
  check_upright(upright, small, 6);
}

TEST_CASE("All eight EXIF orientations, in both byte orders, turn the picture upright unless told not to") {
  const Buffer jpeg = jpeg_of(test::noisy_picture(19, 11, 3, 27));
  const Image stored = decode_image(jpeg, "x.jpg");
  for (const bool little : {true, false})
    for (int orientation = 1; orientation <= 8; ++orientation) {
      const Buffer bytes = with_exif(jpeg, exif(orientation, little));
      CHECK(jpeg_markers(bytes).orientation == orientation);
      check_upright(decode_image(bytes, "x.jpg"), stored, orientation);
      DecodeOptions as_stored;
      as_stored.apply_orientation = false;
      check_upright(decode_image(bytes, "x.jpg", as_stored), stored, 1);
    }
}

TEST_CASE("Orientation rearranges pictures of any depth and number of channels") {
  for (int orientation = 0; orientation <= 9; ++orientation) {
    const int known = orientation <= 8 ? orientation : 1;
    for (const int channels : {1, 2, 4}) {
      const Image image = test::noisy_picture(5, 3, channels, 28);
      check_upright(oriented(image, orientation), image, known);
    }
    Image wide{4, 3, 1, true, {}, {1, 2, 3, 4, 50, 60, 70, 80, 900, 1000, 1100, 1200}};
    check_upright(oriented(wide, orientation), wide, known);
  }
}

TEST_CASE("EXIF that makes no sense leaves the picture as it is stored") {
  const Buffer jpeg = jpeg_of(test::noisy_picture(19, 11, 3, 29));
  const Image stored = decode_image(jpeg, "x.jpg");
  std::vector<Buffer> nonsense{{}, {'I', 'I'}, exif(0, true), exif(9, true), exif(65535, false)};
  const Buffer good = exif(6, true);
  for (std::size_t n = 0; n < good.size() - 6; ++n)
    nonsense.emplace_back(good.begin(), good.begin() + static_cast<std::ptrdiff_t>(n));
  Buffer far = good;
  far[4] = far[5] = far[6] = far[7] = 0xFF;  // a directory beyond the segment
  nonsense.push_back(far);
  Buffer many = good;
  many[8] = many[9] = 0xFF;  // 65535 entries, of which two are there
  many[22] = 0x13;           // none of them the orientation
  nonsense.push_back(many);
  for (const Buffer& tiff : nonsense) {
    INFO(tiff.size() << " bytes of EXIF");
    CHECK(jpeg_markers(with_exif(jpeg, tiff)).orientation == 1);
    check_upright(decode_image(with_exif(jpeg, tiff), "x.jpg"), stored, 1);
  }
}

TEST_CASE("An EXIF directory is not read beyond its segment") {
  const Buffer whole = exif(6, true);
  constexpr std::ptrdiff_t first_entry_end = 10 + 12;
  // Two entries announced; the second, the orientation, lies behind the segment.
  Buffer b = with_exif({0xFF, 0xD8}, Buffer(whole.begin(), whole.begin() + first_entry_end));
  b.insert(b.end(), whole.begin() + first_entry_end, whole.end());
  CHECK(jpeg_markers(b).orientation == 1);
  CHECK(jpeg_markers(with_exif({0xFF, 0xD8}, whole)).orientation == 6);
}

TEST_CASE("Inks become the colours they print") {
  // What Adobe's files hold: 255 is no ink.
  const std::uint8_t inks[][4] = {{255, 255, 255, 255}, {255, 255, 255, 0}, {0, 255, 255, 255},
                                  {255, 0, 255, 255},   {255, 255, 0, 255}, {255, 255, 255, 128}};
  const int colours[][3] = {{255, 255, 255}, {0, 0, 0}, {0, 255, 255}, {255, 0, 255}, {255, 255, 0}, {128, 128, 128}};
  for (std::size_t i = 0; i < 6; ++i) {
    INFO("ink set " << i);
    Buffer pixels;
    for (int p = 0; p < 16 * 16; ++p) pixels.insert(pixels.end(), inks[i], inks[i] + 4);
    const Buffer bytes = jpeg_of(pixels.data(), 16, 16, TJPF_CMYK, TJSAMP_444);
    CHECK(jpeg_markers(bytes).adobe);
    CHECK(probe_image(bytes, "x.jpg").channels == 3);
    const Image image = decode_image(bytes, "x.jpg");
    REQUIRE(image.channels == 3);
    REQUIRE(image.samples8.size() == 16 * 16 * 3);
    for (std::size_t c = 0; c < 3; ++c) CHECK(std::abs(image.samples8[3 * 37 + c] - colours[i][c]) <= 3);
  }
}

TEST_CASE("Inks of a file without Adobe's marker are not inverted") {
  // Neutral inks are stored as (255 - x, 128, 128, k) under Adobe's marker; without it these are the inks themselves.
  for (const auto& [x, k, expected] :
       {std::tuple{200, 0, std::array{200, 127, 127}}, std::tuple{200, 255, std::array{0, 0, 0}}}) {
    Buffer pixels;
    for (int p = 0; p < 16 * 16; ++p)
      for (const int v : {x, x, x, k}) pixels.push_back(static_cast<std::uint8_t>(v));
    Buffer bytes = jpeg_of(pixels.data(), 16, 16, TJPF_CMYK, TJSAMP_444);
    const std::string adobe = "Adobe";
    const auto marker = std::search(bytes.begin(), bytes.end(), adobe.begin(), adobe.end());
    REQUIRE(marker != bytes.end());
    *marker = 'a';
    CHECK_FALSE(jpeg_markers(bytes).adobe);
    const Image image = decode_image(bytes, "x.jpg");
    INFO("x " << x << ", k " << k);
    for (std::size_t c = 0; c < 3; ++c) CHECK(std::abs(image.samples8[c] - expected[c]) <= 3);
  }
}

TEST_CASE("A JPEG cut off anywhere is an error that names it") {
  for (const char* file :
       {"jpeg_420.jpg", "jpeg_progressive.jpg", "jpeg_restart.jpg", "jpeg_gray.jpg", "jpeg_cmyk.jpg"}) {
    const Buffer whole = read_file(test::images / file);
    for (std::size_t n = 0; n < whole.size(); n += 5) {
      INFO(file << ", " << n << " bytes");
      CHECK_THROWS_WITH_AS(decode_image(std::span(whole).first(n), file), doctest::Contains(file), DataError);
    }
  }
}

TEST_CASE("A damaged picture leaves no trace in the next one") {
  const Buffer good = read_file(test::images / "jpeg_420.jpg");
  const Image image = decode_image(good, "good.jpg");
  const Buffer header_only(good.begin(), good.begin() + 200), half(good.begin(), good.begin() + 900);
  for (const Buffer& bad : {header_only, half, Buffer{0xFF, 0xD8, 0xFF}}) {
    CHECK_THROWS_AS(probe_image(Buffer(bad.begin(), bad.begin() + 3), "bad.jpg"), DataError);
    CHECK_THROWS_AS(decode_image(bad, "bad.jpg"), DataError);
    CHECK(decode_image(good, "good.jpg").samples8 == image.samples8);
  }
  // Without its quantisation tables it is refused; without its Huffman tables, which are the standard ones, those are
  // used, as in Motion JPEG: never what the last picture had.
  decode_image(read_file(test::images / "jpeg_optimised.jpg"), "other.jpg");
  CHECK_THROWS_WITH_AS(decode_image(without_segments(good, 0xDB), "bare.jpg"), doctest::Contains("bare.jpg: "),
                       DataError);
  CHECK(decode_image(without_segments(good, 0xC4), "bare.jpg").samples8 == image.samples8);
}

TEST_CASE("Junk before the end marker is harmless; junk further up must not hide that the rest is missing") {
  Buffer b = read_file(test::images / "jpeg_progressive.jpg");
  const Image image = decode_image(b, "x.jpg");
  REQUIRE(b[b.size() - 1] == 0xD9);
  Buffer padded = b;
  padded.insert(padded.end() - 2, {1, 2, 3});
  CHECK(decode_image(padded, "x.jpg").samples8 == image.samples8);
  // Behind the end marker nobody looks.
  b.insert(b.end(), 100, 0xAB);
  CHECK(decode_image(b, "x.jpg").samples8 == image.samples8);
  // In front of each later scan's tables, and then the last tenth cut off.
  b.resize(b.size() - 100);
  int tried = 0;
  for (std::size_t at = 310; at + 1 < b.size() * 8 / 10; ++at) {
    if (b[at] != 0xFF || (b[at + 1] != 0xC4 && b[at + 1] != 0xDA)) continue;
    Buffer hidden = b;
    hidden.insert(hidden.begin() + static_cast<std::ptrdiff_t>(at), {1, 2, 3});
    hidden.resize(hidden.size() * 9 / 10);
    INFO("junk at " << at);
    CHECK_THROWS_AS(decode_image(hidden, "x.jpg"), DataError);
    ++tried;
  }
  CHECK(tried > 5);
}

TEST_CASE("A size beyond the limit is refused from the header alone") {
  Buffer b = read_file(test::images / "jpeg_420.jpg");
  DecodeOptions o;
  o.max_pixels = 37 * 53 - 1;
  CHECK_THROWS_WITH_AS(decode_image(b, "x.jpg", o), doctest::Contains("x.jpg: 53x37 pixels, at most 1960"), DataError);
  o.max_pixels = 37 * 53;
  CHECK_NOTHROW(decode_image(b, "x.jpg", o));
  // 65500 x 65500 pixels would be 12 GB.
  constexpr std::uint8_t start_of_frame[] = {0xFF, 0xC0};
  const auto frame = std::search(b.begin(), b.end(), std::begin(start_of_frame), std::end(start_of_frame));
  REQUIRE(frame != b.end());
  for (int i : {5, 7}) frame[i] = 0xFF, frame[i + 1] = 0xDC;
  CHECK_THROWS_WITH_AS(decode_image(b, "x.jpg"), doctest::Contains("65500x65500"), DataError);
}
