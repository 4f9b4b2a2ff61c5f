#include "engine/io/file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "engine/tensor/error.h"

namespace engine {
namespace {

namespace fs = std::filesystem;

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }
  int release() { return std::exchange(fd_, -1); }

 private:
  int fd_;
};

[[noreturn]] void fail(const char* what, const fs::path& path, int error) {
  throw FileError("{} {}: {}", what, path.string(), std::strerror(error));
}

void write_all(int fd, std::span<const std::byte> bytes, const fs::path& path) {
  while (!bytes.empty()) {
    const ssize_t n = ::write(fd, bytes.data(), bytes.size());
    if (n < 0) {
      if (errno == EINTR) continue;
      fail("cannot write", path, errno);
    }
    bytes = bytes.subspan(static_cast<std::size_t>(n));
  }
}

class BufferedSink final : public FileSink {
 public:
  BufferedSink(int fd, const fs::path& path) : fd_(fd), path_(path) { buffer_.reserve(capacity); }
  void write(std::span<const std::byte> bytes) override {
    if (buffer_.size() + bytes.size() > capacity) flush();
    if (bytes.size() >= capacity)
      write_all(fd_, bytes, path_);
    else
      buffer_.insert(buffer_.end(), bytes.begin(), bytes.end());
  }
  void flush() {
    write_all(fd_, buffer_, path_);
    buffer_.clear();
  }

 private:
  static constexpr std::size_t capacity = std::size_t{1} << 20;
  int fd_;
  const fs::path& path_;
  std::vector<std::byte> buffer_;
};

// A rename is only safe from a crash when its folder has been synced too.
void sync_folder(const fs::path& folder) {
  const Descriptor d(::open(folder.empty() ? "." : folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (d.get() >= 0) ::fsync(d.get());
}

}  // namespace

std::vector<std::uint8_t> read_file(const fs::path& path, std::uint64_t limit) {
  const Descriptor d(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (d.get() < 0) throw DataError("cannot read {}: {}", path.string(), std::strerror(errno));
  struct stat info;
  if (::fstat(d.get(), &info) != 0) throw DataError("cannot read {}: {}", path.string(), std::strerror(errno));
  if (!S_ISREG(info.st_mode)) throw DataError("cannot read {}: not a regular file", path.string());
  const auto size = static_cast<std::uint64_t>(info.st_size);
  if (size > limit) throw DataError("{}: {} bytes, at most {} are read", path.string(), size, limit);
  std::vector<std::uint8_t> bytes(size);
  std::size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t n = ::read(d.get(), bytes.data() + done, bytes.size() - done);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) throw DataError("cannot read {}: {}", path.string(), std::strerror(errno));
    if (n == 0) break;
    done += static_cast<std::size_t>(n);
  }
  bytes.resize(done);
  return bytes;
}

std::string read_text(const fs::path& path, std::uint64_t limit) {
  const auto bytes = read_file(path, limit);
  return {bytes.begin(), bytes.end()};
}

void atomic_write(const fs::path& path, const std::function<void(FileSink&)>& write) {
  const fs::path temporary = path.string() + fmt::format(".tmp.{}", ::getpid());
  Descriptor d(::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
  if (d.get() < 0) fail("cannot create", temporary, errno);
  try {
    BufferedSink sink(d.get(), path);
    write(sink);
    sink.flush();
    if (::fsync(d.get()) != 0) fail("cannot write", path, errno);
    if (::close(d.release()) != 0) fail("cannot write", path, errno);
    if (::rename(temporary.c_str(), path.c_str()) != 0) fail("cannot replace", path, errno);
  } catch (...) {
    ::unlink(temporary.c_str());
    throw;
  }
  sync_folder(path.parent_path());
}

void atomic_write(const fs::path& path, std::string_view text) {
  atomic_write(path, [&](FileSink& sink) { sink.write(std::as_bytes(std::span(text))); });
}

AppendFile::AppendFile(const fs::path& path, std::uint64_t keep) : path_(path) {
  Descriptor d(::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0644));
  if (d.get() < 0) fail("cannot open", path, errno);
  struct stat info;
  if (::fstat(d.get(), &info) != 0) fail("cannot open", path, errno);
  size_ = static_cast<std::uint64_t>(info.st_size);
  if (size_ > keep) {
    if (::ftruncate(d.get(), static_cast<off_t>(keep)) != 0) fail("cannot cut", path, errno);
    size_ = keep;
  }
  if (::lseek(d.get(), 0, SEEK_END) < 0) fail("cannot open", path, errno);
  descriptor_ = d.release();
}

AppendFile::~AppendFile() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

AppendFile::AppendFile(AppendFile&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)), size_(other.size_), path_(std::move(other.path_)) {}

AppendFile& AppendFile::operator=(AppendFile&& other) noexcept {
  std::swap(descriptor_, other.descriptor_);
  std::swap(size_, other.size_);
  std::swap(path_, other.path_);
  return *this;
}

void AppendFile::append(std::span<const std::byte> bytes) {
  write_all(descriptor_, bytes, path_);
  size_ += bytes.size();
}

void AppendFile::append(std::string_view text) { append(std::as_bytes(std::span(text))); }

void AppendFile::sync() {
  if (descriptor_ >= 0 && ::fsync(descriptor_) != 0) fail("cannot write", path_, errno);
}

void ensure_directory(const fs::path& path) {
  std::error_code error;
  fs::create_directories(path, error);
  if (error) throw FileError("cannot create folder {}: {}", path.string(), error.message());
  if (!fs::is_directory(path)) throw FileError("{} is not a folder", path.string());
}

}  // namespace engine
