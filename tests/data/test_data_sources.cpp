// Data sets by the names of the command line.
#include <array>
#include <set>

#include "engine/data/data_sources.h"
#include "engine/data/mnist.h"
#include "engine/data/synth_fundus.h"
#include "tests/data/support.h"

using namespace engine;
namespace fs = std::filesystem;

namespace {

// Two classes of `n` pictures each.
void write_classes(const fs::path& folder, int n) {
  for (const char* c : {"no", "yes"})
    for (int i = 0; i < n; ++i) test::write_picture(folder / c / (std::to_string(i) + ".png"));
}

DataOptions no_validation() {
  DataOptions o;
  o.val_fraction = 0.0;
  return o;
}

void write_idx(const fs::path& folder, const std::string& prefix, std::uint32_t n) {
  test::write_bytes(folder / (prefix + "-images-idx3-ubyte"),
                    test::idx_bytes({n, 4, 4}, test::random_bytes(16 * n, n)));
  test::write_bytes(folder / (prefix + "-labels-idx1-ubyte"), test::idx_bytes({n}, test::Buffer(n, 3)));
}

std::size_t size_of(const std::shared_ptr<Dataset>& d) { return d ? d->size() : 0; }

}  // namespace

TEST_CASE("A folder with train, val and test gives three splits") {
  for (const char* val : {"val", "valid", "validation"}) {
    INFO(std::string(val));
    const test::TemporaryFolder folder;
    write_classes(folder / "train", 3);
    write_classes(folder / val, 2);
    write_classes(folder / "test", 1);
    const DataSplits s = open_data("folder:" + folder.path().string(), {});
    CHECK(size_of(s.train) == 6);
    CHECK(size_of(s.val) == 4);
    CHECK(size_of(s.test) == 2);
    CHECK(s.at("train") == s.train);
    CHECK(s.at("val") == s.val);
    CHECK(s.at("test") == s.test);
    CHECK_THROWS_AS(s.at("dev"), UsageError);
  }
}

TEST_CASE("A class that only a later split has, or lacks, is refused") {
  const test::TemporaryFolder folder;
  write_classes(folder / "train", 3);
  write_classes(folder / "test", 1);
  test::write_picture(folder.path() / "val" / "perhaps" / "1.png");
  CHECK_THROWS_WITH_AS(open_data("folder:" + folder.path().string(), {}), doctest::Contains("'perhaps' is no class"),
                       DataError);
  fs::remove_all(folder.path() / "val");
  test::write_picture(folder.path() / "test" / "perhaps" / "1.png");
  CHECK_THROWS_WITH_AS(open_data("folder:" + folder.path().string(), {}), doctest::Contains("'perhaps' is no class"),
                       DataError);
  fs::remove_all(folder.path() / "test" / "perhaps");
  fs::remove_all(folder.path() / "test" / "yes");
  CHECK_THROWS_WITH_AS(open_data("folder:" + folder.path().string(), {}),
                       doctest::Contains("class 'yes' has no pictures"), DataError);
}

TEST_CASE("A flat folder is a training split, out of which validation is taken") {
  const test::TemporaryFolder folder;
  write_classes(folder.path(), 20);
  const std::string source = "folder:" + folder.path().string();
  const DataSplits whole = open_data(source, no_validation());
  CHECK(size_of(whole.train) == 40);
  CHECK(whole.val == nullptr);
  CHECK(whole.test == nullptr);
  CHECK_THROWS_WITH_AS(whole.at("test"), doctest::Contains("has no test split"), DataError);
  DataOptions o;
  o.val_fraction = 0.25;
  const DataSplits s = open_data(source, o);
  CHECK(size_of(s.train) == 30);
  CHECK(size_of(s.val) == 10);
  std::set<std::string> ids;
  for (const auto& d : {s.train, s.val})
    for (const std::string& id : test::ids_of(*d)) ids.insert(id);
  CHECK(ids.size() == 40);
  CHECK(open_data(source, o).val->fingerprint() == s.val->fingerprint());
  o.seed = 43;
  CHECK(open_data(source, o).val->fingerprint() != s.val->fingerprint());
}

TEST_CASE("IDX folders bring train and test; their numbers are no patients") {
  const test::TemporaryFolder folder;
  write_idx(folder.path(), "train", 20);
  write_idx(folder.path(), "t10k", 7);
  for (const char* scheme : {"mnist:", "fashion-mnist:"}) {
    INFO(std::string(scheme));
    DataOptions o;
    o.val_fraction = 0.2;
    const DataSplits s = open_data(scheme + folder.path().string(), o);
    CHECK(size_of(s.train) == 16);
    CHECK(size_of(s.val) == 4);
    CHECK(size_of(s.test) == 7);
    CHECK(s.train->classes().size() == 10);
  }
  CHECK(open_data("fashion-mnist:" + folder.path().string(), {}).train->classes()[9] == "Ankle boot");
}

