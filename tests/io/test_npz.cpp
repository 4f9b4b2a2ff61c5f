// Archives of arrays: what NumPy's savez_compressed wrote, members stored and deflated, damage in every byte.
#include <zlib.h>

#include "engine/io/gzip.h"
#include "engine/io/npy.h"
#include "engine/tensor/error.h"
#include "tests/io/support.h"

using namespace engine;
using test::Buffer;

namespace {

void put(Buffer& b, std::uint32_t v, int bytes) {
  for (int i = 0; i < bytes; ++i) b.push_back(static_cast<std::uint8_t>(v >> 8 * i));
}

struct Member {
  std::string name;
  Buffer body;
  bool deflated;
};

// The fields that the local header and the central directory share.
void put_common(Buffer& b, const Member& m, const Buffer& packed) {
  put(b, 20, 2);  // version needed
  put(b, 0, 2);   // flags
  put(b, m.deflated ? 8 : 0, 2);
  put(b, 0, 4);  // time and date
  put(b, static_cast<std::uint32_t>(crc32(0, m.body.data(), static_cast<uInt>(m.body.size()))), 4);
  put(b, static_cast<std::uint32_t>(packed.size()), 4);
  put(b, static_cast<std::uint32_t>(m.body.size()), 4);
  put(b, static_cast<std::uint32_t>(m.name.size()), 2);
}

Buffer zip(const std::vector<Member>& members, const std::string& comment = "") {
  Buffer b, directory;
  for (const Member& m : members) {
    Buffer packed = m.body;
    if (m.deflated) {
      packed = deflate(m.body);
      packed = Buffer(packed.begin() + 2, packed.end() - 4);  // without zlib's header and checksum
    }
    put(directory, 0x02014b50, 4);
    put(directory, 20, 2);
    put_common(directory, m, packed);
    directory.insert(directory.end(), 2 + 2 + 2 + 2 + 4, 0);  // extra, comment, disk, internal and external attributes
    put(directory, static_cast<std::uint32_t>(b.size()), 4);
    test::append(directory, m.name);
    put(b, 0x04034b50, 4);
    put_common(b, m, packed);
    put(b, 20, 2);  // NumPy leaves an extra field of 20 bytes in the local header only
    test::append(b, m.name);
    b.insert(b.end(), 20, 0);
    b.insert(b.end(), packed.begin(), packed.end());
  }
  const std::size_t start = b.size();
  b.insert(b.end(), directory.begin(), directory.end());
  put(b, 0x06054b50, 4);
  put(b, 0, 4);
  put(b, static_cast<std::uint32_t>(members.size()), 2);
  put(b, static_cast<std::uint32_t>(members.size()), 2);
  put(b, static_cast<std::uint32_t>(directory.size()), 4);
  put(b, static_cast<std::uint32_t>(start), 4);
  put(b, static_cast<std::uint32_t>(comment.size()), 2);
  test::append(b, comment);
  return b;
}

Buffer array_of(const Buffer& bytes) {
  std::string header = "{'descr': '|u1', 'fortran_order': False, 'shape': (" + std::to_string(bytes.size()) + ",), }\n";
  Buffer b;
  test::append(b, std::string("\x93NUMPY\x01\x00", 8));
  put(b, static_cast<std::uint32_t>(header.size()), 2);
  test::append(b, header);
  b.insert(b.end(), bytes.begin(), bytes.end());
  return b;
}

}  // namespace

TEST_CASE("An archive that NumPy wrote is read") {
  const auto arrays = read_npz(test::images / "decoded.npz");
  CHECK(arrays.size() == 68);
  const NpyArray& wide = arrays.at("png_gray16.png:native");
  CHECK(wide.type == "u2");
  CHECK(wide.shape == Shape{37, 53});
  CHECK(arrays.at("jpeg_420_even.jpg:rgb").shape == Shape{48, 64, 3});
  CHECK(arrays.at("png_1bit.png:native").type == "b1");
  CHECK(read_npz(test::images / "resized.npz").at("png_rgb.png:bicubic:13x31:torch_float").type == "f4");
}

