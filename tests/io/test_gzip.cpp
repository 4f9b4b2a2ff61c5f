// Compressed streams: gzip(1)'s bytes, several streams in one file, and every way of being broken.
#include <zlib.h>

#include "engine/io/gzip.h"
#include "engine/tensor/error.h"
#include "tests/io/support.h"

using namespace engine;
using test::Buffer;

namespace {

// printf 'engine engine engine\n' | gzip -9n
const Buffer from_gzip{0x1F, 0x8B, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0x03, 0x4B, 0xCD, 0x4B, 0xCF, 0xCC,
                       0x4B, 0x55, 0x48, 0x45, 0xA6, 0xB8, 0x00, 0x24, 0x97, 0x5A, 0xC9, 0x15, 0x00, 0x00, 0x00};
constexpr const char* plain = "engine engine engine\n";

std::string text(const Buffer& b) { return {b.begin(), b.end()}; }

Buffer gzip_of(const Buffer& bytes) {
  z_stream s{};
  REQUIRE(deflateInit2(&s, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) == Z_OK);
  Buffer out(deflateBound(&s, bytes.size()) + 64);
  s.next_in = const_cast<Bytef*>(bytes.data());
  s.avail_in = static_cast<uInt>(bytes.size());
  s.next_out = out.data();
  s.avail_out = static_cast<uInt>(out.size());
  REQUIRE(::deflate(&s, Z_FINISH) == Z_STREAM_END);
  out.resize(s.total_out);
  deflateEnd(&s);
  return out;
}

Buffer joined(Buffer a, const Buffer& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

}  // namespace

TEST_CASE("What gzip(1) packed is unpacked") {
  CHECK(is_gzip(from_gzip));
  CHECK(text(inflate(from_gzip, "x.gz")) == plain);
  const Buffer raw(from_gzip.begin() + 10, from_gzip.end() - 8);
  CHECK(text(inflate(raw, "x", 100, true)) == plain);
  CHECK_FALSE(is_gzip(raw));
  CHECK_FALSE(is_gzip(Buffer{0x1F}));
}

TEST_CASE("Noise and long runs come back from gzip and from zlib") {
  for (const std::size_t n : {std::size_t{0}, std::size_t{1}, std::size_t{4096}, std::size_t{300001}}) {
    const Buffer noise = test::random_bytes(n, 3), zeros(n * 30);
    for (const Buffer& bytes : {noise, zeros}) {
      INFO(bytes.size() << " bytes");
      CHECK(inflate(gzip_of(bytes), "x") == bytes);
      for (int level : {0, 1, 9}) CHECK(inflate(deflate(bytes, level), "x") == bytes);
    }
  }
}

TEST_CASE("Several gzip streams in one file are one text, and zeros behind them are padding") {
  const Buffer two = joined(from_gzip, from_gzip);
  CHECK(text(inflate(two, "x")) == std::string(plain) + plain);
  const Buffer noise = test::random_bytes(100000, 4);
  CHECK(inflate(joined(gzip_of(noise), gzip_of(noise)), "x") == joined(noise, noise));
  CHECK(text(inflate(joined(from_gzip, Buffer(512)), "x")) == plain);
}

TEST_CASE("Anything else behind a stream is refused") {
  CHECK_THROWS_WITH_AS(inflate(joined(from_gzip, {'j', 'u', 'n', 'k'}), "x.gz"),
                       doctest::Contains("x.gz: 4 bytes of something else"), DataError);
  CHECK_THROWS_AS(inflate(joined(from_gzip, {0x1F, 0x8B, 0xFF, 0xFF}), "x"), DataError);
  CHECK_THROWS_AS(inflate(joined(deflate(from_gzip), {0}), "x"), DataError);
  const Buffer raw(from_gzip.begin() + 10, from_gzip.end() - 8);
  CHECK_THROWS_AS(inflate(joined(raw, {1}), "x", 100, true), DataError);
}

TEST_CASE("A stream that ends too early is truncated, wherever the cut is") {
  const Buffer packed = gzip_of(test::random_bytes(500, 5));
  for (const Buffer& whole : {from_gzip, packed, joined(from_gzip, from_gzip)})
    for (std::size_t n = 0; n < whole.size(); ++n) {
      if (whole.size() == 2 * from_gzip.size() && n == from_gzip.size()) continue;  // between the two streams
      INFO(n << " of " << whole.size() << " bytes");
      CHECK_THROWS_WITH_AS(inflate(std::span(whole).first(n), "cut.gz"), doctest::Contains("cut.gz: "), DataError);
    }
  CHECK_THROWS_WITH_AS(inflate(std::span(packed).first(200), "cut.gz"), doctest::Contains("truncated"), DataError);
}

TEST_CASE("A wrong checksum, a wrong length and a flipped bit are noticed") {
  Buffer b = from_gzip;
  b[b.size() - 8] ^= 1;
  CHECK_THROWS_WITH_AS(inflate(b, "x.gz"), doctest::Contains("x.gz: compressed data is damaged"), DataError);
  b = from_gzip;
  b[b.size() - 1] ^= 1;
  CHECK_THROWS_AS(inflate(b, "x.gz"), DataError);
  const Buffer noise = test::random_bytes(2000, 6);
  const Buffer packed = deflate(noise);
  for (std::size_t i = 0; i < packed.size(); ++i) {
    Buffer flipped = packed;
    flipped[i] ^= static_cast<std::uint8_t>(1u << i % 8);
    INFO("byte " << i);
    CHECK_THROWS_AS(inflate(flipped, "x"), DataError);
  }
  CHECK_THROWS_AS(inflate(test::random_bytes(100, 7), "x"), DataError);
}

TEST_CASE("Growth stops at the limit, and a text of just that length passes") {
  const Buffer bomb = deflate(Buffer(5'000'000));
  CHECK(bomb.size() < 6000);
  CHECK_THROWS_WITH_AS(inflate(bomb, "bomb", 1'000'000), doctest::Contains("bomb: unpacks to more than 1000000 bytes"),
                       DataError);
  CHECK(inflate(bomb, "bomb", 5'000'000).size() == 5'000'000);
  CHECK_THROWS_AS(inflate(bomb, "bomb", 4'999'999), DataError);
  for (const std::size_t n : {std::size_t{1}, std::size_t{257}, std::size_t{5000}}) {
    const Buffer noise = test::random_bytes(n, 8);
    CHECK(inflate(gzip_of(noise), "x", n) == noise);
    CHECK(inflate(deflate(noise, 0), "x", n) == noise);
  }
}
