// TensorBoard's event files, read back by a parser that shares nothing with the writer.
#include <chrono>
#include <cmath>
#include <cstring>

#include "engine/io/tfevents.h"
#include "engine/tensor/error.h"
#include "tests/io/support.h"

using namespace engine;
using test::TemporaryFolder;

namespace {

// Bit by bit, from the polynomial x^32 + x^28 + x^27 + ... (0x1EDC6F41, reflected).
std::uint32_t crc_by_bits(const std::string& bytes) {
  std::uint32_t crc = 0xFFFFFFFF;
  for (const char c : bytes)
    for (int bit = 0; bit < 8; ++bit) {
      const bool carry = ((crc ^ static_cast<std::uint32_t>(static_cast<std::uint8_t>(c) >> bit)) & 1) != 0;
      crc = crc >> 1 ^ (carry ? 0x82F63B78u : 0u);
    }
  return ~crc;
}

std::uint32_t masked(const std::string& bytes) {
  const std::uint32_t crc = crc_by_bits(bytes);
  return (crc >> 15 | crc << 17) + 0xA282EAD8u;
}

template <class T>
T fixed(const std::string& bytes, std::size_t at) {
  T v;
  REQUIRE(at + sizeof v <= bytes.size());
  std::memcpy(&v, bytes.data() + at, sizeof v);
  return v;
}

// The records of a file: length, its checksum, data, its checksum.
std::vector<std::string> records(const std::string& file) {
  std::vector<std::string> found;
  for (std::size_t at = 0; at < file.size();) {
    const auto length = fixed<std::uint64_t>(file, at);
    CHECK(fixed<std::uint32_t>(file, at + 8) == masked(file.substr(at, 8)));
    REQUIRE(at + 16 + length <= file.size());
    found.push_back(file.substr(at + 12, length));
    CHECK(fixed<std::uint32_t>(file, at + 12 + length) == masked(found.back()));
    at += 16 + length;
  }
  return found;
}

std::string record(const std::string& data) {
  const std::uint64_t length = data.size();
  const std::string prefix(reinterpret_cast<const char*>(&length), 8);
  const std::uint32_t a = masked(prefix), b = masked(data);
  return prefix + std::string(reinterpret_cast<const char*>(&a), 4) + data +
         std::string(reinterpret_cast<const char*>(&b), 4);
}

// Fields of a protobuf message, by number; lengths and varints here are below 128 unless they are steps.
struct Field {
  int number, wire;
  std::uint64_t value = 0;
  std::string bytes;
};
std::vector<Field> fields(const std::string& message) {
  std::vector<Field> found;
  std::size_t at = 0;
  const auto varint = [&] {
    std::uint64_t v = 0;
    for (int shift = 0;; shift += 7) {
      REQUIRE(at < message.size());
      const auto byte = static_cast<std::uint8_t>(message[at++]);
      v |= static_cast<std::uint64_t>(byte & 127) << shift;
      if (byte < 128) return v;
    }
  };
  while (at < message.size()) {
    const auto key = varint();
    Field f{static_cast<int>(key / 8), static_cast<int>(key % 8), 0, {}};
    if (f.wire == 0) {
      f.value = varint();
    } else {
      const std::size_t n = f.wire == 1 ? 8 : f.wire == 5 ? 4 : varint();
      REQUIRE(at + n <= message.size());
      f.bytes = message.substr(at, n);
      at += n;
    }
    found.push_back(f);
  }
  return found;
}

std::filesystem::path only_file(const TemporaryFolder& folder) {
  REQUIRE(folder.names().size() == 1);
  return folder / folder.names()[0];
}

}  // namespace

TEST_CASE("CRC-32C gives the published check values") {
  const auto crc = [](const std::string& s) { return crc32c(test::as_bytes_of(s)); };
  CHECK(crc("123456789") == 0xE3069283);
  CHECK(crc("") == 0);
  // RFC 3720, appendix B.4.
  CHECK(crc(std::string(32, '\0')) == 0x8A9136AA);
  CHECK(crc(std::string(32, '\xFF')) == 0x62A8AB43);
  std::string ascending;
  for (int i = 0; i < 32; ++i) ascending += static_cast<char>(i);
  CHECK(crc(ascending) == 0x46DD794E);
  CHECK(crc(std::string(ascending.rbegin(), ascending.rend())) == 0x113FDB5C);
  for (std::size_t n = 0; n < 100; ++n) {
    const auto bytes = test::random_bytes(n, n);
    const std::string s(bytes.begin(), bytes.end());
    CHECK(crc(s) == crc_by_bits(s));
  }
}

