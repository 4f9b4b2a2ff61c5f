// Data that cannot be used: exit code 3, with the file and the line.
#include <doctest/doctest.h>
#include <zlib.h>

#include "engine/io/file.h"
#include "engine/io/png_write.h"
#include "tests/cli/support.h"

using namespace engine;
using namespace engine::test;
namespace fs = std::filesystem;

namespace {

// Training on `source` into a folder that must not appear when it fails.
class Attempt {
 public:
  const TemporaryFolder folder;
  void refused(const std::string& source, const std::vector<std::string>& said, const Arguments& more = {}) const {
    expect_error(Arguments{"train", "--data", source, "--model", "cbr_tiny_1m", "--image-size", "32", "--batch-size",
                           "4", "--max-steps", "2", "--quiet", "--output-dir", folder / "run"} +
                     more,
                 3, said);
    CHECK_FALSE(fs::exists(folder / "run/last.safetensors"));
  }
};

std::string table(const std::string& header, const std::string& row_4) {
  std::string text = header + "\n";
  for (int i = 0; i < 8; ++i)
    text += i == 2 ? row_4 + "\n" : std::to_string(i) + ".png," + std::to_string(i % 2) + "\n";
  return text;
}

// A chunk of a PNG: length, type, data, checksum.
std::string chunk(const std::string& type, const std::string& data) {
  const auto word = [](std::uint32_t w) {
    return std::string{static_cast<char>(w >> 24), static_cast<char>(w >> 16), static_cast<char>(w >> 8),
                       static_cast<char>(w)};
  };
  const std::string body = type + data;
  const auto crc = crc32(0, reinterpret_cast<const Bytef*>(body.data()), static_cast<uInt>(body.size()));
  return word(static_cast<std::uint32_t>(data.size())) + body + word(static_cast<std::uint32_t>(crc));
}

}  // namespace

TEST_CASE("Missing folders and empty classes") {
  const Attempt a;
  a.refused("folder:" + a.folder / "nowhere", {a.folder / "nowhere", "missing"});
  a.refused("mnist:" + a.folder / "nowhere", {"nowhere/train-images-idx3-ubyte", "missing"});
  fs::create_directories(a.folder / "single/only");
  write_png(a.folder / "single/only/0.png", noise(32, 1));
  a.refused("folder:" + a.folder / "single", {"expected one sub-folder per class", "found 1"});
  write_class_folders(a.folder / "pictures", 4);
  fs::create_directories(a.folder / "pictures/c");
  a.refused("folder:" + a.folder / "pictures", {"class 'c' has no pictures in", "pictures/c"});
}

TEST_CASE("With --on-bad-image skip a run goes on past a batch of which nothing can be read, and ends as others do") {
  const TemporaryFolder folder;
  for (const char* split : {"train", "val"}) write_class_folders(folder / ("pictures/" + std::string(split)), 12);
  atomic_write(folder / "pictures/train/b/zz.png", "no picture");
  const Result r = expect_success({"train", "--data", "folder:" + folder / "pictures", "--model", "cbr_tiny_1m",
                                   "--image-size", "32", "--normalize", "none", "--batch-size", "1", "--epochs", "2",
                                   "--on-bad-image", "skip", "--output-dir", folder / "run"});
  CHECK(r.err.find("left out: b/zz.png") != std::string::npos);
  const std::string summary = read_text(folder / "run/summary.json");
  CHECK(nlohmann::json::parse(summary)["epochs"] == 2);
}

TEST_CASE("Tables without their columns, and rows that do not fit, with the line") {
  const Attempt a;
  const std::string file = a.folder / "labels.csv", good = "2.png,1";
  const auto refused = [&](const std::string& text, const std::vector<std::string>& said, const Arguments& more = {}) {
    atomic_write(file, text);
    a.refused("csv:" + file, said, more);
  };
  refused(table("image,grade", good), {"labels.csv", "no column 'label'", "there are: image, grade"});
  refused(table("picture,label", good), {"labels.csv", "--image-column", "picture, label"});
  refused(table("image,label", good), {"no column 'patient'"}, {"--group-column", "patient"});
  refused(table("image,label", good), {"no column 'lable'", "did you mean 'label'?"}, {"--label-columns", "lable"});
  refused(table("image,label", good + ",7"), {"labels.csv:4: expected 2 fields, found 3"});
  refused(table("image,label", "2.png"), {"labels.csv:4: expected 2 fields, found 1"});
  refused(table("image,label", "2.png,"), {"labels.csv:4: the label is empty"});
  refused(table("image,label", ",1"), {"labels.csv:4: the image is empty"});
  refused("image,label\n\"a.png,1\n", {"labels.csv:2: a quote is never closed"});
  refused("", {"labels.csv", "empty"});
  refused("image,a,b\nx.png,1,0\ny.png,1,7\n", {"labels.csv:3: column 'b': expected 0, 1, -1 or nothing, found '7'"},
          {"--label-columns", "a,b"});
  refused("image,label,split\nx.png,1,train\ny.png,1,tran\n",
          {"labels.csv:3: expected train, val or test, found 'tran'"});
  refused("image,label\nx.png,0\ny.png,1\nx.png,0\n", {"labels.csv:4: image 'x.png' stands in line 2 already"});
  a.refused("csv:" + a.folder / "none.csv", {"none.csv", "No such file"});
  refused("image,label\nnone.png,0\nnone2.png,1\nnone3.png,1\n", {"none", "No such file"});
}

TEST_CASE("Pictures cut short or of impossible size are refused by name, or left out when asked") {
  const Attempt a;
  write_class_folders(a.folder / "pictures", 4);
  const std::string bad = a.folder / "pictures/b/2.png", source = "folder:" + a.folder / "pictures";
  const std::string whole = read_text(bad);
  for (const std::size_t keep : {whole.size() / 2, std::size_t{20}, std::size_t{0}}) {
    atomic_write(bad, std::string_view(whole).substr(0, keep));
    a.refused(source, {bad});
  }
  // 10^10 pixels, announced by 60 bytes.
  const std::string side{'\0', '\x01', '\x86', '\xa0'};
  atomic_write(bad, "\x89PNG\r\n\x1a\n" + chunk("IHDR", side + side + std::string{8, 2, 0, 0, 0}) +
                        chunk("IDAT", "x\x9c\x03\x00\x00\x00\x00\x01") + chunk("IEND", ""));
  a.refused(source, {bad, "100000"});
  expect_error({"predict", "--run", FinishedRun::get().run, a.folder / "pictures"}, 3, {bad});

  const Result r = expect_success({"predict", "--run", FinishedRun::get().run, a.folder / "pictures", "--on-bad-image",
                                   "skip", "--csv", a.folder / "rows.csv"});
  CHECK(r.err.find("1 of 8 pictures could not be read") != std::string::npos);
  const std::string rows = read_text(a.folder / "rows.csv");
  CHECK(std::count(rows.begin(), rows.end(), '\n') == 8);
  CHECK(rows.find(bad) == std::string::npos);
}

TEST_CASE("Data of other classes than the model's is not evaluated on") {
  const FinishedRun& done = FinishedRun::get();
  expect_error({"eval", "--run", done.run, "--data", "folder:" + done.pictures, "--split", "train"}, 3,
               {"its classes (a, b) are not the model's (0, 1, 2"});
  expect_error({"predict", "--run", done.run, done.pictures + "/none.png"}, 3, {"none.png", "no such file"});
}
