// Weight files: round trips, and bytes that the format's own description would write.
#include <cmath>
#include <cstring>
#include <limits>
#include <nlohmann/json.hpp>
#include <type_traits>

#include "engine/io/safetensors.h"
#include "engine/tensor/error.h"
#include "engine/tensor/half.h"
#include "tests/io/support.h"

using namespace engine;
using test::Buffer;
using test::TemporaryFolder;

namespace {

template <class T>
std::span<const std::byte> raw(const std::vector<T>& v) {
  return std::as_bytes(std::span(v));
}

// 8 bytes of length, the header, the buffer.
Buffer file_of(const std::string& header, const Buffer& buffer) {
  Buffer b;
  for (int i = 0; i < 8; ++i) b.push_back(static_cast<std::uint8_t>(std::uint64_t{header.size()} >> 8 * i));
  test::append(b, header);
  b.insert(b.end(), buffer.begin(), buffer.end());
  return b;
}

}  // namespace

TEST_CASE("Every element type and rank survives the round trip, bit for bit") {
  const TemporaryFolder folder;
  const std::vector<float> f32{1.5f, -0.0f, std::numeric_limits<float>::denorm_min(), INFINITY, NAN, -3e38f};
  const std::vector<double> f64{1e300, -1e-310};
  const std::vector<std::uint16_t> f16{f16_from_f32(65504), 0x0001, 0x8000}, bf16{bf16_from_f32(-2.5f)};
  const std::vector<std::int32_t> i32{std::numeric_limits<std::int32_t>::min(), 7};
  const std::vector<std::int64_t> i64{std::int64_t{1} << 60, -1, 0};
  const std::vector<std::uint8_t> u8{0, 127, 255, 1, 2};
  const std::vector<NamedBytes> tensors{
      {"u8", DType::u8, {5}, raw(u8)},       {"f32", DType::f32, {1, 2, 3, 1}, raw(f32)},
      {"f16", DType::f16, {3}, raw(f16)},    {"bf16", DType::bf16, {}, raw(bf16)},
      {"i64", DType::i64, {3, 1}, raw(i64)}, {"f64", DType::f64, {2}, raw(f64)},
      {"i32", DType::i32, {1, 2}, raw(i32)}, {"empty", DType::f32, {0, 4}, {}}};
  write_safetensors(folder / "a.safetensors", tensors, {{"made by", "a test"}, {"täg", "\"quoted\"\n"}});
  const SafetensorsFile file(folder / "a.safetensors");
  CHECK(file.entries().size() == tensors.size());
  for (const NamedBytes& t : tensors) {
    INFO(t.name);
    const SafetensorsFile::Entry& e = file.at(t.name);
    CHECK(e.dtype == t.dtype);
    CHECK(e.shape == t.shape);
    REQUIRE(e.bytes.size() == t.bytes.size());
    CHECK((t.bytes.empty() || std::memcmp(e.bytes.data(), t.bytes.data(), t.bytes.size()) == 0));
  }
  CHECK(file.metadata() == Metadata{{"made by", "a test"}, {"täg", "\"quoted\"\n"}});
  CHECK(folder.names() == std::vector<std::string>{"a.safetensors"});
}

TEST_CASE("A written file is what the format's description says") {
  const TemporaryFolder folder;
  const std::vector<float> w{1, 2, 3, 4, 5, 6}, b{7};
  write_safetensors(folder / "a", {{"fc.weight", DType::f32, {2, 3}, raw(w)}, {"fc.bias", DType::f32, {1}, raw(b)}},
                    {{"k", "v"}});
  const Buffer bytes = read_file(folder / "a");
  std::uint64_t length = 0;
  std::memcpy(&length, bytes.data(), 8);
  CHECK(length % 8 == 0);  // so that the buffer is aligned
  REQUIRE(bytes.size() == 8 + length + 28);
  const auto header = nlohmann::json::parse(bytes.begin() + 8, bytes.begin() + 8 + static_cast<std::ptrdiff_t>(length));
  CHECK(bytes[8] == '{');
  CHECK(header.size() == 3);
  CHECK(header["__metadata__"] == nlohmann::json{{"k", "v"}});
  CHECK(header["fc.weight"] == nlohmann::json{{"dtype", "F32"}, {"shape", {2, 3}}, {"data_offsets", {0, 24}}});
  CHECK(header["fc.bias"] == nlohmann::json{{"dtype", "F32"}, {"shape", {1}}, {"data_offsets", {24, 28}}});
  CHECK(std::memcmp(bytes.data() + 8 + length, w.data(), 24) == 0);
  CHECK(std::memcmp(bytes.data() + 8 + length + 24, b.data(), 4) == 0);
}

