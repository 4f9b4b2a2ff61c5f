// Pictures, labels, patients and splits out of a table.
#include "engine/data/csv_dataset.h"
#include "tests/data/support.h"

using namespace engine;
namespace fs = std::filesystem;

namespace {

class Table {
 public:
  explicit Table(const std::string& text) { atomic_write(file(), text); }
  fs::path file() const { return folder_ / "table.csv"; }
  const fs::path& folder() const { return folder_.path(); }
  std::shared_ptr<Dataset> open(const CsvOptions& options = {}, const std::string& split = "train") const {
    return open_csv(file(), options, split, "csv");
  }

 private:
  test::TemporaryFolder folder_;
};

std::vector<std::int64_t> labels_of(const Dataset& d) {
  std::vector<std::int64_t> labels;
  for (const Sample& s : d.samples()) labels.push_back(s.label);
  return labels;
}

}  // namespace

TEST_CASE("The usual columns are found by themselves, and pictures lie beside the table") {
  for (const char* image : {"image", "path", "Path", "filename", "file"}) {
    INFO(std::string(image));
    const Table t(std::string(image) + ",label\nsub/1.png,cat\n\"a, b.png\",ant\n");
    test::write_picture(t.folder() / "sub" / "1.png", 11);
    test::write_picture(t.folder() / "a, b.png", 12);
    const auto d = t.open();
    CHECK(test::ids_of(*d) == std::vector<std::string>{"sub/1.png", "a, b.png"});
    CHECK(d->classes() == std::vector<std::string>{"ant", "cat"});
    CHECK(labels_of(*d) == std::vector<std::int64_t>{1, 0});
    CHECK(d->sample(0).group == "sub/1.png");
    CHECK(d->load(1).samples8 == test::noisy_picture(6, 5, 3, 12).samples8);
  }
}

TEST_CASE("Columns and the folder of the pictures can be named") {
  const test::TemporaryFolder pictures;
  test::write_picture(pictures / "1.png", 13);
  const Table t("who,what,Photo,image\np1,yes,1.png,wrong\np1,no,2.png,wrong\n");
  CsvOptions o;
  o.image_column = "Photo";
  o.label_columns = {"what"};
  o.group_column = "who";
  o.image_root = pictures.path();
  const auto d = t.open(o);
  CHECK(test::ids_of(*d) == std::vector<std::string>{"1.png", "2.png"});
  CHECK(d->sample(0).group == "p1");
  CHECK(d->sample(1).group == "p1");
  CHECK(d->load(0).samples8 == test::noisy_picture(6, 5, 3, 13).samples8);
  CHECK_THROWS_WITH_AS(d->load(1), doctest::Contains("2.png"), DataError);
}

TEST_CASE("Numbers keep their meaning and their gaps; other labels are sorted by name") {
  CHECK(labels_of(*Table("image,label\na,3\nb,0\nc,10\n").open()) == std::vector<std::int64_t>{3, 0, 10});
  CHECK(Table("image,label\na,3\nb,0\n").open()->classes() == std::vector<std::string>{"0", "1", "2", "3"});
  CHECK(labels_of(*Table("image,label\na,007\nb,7\nc,00\n").open()) == std::vector<std::int64_t>{7, 7, 0});
  for (const char* other : {"-1", "1.5", "x", "100000", "99999999999999999999"}) {
    INFO(std::string(other));
    const auto d = Table(std::string("image,label\na,3\nb,") + other + "\n").open();
    CHECK(d->classes().size() == 2);  // names, since one of them is no class number
  }
}

TEST_CASE("Several label columns are labels of their own: 0, 1, missing") {
  const Table t("image,edema,\"pleural effusion\",extra\na,1,0,z\nb,,1.0,z\nc,-1,0.0,z\nd,-1.0,1,z\n");
  CsvOptions o;
  o.label_columns = {"edema", "pleural effusion"};
  const auto d = t.open(o);
  CHECK(d->task() == Task::multi_label);
  CHECK(d->classes() == o.label_columns);
  const std::vector<std::vector<float>> expected{{1, 0}, {missing_target, 1}, {missing_target, 0}, {missing_target, 1}};
  REQUIRE(d->size() == 4);
  for (std::size_t i = 0; i < 4; ++i) {
    CHECK(d->sample(i).targets == expected[i]);
    CHECK(d->sample(i).label == -1);
  }
  const Table bad("image,edema,fever\na,1,0\nb,1,yes\n");
  o.label_columns = {"edema", "fever"};
  CHECK_THROWS_WITH_AS(bad.open(o), doctest::Contains("table.csv:3: column 'fever'"), DataError);
  CHECK_THROWS_WITH_AS(bad.open(o), doctest::Contains("found 'yes'"), DataError);
}

