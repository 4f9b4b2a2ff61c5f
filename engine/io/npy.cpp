#include "engine/io/npy.h"

#include <zlib.h>

#include <algorithm>
#include <charconv>
#include <cstring>

#include "engine/io/gzip.h"
#include "engine/tensor/error.h"
#include "engine/tensor/holds.h"

namespace engine {
namespace {

using Bytes = std::span<const std::uint8_t>;

std::size_t element_size(const std::string& type, const std::string& name) {
  for (const char* known : {"f4", "f8", "i4", "i8", "u1", "u2", "b1"})
    if (type == known) return static_cast<std::size_t>(type[1] - '0');
  throw DataError("{}: arrays of type '{}' are not supported", name, type);
}

template <class T>
T little(Bytes b, std::size_t at, const std::string& name) {
  if (at > b.size() || b.size() - at < sizeof(T)) throw DataError("{}: truncated at byte {}", name, at);
  T v;
  std::memcpy(&v, b.data() + at, sizeof v);
  return v;
}

// What stands between `open` and `close` behind a key of the header. By hand: std::regex recurses once a character.
std::string field(const std::string& header, const std::string& key, char open, char close, const std::string& name) {
  std::size_t at = header.find("'" + key + "':");
  if (at != std::string::npos) at = header.find_first_not_of(' ', at + key.size() + 3);
  if (at == std::string::npos || header[at] != open || header.find(close, at + 1) == std::string::npos)
    throw DataError("{}: the .npy header has no {}: {}", name, key, header.substr(0, 100));
  return header.substr(at + 1, header.find(close, at + 1) - at - 1);
}

// "3, 4", "3," and "": whole numbers with commas between them.
Shape parse_shape(const std::string& list, const std::string& name) {
  std::vector<std::int64_t> dims;
  const char *p = list.data(), *const end = p + list.size();
  const auto skip_spaces = [&] {
    while (p != end && *p == ' ') ++p;
  };
  for (skip_spaces(); p != end; skip_spaces()) {
    std::int64_t extent = 0;
    const auto [behind, error] = std::from_chars(p, end, extent);
    if (error == std::errc::result_out_of_range) throw DataError("{}: shape ({}) is too large", name, list);
    p = behind;
    skip_spaces();
    if (error != std::errc() || extent < 0 || (p != end && *p++ != ','))
      throw DataError("{}: shape ({}) is not a list of extents", name, list);
    dims.push_back(extent);
  }
  constexpr std::size_t most = 64;  // NumPy's own
  if (dims.size() > most) throw DataError("{}: {} dimensions, at most {} are read", name, dims.size(), most);
  try {
    return Shape(std::move(dims));
  } catch (const UsageError&) {
    throw DataError("{}: shape ({}) is too large", name, list);
  }
}

// ZIP: what the central directory says about a member.
struct Member {
  std::string name;
  std::uint16_t method;
  std::uint32_t checksum;
  std::uint64_t packed, size, local_header;
};

std::vector<Member> central_directory(Bytes b, const std::string& file) {
  constexpr std::uint32_t end_magic = 0x06054b50, entry_magic = 0x02014b50;
  if (b.size() < 22) throw DataError("{}: not a .npz archive", file);
  std::size_t end = b.size() - 22;
  while (little<std::uint32_t>(b, end, file) != end_magic) {
    if (end == 0 || b.size() - end > 66000) throw DataError("{}: not a .npz archive, or truncated", file);
    --end;
  }
  const auto count = little<std::uint16_t>(b, end + 10, file);
  std::size_t at = little<std::uint32_t>(b, end + 16, file);
  std::vector<Member> members;
  for (int i = 0; i < count; ++i) {
    if (little<std::uint32_t>(b, at, file) != entry_magic) throw DataError("{}: damaged archive directory", file);
    Member m;
    m.method = little<std::uint16_t>(b, at + 10, file);
    m.checksum = little<std::uint32_t>(b, at + 16, file);
    m.packed = little<std::uint32_t>(b, at + 20, file);
    m.size = little<std::uint32_t>(b, at + 24, file);
    const std::size_t name_length = little<std::uint16_t>(b, at + 28, file);
    const std::size_t extra = little<std::uint16_t>(b, at + 30, file), comment = little<std::uint16_t>(b, at + 32, file);
    m.local_header = little<std::uint32_t>(b, at + 42, file);
    if (at + 46 + name_length > b.size()) throw DataError("{}: damaged archive directory", file);
    m.name.assign(reinterpret_cast<const char*>(b.data()) + at + 46, name_length);
    at += 46 + name_length + extra + comment;
    members.push_back(std::move(m));
  }
  return members;
}

}  // namespace

NpyArray parse_npy(Bytes b, const std::string& name) {
  if (b.size() < 10 || std::memcmp(b.data(), "\x93NUMPY", 6) != 0) throw DataError("{}: not a .npy array", name);
  const bool long_header = b[6] >= 2;
  const std::size_t start = long_header ? 12 : 10;
  const std::size_t length = long_header ? little<std::uint32_t>(b, 8, name) : little<std::uint16_t>(b, 8, name);
  constexpr std::size_t header_limit = 10000;  // NumPy's own
  if (length > b.size() - start || length > header_limit)
    throw DataError("{}: truncated .npy header ({} bytes in a file of {})", name, length, b.size());
  const std::string header(reinterpret_cast<const char*>(b.data()) + start, length);
  NpyArray array;
  const std::string descr = field(header, "descr", '\'', '\'', name);
  if (descr.size() != 3 || descr[0] == '>') throw DataError("{}: arrays of type '{}' are not supported", name, descr);
  array.type = descr.substr(1);
  const bool row_major = header.find("'fortran_order': False") != std::string::npos;
  if (!row_major) throw DataError("{}: only arrays with fortran_order False are supported", name);
  array.shape = parse_shape(field(header, "shape", '(', ')', name), name);
  const Bytes body = b.subspan(start + length);
  const std::size_t size = element_size(array.type, name);
  if (static_cast<std::uint64_t>(array.shape.numel()) > body.size() / size ||
      static_cast<std::size_t>(array.shape.numel()) * size != body.size())
    throw DataError("{}: expected {} elements of {} bytes, found {} bytes", name, array.shape.numel(), size, body.size());
  array.bytes.assign(body.begin(), body.end());
  return array;
}

NpyArray read_npy(const std::filesystem::path& path) { return parse_npy(read_file(path), path.string()); }

std::map<std::string, NpyArray> parse_npz(Bytes b, const std::string& file) {
  std::map<std::string, NpyArray> arrays;
  for (const Member& m : central_directory(b, file)) {
    const std::size_t begin = m.local_header + 30 + little<std::uint16_t>(b, m.local_header + 26, file) +
                              little<std::uint16_t>(b, m.local_header + 28, file);
    if (begin > b.size() || m.packed > b.size() - begin) throw DataError("{}: member {} is truncated", file, m.name);
    const Bytes packed = b.subspan(begin, m.packed);
    constexpr int stored = 0, deflated = 8;
    const std::string name = file + ":" + m.name;
    if (m.method != stored && m.method != deflated)
      throw DataError("{}: packing method {} is not supported", name, m.method);
    const auto body = m.method == deflated ? inflate(packed, name, m.size, true)
                                           : std::vector<std::uint8_t>(packed.begin(), packed.end());
    if (crc32_z(0, body.data(), body.size()) != m.checksum) throw DataError("{}: wrong checksum", name);
    arrays[m.name.ends_with(".npy") ? m.name.substr(0, m.name.size() - 4) : m.name] = parse_npy(body, name);
  }
  return arrays;
}

std::map<std::string, NpyArray> read_npz(const std::filesystem::path& path) {
  return parse_npz(read_file(path), path.string());
}

template <class T>
std::vector<T> NpyArray::values() const {
  std::vector<T> out(static_cast<std::size_t>(shape.numel()));
  const auto read = [&](auto sample) {
    for (std::size_t i = 0; i < out.size(); ++i) {
      std::memcpy(&sample, bytes.data() + i * sizeof sample, sizeof sample);
      if (!holds<T>(sample)) throw DataError("element {} of an array does not fit: {}", i, sample);
      out[i] = static_cast<T>(sample);
    }
  };
  if (type == "f4") read(float{});
  if (type == "f8") read(double{});
  if (type == "i4") read(std::int32_t{});
  if (type == "i8") read(std::int64_t{});
  if (type == "u1") read(std::uint8_t{});
  if (type == "b1") std::transform(bytes.begin(), bytes.end(), out.begin(), [](std::uint8_t b) { return T(b != 0); });
  if (type == "u2") read(std::uint16_t{});
  return out;
}

template std::vector<float> NpyArray::values() const;
template std::vector<double> NpyArray::values() const;
template std::vector<std::int64_t> NpyArray::values() const;

void write_npy(FileSink& sink, const std::vector<float>& values, const Shape& shape) {
  if (shape.numel() != static_cast<std::int64_t>(values.size()))
    throw UsageError("{} values for an array of shape {}", values.size(), shape.str());
  std::string dims;
  for (std::int64_t d : shape.dims()) dims += std::to_string(d) + ", ";
  std::string header = "{'descr': '<f4', 'fortran_order': False, 'shape': (" + dims + "), }";
  header.append(64 - (10 + header.size() + 1) % 64, ' ');
  header += '\n';
  const auto length = static_cast<std::uint16_t>(header.size());
  sink.write(std::as_bytes(std::span("\x93NUMPY\x01\x00", 8)));
  sink.write(std::as_bytes(std::span(&length, 1)));
  sink.write(std::as_bytes(std::span(header)));
  sink.write(std::as_bytes(std::span(values)));
}

void write_npy(const std::filesystem::path& path, const std::vector<float>& values, const Shape& shape) {
  try {
    atomic_write(path, [&](FileSink& sink) { write_npy(sink, values, shape); });
  } catch (const UsageError& e) {
    throw UsageError("{}: {}", path.string(), e.what());
  }
}

}  // namespace engine
