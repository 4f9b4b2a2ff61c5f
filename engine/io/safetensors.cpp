#include "engine/io/safetensors.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <nlohmann/json.hpp>

#include "engine/io/json.h"
#include "engine/tensor/error.h"
#include "engine/tensor/half.h"
#include "engine/tensor/holds.h"

namespace engine {
namespace {

constexpr std::uint64_t header_limit = 100'000'000;

struct TypeName {
  DType dtype;
  const char* name;
};
constexpr std::array<TypeName, 7> type_names{{{DType::f32, "F32"},
                                              {DType::f16, "F16"},
                                              {DType::bf16, "BF16"},
                                              {DType::f64, "F64"},
                                              {DType::i32, "I32"},
                                              {DType::i64, "I64"},
                                              {DType::u8, "U8"}}};

const char* type_name(DType dtype) {
  for (const TypeName& t : type_names)
    if (t.dtype == dtype) return t.name;
  return "?";
}

// Of a shape with thousands of extents the message would show them all.
std::string cause(const std::exception& e) { return std::string(e.what()).substr(0, 200); }

nlohmann::json parse_header(const std::string& file, std::string_view text) {
  try {
    nlohmann::json header = parse_json(text, file + ": the header");
    if (!header.is_object()) throw CheckpointError("{}: the header is not a JSON object", file);
    return header;
  } catch (const DataError& e) {
    throw CheckpointError("{}", e.what());
  }
}

struct Placed {
  SafetensorsFile::Entry entry;
  std::uint64_t begin, end;
};

Placed read_entry(const std::string& file, const std::string& name, const nlohmann::json& item,
                  std::span<const std::uint8_t> buffer) {
  const auto refuse = [&](const std::string& why) -> CheckpointError {
    return CheckpointError("{}: tensor '{}': {}", file, name, why);
  };
  try {
    const auto type = item.at("dtype").get<std::string>();
    const auto known =
        std::find_if(type_names.begin(), type_names.end(), [&](const TypeName& t) { return type == t.name; });
    if (known == type_names.end()) throw refuse(fmt::format("element type {} is not supported", type));
    std::uint64_t elements = 1;
    std::vector<std::int64_t> dims;
    for (const auto& d : item.at("shape")) {
      if (!d.is_number_unsigned()) throw refuse("a dimension is not a non-negative whole number");
      const auto extent = d.get<std::uint64_t>();
      if (__builtin_mul_overflow(elements, extent, &elements) || extent > (std::uint64_t{1} << 48) ||
          elements > (std::uint64_t{1} << 48))
        throw refuse("shape is too large");
      dims.push_back(static_cast<std::int64_t>(extent));
    }
    const auto& offsets = item.at("data_offsets");
    if (!offsets.is_array() || offsets.size() != 2 || !offsets[0].is_number_unsigned() ||
        !offsets[1].is_number_unsigned())
      throw refuse("data_offsets must be two non-negative whole numbers");
    const auto begin = offsets[0].get<std::uint64_t>(), end = offsets[1].get<std::uint64_t>();
    if (begin > end || end > buffer.size())
      throw refuse(fmt::format("offsets [{}, {}) do not lie inside the buffer of {} bytes (file truncated?)", begin, end,
                               buffer.size()));
    const std::uint64_t expected = elements * size_of(known->dtype);
    if (end - begin != expected)
      throw refuse(fmt::format("expected {} bytes for its shape, found {}", expected, end - begin));
    SafetensorsFile::Entry entry{name, known->dtype, Shape(std::move(dims)),
                                 std::as_bytes(buffer.subspan(begin, end - begin))};
    return {std::move(entry), begin, end};
  } catch (const nlohmann::json::exception& e) {
    throw refuse(cause(e));
  } catch (const UsageError& e) {
    throw refuse(cause(e));
  }
}

}  // namespace

SafetensorsFile::SafetensorsFile(const std::filesystem::path& path) : name_(path.string()) {
  try {
    bytes_ = read_file(path);
  } catch (const DataError& e) {
    throw CheckpointError("{}", e.what());
  }
  parse();
}

SafetensorsFile::SafetensorsFile(std::vector<std::uint8_t> bytes, std::string name)
    : bytes_(std::move(bytes)), name_(std::move(name)) {
  parse();
}

void SafetensorsFile::parse() {
  if (bytes_.size() < 8) throw CheckpointError("{}: {} bytes are too few for a safetensors file", name_, bytes_.size());
  std::uint64_t length;
  std::memcpy(&length, bytes_.data(), 8);
  if (length > header_limit || length > bytes_.size() - 8)
    throw CheckpointError("{}: not a safetensors file, or truncated (header of {} bytes in a file of {})", name_, length,
                          bytes_.size());
  const char* text = reinterpret_cast<const char*>(bytes_.data()) + 8;
  if (length == 0 || text[0] != '{')
    throw CheckpointError("{}: not a safetensors file (the header does not begin with '{{')", name_);
  const nlohmann::json header = parse_header(name_, {text, length});
  const std::span<const std::uint8_t> buffer(bytes_.data() + 8 + length, bytes_.size() - 8 - length);

  std::vector<Placed> placed;
  for (const auto& [name, item] : header.items()) {
    if (name == "__metadata__") {
      if (!item.is_object()) throw CheckpointError("{}: the metadata is not an object of strings", name_);
      for (const auto& [key, value] : item.items()) {
        if (!value.is_string()) throw CheckpointError("{}: metadata '{}' is not a string", name_, key);
        metadata_[key] = value.get<std::string>();
      }
      continue;
    }
    placed.push_back(read_entry(name_, name, item, buffer));
  }
  std::sort(placed.begin(), placed.end(),
            [](const Placed& a, const Placed& b) { return std::tie(a.begin, a.end) < std::tie(b.begin, b.end); });
  std::uint64_t reached = 0;
  for (Placed& p : placed) {
    if (p.begin != reached)
      throw CheckpointError("{}: tensor '{}' begins at {} instead of {}: a hole or an overlap", name_, p.entry.name,
                            p.begin, reached);
    reached = p.end;
    by_name_[p.entry.name] = entries_.size();
    entries_.push_back(std::move(p.entry));
  }
  if (reached != buffer.size())
    throw CheckpointError("{}: {} bytes behind the last tensor", name_, buffer.size() - reached);
}

const SafetensorsFile::Entry* SafetensorsFile::find(const std::string& name) const {
  const auto it = by_name_.find(name);
  return it == by_name_.end() ? nullptr : &entries_[it->second];
}

const SafetensorsFile::Entry& SafetensorsFile::at(const std::string& name) const {
  if (const Entry* e = find(name)) return *e;
  throw CheckpointError("{}: holds no tensor '{}'", name_, name);
}

template <class T>
std::vector<T> SafetensorsFile::values(const std::string& name) const {
  const Entry& e = at(name);
  std::vector<T> out(static_cast<std::size_t>(e.shape.numel()));
  const auto read = [&](auto sample, auto convert) {
    for (std::size_t i = 0; i < out.size(); ++i) {
      std::memcpy(&sample, e.bytes.data() + i * sizeof sample, sizeof sample);  // offsets need not be aligned
      const auto number = convert(sample);
      if (!holds<T>(number))
        throw CheckpointError("{}: element {} of tensor '{}' does not fit: {}", name_, i, name, number);
      out[i] = static_cast<T>(number);
    }
  };
  const auto same = [](auto v) { return v; };
  switch (e.dtype) {
    case DType::f32: read(float{}, same); break;
    case DType::f64: read(double{}, same); break;
    case DType::f16: read(std::uint16_t{}, f32_from_f16); break;
    case DType::bf16: read(std::uint16_t{}, f32_from_bf16); break;
    case DType::i32: read(std::int32_t{}, same); break;
    case DType::i64: read(std::int64_t{}, same); break;
    case DType::u8: read(std::uint8_t{}, same); break;
  }
  return out;
}

template std::vector<float> SafetensorsFile::values(const std::string&) const;
template std::vector<double> SafetensorsFile::values(const std::string&) const;
template std::vector<std::int64_t> SafetensorsFile::values(const std::string&) const;
template std::vector<std::uint8_t> SafetensorsFile::values(const std::string&) const;

void write_safetensors(FileSink& sink, const std::vector<NamedBytes>& tensors, const Metadata& metadata) {
  nlohmann::ordered_json header = nlohmann::ordered_json::object();
  if (!metadata.empty()) header["__metadata__"] = metadata;
  std::uint64_t offset = 0;
  for (const NamedBytes& t : tensors) {
    if (header.contains(t.name) || t.name == "__metadata__")
      throw UsageError("tensor name '{}' occurs twice", t.name);
    if (t.bytes.size() != static_cast<std::size_t>(t.shape.numel()) * size_of(t.dtype))
      throw UsageError("tensor '{}' of shape {} has {} bytes", t.name, t.shape.str(), t.bytes.size());
    header[t.name] = {{"dtype", type_name(t.dtype)},
                      {"shape", t.shape.dims()},
                      {"data_offsets", {offset, offset + t.bytes.size()}}};
    offset += t.bytes.size();
  }
  std::string text;
  try {
    text = header.dump();
  } catch (const nlohmann::json::exception&) {
    throw UsageError("a tensor's name or the metadata is not valid UTF-8");
  }
  text.append((8 - text.size() % 8) % 8, ' ');
  const std::uint64_t length = text.size();
  sink.write(std::as_bytes(std::span(&length, 1)));
  sink.write(std::as_bytes(std::span(text)));
  for (const NamedBytes& t : tensors) sink.write(t.bytes);
}

void write_safetensors(const std::filesystem::path& path, const std::vector<NamedBytes>& tensors,
                       const Metadata& metadata) {
  try {
    atomic_write(path, [&](FileSink& sink) { write_safetensors(sink, tensors, metadata); });
  } catch (const UsageError& e) {
    throw UsageError("{}: {}", path.string(), e.what());
  }
}

}  // namespace engine
