// TensorBoard's event files: length-prefixed protobuf records with masked CRC-32C checksums.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "engine/io/file.h"

namespace engine {

/// CRC-32C (Castagnoli) of the bytes.
std::uint32_t crc32c(std::span<const std::byte> bytes);

class EventWriter {
 public:
  /// Opens `events.out.tfevents.*` in the folder: the one that is there, cut to `keep` bytes, or a new one.
  explicit EventWriter(const std::filesystem::path& folder, std::uint64_t keep = UINT64_MAX);
  /// Tags with slashes ("train/loss") are grouped by TensorBoard. NaN and Inf are written as they are.
  void scalar(const std::string& tag, std::int64_t step, double value);
  std::uint64_t size() const { return file_.size(); }

 private:
  void record(const std::string& event);
  AppendFile file_;
};

struct ScalarEvent {
  std::string tag;
  std::int64_t step = 0;
  float value = 0;
};
/// The scalars of an event file. Throws DataError naming the file where a checksum is wrong or a record is cut off.
std::vector<ScalarEvent> read_scalars(const std::filesystem::path& path);

}  // namespace engine