TEST_CASE("A patient in two splits of a table is refused; without a group column nobody is") {
  const test::TemporaryFolder folder;
  const std::string source = "csv:" + (folder / "t.csv").string();
  const auto write = [&](const std::string& of_val, const std::string& of_test) {
    atomic_write(folder / "t.csv", "image,label,who,split\na,x,p1,train\nb,y,p2,train\nc,x," + of_val + ",val\nd,y," +
                                       of_test + ",test\n");
  };
  DataOptions o = no_validation();
  write("p3", "p2");
  CHECK(size_of(open_data(source, o).test) == 1);
  o.csv.group_column = "who";
  for (const auto& [of_val, of_test, leak] : {std::array{"p3", "p2", "p2"}, {"p1", "p4", "p1"}, {"p5", "p5", "p5"}}) {
    write(of_val, of_test);
    CHECK_THROWS_WITH_AS(open_data(source, o), doctest::Contains((std::string("group '") + leak + "'").c_str()),
                         DataError);
  }
  write("p3", "p4");
  const DataSplits s = open_data(source, o);
  CHECK(size_of(s.train) == 2);
  CHECK(size_of(s.val) == 1);
  CHECK(size_of(s.test) == 1);
}

TEST_CASE("A table without a split column trains on everything, and validation takes whole patients") {
  const test::TemporaryFolder folder;
  std::string text = "image,label,who\n";
  for (int i = 0; i < 60; ++i) text += std::to_string(i) + ",x,p" + std::to_string(i / 3) + "\n";
  atomic_write(folder / "t.csv", text);
  DataOptions o;
  o.csv.group_column = "who";
  o.val_fraction = 0.2;
  const DataSplits s = open_data("csv:" + (folder / "t.csv").string(), o);
  CHECK(size_of(s.val) == 12);
  CHECK(size_of(s.train) == 48);
  CHECK(s.test == nullptr);
  std::set<std::string> kept, taken;
  for (const Sample& sample : s.train->samples()) kept.insert(sample.group);
  for (const Sample& sample : s.val->samples()) taken.insert(sample.group);
  CHECK(kept.size() + taken.size() == 20);
  atomic_write(folder / "t.csv", "image,label,split\na,x,test\n");
  CHECK_THROWS_WITH_AS(open_data("csv:" + (folder / "t.csv").string(), {}), doctest::Contains("no row for training"),
                       DataError);
}

TEST_CASE("What synth fundus writes is opened by patient and split") {
  const test::TemporaryFolder folder;
  SynthFundusOptions o;
  o.count = 40;
  o.size = 32;
  write_synth_fundus(folder / "eyes", o);
  const DataSplits s = open_data("synth-fundus:" + (folder / "eyes").string(), no_validation());
  CHECK(size_of(s.train) + size_of(s.val) + size_of(s.test) == 40);
  CHECK(size_of(s.train) >= 18);
  CHECK(s.train->classes() == std::vector<std::string>{"0", "1", "2", "3", "4"});
  CHECK(s.train->sample(0).group.starts_with("patient"));
  CHECK(s.train->load(0).width == 32);
}

TEST_CASE("Unknown sources are answered with the nearest; missing places with how to write it") {
  CHECK_THROWS_WITH_AS(open_data("foldr:x", {}), doctest::Contains("did you mean 'folder'?"), UsageError);
  CHECK_THROWS_WITH_AS(open_data("Fashion-MNIST", {}), doctest::Contains("unknown data source 'Fashion-MNIST'"),
                       UsageError);
  CHECK_THROWS_AS(open_data("", {}), UsageError);
  CHECK_THROWS_WITH_AS(open_data("folder", {}), doctest::Contains("write folder:DIR"), UsageError);
  CHECK_THROWS_WITH_AS(open_data("csv:", {}), doctest::Contains("write csv:FILE"), UsageError);
  CHECK_THROWS_WITH_AS(open_data("folder:/nowhere/at all", {}), doctest::Contains("/nowhere/at all is missing"),
                       DataError);
  CHECK_THROWS_AS(open_data("mnist:/nowhere", {}), DataError);
  CHECK_THROWS_AS(open_data("synth-fundus:/nowhere", {}), DataError);
  std::set<std::string> schemes;
  for (const DataSourceInfo& i : data_sources()) {
    schemes.insert(i.scheme);
    CHECK(i.usage.starts_with(i.scheme));
    CHECK_FALSE(i.summary.empty());
  }
  CHECK(schemes.size() == data_sources().size());
}