TEST_CASE("Stored and deflated members are read under their names, behind a comment too") {
  const Buffer noise = test::random_bytes(3000, 10), zeros(3000);
  const auto arrays = parse_npz(zip({{"noise.npy", array_of(noise), false},
                                     {"zeros.npy", array_of(zeros), true},
                                     {"folder/no extension", array_of({1}), true}},
                                    "a comment"),
                                "a.npz");
  CHECK(arrays.size() == 3);
  CHECK(arrays.at("noise").bytes == noise);
  CHECK(arrays.at("zeros").bytes == zeros);
  CHECK(arrays.at("folder/no extension").bytes == Buffer{1});
  CHECK(parse_npz(zip({}), "none.npz").empty());
}

TEST_CASE("A flipped bit in a member is noticed by its checksum") {
  const std::string name = "a.npy";
  for (const bool deflated : {false, true}) {
    const Buffer whole = zip({{name, array_of(test::random_bytes(200, 11)), deflated}});
    const std::size_t begin = 30 + name.size() + 20, end = begin + 200;
    for (std::size_t at = begin; at < end; at += 7) {
      Buffer b = whole;
      b[at] ^= 4;
      INFO("byte " << at << ", deflated: " << deflated);
      CHECK_THROWS_WITH_AS(parse_npz(b, "a.npz"), doctest::Contains("a.npz:a.npy"), DataError);
    }
  }
}

TEST_CASE("Archives cut off anywhere, other packings and other files are refused by name") {
  const Buffer whole = zip({{"a.npy", array_of(test::random_bytes(100, 12)), true}});
  for (std::size_t n = 0; n < whole.size(); ++n) {
    INFO(n << " bytes");
    CHECK_THROWS_WITH_AS(parse_npz(std::span(whole).first(n), "a.npz"), doctest::Contains("a.npz"), DataError);
  }
  Buffer bzip = zip({{"a.npy", array_of({1, 2, 3}), false}});
  bzip[bzip.size() - 22 - 46 - 5 + 10] = 12;
  CHECK_THROWS_WITH_AS(parse_npz(bzip, "a.npz"), doctest::Contains("packing method 12"), DataError);
  Buffer long_name = zip({{"a.npy", array_of({1, 2, 3}), false}});
  long_name[long_name.size() - 22 - 46 - 5 + 28] = long_name[long_name.size() - 22 - 46 - 5 + 29] = 0xFF;
  CHECK_THROWS_WITH_AS(parse_npz(long_name, "a.npz"), doctest::Contains("a.npz: damaged archive directory"), DataError);
  CHECK_THROWS_WITH_AS(parse_npz(zip({{"notes.txt", {'h', 'e', 'l', 'l', 'o'}, false}}), "a.npz"),
                       doctest::Contains("a.npz:notes.txt: not a .npy"), DataError);
  CHECK_THROWS_WITH_AS(parse_npz(test::random_bytes(70000, 13), "a.npz"),
                       doctest::Contains("a.npz: not a .npz archive"), DataError);
  CHECK_THROWS_WITH_AS(read_npz(test::images / "none.npz"), doctest::Contains("none.npz"), DataError);
}

TEST_CASE("A damaged archive is refused or read whole, never read outside its bytes") {
  const Buffer whole = zip({{"a.npy", array_of(test::random_bytes(60, 14)), true}, {"b.npy", array_of({1, 2}), false}});
  const std::uint64_t seed = 15;
  Random random({seed, RandomStream::test});
  for (int round = 0; round < 1500; ++round) {
    Buffer b = whole;
    b[random.below(static_cast<std::uint32_t>(b.size()))] = static_cast<std::uint8_t>(random.bits());
    INFO("seed " << seed << ", round " << round);
    try {
      for (const auto& [name, a] : parse_npz(b, "a.npz"))
        CHECK(a.bytes.size() == static_cast<std::size_t>(a.shape.numel()));
    } catch (const DataError&) {
    }
  }
}
