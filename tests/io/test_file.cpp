// Whole files, atomic replacement, logs that grow; and what is left when the disk is full.
#include <atomic>
#include <fstream>
#include <stdexcept>
#include <thread>

#include "engine/io/file.h"
#include "engine/tensor/error.h"
#include "tests/io/support.h"

using namespace engine;
using test::TemporaryFolder;

namespace {

// Read with the standard library, not with ours.
std::string slurp(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

}  // namespace

TEST_CASE("A file is read whole, byte by byte") {
  const TemporaryFolder folder;
  const auto bytes = test::random_bytes(70001, 1);
  std::ofstream(folder / "a", std::ios::binary).write(reinterpret_cast<const char*>(bytes.data()), 70001);
  CHECK(read_file(folder / "a") == bytes);
  std::ofstream(folder / "empty").close();
  CHECK(read_file(folder / "empty").empty());
  CHECK(read_text(folder / "empty").empty());
}

TEST_CASE("What cannot be read is named") {
  const TemporaryFolder folder;
  CHECK_THROWS_WITH_AS(read_file(folder / "none.bin"), doctest::Contains("none.bin: No such file"), DataError);
  CHECK_THROWS_WITH_AS(read_file(folder.path()), doctest::Contains("not a regular file"), DataError);
  CHECK_THROWS_WITH_AS(read_file("/dev/zero"), doctest::Contains("/dev/zero: not a regular file"), DataError);
  std::ofstream(folder / "ten") << "0123456789";
  CHECK(read_text(folder / "ten", 10) == "0123456789");
  CHECK_THROWS_WITH_AS(read_text(folder / "ten", 9), doctest::Contains("ten: 10 bytes, at most 9 are read"), DataError);
  CHECK_THROWS_AS(read_file(folder / "ten" / "below"), DataError);
}

TEST_CASE("An atomic write makes or replaces the file and leaves nothing beside it") {
  const TemporaryFolder folder;
  atomic_write(folder / "a", "first");
  CHECK(slurp(folder / "a") == "first");
  std::ifstream reader(folder / "a", std::ios::binary);
  atomic_write(folder / "a", "2");
  CHECK(slurp(folder / "a") == "2");
  // Whoever had opened the old file still reads it whole.
  CHECK(std::string(std::istreambuf_iterator<char>(reader), {}) == "first");
  CHECK(folder.names() == std::vector<std::string>{"a"});
}

TEST_CASE("A reader finds the old file or the new one, whole, never none") {
  const TemporaryFolder folder;
  const std::string old_text(20000, 'o'), new_text(30000, 'n');
  atomic_write(folder / "a", old_text);
  std::atomic<bool> stop{false};
  std::atomic<int> wrong{0}, reads{0};
  std::thread reader([&] {
    while (!stop) {
      const std::string found = slurp(folder / "a");
      if (found != old_text && found != new_text) ++wrong;
      ++reads;
    }
  });
  for (int i = 0; i < 40; ++i) atomic_write(folder / "a", i % 2 == 0 ? new_text : old_text);
  stop = true;
  reader.join();
  CHECK(wrong == 0);
  CHECK(reads > 0);
}

TEST_CASE("Pieces of any size arrive in order") {
  const TemporaryFolder folder;
  const auto bytes = test::random_bytes(4'500'001, 2);
  const auto all = std::as_bytes(std::span(bytes));
  atomic_write(folder / "a", [&](FileSink& sink) {
    std::size_t at = 0;
    for (const std::size_t n : {1UL, 1048575UL, 1UL, 1048576UL, 0UL, 7UL, 2000000UL, 402841UL}) {
      sink.write(all.subspan(at, n));
      at += n;
    }
    REQUIRE(at == all.size());
  });
  CHECK(read_file(folder / "a") == bytes);
}

TEST_CASE("A writer that fails leaves the old file and nothing else") {
  const TemporaryFolder folder;
  atomic_write(folder / "a", "old");
  CHECK_THROWS_AS(atomic_write(folder / "a",
                               [](FileSink& sink) {
                                 sink.write(test::as_bytes_of("half of the new"));
                                 throw std::runtime_error("stopped");
                               }),
                  std::runtime_error);
  CHECK(slurp(folder / "a") == "old");
  CHECK(folder.names() == std::vector<std::string>{"a"});
}

TEST_CASE("A disk that fills up leaves the old file and nothing else") {
  const TemporaryFolder folder;
  atomic_write(folder / "a", "old");
  // 5000 bytes stay in the buffer until the end; 3 MB are written at once.
  for (const std::size_t size : {std::size_t{5000}, std::size_t{3'000'000}}) {
    std::string message;
    {
      const test::FileSizeLimit limit(4096);
      try {
        atomic_write(folder / "a", std::string(size, 'x'));
      } catch (const FileError& e) {
        message = e.what();
      }
    }
    INFO(message);
    CHECK(message.find((folder / "a").string()) != std::string::npos);
    CHECK(message.find("File too large") != std::string::npos);
    CHECK(slurp(folder / "a") == "old");
    CHECK(folder.names() == std::vector<std::string>{"a"});
  }
}

TEST_CASE("Places where no file can be are named") {
  const TemporaryFolder folder;
  atomic_write(folder / "a", "old");
  CHECK_THROWS_WITH_AS(atomic_write(folder / "none" / "b", "x"), doctest::Contains("none/b"), FileError);
  CHECK_THROWS_WITH_AS(atomic_write(folder / "a" / "b", "x"), doctest::Contains("a/b"), FileError);
  std::filesystem::create_directory(folder / "taken");
  CHECK_THROWS_WITH_AS(atomic_write(folder / "taken", "x"), doctest::Contains("cannot replace"), FileError);
  CHECK(folder.names() == std::vector<std::string>{"a", "taken"});
  CHECK(FileError("x").exit_code() == ExitCode::runtime);
}

TEST_CASE("A log grows, knows its length, and can be cut to what a checkpoint remembers") {
  const TemporaryFolder folder;
  {
    AppendFile log(folder / "log");
    log.append("one\n");
    CHECK(slurp(folder / "log") == "one\n");  // already with the kernel
    log.append("two\n");
    log.append(test::as_bytes_of("three\n"));
    CHECK(log.size() == 14);
    log.sync();
  }
  {
    AppendFile log(folder / "log");
    CHECK(log.size() == 14);
    log.append("four\n");
  }
  CHECK(slurp(folder / "log") == "one\ntwo\nthree\nfour\n");
  {
    AppendFile log(folder / "log", 8);
    CHECK(log.size() == 8);
    log.append("again\n");
    CHECK(log.size() == 14);
  }
  CHECK(slurp(folder / "log") == "one\ntwo\nagain\n");
  CHECK(AppendFile(folder / "log", 100).size() == 14);
  CHECK(AppendFile(folder / "log", 0).size() == 0);
  CHECK(slurp(folder / "log").empty());
}

TEST_CASE("A moved log goes on where it was") {
  const TemporaryFolder folder;
  AppendFile first(folder / "log");
  first.append("a");
  AppendFile second = std::move(first);
  second.append("b");
  AppendFile third(folder / "other");
  third = std::move(second);
  third.append("c");
  CHECK(third.size() == 3);
  CHECK(slurp(folder / "log") == "abc");
  CHECK(slurp(folder / "other").empty());
}

TEST_CASE("A log on a full disk, or where none can be, is an error that names it") {
  const TemporaryFolder folder;
  AppendFile full("/dev/full");
  CHECK_THROWS_WITH_AS(full.append("x"), doctest::Contains("/dev/full: No space left"), FileError);
  CHECK(full.size() == 0);
  atomic_write(folder / "a", "old");
  CHECK_THROWS_WITH_AS(AppendFile(folder / "a" / "log"), doctest::Contains("a/log"), FileError);
  CHECK_THROWS_AS(AppendFile(folder / "none" / "log"), FileError);
}

TEST_CASE("Folders are made with those above them") {
  const TemporaryFolder folder;
  ensure_directory(folder / "x" / "y" / "z");
  ensure_directory(folder / "x" / "y" / "z");
  CHECK(std::filesystem::is_directory(folder / "x" / "y" / "z"));
  atomic_write(folder / "a", "old");
  CHECK_THROWS_WITH_AS(ensure_directory(folder / "a"), doctest::Contains("a"), FileError);
  CHECK_THROWS_WITH_AS(ensure_directory(folder / "a" / "b"), doctest::Contains("a/b"), FileError);
}
