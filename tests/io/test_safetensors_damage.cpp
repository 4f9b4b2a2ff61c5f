// Weight files that must not be believed: each rule of the format broken once, and bytes broken at random.
#include <cstring>

#include "engine/io/safetensors.h"
#include "engine/tensor/error.h"
#include "tests/io/support.h"

using namespace engine;
using test::Buffer;

namespace {

Buffer with_length(std::uint64_t length, const std::string& header, std::size_t buffer) {
  Buffer b;
  for (int i = 0; i < 8; ++i) b.push_back(static_cast<std::uint8_t>(length >> 8 * i));
  test::append(b, header);
  b.insert(b.end(), buffer, 1);
  return b;
}

Buffer file_of(const std::string& header, std::size_t buffer) { return with_length(header.size(), header, buffer); }

std::string tensor(const std::string& name, const std::string& dtype, const std::string& shape,
                   const std::string& offsets) {
  return "\"" + name + "\":{\"dtype\":\"" + dtype + "\",\"shape\":" + shape + ",\"data_offsets\":" + offsets + "}";
}

void check_refused(const Buffer& bytes, const std::string& because) {
  INFO(std::string(bytes.begin(),
                   bytes.begin() + std::min<std::ptrdiff_t>(300, static_cast<std::ptrdiff_t>(bytes.size()))));
  CHECK_THROWS_WITH_AS(SafetensorsFile(bytes, "bad.safetensors"), doctest::Contains("bad.safetensors: "),
                       CheckpointError);
  CHECK_THROWS_WITH_AS(SafetensorsFile(bytes, "bad.safetensors"), doctest::Contains(because.c_str()), CheckpointError);
}

void check_header(const std::string& entries, std::size_t buffer, const std::string& because) {
  check_refused(file_of("{" + entries + "}", buffer), because);
}

}  // namespace

TEST_CASE("Files that are too short, or whose header claims more than there is, are refused") {
  check_refused({}, "0 bytes are too few");
  check_refused({1, 2, 3}, "3 bytes are too few");
  check_refused(with_length(0, "", 0), "not a safetensors file");
  check_refused(with_length(0, "{}", 0), "does not begin");
  check_refused(with_length(3, "{}", 0), "truncated");
  check_refused(with_length(UINT64_MAX, "{}", 0), "truncated");
  check_refused(with_length(UINT64_MAX - 7, "{}", 0), "truncated");
  check_refused(with_length(std::uint64_t{1} << 40, "{}", 100), "truncated");
  check_refused(with_length(100'000'001, "{}", 0), "truncated");
}

TEST_CASE("Headers that are not the JSON object of the format are refused") {
  check_refused(file_of("hello", 0), "does not begin");
  check_refused(file_of(" {}", 0), "does not begin");
  check_refused(file_of("[]", 0), "does not begin");
  check_refused(file_of("{", 0), "not valid JSON");
  check_refused(file_of("{}}", 0), "not valid JSON");
  check_refused(file_of("{\"a\":}", 0), "not valid JSON");
  check_refused(file_of("{'a':1}", 0), "not valid JSON");
  check_refused(file_of("{\"\xFF\":1}", 0), "not valid JSON");
  check_refused(file_of(std::string("{}\0", 3), 0), "not valid JSON");
  check_refused(file_of("{" + std::string(200000, '['), 0), "not valid JSON");
  check_header("\"a\":" + std::string(100000, '[') + std::string(100000, ']'), 0, "");
}

