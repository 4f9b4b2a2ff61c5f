// Data sets in folders: one per class.
#include "engine/data/folder.h"
#include "tests/data/support.h"

using namespace engine;
namespace fs = std::filesystem;

TEST_CASE("Classes are the folders in the order of their names, pictures the files below them") {
  const test::TemporaryFolder folder;
  const fs::path root = folder / "data";
  test::write_picture(root / "zebra" / "1.png", 1);
  test::write_picture(root / "ant" / "b.PNG", 2);
  test::write_picture(root / "ant" / "a.png", 3);
  test::write_picture(root / "ant" / "deep" / "er" / "c.png", 4);
  test::write_picture(root / ".hidden" / "x.png", 5);
  atomic_write(root / "ant" / "notes.txt", "no picture");
  atomic_write(root / "readme.md", "no class");
  const auto data = open_class_folders(root, "zoo");
  CHECK(data->classes() == std::vector<std::string>{"ant", "zebra"});
  CHECK(test::ids_of(*data) == std::vector<std::string>{"ant/a.png", "ant/b.PNG", "ant/deep/er/c.png", "zebra/1.png"});
  CHECK(data->name() == "zoo");
  for (std::size_t i = 0; i < 4; ++i) {
    CHECK(data->sample(i).label == (i == 3));
    CHECK(data->sample(i).group == data->sample(i).id);
  }
  CHECK(data->load(0).samples8 == test::noisy_picture(6, 5, 3, 3).samples8);
  CHECK(data->load(3).samples8 == test::noisy_picture(6, 5, 3, 1).samples8);
}

TEST_CASE("Names may hold spaces, umlauts, ideographs, quotes and commas") {
  const test::TemporaryFolder folder;
  const std::vector<std::string> names{"Netzhaut \xC3\xA4\xC3\xB6\xC3\xBC", "a, \"b\" 'c'", "\xE7\x9C\xBC\xE5\xBA\x95",
                                       "-rf", "100%"};
  for (const std::string& name : names) test::write_picture(folder.path() / name / ("bild " + name + ".png"), 6);
  const auto data = open_class_folders(folder.path(), "names");
  REQUIRE(data->size() == names.size());
  std::vector<std::string> sorted = names;
  std::sort(sorted.begin(), sorted.end());
  CHECK(data->classes() == sorted);
  for (std::size_t i = 0; i < data->size(); ++i) {
    CHECK(data->sample(i).id == sorted[i] + "/bild " + sorted[i] + ".png");
    CHECK(data->load(i).width == 6);
  }
}

TEST_CASE("Every kind of picture is found by its extension, whatever its case") {
  const test::TemporaryFolder folder;
  const std::vector<std::string> pictures{"a.jpg", "b.JPEG", "c.Png", "d.bmp", "e.gif", "f.pgm", "g.ppm", "h.pnm"};
  for (const std::string& name : pictures) atomic_write(folder / name, "x");
  for (const char* other : {"a.txt", "png", "b.png.bak", ".jpg.swp"}) atomic_write(folder / other, "x");
  std::vector<std::string> found;
  for (const fs::path& p : find_pictures(folder.path())) found.push_back(p.filename().string());
  CHECK(found == pictures);
}

TEST_CASE("A folder that is missing, without classes, with one class or with an empty class is refused by name") {
  const test::TemporaryFolder folder;
  const auto open = [&] { return open_class_folders(folder / "data", "zoo"); };
  CHECK_THROWS_WITH_AS(open(), doctest::Contains("data is missing"), DataError);
  fs::create_directories(folder / "data");
  CHECK_THROWS_WITH_AS(open(), doctest::Contains("found 0"), DataError);
  test::write_picture(folder.path() / "data" / "ant" / "1.png");
  CHECK_THROWS_WITH_AS(open(), doctest::Contains("found 1"), DataError);
  fs::create_directories(folder.path() / "data" / "bee");
  CHECK_THROWS_WITH_AS(open(), doctest::Contains("class 'bee' has no pictures"), DataError);
  atomic_write(folder.path() / "data" / "bee" / "note.txt", "still none");
  CHECK_THROWS_WITH_AS(open(), doctest::Contains("class 'bee' has no pictures"), DataError);
  test::write_picture(folder.path() / "data" / "bee" / "1.png");
  CHECK(open()->size() == 2);
}

