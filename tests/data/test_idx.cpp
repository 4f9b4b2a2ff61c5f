// IDX arrays and the data sets made of them.
#include <zlib.h>

#include <set>

#include "engine/data/idx.h"
#include "engine/data/mnist.h"
#include "tests/data/support.h"

using namespace engine;
using test::Buffer;

namespace {

void write_gzip(const std::filesystem::path& path, const Buffer& bytes) {
  gzFile file = gzopen(path.c_str(), "wb");
  REQUIRE(file != nullptr);
  REQUIRE(gzwrite(file, bytes.data(), static_cast<unsigned>(bytes.size())) == static_cast<int>(bytes.size()));
  REQUIRE(gzclose(file) == Z_OK);
}

// Files of five 3x2 pictures and their labels.
struct SmallSet {
  test::TemporaryFolder folder;
  Buffer pixels = test::random_bytes(5 * 3 * 2, 8);
  Buffer labels{3, 0, 9, 3, 1};

  void write(const std::string& prefix) const {
    test::write_bytes(folder / (prefix + "-images-idx3-ubyte"), test::idx_bytes({5, 3, 2}, pixels));
    test::write_bytes(folder / (prefix + "-labels-idx1-ubyte"), test::idx_bytes({5}, labels));
  }
};

}  // namespace

TEST_CASE("IDX arrays of one to four dimensions are read as they were written") {
  for (const std::vector<std::uint32_t>& dims : std::vector<std::vector<std::uint32_t>>{
           {7}, {2, 3}, {5, 3, 2}, {2, 1, 3, 2}, {0}, {0, 28, 28}, {300}, {70000}}) {
    std::size_t n = 1;
    for (const std::uint32_t d : dims) n *= d;
    const Buffer values = test::random_bytes(n, n + 1);
    const IdxArray array = parse_idx(test::idx_bytes(dims, values), "a");
    CHECK(array.dims == dims);
    CHECK(array.values == values);
  }
}

TEST_CASE("A packed file is read like a plain one, named with or without .gz") {
  const test::TemporaryFolder folder;
  const Buffer bytes = test::idx_bytes({31, 33}, test::random_bytes(31 * 33, 5));
  test::write_bytes(folder / "plain", bytes);
  write_gzip(folder / "packed.gz", bytes);
  const IdxArray plain = read_idx(folder / "plain");
  for (const char* name : {"packed", "packed.gz"}) {
    INFO(std::string(name));
    const IdxArray packed = read_idx(folder / name);
    CHECK(packed.dims == plain.dims);
    CHECK(packed.values == plain.values);
  }
}

TEST_CASE("Damaged IDX arrays are refused by name and cause") {
  const Buffer good = test::idx_bytes({2, 3}, test::random_bytes(6, 1));
  const auto broken = [&](std::size_t at, std::uint8_t value) {
    Buffer b = good;
    b[at] = value;
    return b;
  };
  const auto cut = [&](std::size_t n) { return Buffer(good.begin(), good.begin() + static_cast<std::ptrdiff_t>(n)); };
  Buffer longer = good;
  longer.push_back(0);
  const std::vector<std::pair<Buffer, const char*>> cases{
      {{}, "wrong magic"},
      {cut(3), "wrong magic"},
      {broken(0, 1), "wrong magic"},
      {broken(1, 1), "wrong magic"},
      {broken(2, 0x0D), "type 0x0d, expected unsigned bytes"},
      {broken(3, 0), "0 dimensions"},
      {broken(3, 5), "5 dimensions"},
      {cut(11), "header is truncated"},
      {cut(good.size() - 1), "expected 6 bytes behind the header, found 5"},
      {longer, "expected 6 bytes behind the header, found 7"},
      {broken(7, 200), "expected 600 bytes"},
      {test::idx_bytes({1u << 31, 1u << 31, 4}, {}), "too large"}};
  for (const auto& [bytes, cause] : cases) {
    INFO(std::string(cause));
    CHECK_THROWS_WITH_AS(parse_idx(bytes, "bad-idx"), doctest::Contains("bad-idx: "), DataError);
    CHECK_THROWS_WITH_AS(parse_idx(bytes, "bad-idx"), doctest::Contains(cause), DataError);
  }
}

