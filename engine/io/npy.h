// NumPy's .npy arrays and .npz archives.
#pragma once

#include <cstddef>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "engine/io/file.h"
#include "engine/tensor/shape.h"

namespace engine {

/// An array in row-major order. `type` is NumPy's without the byte order: "f4", "f8", "i4", "i8", "u1", "u2", "b1".
struct NpyArray {
  std::string type;
  Shape shape;
  std::vector<std::uint8_t> bytes;

  /// Elements converted to T. Throws DataError for one that T cannot hold (NaN as an integer).
  template <class T>
  std::vector<T> values() const;
};

/// Throws DataError naming `name`: wrong magic, Fortran order, big endian, unknown type, truncated.
NpyArray parse_npy(std::span<const std::uint8_t> bytes, const std::string& name);
NpyArray read_npy(const std::filesystem::path& path);
/// Stored and deflated members, by name without ".npy". Throws DataError naming archive and member.
std::map<std::string, NpyArray> parse_npz(std::span<const std::uint8_t> bytes, const std::string& name);
std::map<std::string, NpyArray> read_npz(const std::filesystem::path& path);

/// f32 in version 1.0 of the format. Throws UsageError where values and shape do not fit.
void write_npy(FileSink& sink, const std::vector<float>& values, const Shape& shape);
/// The same into a file, written atomically.
void write_npy(const std::filesystem::path& path, const std::vector<float>& values, const Shape& shape);

}  // namespace engine
