// Written PNGs, taken apart chunk by chunk and decoded by a library that did not write them.
#include <zlib.h>

#include "engine/io/image_decode.h"
#include "engine/io/image_formats.h"
#include "engine/io/png_write.h"
#include "engine/tensor/error.h"
#include "tests/io/support.h"

using namespace engine;
using test::Buffer;
using test::TemporaryFolder;

TEST_CASE("The decoder sees the pixels that were written") {
  for (const int channels : {1, 3})
    for (const auto& [width, height] : {std::pair{1, 1}, std::pair{1, 31}, std::pair{33, 1}, std::pair{101, 67}}) {
      INFO(width << "x" << height << "x" << channels);
      for (const Image& image :
           {test::noisy_picture(width, height, channels, 17), test::smooth_picture(width, height, channels)}) {
        const Buffer bytes = encode_png(image);
        const Image back = decode_image(bytes, "x.png");
        CHECK(back.width == width);
        CHECK(back.height == height);
        CHECK(back.channels == channels);
        CHECK_FALSE(back.wide);
        CHECK(back.samples8 == image.samples8);
        CHECK_NOTHROW(check_png(bytes, "x.png"));
      }
    }
}

TEST_CASE("The file holds one header, one stream of rows and an end, with right checksums") {
  const Image image = test::noisy_picture(5, 3, 3, 18);
  const Buffer b = encode_png(image);
  const auto big32 = [&](std::size_t at) {
    return std::uint32_t{b[at]} << 24 | std::uint32_t{b[at + 1]} << 16 | std::uint32_t{b[at + 2]} << 8 | b[at + 3];
  };
  CHECK(Buffer(b.begin(), b.begin() + 8) == Buffer{0x89, 'P', 'N', 'G', 0x0D, 0x0A, 0x1A, 0x0A});
  std::string types;
  std::size_t at = 8;
  while (at < b.size()) {
    const std::uint32_t length = big32(at);
    REQUIRE(at + 12 + length <= b.size());
    types +=
        std::string(b.begin() + static_cast<std::ptrdiff_t>(at) + 4, b.begin() + static_cast<std::ptrdiff_t>(at) + 8);
    CHECK(crc32(0, b.data() + at + 4, length + 4) == big32(at + 8 + length));
    if (types == "IHDR") {
      CHECK(length == 13);
      CHECK(big32(at + 8) == 5);
      CHECK(big32(at + 12) == 3);
      CHECK(Buffer(b.begin() + static_cast<std::ptrdiff_t>(at) + 16,
                   b.begin() + static_cast<std::ptrdiff_t>(at) + 21) == Buffer{8, 2, 0, 0, 0});
    }
    at += 12 + length;
  }
  CHECK(at == b.size());
  CHECK(types == "IHDRIDATIEND");
}

TEST_CASE("Pictures a PNG of this writer cannot hold are refused") {
  Image image = test::noisy_picture(3, 3, 4, 19);
  CHECK_THROWS_WITH_AS(encode_png(image), doctest::Contains("found 4 of 8"), UsageError);
  image.channels = 2;
  CHECK_THROWS_AS(encode_png(image), UsageError);
  Image wide;
  wide.width = wide.height = wide.channels = 1;
  wide.wide = true;
  wide.samples16 = {500};
  CHECK_THROWS_WITH_AS(encode_png(wide), doctest::Contains("found 1 of 16"), UsageError);
  image = test::noisy_picture(3, 3, 3, 19);
  image.height = 4;
  CHECK_THROWS_WITH_AS(encode_png(image), doctest::Contains("27 samples"), UsageError);
  CHECK_THROWS_AS(encode_png(Image{0, 5, 3, false, {}, {}}), UsageError);
}

TEST_CASE("A picture is written whole or not at all") {
  const TemporaryFolder folder;
  const Image image = test::noisy_picture(101, 67, 3, 20);
  write_png(folder / "a.png", image);
  CHECK(read_image(folder / "a.png").samples8 == image.samples8);
  std::string message;
  {
    const test::FileSizeLimit limit(4096);
    try {
      write_png(folder / "a.png", test::noisy_picture(100, 100, 3, 21));
    } catch (const FileError& e) {
      message = e.what();
    }
  }
  CHECK(message.find("a.png") != std::string::npos);
  CHECK(read_image(folder / "a.png").samples8 == image.samples8);
  CHECK(folder.names() == std::vector<std::string>{"a.png"});
}