TEST_CASE("The file begins with the version and holds one record a scalar") {
  const TemporaryFolder folder;
  EventWriter writer(folder.path());
  writer.scalar("train/loss", 0, 0.25);
  writer.scalar("val/auc", 123456789012, -1.5);
  const std::string file = read_text(only_file(folder));
  CHECK(only_file(folder).filename().string().starts_with("events.out.tfevents."));
  CHECK(writer.size() == file.size());
  const auto all = records(file);
  REQUIRE(all.size() == 3);
  const double now = std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
  for (const std::string& r : all) {
    const auto wall = fields(r).at(0);
    CHECK(wall.number == 1);
    CHECK(wall.wire == 1);
    CHECK(std::abs(fixed<double>(wall.bytes, 0) - now) < 60.0);
  }
  CHECK(fields(all[0]).at(1).number == 3);
  CHECK(fields(all[0]).at(1).bytes == "brain.Event:2");
  const auto check = [](const std::string& event, const std::string& tag, std::uint64_t step, float value) {
    const auto f = fields(event);
    REQUIRE(f.size() == 3);
    CHECK(f[1].number == 2);
    CHECK(f[1].value == step);
    CHECK(f[2].number == 5);
    const auto summary = fields(f[2].bytes);
    REQUIRE(summary.size() == 1);
    CHECK(summary[0].number == 1);
    const auto item = fields(summary[0].bytes);
    REQUIRE(item.size() == 2);
    CHECK(item[0].number == 1);
    CHECK(item[0].bytes == tag);
    CHECK(item[1].number == 2);
    CHECK(item[1].wire == 5);
    CHECK(fixed<float>(item[1].bytes, 0) == value);
  };
  check(all[1], "train/loss", 0, 0.25f);
  check(all[2], "val/auc", 123456789012, -1.5f);
}

TEST_CASE("Scalars read back, NaN and infinity included") {
  const TemporaryFolder folder;
  EventWriter writer(folder.path());
  const std::string long_tag(300, 't');
  const std::vector<std::pair<std::string, double>> written{{"a", 1.5},       {"nan", NAN}, {"inf", INFINITY},
                                                            {long_tag, 1e-3}, {"", 0.0},    {"a", -2.0}};
  std::int64_t step = 0;
  for (const auto& [tag, value] : written) writer.scalar(tag, (step++) * 1000, value);
  const auto read = read_scalars(only_file(folder));
  REQUIRE(read.size() == written.size());
  for (std::size_t i = 0; i < read.size(); ++i) {
    CHECK(read[i].tag == written[i].first);
    CHECK(read[i].step == static_cast<std::int64_t>(i) * 1000);
    const auto expected = static_cast<float>(written[i].second);
    CHECK((std::isnan(expected) ? std::isnan(read[i].value) : read[i].value == expected));
  }
}

TEST_CASE("A resumed run goes on in the same file, cut to what its checkpoint remembers") {
  const TemporaryFolder folder;
  std::uint64_t remembered = 0;
  {
    EventWriter writer(folder.path());
    writer.scalar("loss", 1, 1.0);
    remembered = writer.size();
    writer.scalar("loss", 2, 2.0);
  }
  {
    EventWriter writer(folder.path(), remembered);
    CHECK(writer.size() == remembered);
    writer.scalar("loss", 2, 20.0);
  }
  EventWriter(folder.path()).scalar("loss", 3, 30.0);
  const auto read = read_scalars(only_file(folder));
  REQUIRE(read.size() == 3);
  CHECK(read[0].value == 1.0f);
  CHECK(read[1].value == 20.0f);
  CHECK(read[2].step == 3);
  // Cut to nothing, the file gets its version again.
  EventWriter again(folder.path(), 0);
  CHECK(records(read_text(only_file(folder))).size() == 1);
  CHECK_THROWS_AS(EventWriter(folder / "none"), FileError);
}

TEST_CASE("Another program's events: what is no scalar is passed over") {
  const TemporaryFolder folder;
  const auto message = [](int number, const std::string& bytes) {
    return std::string{static_cast<char>(number * 8 + 2), static_cast<char>(bytes.size())} + bytes;
  };
  const float value = 0.75f;
  const std::string simple = std::string("\x15") + std::string(reinterpret_cast<const char*>(&value), 4);
  const std::string step = "\x10\x07";
  // A histogram (field 5) and a tensor (field 8) beside a scalar, in one event; metadata in front of a tag.
  const std::string summary = message(1, message(1, "histogram") + message(5, "xyz")) +
                              message(1, message(9, "plugin") + message(1, "scalar") + simple) +
                              message(1, message(1, "tensor") + message(8, "abc"));
  atomic_write(
      folder / "events.out.tfevents.1.x",
      record(message(3, "brain.Event:2")) + record(step + message(5, summary)) + record(step + message(4, "graph")));
  const auto read = read_scalars(folder / "events.out.tfevents.1.x");
  REQUIRE(read.size() == 1);
  CHECK(read[0].tag == "scalar");
  CHECK(read[0].step == 7);
  CHECK(read[0].value == 0.75f);
}

TEST_CASE("A file cut inside a record, or with a flipped bit, is refused by name") {
  const TemporaryFolder folder;
  EventWriter(folder.path()).scalar("train/loss", 3, 0.5);
  const auto path = only_file(folder);
  const std::string whole = read_text(path);
  const std::size_t first = 16 + records(whole)[0].size();
  const auto refused = [&](const std::string& bytes) {
    std::filesystem::remove(path);
    AppendFile(path).append(bytes);
    CHECK_THROWS_WITH_AS(read_scalars(path), doctest::Contains("events.out.tfevents."), DataError);
  };
  for (std::size_t n = 1; n < whole.size(); ++n) {
    INFO(n << " bytes");
    if (n != first) refused(whole.substr(0, n));
  }
  for (std::size_t i = 0; i < whole.size(); ++i) {
    std::string flipped = whole;
    flipped[i] = static_cast<char>(flipped[i] ^ 1 << i % 8);
    INFO("byte " << i);
    refused(flipped);
  }
  // Right checksums around a message that is none.
  for (const std::string data :
       {"\x0B", "\x12", "\x12\x7F", "\x2A\x05\x0A", "\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF"})
    refused(record(data));
  refused(record(std::string("\x2A\x04\x0A\x02\x12\x05", 6)));
}
