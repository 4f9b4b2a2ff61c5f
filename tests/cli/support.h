// What the tests of the command line share: folders that vanish, small data sets, a run, and what an error must look
// like.
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "engine/io/image.h"
#include "tests/cli/process.h"

namespace engine::test {

/// A folder that disappears with the object.
class TemporaryFolder {
 public:
  TemporaryFolder();
  ~TemporaryFolder();
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  std::string operator/(const std::string& name) const { return (path_ / name).string(); }

 private:
  std::filesystem::path path_;
};

/// A grey picture of noise.
Image noise(int side, std::uint64_t seed);
/// IDX files as mnist:DIR reads them: `train` and `test` pictures of 28x28 in ten classes, a bright bar whose place is
/// the class in noise.
void write_digits(const std::string& folder, int train, int test);
/// FOLDER/a and FOLDER/b with `each` PNG pictures.
void write_class_folders(const std::string& folder, int each);

/// Flags of a run of `steps` steps on data that write_digits() made.
Arguments train_command(const std::string& data, const std::string& output, int steps);
Arguments operator+(Arguments a, const Arguments& b);

/// One finished run that many tests look at, made when first asked for.
class FinishedRun {
  TemporaryFolder folder_;
  FinishedRun();

 public:
  static const FinishedRun& get();
  const std::string digits, pictures, run, weights;
};

/// Checks exit code, that nothing went to standard output, and that the error says each of `said`.
void expect_error(const Arguments& arguments, int code, const std::vector<std::string>& said);
/// Checks that all went well; returns what it printed.
Result expect_success(const Arguments& arguments);
/// The same with --json -: checks that standard output is one JSON object with version, device and command.
nlohmann::json expect_json(const Arguments& arguments);
nlohmann::json read_json(const std::string& path);

}  // namespace engine::test