TEST_CASE("The split column sorts the rows; classes are those of the whole table") {
  const Table t("image,label,split\na,x,train\nb,y,val\nc,z,test\nd,x,training\ne,x,valid\nf,x,validation\n");
  CHECK(test::ids_of(*t.open({}, "train")) == std::vector<std::string>{"a", "d"});
  CHECK(test::ids_of(*t.open({}, "val")) == std::vector<std::string>{"b", "e", "f"});
  CHECK(test::ids_of(*t.open({}, "test")) == std::vector<std::string>{"c"});
  for (const char* split : {"train", "val", "test"})
    CHECK(t.open({}, split)->classes() == std::vector<std::string>{"x", "y", "z"});
  CHECK(labels_of(*t.open({}, "test")) == std::vector<std::int64_t>{2});

  CHECK(Table("image,label,split\na,x,train\n").open({}, "test") == nullptr);
  CHECK(Table("image,label\na,x\nb,y\n").open({}, "test")->size() == 2);  // no column: everything
  CHECK_THROWS_WITH_AS(Table("image,label,split\na,x,train\nb,x,dev\n").open(), doctest::Contains("table.csv:3"),
                       DataError);
  CsvOptions o;
  o.split_column = "fold";
  CHECK(Table("image,label,fold,split\na,x,test,train\n").open(o, "test")->size() == 1);
}

TEST_CASE("A column that is not there is answered with the nearest one and the list") {
  const Table t("image,label,patient_id\na,x,p\n");
  CsvOptions o;
  o.group_column = "patientid";
  CHECK_THROWS_WITH_AS(t.open(o), doctest::Contains("no column 'patientid'; did you mean 'patient_id'?"), DataError);
  CHECK_THROWS_WITH_AS(t.open(o), doctest::Contains("(there are: image, label, patient_id)"), DataError);
  o = {};
  o.image_column = "Image";
  CHECK_THROWS_WITH_AS(t.open(o), doctest::Contains("did you mean 'image'?"), DataError);
  o = {};
  o.label_columns = {"lable", "label"};
  CHECK_THROWS_WITH_AS(t.open(o), doctest::Contains("did you mean 'label'?"), DataError);
  o = {};
  o.split_column = "splt";
  CHECK_THROWS_AS(t.open(o), DataError);
  CHECK_THROWS_WITH_AS(Table("img,label\na,x\n").open(), doctest::Contains("--image-column"), DataError);
  CHECK_THROWS_WITH_AS(Table("image,class\na,x\n").open(), doctest::Contains("no column 'label'"), DataError);
}

TEST_CASE("Rows that cannot be used are refused with their line") {
  const std::pair<const char*, const char*> cases[] = {
      {"image,label\na,x\n,y\n", "table.csv:3: the image is empty"},
      {"image,label\na,x\nb,\n", "table.csv:3: the label is empty"},
      {"image,label\na,x\nb,y\na,y\n", "table.csv:4: image 'a' stands in line 2 already"},
      {"image,label\na,x\nb\n", "table.csv:3: expected 2 fields, found 1"}};
  for (const auto& [text, message] : cases) {
    INFO(std::string(text));
    CHECK_THROWS_WITH_AS(Table(text).open(), doctest::Contains(message), DataError);
  }
  CsvOptions o;
  o.group_column = "who";
  CHECK_THROWS_WITH_AS(Table("image,label,who\na,x,p\nb,x,\n").open(o), doctest::Contains("table.csv:3: the group"),
                       DataError);
  CHECK_THROWS_AS(open_csv("/nowhere/t.csv", {}, "train", "csv"), DataError);
  CHECK(Table("image,label\n").open() == nullptr);
}