TEST_CASE("A packed file that is cut off is refused by its name; so is one that is missing") {
  const test::TemporaryFolder folder;
  write_gzip(folder / "a.gz", test::idx_bytes({50, 20}, test::random_bytes(1000, 5)));
  Buffer bytes = read_file(folder / "a.gz");
  bytes.resize(bytes.size() / 2);
  test::write_bytes(folder / "a.gz", bytes);
  CHECK_THROWS_WITH_AS(read_idx(folder / "a"), doctest::Contains("a.gz"), DataError);
  CHECK_THROWS_WITH_AS(read_idx(folder / "none"), doctest::Contains("none"), DataError);
}

TEST_CASE("Pictures and labels of an IDX data set keep their order and pixels") {
  const SmallSet set;
  set.write("train");
  set.write("t10k");
  for (const char* split : {"train", "test"}) {
    const auto data = open_idx_pictures(set.folder.path(), split, digit_classes(), "mnist");
    REQUIRE(data->size() == 5);
    CHECK(data->task() == Task::multi_class);
    CHECK(data->classes().size() == 10);
    CHECK(data->name() == std::string("mnist ") + split);
    std::set<std::string> ids;
    for (std::size_t i = 0; i < 5; ++i) {
      CHECK(data->sample(i).label == set.labels[i]);
      CHECK(data->sample(i).group == data->sample(i).id);
      ids.insert(data->sample(i).id);
      const Image image = data->load(i);
      CHECK(image.height == 3);
      CHECK(image.width == 2);
      CHECK(image.channels == 1);
      const auto begin = set.pixels.begin() + static_cast<std::ptrdiff_t>(6 * i);
      CHECK(image.samples8 == Buffer(begin, begin + 6));
    }
    CHECK(ids.size() == 5);
  }
}

TEST_CASE("IDX data sets whose files do not fit each other are refused") {
  SmallSet set;
  const auto open = [&] { return open_idx_pictures(set.folder.path(), "train", digit_classes(), "digits"); };
  CHECK_THROWS_WITH_AS(open(), doctest::Contains("train-images-idx3-ubyte.gz is missing"), DataError);
  set.write("train");
  CHECK_NOTHROW(open());
  const auto images = set.folder / "train-images-idx3-ubyte", labels = set.folder / "train-labels-idx1-ubyte";
  test::write_bytes(labels, test::idx_bytes({4}, {1, 2, 3, 4}));
  CHECK_THROWS_WITH_AS(open(), doctest::Contains("5 pictures and 4 labels"), DataError);
  test::write_bytes(labels, test::idx_bytes({5}, {1, 2, 10, 4, 5}));
  CHECK_THROWS_WITH_AS(open(), doctest::Contains("label 10 of picture 2"), DataError);
  test::write_bytes(labels, test::idx_bytes({5, 1}, {1, 2, 3, 4, 5}));
  CHECK_THROWS_AS(open(), DataError);
  test::write_bytes(labels, test::idx_bytes({5}, {1, 2, 3, 4, 5}));
  test::write_bytes(images, test::idx_bytes({5, 6}, set.pixels));
  CHECK_THROWS_AS(open(), DataError);
  test::write_bytes(images, test::idx_bytes({5, 0, 2}, {}));
  CHECK_THROWS_AS(open(), DataError);
  std::filesystem::remove(labels);
  CHECK_THROWS_WITH_AS(open(), doctest::Contains("train-labels-idx1-ubyte"), DataError);
}

TEST_CASE("Fashion-MNIST as Debian packs it has 60,000 and 10,000 pictures, evenly of ten classes") {
  if (!std::filesystem::is_directory(fashion_mnist_folder)) {
    MESSAGE("SKIPPED dataset-fashion-mnist is not installed");
    return;
  }
  for (const auto& [split, count] : {std::pair{"train", std::size_t{60000}}, {"test", std::size_t{10000}}}) {
    const auto data = open_idx_pictures(fashion_mnist_folder, split, fashion_mnist_classes(), "fashion-mnist");
    REQUIRE(data->size() == count);
    std::vector<std::size_t> per_class(10, 0);
    for (const Sample& s : data->samples()) ++per_class[static_cast<std::size_t>(s.label)];
    CHECK(per_class == std::vector<std::size_t>(10, count / 10));
    CHECK(data->load(0).width == 28);
    CHECK(data->load(count - 1).height == 28);
  }
}
