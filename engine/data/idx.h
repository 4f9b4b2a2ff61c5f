// The IDX format of MNIST: big-endian header, then unsigned bytes.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

namespace engine {

struct IdxArray {
  std::vector<std::uint32_t> dims;
  std::vector<std::uint8_t> values;
};

/// The bytes as they are or packed with gzip. Throws DataError naming `name`: wrong magic, an element type other than
/// u8, dimensions that do not fit the bytes.
IdxArray parse_idx(std::span<const std::uint8_t> bytes, const std::string& name);
/// The file, or the file with ".gz" behind it.
IdxArray read_idx(const std::filesystem::path& path);

}  // namespace engine