TEST_CASE("Another writer's file is read: no padding, any order, unaligned offsets") {
  // 3 bytes of u8 push the f32 to an odd address.
  Buffer buffer{9, 8, 7, 0, 0, 0x80, 0x3F, 0, 0, 0, 0xC0};
  const std::string header = R"({"z":{"dtype":"F32","shape":[2],"data_offsets":[3,11]},)"
                             R"("a":{"data_offsets":[0,3],"shape":[3],"dtype":"U8"}})";
  const SafetensorsFile file(file_of(header, buffer), "memory");
  CHECK(file.entries()[0].name == "a");
  CHECK(file.entries()[1].name == "z");
  CHECK(file.values<float>("z") == std::vector<float>{1, -2});
  CHECK(file.values<std::int64_t>("a") == std::vector<std::int64_t>{9, 8, 7});
  CHECK(file.metadata().empty());
  CHECK(file.name() == "memory");
  CHECK(SafetensorsFile(file_of("{}", {}), "none").entries().empty());
}

TEST_CASE("Values are converted from every type") {
  const TemporaryFolder folder;
  const std::vector<std::uint16_t> f16{0x3C00, 0xC000, 0x0001}, bf16{0x3F80, 0xC020, 0x4049};
  const std::vector<std::int32_t> i32{-1, 0, 70000};
  const std::vector<double> f64{0.1, -2, 3};
  write_safetensors(folder / "a",
                    {{"f16", DType::f16, {3}, raw(f16)},
                     {"bf16", DType::bf16, {3}, raw(bf16)},
                     {"i32", DType::i32, {3}, raw(i32)},
                     {"f64", DType::f64, {3}, raw(f64)}},
                    {});
  const SafetensorsFile file(folder / "a");
  CHECK(file.values<float>("f16") == std::vector<float>{1, -2, 0x1p-24f});
  CHECK(file.values<double>("bf16") == std::vector<double>{1, -2.5, 3.140625});
  CHECK(file.values<std::int64_t>("i32") == std::vector<std::int64_t>{-1, 0, 70000});
  CHECK(file.values<double>("f64") == f64);
  CHECK(file.values<float>("f64")[0] == 0.1f);
}

TEST_CASE("A tensor that is not there is named with its file") {
  const SafetensorsFile file(file_of("{}", {}), "weights.safetensors");
  CHECK(file.find("fc.weight") == nullptr);
  CHECK_THROWS_WITH_AS(file.at("fc.weight"), doctest::Contains("weights.safetensors: holds no tensor 'fc.weight'"),
                       CheckpointError);
  CHECK_THROWS_AS(file.values<float>("fc.weight"), CheckpointError);
  // The entries point into the file's own bytes.
  static_assert(!std::is_copy_constructible_v<SafetensorsFile> && !std::is_copy_assignable_v<SafetensorsFile>);
}

TEST_CASE("What cannot be written is refused, and the old file stays") {
  const TemporaryFolder folder;
  const std::vector<float> w{1, 2};
  write_safetensors(folder / "a", {{"w", DType::f32, {2}, raw(w)}}, {});
  const Buffer before = read_file(folder / "a");
  const NamedBytes good{"w", DType::f32, {2}, raw(w)};
  CHECK_THROWS_WITH_AS(write_safetensors(folder / "a", {good, good}, {}), doctest::Contains("'w' occurs twice"),
                       UsageError);
  CHECK_THROWS_AS(write_safetensors(folder / "a", {{"w", DType::f32, {3}, raw(w)}}, {}), UsageError);
  CHECK_THROWS_AS(write_safetensors(folder / "a", {{"w", DType::f64, {2}, raw(w)}}, {}), UsageError);
  CHECK_THROWS_AS(write_safetensors(folder / "a", {{"__metadata__", DType::f32, {2}, raw(w)}}, {}), UsageError);
  CHECK_THROWS_WITH_AS(write_safetensors(folder / "a", {{"w\xFF", DType::f32, {2}, raw(w)}}, {}),
                       doctest::Contains("UTF-8"), UsageError);
  CHECK_THROWS_AS(write_safetensors(folder / "a", {good}, {{"key", "\xC3"}}), UsageError);
  {
    std::string message;
    const std::vector<float> large(100000);
    {
      const test::FileSizeLimit limit(4096);
      try {
        write_safetensors(folder / "a", {{"w", DType::f32, {100000}, raw(large)}}, {});
      } catch (const FileError& e) {
        message = e.what();
      }
    }
    CHECK(message.find("File too large") != std::string::npos);
  }
  CHECK(read_file(folder / "a") == before);
  CHECK(folder.names() == std::vector<std::string>{"a"});
}
