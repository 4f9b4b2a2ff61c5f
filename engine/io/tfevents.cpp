#include "engine/io/tfevents.h"

#include <unistd.h>

#include <array>
#include <chrono>
#include <cstring>

#include "engine/tensor/error.h"

namespace engine {
namespace {

namespace fs = std::filesystem;

std::uint32_t mask(std::uint32_t crc) { return ((crc >> 15) | (crc << 17)) + 0xa282ead8u; }

// The few protobuf wire types that events need.
void put_varint(std::string& out, std::uint64_t v) {
  for (; v >= 0x80; v >>= 7) out += static_cast<char>(v | 0x80);
  out += static_cast<char>(v);
}
void put_key(std::string& out, unsigned field, unsigned wire) { put_varint(out, field << 3 | wire); }
void put_bytes(std::string& out, unsigned field, const std::string& bytes) {
  put_key(out, field, 2);
  put_varint(out, bytes.size());
  out += bytes;
}
template <class T>
void put_fixed(std::string& out, unsigned field, T v) {
  put_key(out, field, sizeof(T) == 8 ? 1 : 5);
  out.append(reinterpret_cast<const char*>(&v), sizeof v);
}

std::string new_event() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  std::string event;
  put_fixed(event, 1, std::chrono::duration<double>(now).count());
  return event;
}

fs::path event_path(const fs::path& folder) {
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(folder, ignored))
    if (entry.path().filename().string().starts_with("events.out.tfevents.")) return entry.path();
  std::array<char, 256> host{};
  ::gethostname(host.data(), host.size() - 1);
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(
      std::chrono::system_clock::now().time_since_epoch());
  return folder / fmt::format("events.out.tfevents.{}.{}", seconds.count(), host.data());
}

// Reads protobuf fields; every access is checked.
class Reader {
 public:
  Reader(std::string_view bytes, const std::string& name) : bytes_(bytes), name_(name) {}
  bool done() const { return bytes_.empty(); }
  std::uint64_t varint() {
    std::uint64_t v = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
      const auto byte = static_cast<std::uint8_t>(take(1)[0]);
      v |= std::uint64_t{byte & 0x7Fu} << shift;
      if (byte < 0x80) return v;
    }
    throw DataError("{}: damaged event", name_);
  }
  std::string_view take(std::uint64_t n) {
    if (n > bytes_.size()) throw DataError("{}: event is cut off", name_);
    const std::string_view taken = bytes_.substr(0, n);
    bytes_.remove_prefix(n);
    return taken;
  }
  std::string_view payload(unsigned wire) {
    if (wire == 0) {
      const std::string_view before = bytes_;
      varint();
      return before.substr(0, before.size() - bytes_.size());
    }
    if (wire == 1) return take(8);
    if (wire == 5) return take(4);
    if (wire == 2) return take(varint());
    throw DataError("{}: damaged event", name_);
  }

 private:
  std::string_view bytes_;
  const std::string& name_;
};

void read_event(std::string_view bytes, const std::string& name, std::vector<ScalarEvent>& out) {
  ScalarEvent event;
  for (Reader r(bytes, name); !r.done();) {
    const auto key = r.varint();
    const std::string_view field = r.payload(key & 7);
    if (key >> 3 == 2) event.step = static_cast<std::int64_t>(Reader(field, name).varint());
    if (key >> 3 != 5) continue;
    for (Reader summary(field, name); !summary.done();) {
      const auto value_key = summary.varint();
      bool is_scalar = false;  // pictures, histograms and tensors are values too
      for (Reader value(summary.payload(value_key & 7), name); !value.done();) {
        const auto k = value.varint();
        const std::string_view v = value.payload(k & 7);
        if (k >> 3 == 1) event.tag = v;
        if (k >> 3 != 2 || v.size() != 4) continue;
        std::memcpy(&event.value, v.data(), 4);
        is_scalar = true;
      }
      if (is_scalar) out.push_back(event);
    }
  }
}

}  // namespace

std::uint32_t crc32c(std::span<const std::byte> bytes) {
  static const auto table = [] {
    std::array<std::uint32_t, 256> t{};
    for (std::uint32_t i = 0; i < 256; ++i) {
      t[i] = i;
      for (int bit = 0; bit < 8; ++bit) t[i] = t[i] >> 1 ^ (t[i] & 1 ? 0x82F63B78u : 0);
    }
    return t;
  }();
  std::uint32_t crc = ~0u;
  for (const std::byte b : bytes) crc = crc >> 8 ^ table[(crc ^ static_cast<std::uint32_t>(b)) & 0xFF];
  return ~crc;
}

EventWriter::EventWriter(const fs::path& folder, std::uint64_t keep) : file_(event_path(folder), keep) {
  if (file_.size() > 0) return;
  std::string first = new_event();
  put_bytes(first, 3, "brain.Event:2");
  record(first);
}

void EventWriter::record(const std::string& event) {
  const std::uint64_t length = event.size();
  const std::uint32_t length_crc = mask(crc32c(std::as_bytes(std::span(&length, 1))));
  const std::uint32_t data_crc = mask(crc32c(std::as_bytes(std::span(event))));
  std::string out(reinterpret_cast<const char*>(&length), 8);
  out.append(reinterpret_cast<const char*>(&length_crc), 4);
  out += event;
  out.append(reinterpret_cast<const char*>(&data_crc), 4);
  file_.append(out);
}

void EventWriter::scalar(const std::string& tag, std::int64_t step, double value) {
  std::string item, summary, event = new_event();
  put_bytes(item, 1, tag);
  put_fixed(item, 2, static_cast<float>(value));
  put_bytes(summary, 1, item);
  put_key(event, 2, 0);
  put_varint(event, static_cast<std::uint64_t>(step));
  put_bytes(event, 5, summary);
  record(event);
}

std::vector<ScalarEvent> read_scalars(const fs::path& path) {
  const std::string text = read_text(path), name = path.string();
  std::vector<ScalarEvent> events;
  std::string_view rest = text;
  while (!rest.empty()) {
    std::uint64_t length = 0;
    std::uint32_t length_crc = 0, data_crc = 0;
    if (rest.size() < 16) throw DataError("{}: record is cut off", name);
    std::memcpy(&length, rest.data(), 8);
    std::memcpy(&length_crc, rest.data() + 8, 4);
    if (mask(crc32c(std::as_bytes(std::span(rest.data(), 8)))) != length_crc)
      throw DataError("{}: wrong checksum of a record's length", name);
    if (length > rest.size() - 16) throw DataError("{}: record is cut off", name);
    const std::string_view data = rest.substr(12, length);
    std::memcpy(&data_crc, rest.data() + 12 + length, 4);
    if (mask(crc32c(std::as_bytes(std::span(data)))) != data_crc) throw DataError("{}: wrong checksum of a record", name);
    read_event(data, name, events);
    rest.remove_prefix(16 + length);
  }
  return events;
}

}  // namespace engine
