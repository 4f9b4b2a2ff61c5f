// NumPy's files: what NumPy wrote, what NumPy can read, and headers that are not NumPy's.
#include <cmath>
#include <cstring>
#include <limits>

#include "engine/io/npy.h"
#include "engine/tensor/error.h"
#include "tests/io/support.h"

using namespace engine;
using test::Buffer;
using test::TemporaryFolder;

namespace {

// An array file as the format's description words it: magic, version, length of the header, header, elements.
Buffer npy(const std::string& header, const Buffer& body, int version = 1) {
  Buffer b;
  test::append(b, "\x93NUMPY");
  b.push_back(static_cast<std::uint8_t>(version));
  b.push_back(0);
  const int length_bytes = version == 1 ? 2 : 4;
  for (int i = 0; i < length_bytes; ++i) b.push_back(static_cast<std::uint8_t>(header.size() >> 8 * i & 255));
  test::append(b, header);
  b.insert(b.end(), body.begin(), body.end());
  return b;
}

std::string header_of(const std::string& descr, const std::string& shape, const std::string& fortran = "False") {
  return "{'descr': '" + descr + "', 'fortran_order': " + fortran + ", 'shape': (" + shape + "), }      \n";
}

template <class T>
Buffer bytes_of(const std::vector<T>& values) {
  const auto* begin = reinterpret_cast<const std::uint8_t*>(values.data());
  return {begin, begin + values.size() * sizeof(T)};
}

template <class T>
void check_type(const std::string& descr, const std::vector<T>& values) {
  INFO(descr);
  const NpyArray a = parse_npy(npy(header_of(descr, "3,"), bytes_of(values)), "x.npy");
  CHECK(a.type == descr.substr(1));
  CHECK(a.shape == Shape{3});
  for (std::size_t i = 0; i < 3; ++i) {
    CHECK(a.values<double>()[i] == static_cast<double>(values[i]));
    CHECK(a.values<std::int64_t>()[i] == static_cast<std::int64_t>(values[i]));
  }
}

void check_refused(const std::string& header, const Buffer& body, const std::string& because) {
  INFO(header.substr(0, 200));
  CHECK_THROWS_WITH_AS(parse_npy(npy(header, body), "x.npy"), doctest::Contains("x.npy: "), DataError);
  CHECK_THROWS_WITH_AS(parse_npy(npy(header, body), "x.npy"), doctest::Contains(because.c_str()), DataError);
}

}  // namespace

TEST_CASE("Every supported element type is read, in both header versions") {
  check_type<float>("<f4", {1.5f, -2.0f, 3e7f});
  check_type<double>("<f8", {1.5, -2.0, 3e15});
  check_type<std::int32_t>("<i4", {1, -2, std::numeric_limits<std::int32_t>::min()});
  check_type<std::int64_t>("<i8", {1, -2, std::int64_t{1} << 52});
  check_type<std::uint8_t>("|u1", {0, 7, 255});
  check_type<std::uint16_t>("<u2", {0, 256, 65535});
  const NpyArray two = parse_npy(npy(header_of("<f4", "2, 1"), bytes_of<float>({1, 2}), 2), "x");
  CHECK(two.shape == Shape{2, 1});
  CHECK(two.values<float>() == std::vector<float>{1, 2});
}

TEST_CASE("Truth values count as 0 and 1 whatever their byte is") {
  const NpyArray a = parse_npy(npy(header_of("|b1", "4,"), {0, 1, 255, 0}), "x");
  CHECK(a.values<float>() == std::vector<float>{0, 1, 1, 0});
  CHECK(a.values<std::int64_t>() == std::vector<std::int64_t>{0, 1, 1, 0});
}

TEST_CASE("Scalars, empty arrays and odd spacing are read") {
  CHECK(parse_npy(npy(header_of("<f8", ""), bytes_of<double>({2.5})), "x").shape == Shape{});
  CHECK(parse_npy(npy(header_of("<f4", "0, 3"), {}), "x").shape == Shape{0, 3});
  const std::string compact = "{'shape':(1,2),'fortran_order': False,'descr':'<f4'}\n";
  CHECK(parse_npy(npy(compact, bytes_of<float>({1, 2})), "x").shape == Shape{1, 2});
}

TEST_CASE("A written array is laid out as the format demands") {
  const TemporaryFolder folder;
  for (const Shape& shape : {Shape{}, Shape{7}, Shape{2, 3}, Shape{1, 0, 4}, Shape{2, 3, 5, 7}}) {
    std::vector<float> values;
    for (std::int64_t i = 0; i < shape.numel(); ++i) values.push_back(0.5f * static_cast<float>(i) - 3);
    if (!values.empty()) values.back() = std::numeric_limits<float>::infinity();
    write_npy(folder / "a.npy", values, shape);
    const Buffer b = read_file(folder / "a.npy");
    INFO(shape.str());
    REQUIRE(b.size() > 10);
    CHECK(std::memcmp(b.data(), "\x93NUMPY\x01\x00", 8) == 0);
    const std::size_t length = b[8] + 256u * b[9];
    CHECK((10 + length) % 64 == 0);
    const std::string header(b.begin() + 10, b.begin() + 10 + static_cast<std::ptrdiff_t>(length));
    CHECK(header.back() == '\n');
    CHECK(header.find("'descr': '<f4'") != std::string::npos);
    CHECK(header.find("'fortran_order': False") != std::string::npos);
    // Python takes "(7, )" for a tuple, but "(7)" for a number.
    if (shape.rank() == 1) CHECK(header.find("(7, )") != std::string::npos);
    REQUIRE(b.size() == 10 + length + 4 * values.size());
    CHECK(Buffer(b.begin() + 10 + static_cast<std::ptrdiff_t>(length), b.end()) == bytes_of(values));
    const NpyArray back = read_npy(folder / "a.npy");
    CHECK(back.shape == shape);
    CHECK(back.values<float>() == values);
  }
  CHECK(folder.names() == std::vector<std::string>{"a.npy"});
  CHECK_THROWS_WITH_AS(write_npy(folder / "b.npy", {1, 2, 3}, {2, 2}), doctest::Contains("3 values"), UsageError);
}