TEST_CASE("Every field of an entry is required and has its type") {
  check_header(R"("w":1)", 0, "'w'");
  check_header(R"("w":null)", 0, "'w'");
  check_header(R"("w":[])", 0, "'w'");
  check_header(R"("w":{})", 0, "dtype");
  check_header(R"("w":{"dtype":"F32","shape":[1]})", 4, "data_offsets");
  check_header(R"("w":{"dtype":"F32","data_offsets":[0,4]})", 4, "shape");
  check_header(R"("w":{"shape":[1],"data_offsets":[0,4]})", 4, "dtype");
  check_header(R"("w":{"dtype":3,"shape":[1],"data_offsets":[0,4]})", 4, "'w'");
  for (const char* type : {"F8_E4M3", "f32", "BOOL", "", "F32 "})
    check_header(tensor("w", type, "[1]", "[0,4]"), 4, "element type " + std::string(type) + " is not supported");
  for (const char* shape : {"[-1]", "[1.0]", "[\"1\"]", "[null]", "[[1]]", "[true]"})
    check_header(tensor("w", "F32", shape, "[0,4]"), 4, "non-negative whole number");
  check_header(tensor("w", "F32", "{\"x\":-1}", "[0,4]"), 4, "'w'");
  for (const char* offsets :
       {"[0]", "[0,4,8]", "[]", "4", "{\"0\":0,\"1\":4}", "[-4,0]", "[0.0,4.0]", "[\"0\",\"4\"]", "null"})
    check_header(tensor("w", "F32", "[1]", offsets), 4, "two non-negative whole numbers");
}

TEST_CASE("Offsets must lie in the buffer and fit the shape") {
  check_header(tensor("w", "F32", "[2]", "[0,8]"), 7, "truncated");
  check_header(tensor("w", "F32", "[2]", "[8,0]"), 8, "do not lie inside");
  check_header(tensor("w", "F32", "[1]", "[18446744073709551612,18446744073709551616]"), 8, "'w'");
  check_header(tensor("w", "F32", "[1]", "[18446744073709551608,18446744073709551612]"), 8, "do not lie inside");
  check_header(tensor("w", "F32", "[3]", "[0,8]"), 8, "expected 12 bytes for its shape, found 8");
  check_header(tensor("w", "F16", "[2]", "[0,8]"), 8, "expected 4 bytes for its shape, found 8");
  check_header(tensor("w", "F32", "[]", "[0,0]"), 0, "expected 4 bytes");
  check_header(tensor("w", "F32", "[0]", "[0,4]"), 4, "expected 0 bytes");
}

TEST_CASE("Shapes whose product overflows are refused, not wrapped") {
  // In 64 bits, 2^32 x 2^32 is 0, and 2^62 + 1 elements of 4 bytes are 4 bytes.
  check_header(tensor("w", "F32", "[4294967296,4294967296]", "[0,0]"), 0, "too large");
  check_header(tensor("w", "F32", "[4611686018427387905]", "[0,4]"), 4, "too large");
  check_header(tensor("w", "F32", "[18446744073709551615]", "[0,4]"), 4, "too large");
  check_header(tensor("w", "F32", "[18446744073709551616]", "[0,4]"), 4, "non-negative whole number");
  check_header(tensor("w", "F32", "[281474976710656,281474976710656,0]", "[0,0]"), 0, "too large");
  check_header(tensor("w", "F32", "[0,281474976710656,281474976710656]", "[0,0]"), 0, "too many");
  check_header(tensor("w", "F32", "[1" + std::string(300, '0') + "]", "[0,4]"), 4, "non-negative whole number");
  check_header(tensor("w", "F32", "[1" + std::string(40000, '0') + "]", "[0,4]"), 4, "not valid JSON");
  try {
    SafetensorsFile(file_of("{" + tensor("w", "F32", "[1" + std::string(40000, '0') + "]", "[0,4]") + "}", 4), "x");
  } catch (const CheckpointError& e) {
    CHECK(std::strlen(e.what()) < 400);
  }
}

