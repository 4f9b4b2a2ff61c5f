// Flags, names and configuration that make no sense: exit code 2 and the nearest thing that does.
#include <doctest/doctest.h>

#include <iostream>

#include "engine/io/file.h"
#include "tests/cli/support.h"

using namespace engine;
using namespace engine::test;

TEST_CASE("Nothing at all prints the help on standard error") { expect_error({}, 2, {"Usage: engine_train", "train"}); }

TEST_CASE("Unknown verbs, flags and arguments name the nearest") {
  expect_error({"trian"}, 2, {"unknown verb 'trian'", "did you mean 'train'?", "engine_train --help"});
  expect_error({"train", "--epoch", "3"}, 2, {"unknown flag '--epoch'", "did you mean '--epochs'?", "train --help"});
  expect_error({"train", "--no-flipp"}, 2, {"did you mean '--no-flip'?"});
  expect_error({"train", "--epoch=3"}, 2, {"unknown flag '--epoch'"});
  expect_error({"bench", "step", "--bacth", "4"}, 2, {"engine_train bench step: unknown flag '--bacth'", "--batch'?"});
  expect_error({"bench", "stepp"}, 2, {"unknown verb 'stepp'", "did you mean 'step'?"});
  expect_error({"bench"}, 2, {"expected a verb"});
  expect_error({"--quite"}, 2, {"unknown flag '--quite'"});
  expect_error({"--", "train"}, 2, {"unknown flag '--'"});
  expect_error({"models", "more"}, 2, {"unexpected argument 'more'"});
  expect_error({"train", "models"}, 2, {"unexpected argument 'models'"});
}

TEST_CASE("Values of the wrong kind or range are refused") {
  expect_error({"models", "--classes", "many"}, 2, {"--classes", "many", "1 to 100000"});
  expect_error({"models", "--classes", "0"}, 2, {"--classes", "0 not in range 1 to 100000"});
  expect_error({"inspect", "resnet18", "--input", "3x224"}, 2, {"--input", "3x224x224", "'3x224'"});
  expect_error({"forward", "--input", "x.npy"}, 2, {"--output is required"});
  expect_error({"predict", "--run"}, 2, {"--run"});
  expect_error({"predict", "--run", "a", "--weights", "b", "x.png"}, 2, {"either --run DIR or --weights FILE"});
  expect_error({"eval"}, 2, {"either --run DIR or --weights FILE"});
  expect_error({"synth", "funds", "--out", "x"}, 2, {"funds", "fundus"});
  const Arguments train = train_command("nowhere", "run", 1);
  expect_error(train + Arguments{"--lr", "fast"}, 2, {"lr: expected a number, found \"fast\""});
  expect_error(train + Arguments{"--batch-size", "1.5"}, 2, {"batch-size: expected a whole number, found \"1.5\""});
  expect_error(train + Arguments{"--epochs", "0"}, 2, {"epochs: expected at least 1, found 0"});
  expect_error(train + Arguments{"--optimizer", "sdg"}, 2, {"optimizer", "'sdg'", "did you mean 'sgd'?"});
  expect_error(train + Arguments{"--schedule", "cosin"}, 2, {"schedule", "'cosin'", "did you mean 'cosine'?"});
  expect_error({"train", "--model", "resnet18"}, 2, {"data: expected a data source (--data SRC)"});
}

