// Files, written so that a crash or a full disk never leaves half of one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace engine {

/// The whole file. Throws DataError naming the path when it is missing, not a file, or larger than `limit` bytes.
std::vector<std::uint8_t> read_file(const std::filesystem::path& path,
                                    std::uint64_t limit = std::uint64_t{1} << 34);
std::string read_text(const std::filesystem::path& path, std::uint64_t limit = std::uint64_t{1} << 30);

/// Receives the pieces of a file in order.
class FileSink {
 public:
  virtual ~FileSink() = default;
  virtual void write(std::span<const std::byte> bytes) = 0;
};

/// Writes a temporary file beside `path`, syncs it and renames it over `path`: whoever reads sees the old file or the
/// new one, whole. Throws FileError naming path and cause (disk full, no permission); then the old file stands as it
/// was and nothing is left behind.
void atomic_write(const std::filesystem::path& path, const std::function<void(FileSink&)>& write);
void atomic_write(const std::filesystem::path& path, std::string_view text);

/// A log that grows: each append reaches the kernel before it returns.
class AppendFile {
 public:
  AppendFile() = default;
  /// Opens or creates; an existing file is cut to `keep` bytes (what a checkpoint remembers), all kept by default.
  explicit AppendFile(const std::filesystem::path& path, std::uint64_t keep = UINT64_MAX);
  ~AppendFile();
  AppendFile(AppendFile&& other) noexcept;
  AppendFile& operator=(AppendFile&& other) noexcept;

  void append(std::string_view text);
  void append(std::span<const std::byte> bytes);
  /// Length of the file.
  std::uint64_t size() const { return size_; }
  /// Waits until the contents are on the disk.
  void sync();

 private:
  int descriptor_ = -1;
  std::uint64_t size_ = 0;
  std::filesystem::path path_;
};

/// Creates the folder and those above it. Throws FileError naming it.
void ensure_directory(const std::filesystem::path& path);

}  // namespace engine