TEST_CASE("Holes, overlaps and bytes that belong to nobody are refused") {
  const std::string first = tensor("a", "U8", "[4]", "[0,4]");
  check_header(first + "," + tensor("b", "U8", "[4]", "[5,9]"), 9, "'b' begins at 5 instead of 4: a hole");
  check_header(first + "," + tensor("b", "U8", "[4]", "[3,7]"), 7, "'b' begins at 3 instead of 4");
  check_header(first + "," + tensor("b", "U8", "[4]", "[0,4]"), 4, "instead of 4");
  check_header(first + "," + tensor("b", "U8", "[2]", "[1,3]"), 4, "'b' begins at 1 instead of 4");
  check_header(tensor("a", "U8", "[4]", "[1,5]"), 5, "'a' begins at 1 instead of 0");
  check_header(first, 5, "1 bytes behind the last tensor");
  check_header("", 3, "3 bytes behind the last tensor");
  // An empty tensor may stand between two others, not inside one.
  CHECK_NOTHROW(SafetensorsFile(file_of("{" + first + "," + tensor("e", "U8", "[0]", "[4,4]") + "}", 4), "x"));
  CHECK_NOTHROW(SafetensorsFile(file_of("{" + first + "," + tensor("e", "U8", "[0]", "[0,0]") + "}", 4), "x"));
  check_header(first + "," + tensor("e", "U8", "[0]", "[2,2]"), 4, "'e' begins at 2");
}

TEST_CASE("A name that stands there twice is refused, whichever of the two JSON would keep") {
  const std::string a = tensor("a", "U8", "[4]", "[0,4]");
  check_header(a + "," + a, 4, "names 'a' twice");
  check_header(a + "," + tensor("\\u0061", "U8", "[4]", "[4,8]"), 8, "names 'a' twice");
  check_header(R"("a":{"dtype":"U8","shape":[4],"shape":[2,2],"data_offsets":[0,4]})", 4, "names 'shape' twice");
  check_header(R"("__metadata__":{"k":"1","k":"2"},)" + a, 4, "names 'k' twice");
  check_header(R"("__metadata__":{},"__metadata__":{},)" + a, 4, "names '__metadata__' twice");
}

TEST_CASE("Metadata is an object of strings") {
  check_header(R"("__metadata__":{"epoch":3})", 0, "metadata 'epoch' is not a string");
  check_header(R"("__metadata__":{"nested":{"k":"v"}})", 0, "metadata 'nested' is not a string");
  for (const char* value : {"3", "\"text\"", "null", "[\"a\",\"b\"]", "true"})
    check_header("\"__metadata__\":" + std::string(value), 0, "metadata is not an object");
}

TEST_CASE("A file that is not there, or is a folder, is a checkpoint error with its name") {
  CHECK_THROWS_WITH_AS(SafetensorsFile(test::images / "none.safetensors"), doctest::Contains("none.safetensors"),
                       CheckpointError);
  CHECK_THROWS_AS(SafetensorsFile(test::images), CheckpointError);
}

TEST_CASE("A weight file cut off anywhere is refused; one damaged anywhere is refused or consistent") {
  const Buffer whole = file_of("{\"__metadata__\":{\"k\":\"v\"}," + tensor("a", "F32", "[2,2]", "[0,16]") + "," +
                                   tensor("b", "BF16", "[3]", "[16,22]") + "}",
                               22);
  CHECK_NOTHROW(SafetensorsFile(whole, "x"));
  for (std::size_t n = 0; n < whole.size(); ++n)
    CHECK_THROWS_AS(SafetensorsFile(Buffer(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(n)), "x"),
                    CheckpointError);
  const std::uint64_t seed = 16;
  Random random({seed, RandomStream::test});
  for (int round = 0; round < 3000; ++round) {
    Buffer b = whole;
    for (std::uint32_t k = 0; k <= random.below(3); ++k)
      b[random.below(static_cast<std::uint32_t>(b.size()))] = static_cast<std::uint8_t>(random.bits());
    INFO("seed " << seed << ", round " << round);
    try {
      const SafetensorsFile file(b, "x");
      for (const auto& e : file.entries()) {
        CHECK(e.bytes.size() == static_cast<std::size_t>(e.shape.numel()) * size_of(e.dtype));
        CHECK(file.values<double>(e.name).size() == static_cast<std::size_t>(e.shape.numel()));
      }
    } catch (const CheckpointError&) {
    }
  }
}