TEST_CASE("Unknown models, data sources and splits name the nearest") {
  const FinishedRun& done = FinishedRun::get();
  expect_error({"inspect", "resnet55"}, 2, {"unknown model 'resnet55'", "did you mean 'resnet50'?"});
  const TemporaryFolder folder;
  Arguments train = train_command(done.digits, folder / "run", 1);
  train[4] = "cbr_tinny";
  expect_error(train, 2, {"unknown model 'cbr_tinny'", "did you mean 'cbr_tiny'?"});
  train[2] = "mnits:" + done.digits;
  expect_error(train, 2, {"unknown data source 'mnits:", "did you mean 'mnist'?"});
  CHECK_FALSE(std::filesystem::exists(folder / "run"));
  expect_error({"eval", "--run", done.run, "--split", "tset"}, 2, {"unknown split 'tset'", "train, val, test"});
  expect_error({"models", "--tf32"}, 2, {"--tf32: device cpu computes in full f32"});
  expect_error({"models", "--conv", "own"}, 2, {"--conv own: device cpu has one kind of it"});
  expect_error({"models", "--kernel", "matmul=2"}, 2, {"--kernel matmul=2", "device cpu", "cuda-emulated"});
  expect_error({"models", "--device", "cuda-emulated", "--kernel", "matmul=9"}, 2,
               {"expected matmul=1 to matmul=4", "batch_norm=2  one pass: mean and variance from one reading"});
  expect_error(train + Arguments{"--device", "cuda-emulated", "--kernel", "batchnorm=1"}, 2,
               {"no kernel is called 'batchnorm'; did you mean 'batch_norm'?", "conv2d=3  implicit"});
  expect_error({"models", "--decompositions", "own"}, 2, {"--decompositions own: device cpu has one kind of it"});
  expect_error({"models", "--decompositions", "mine"}, 2, {"--decompositions", "auto", "own", "mine"});
  expect_error(train + Arguments{"--conv", "mine"}, 2, {"conv", "auto", "own", "library", "mine"});
  expect_error({"models", "--matmul", "library"}, 2, {"--matmul library: device cpu has one kind of it"});
  expect_error({"models", "--device", "cuda-emulated", "--conv", "library"}, 2,
               {"--conv library: device cuda-emulated runs our kernels only"});
  expect_error(train + Arguments{"--check-backend", "cpu"}, 2, {"cpu is the device that is to be checked"});
  expect_error({"bench", "step", "--precision", "bf16"}, 2, {"device cpu computes in f32", "found bf16"});
  expect_error({"bench", "step", "--model", "resnet19"}, 2, {"unknown model 'resnet19'", "did you mean 'resnet1"});
}

TEST_CASE("Unknown devices are usage errors; devices that are not here have a code of their own") {
  expect_error({"models", "--device", "gpu"}, 2, {"unknown device 'gpu'", "did you mean 'cpu'?", "cuda"});
  expect_error({"inspect", "resnet18", "--device", "cudaa"}, 2, {"did you mean 'cuda'?"});
  const TemporaryFolder folder;
  const Arguments train = train_command(FinishedRun::get().digits, folder / "run", 1);
  expect_error(train + Arguments{"--device", "referense"}, 2, {"unknown device 'referense'", "'reference'?"});
  for (const Arguments& verb : {Arguments{"models"}, train, Arguments{"bench", "step"}})
    if (std::filesystem::exists("/dev/nvidiactl"))
      std::cout << "SKIPPED asking for a missing GPU: this machine has one\n";
    else  // not in this build, no driver, or no device
      expect_error(verb + Arguments{"--device", "cuda"}, 5, {"device 'cuda'", "no CUDA", "--device cpu"});
  CHECK_FALSE(std::filesystem::exists(folder / "run"));
}

TEST_CASE("A configuration file is checked like the flags, and its errors name it") {
  const TemporaryFolder folder;
  const std::string file = folder / "config.json";
  const auto refused = [&](const std::string& text, const std::vector<std::string>& said) {
    atomic_write(file, text);
    std::vector<std::string> all = said;
    all.push_back(file);
    expect_error({"train", "--config", file}, 2, all);
  };
  refused("{\"epochs\": 3,\n \"lr\": }", {"line 2, column 8", "JSON"});
  refused("{\"epochs\": \"many\"}", {"epochs: expected a whole number, found \"many\""});
  refused("{\"flip\": 1}", {"flip: expected true or false, found 1"});
  refused("{\"model\": [\"a\"]}", {"model: expected a text"});
  refused("{\"epoch\": 3}", {"unknown option 'epoch'", "did you mean 'epochs'?"});
  refused("{\"optim\": {\"momentun\": 0.5}}", {"momentun", "did you mean 'momentum'?"});
  refused("[1, 2]", {"expected an object of options, found array"});
  expect_error({"train", "--config", folder / "none.json"}, 3, {"none.json", "No such file"});
}
