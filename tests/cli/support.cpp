#include "tests/cli/support.h"

#include <doctest/doctest.h>
#include <stdlib.h>

#include "engine/io/file.h"
#include "engine/io/png_write.h"
#include "engine/tensor/error.h"
#include "engine/tensor/philox.h"

namespace engine::test {
namespace {

namespace fs = std::filesystem;

std::string big_endian(std::initializer_list<std::uint32_t> words) {
  std::string s;
  for (const std::uint32_t w : words)
    for (int shift = 24; shift >= 0; shift -= 8) s += static_cast<char>(w >> shift & 255u);
  return s;
}

Random random_of(std::uint64_t seed, std::uint32_t sample) {
  RandomKey key(seed, RandomStream::test);
  key.sample = sample;
  return Random(key);
}

}  // namespace

TemporaryFolder::TemporaryFolder() {
  std::string name = (fs::temp_directory_path() / "engine_train_cli_XXXXXX").string();
  if (!mkdtemp(name.data())) throw FileError("cannot make {}", name);
  path_ = name;
}

TemporaryFolder::~TemporaryFolder() {
  std::error_code ignored;
  fs::remove_all(path_, ignored);
}

Image noise(int side, std::uint64_t seed) {
  Image image;
  image.width = image.height = side;
  image.channels = 1;
  Random random = random_of(seed, 0);
  for (int i = 0; i < side * side; ++i) image.samples8.push_back(static_cast<std::uint8_t>(random.below(256)));
  return image;
}

void write_digits(const std::string& folder, int train, int test) {
  fs::create_directories(folder);
  std::uint32_t picture = 0;
  for (const auto& [name, count] : {std::pair{"train", train}, std::pair{"t10k", test}}) {
    const auto n = static_cast<std::uint32_t>(count);
    std::string pixels = big_endian({0x803, n, 28, 28}), labels = big_endian({0x801, n});
    for (std::uint32_t i = 0; i < n; ++i) {
      Random random = random_of(7, picture++);
      const std::uint32_t label = i % 10;
      labels += static_cast<char>(label);
      for (std::uint32_t p = 0; p < 28 * 28; ++p)
        pixels += static_cast<char>(random.below(160) + (p / 28 / 3 == label ? 60 : 0));
    }
    atomic_write(fs::path(folder) / (std::string(name) + "-images-idx3-ubyte"), pixels);
    atomic_write(fs::path(folder) / (std::string(name) + "-labels-idx1-ubyte"), labels);
  }
}

void write_class_folders(const std::string& folder, int each) {
  for (const char* c : {"a", "b"}) {
    fs::create_directories(fs::path(folder) / c);
    for (int i = 0; i < each; ++i)
      write_png(fs::path(folder) / c / (std::to_string(i) + ".png"), noise(40, static_cast<std::uint64_t>(i)));
  }
}

Arguments train_command(const std::string& data, const std::string& output, int steps) {
  // One thread: two that wait for each other on a busy machine take far longer.
  return Arguments{"train", "--data", "mnist:" + data, "--model", "cbr_tiny_1m", "--pad", "2", "--epochs", "2"} +
         Arguments{"--lr", "0.01", "--batch-size", "16", "--threads", "1", "--max-steps", std::to_string(steps)} +
         Arguments{"--output-dir", output, "--quiet"};
}

Arguments operator+(Arguments a, const Arguments& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

FinishedRun::FinishedRun()
    : digits(folder_ / "digits"),
      pictures(folder_ / "pictures"),
      run(folder_ / "run"),
      weights(run + "/best.safetensors") {
  write_digits(digits, 80, 40);
  write_class_folders(pictures, 3);
  expect_success(train_command(digits, run, 3));
}

const FinishedRun& FinishedRun::get() {
  static const FinishedRun one;
  return one;
}

void expect_error(const Arguments& arguments, int code, const std::vector<std::string>& said) {
  const Result r = run(arguments);
  INFO(transcript(arguments, r));
  CHECK(r.code == code);
  CHECK(r.out.empty());
  CHECK(r.err.find("engine_train") != std::string::npos);
  CHECK(r.err.find("terminate called") == std::string::npos);
  for (const std::string& s : said) CHECK_MESSAGE(r.err.find(s) != std::string::npos, "not said: " << s);
}

Result expect_success(const Arguments& arguments) {
  Result r = run(arguments);
  INFO(transcript(arguments, r));
  CHECK(r.code == 0);
  return r;
}

nlohmann::json expect_json(const Arguments& arguments) {
  const Arguments all = arguments + Arguments{"--json", "-"};
  const Result r = expect_success(all);
  INFO(transcript(all, r));
  const auto j = nlohmann::json::parse(r.out, nullptr, false);
  REQUIRE(j.is_object());
  for (const char* key : {"version", "device", "command"}) CHECK_MESSAGE(j.contains(key), "lacks " << key);
  CHECK(j.value("command", "").find(arguments.front()) != std::string::npos);
  return j;
}

nlohmann::json read_json(const std::string& path) { return nlohmann::json::parse(read_text(path)); }

}  // namespace engine::test