TEST_CASE("A test split follows the classes of its training split") {
  const test::TemporaryFolder folder;
  for (const char* c : {"b", "c"}) test::write_picture(folder.path() / c / "1.png");
  const auto data = open_class_folders(folder.path(), "test part", {"b", "c"});
  CHECK(data->classes() == std::vector<std::string>{"b", "c"});
  CHECK_THROWS_WITH_AS(open_class_folders(folder.path(), "test part", {"a", "b", "c"}),
                       doctest::Contains("class 'a' has no pictures"), DataError);
  CHECK_THROWS_WITH_AS(open_class_folders(folder.path(), "test part", {"b", "d"}),
                       doctest::Contains("folder 'c' is no class of the training split (b, d)"), DataError);
}

TEST_CASE("Links are followed; one that leads back to itself is refused") {
  const test::TemporaryFolder folder;
  test::write_picture(folder.path() / "elsewhere" / "1.png");
  test::write_picture(folder.path() / "data" / "ant" / "1.png");
  fs::create_directory_symlink(folder / "elsewhere", folder.path() / "data" / "bee");
  const auto data = open_class_folders(folder / "data", "zoo");
  CHECK(test::ids_of(*data) == std::vector<std::string>{"ant/1.png", "bee/1.png"});
  CHECK(data->load(1).width == 6);
  fs::create_symlink(folder.path() / "elsewhere" / "1.png", folder.path() / "data" / "ant" / "2.png");
  for (const char* spelled : {"data", "data/", "data/.", "elsewhere/../data"}) {
    INFO(std::string(spelled));
    CHECK(test::ids_of(*open_class_folders(folder / spelled, "zoo")) ==
          std::vector<std::string>{"ant/1.png", "ant/2.png", "bee/1.png"});
  }
  fs::create_directory_symlink("..", folder.path() / "data" / "ant" / "loop");
  CHECK_THROWS_WITH_AS(open_class_folders(folder / "data", "zoo"), doctest::Contains("loop"), DataError);
  CHECK_THROWS_WITH_AS(find_pictures(folder / "data"), doctest::Contains("loop"), DataError);
  fs::remove(folder.path() / "data" / "ant" / "loop");
  fs::create_directory_symlink("self", folder.path() / "data" / "self");
  CHECK_THROWS_WITH_AS(open_class_folders(folder / "data", "zoo"), doctest::Contains("self"), DataError);
  CHECK_THROWS_AS(find_pictures(folder / "none"), DataError);
}

TEST_CASE("A picture that cannot be read is named with its cause") {
  const test::TemporaryFolder folder;
  for (const char* c : {"ant", "bee"}) test::write_picture(folder.path() / c / "1.png");
  atomic_write(folder.path() / "ant" / "2.png", "this is text");
  test::Buffer bytes = read_file(folder.path() / "bee" / "1.png");
  bytes.resize(bytes.size() - 20);
  test::write_bytes(folder.path() / "bee" / "2.png", bytes);
  const auto data = open_class_folders(folder.path(), "zoo");
  CHECK_NOTHROW(data->load(0));
  CHECK_THROWS_WITH_AS(data->load(1), doctest::Contains("ant/2.png"), DataError);
  CHECK_THROWS_WITH_AS(data->load(3), doctest::Contains("bee/2.png"), DataError);
  fs::remove(folder.path() / "ant" / "1.png");  // after the folder was listed
  CHECK_THROWS_WITH_AS(data->load(0), doctest::Contains("ant/1.png"), DataError);
}
