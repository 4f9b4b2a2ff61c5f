// gzip and zlib streams.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace engine {

bool is_gzip(std::span<const std::uint8_t> bytes);
/// Inflates a zlib stream or the streams of a gzip file (`raw`: a bare deflate stream). Throws DataError naming `name`
/// when it is damaged, truncated, would grow beyond `limit` bytes, or has something else behind it.
std::vector<std::uint8_t> inflate(std::span<const std::uint8_t> bytes, const std::string& name,
                                  std::uint64_t limit = std::uint64_t{1} << 32, bool raw = false);
/// zlib stream of the bytes.
std::vector<std::uint8_t> deflate(std::span<const std::uint8_t> bytes, int level = 6);

}  // namespace engine
