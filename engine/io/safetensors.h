// The safetensors format: a JSON header and one buffer. Names are kept, so Python's load_file() reads our weights.
#pragma once

#include <cstddef>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "engine/io/file.h"
#include "engine/tensor/dtype.h"
#include "engine/tensor/shape.h"

namespace engine {

using Metadata = std::map<std::string, std::string>;

/// A file that has been read and checked whole: header length, JSON, duplicate names, element types, sizes against
/// shapes, offsets inside the buffer without holes or overlaps.
class SafetensorsFile {
 public:
  struct Entry {
    std::string name;
    DType dtype;
    Shape shape;
    std::span<const std::byte> bytes;  ///< row-major, little endian; as long as the file lives
  };

  /// Throws CheckpointError naming the file, and the tensor where it is about one.
  explicit SafetensorsFile(const std::filesystem::path& path);
  /// The same for bytes in memory; `name` stands for the path in messages.
  SafetensorsFile(std::vector<std::uint8_t> bytes, std::string name);
  // The entries point into the bytes, which move along but would not be copied along.
  SafetensorsFile(const SafetensorsFile&) = delete;
  SafetensorsFile& operator=(const SafetensorsFile&) = delete;
  SafetensorsFile(SafetensorsFile&&) = default;
  SafetensorsFile& operator=(SafetensorsFile&&) = default;

  const std::vector<Entry>& entries() const { return entries_; }  ///< in the order of their offsets
  const Entry* find(const std::string& name) const;
  /// Throws CheckpointError naming the file and what it lacks.
  const Entry& at(const std::string& name) const;
  const Metadata& metadata() const { return metadata_; }
  const std::string& name() const { return name_; }
  /// Elements converted to T from any of the file's numeric types. Throws CheckpointError for one that T cannot hold.
  template <class T>
  std::vector<T> values(const std::string& name) const;

 private:
  void parse();

  std::vector<std::uint8_t> bytes_;
  std::string name_;
  std::vector<Entry> entries_;
  std::map<std::string, std::size_t> by_name_;
  Metadata metadata_;
};

/// One tensor to write; `bytes` are row-major and stay alive until the file is written.
struct NamedBytes {
  std::string name;
  DType dtype;
  Shape shape;
  std::span<const std::byte> bytes;
};

/// Throws UsageError for duplicate names, text that is not UTF-8, or sizes that do not fit the shapes.
void write_safetensors(FileSink& sink, const std::vector<NamedBytes>& tensors, const Metadata& metadata);
/// The same into a file, written atomically.
void write_safetensors(const std::filesystem::path& path, const std::vector<NamedBytes>& tensors,
                       const Metadata& metadata);

}  // namespace engine