TEST_CASE("A file that ends too early, or goes on too long, is refused") {
  const Buffer whole = npy(header_of("<f4", "2, 3"), bytes_of<float>({1, 2, 3, 4, 5, 6}));
  CHECK_NOTHROW(parse_npy(whole, "x"));
  for (std::size_t n = 0; n < whole.size(); ++n) {
    INFO(n << " bytes");
    CHECK_THROWS_AS(parse_npy(std::span(whole).first(n), "x"), DataError);
  }
  Buffer longer = whole;
  longer.push_back(0);
  CHECK_THROWS_WITH_AS(parse_npy(longer, "x.npy"), doctest::Contains("x.npy: expected 6 elements of 4 bytes"),
                       DataError);
}

TEST_CASE("Arrays that would be misread are refused with the reason") {
  const Buffer four = bytes_of<float>({1, 2, 3, 4});
  check_refused(header_of("<f4", "2, 2", "True"), four, "fortran_order");
  check_refused(header_of(">f4", "4,"), four, "'>f4'");
  check_refused(header_of("<f2", "8,"), four, "'f2'");
  check_refused(header_of("<c8", "2,"), four, "'c8'");
  check_refused(header_of("|O", "2,"), four, "'|O'");
  check_refused(header_of("|S16", "1,"), four, "'|S16'");
  check_refused("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (4,), }\n", four, "descr");
}

TEST_CASE("Headers that are not NumPy's are refused with the reason") {
  const Buffer four = bytes_of<float>({1, 2, 3, 4});
  check_refused("", four, "descr");
  check_refused("{}", four, "descr");
  check_refused("{'descr': '<f4'}", four, "fortran_order");
  check_refused("{'descr': '<f4', 'fortran_order': False}", four, "shape");
  check_refused("{'descr': '<f4', 'fortran_order': False, 'shape': (4", four, "shape");
  check_refused("{'descr': '<f4", four, "descr");
  check_refused(header_of("<f4", "-4,"), four, "(-4,)");
  check_refused(header_of("<f4", "-2, -2"), four, "(-2, -2)");
  check_refused(header_of("<f4", "2.2"), four, "(2.2)");
  check_refused(header_of("<f4", "2 2"), four, "(2 2)");
  check_refused(header_of("<f4", "four"), four, "(four)");
  check_refused(header_of("<f4", ",4"), four, "(,4)");
  check_refused(header_of("<f4", "3,"), four, "expected 3 elements");
  check_refused(header_of("<f4", "5,"), four, "expected 5 elements");
  check_refused(header_of("<f4", "4611686018427387905,"), four, "too large");
  check_refused(header_of("<f4", "99999999999999999999999,"), four, "too large");
  check_refused(header_of("<f4", "1073741824, 1073741824, 16, 4"), four, "too large");
  check_refused(header_of("<f4", "0, 4611686018427387904, 4611686018427387904"), {}, "too large");
  Buffer wrong_magic = npy(header_of("<f4", "4,"), four);
  wrong_magic[1] = 'n';
  CHECK_THROWS_WITH_AS(parse_npy(wrong_magic, "x.npy"), doctest::Contains("x.npy: not a .npy array"), DataError);
}

TEST_CASE("A header of any length is refused without exhausting the stack") {
  for (const std::size_t n : {9000, 60000, 3'000'000})
    for (const std::string& header :
         {header_of(std::string(n, '<'), "4,"), header_of("<f4", std::string(n, '1')),
          header_of("<f4", std::string(n, ' ')), "{'descr':" + std::string(n, ' ') + "'<f4'"}) {
      INFO(n << " bytes: " << header.substr(0, 40));
      CHECK_THROWS_AS(parse_npy(npy(header, bytes_of<float>({1, 2}), 2), "x"), DataError);
    }
}

TEST_CASE("Damaged bytes anywhere in the header are refused or change nothing else") {
  const Buffer whole = npy(header_of("<f4", "2, 2"), bytes_of<float>({1, 2, 3, 4}));
  const std::uint64_t seed = 9;
  Random random({seed, RandomStream::test});
  for (int round = 0; round < 3000; ++round) {
    Buffer b = whole;
    for (int k = 0; k < 2; ++k)
      b[random.below(static_cast<std::uint32_t>(b.size()))] = static_cast<std::uint8_t>(random.bits());
    INFO("seed " << seed << ", round " << round);
    try {
      const NpyArray a = parse_npy(b, "x");
      CHECK(a.values<double>().size() == static_cast<std::size_t>(a.shape.numel()));
    } catch (const DataError&) {
    }
  }
}
