// What each verb says of itself, and the lists.
#include <doctest/doctest.h>

#include <regex>

#include "tests/cli/support.h"

using namespace engine;
using namespace engine::test;

namespace {

bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

// The names that a help lists under "Verbs:".
std::vector<std::string> verbs_in(const std::string& help) {
  std::vector<std::string> names;
  const std::size_t from = help.find("\nVerbs:\n");
  if (from == std::string::npos) return names;
  const std::string list = help.substr(from + 8, help.find("\n\n", from + 8) - from - 8);
  static const std::regex name("(?:^|\n)  ([a-z-]+) +");
  for (std::sregex_iterator it(list.begin(), list.end(), name), end; it != end; ++it) names.push_back((*it)[1]);
  return names;
}

void check_help(const Arguments& verb) {
  const Result r = expect_success(verb + Arguments{"--help"});
  INFO(transcript(verb, r));
  CHECK(r.err.empty());
  std::string command = "engine_train";
  for (const std::string& v : verb) command += " " + v;
  CHECK(contains(r.out, "Usage: " + command));
  for (const char* ugly : {"{false}", " TEXT", "UINT", ":INT in [", "\n\n\n"}) CHECK_FALSE(contains(r.out, ugly));
  const auto inner = verbs_in(r.out);
  for (const std::string& v : inner) check_help(verb + Arguments{v});
  // The examples are the verb's own.
  if (inner.empty()) {
    const std::size_t examples = r.out.find("\nExample");
    REQUIRE(examples != std::string::npos);
    CHECK(contains(r.out.substr(examples), command));
  }
}

}  // namespace

TEST_CASE("Every verb has a help with its own usage and examples, on standard output") {
  const Result r = expect_success({"--help"});
  const auto verbs = verbs_in(r.out);
  for (const char* expected :
       {"train", "eval", "predict", "forward", "inspect", "synth", "bench", "datasets", "models"})
    CHECK_MESSAGE(std::find(verbs.begin(), verbs.end(), expected) != verbs.end(), expected);
  for (const std::string& v : verbs) check_help({v});
  CHECK(expect_success({"-h"}).out == r.out);
}

TEST_CASE("The help names the flags that scripts rely on") {
  const std::vector<std::pair<Arguments, std::vector<std::string>>> promised{
      {{"train"}, {"--data SRC",       "--model NAME",     "--weights FILE",
                   "--init NAME",      "--epochs INT",     "--batch-size INT",
                   "--lr FLOAT",       "--optimizer NAME", "--schedule NAME",
                   "--output-dir DIR", "--[no-]resume",    "--max-steps INT",
                   "--config FILE",    "--seed INT",       "--threads INT",
                   "--device NAME",    "--quiet",          "--json FILE",
                   "--kernel NAME=N",
                   "--freeze REGEX",   "--[no-]flip",      "--early-stop METRIC:PATIENCE",
                   "[cosine]"}},
      {{"eval"}, {"--run DIR", "--weights FILE", "--data SRC", "--split NAME", "--device NAME", "--json FILE"}},
      {{"predict"},
       {"--run DIR", "--weights FILE", "--model NAME", "--preprocess NAME", "PATH", "--csv FILE", "--json"}},
      {{"forward"},
       {"--weights FILE", "--run DIR", "--model NAME", "--input FILE", "--output FILE", "--training", "--dump REGEX",
        "--dump-dir DIR"}},
      {{"inspect"}, {"--classes INT", "--input CxHxW", "--json FILE"}},
      {{"synth"}, {"--out DIR", "--count INT", "--classes INT", "--size INT", "--seed INT"}},
      {{"bench", "step"},
       {"--model NAME", "--classes INT", "--batch", "--input CxHxW", "--steps INT", "--json FILE", "--threads INT"}},
      {{"bench", "launches"}, {"--model NAME", "--batch", "--input CxHxW", "--precision", "--json FILE"}}};
  for (const auto& [verb, flags] : promised) {
    const Result r = expect_success(verb + Arguments{"--help"});
    for (const std::string& flag : flags)
      CHECK_MESSAGE(contains(r.out, flag), "`" << verb.back() << " --help` lacks " << flag);
  }
}

TEST_CASE("--version prints one line") {
  const Result r = expect_success({"--version"});
  CHECK(std::regex_match(r.out, std::regex("engine_train [0-9]+\\.[0-9]+\\.[0-9]+\n")));
  CHECK(r.err.empty());
}

TEST_CASE("models and datasets are lists, as a table or as JSON") {
  const auto models = expect_json({"models", "--classes", "7"});
  CHECK(models["device"] == "cpu");
  CHECK(models["command"] == std::string(ENGINE_TRAIN_BINARY) + " models --classes 7 --json -");
  bool found = false;
  for (const auto& m : models["models"]) {
    CHECK(m["parameters_total"].get<std::int64_t>() > 10000);
    if (m["name"] != "resnet50") continue;
    found = true;
    // torchvision's count for 1000 classes, with a head of 7.
    CHECK(m["parameters_total"] == 25557032 - (1000 - 7) * 2049);
  }
  CHECK(found);
  CHECK(contains(expect_success({"models"}).out, "resnet50"));

  const auto datasets = expect_json({"datasets"});
  std::vector<std::string> names;
  for (const auto& d : datasets["datasets"]) names.push_back(d["name"]);
  for (const char* expected : {"fashion-mnist", "mnist", "folder", "csv", "synth-fundus"})
    CHECK_MESSAGE(std::find(names.begin(), names.end(), expected) != names.end(), expected);
  CHECK(contains(expect_success({"datasets"}).out, "folder:DIR"));
}

TEST_CASE("--json FILE writes the object to the file and leaves the table on standard output") {
  const TemporaryFolder folder;
  const Result r = expect_success({"datasets", "--json", folder / "list.json"});
  CHECK(contains(r.out, "csv:FILE"));
  CHECK(read_json(folder / "list.json")["datasets"].size() >= 5);
}
