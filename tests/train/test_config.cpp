// The options of a run: kinds, sources, suggestions, hash.
#include <doctest/doctest.h>

#include "engine/train/loss_scale.h"
#include "tests/train/support.h"

using namespace engine;

TEST_CASE("Options come from defaults, files and flags; config.json of a run reads back") {
  const test::TemporaryFolder folder;
  const std::string file = folder / "config.json";
  atomic_write(file, R"({"batch_size": 8, "optim": {"lr": 0.25}, "schedule.gamma": 0.5, "lr-mult": ["fc=10"]})");
  TrainConfig c;
  c.load_file(file);
  c.set("lr", "1e-3", "flag");
  CHECK(c.batch_size == 8);
  CHECK(c.lr == 1e-3);
  CHECK(c.gamma == 0.5);
  CHECK(c.sources.at("lr") == "flag");
  CHECK(c.sources.at("batch-size") == "file");
  const auto record = c.to_json_with_sources();
  CHECK(record["epochs"]["source"] == "default");
  CHECK(record["lr"]["value"] == 1e-3);
  atomic_write(file, record.dump());
  TrainConfig again;
  again.load_file(file);
  CHECK(again.to_json() == c.to_json());
  CHECK(again.hash() == c.hash());
}

TEST_CASE("The hash sees what decides the numbers and nothing else") {
  TrainConfig a, b;
  b.output_dir = "elsewhere";
  b.workers = 7;
  b.save_every = 3;
  CHECK(a.hash() == b.hash());
  b.momentum = 0.8;
  CHECK(a.hash() != b.hash());
  CHECK(config_differences(a.decisive(), b.decisive()) ==
        std::vector<std::string>{"momentum: 0.9 here, 0.8 in the checkpoint"});
}

TEST_CASE("A checkpoint older than an option has its default") {
  TrainConfig now;
  auto old = now.decisive();
  old.erase("kernel");
  old.erase("momentum");
  CHECK(config_differences(now.decisive(), old).empty());
  now.kernel = {"matmul=2"};
  now.momentum = 0.8;
  CHECK(config_differences(now.decisive(), old) ==
        std::vector<std::string>{"kernel: [\"matmul=2\"] here, [] in the checkpoint",
                                 "momentum: 0.8 here, 0.9 in the checkpoint"});
}

TEST_CASE("16 bits are refused where the device has none of them") {
  TrainConfig c;
  c.data = "folder:x";
  c.model = "cbr_tiny";
  c.output_dir = "y";
  c.validate();
  c.precision = "bf16";
  CHECK_THROWS_WITH_AS(c.validate(), doctest::Contains("device cpu computes in f32"), UsageError);
  c.device = "cuda";
  c.validate();
  CHECK(c.compute_dtype() == DType::bf16);
  c.loss_scale = 0.5;
  CHECK_THROWS_WITH_AS(c.validate(), doctest::Contains("loss-scale"), UsageError);
}

TEST_CASE("Loss scale halves at an overflow, doubles after enough steps, and stays within its bounds") {
  LossScale s;
  CHECK_FALSE(s.may_shrink());
  s.shrink();
  CHECK(s.value == LossScale::smallest);
  for (int i = 0; i < LossScale::patience; ++i) s.keep();
  CHECK(s.value == 2.0);  // it grows from its smallest, too
  s = {4.0, 0, 0};
  for (int i = 1; i < LossScale::patience; ++i) s.keep();
  CHECK(s.value == 4.0);
  s.shrink();
  CHECK(s.value == 2.0);
  for (int i = 1; i < LossScale::patience; ++i) s.keep();
  CHECK(s.value == 2.0);  // counted from the overflow
  s.keep();
  CHECK(s.value == 4.0);
  CHECK(s.skipped == 1);
  s.value = 0.75 * LossScale::largest;
  for (int i = 0; i < LossScale::patience; ++i) s.keep();
  CHECK(s.value == LossScale::largest);
}

TEST_CASE("Mistakes name the option, what was expected and what was found") {
  const test::TemporaryFolder folder;
  TrainConfig c;
  CHECK_THROWS_WITH_AS(c.set("batchsize", 3, "flag"), doctest::Contains("did you mean 'batch-size'"), UsageError);
  CHECK_THROWS_WITH_AS(c.set("epochs", "3.5", "flag"), doctest::Contains("epochs: expected a whole number, found"),
                       UsageError);
  CHECK_THROWS_AS(c.set("nesterov", "yes", "file"), UsageError);
  for (const char* text : {"inf", "nan", "1e400", "0.1x", ""}) CHECK_THROWS_AS(c.set("lr", text, "flag"), UsageError);
  CHECK_THROWS_WITH_AS(c.set("seed", 18446744073709551615u, "file"),
                       doctest::Contains("expected a whole number, found 18446744073709551615"), UsageError);
  CHECK_THROWS_AS(c.set("seed", "\xFF", "flag"), UsageError);
  CHECK_THROWS_AS(c.set("model", 3, "file"), UsageError);
  const std::string file = folder / "bad.json";
  atomic_write(file, R"({"optim": {"momentun": 0.9}})");
  CHECK_THROWS_WITH_AS(c.load_file(file), doctest::Contains("bad.json"), UsageError);
  atomic_write(file, "{");
  CHECK_THROWS_WITH_AS(c.load_file(file), doctest::Contains("not valid JSON"), UsageError);
  CHECK_THROWS_WITH_AS(c.load_text(R"({"lr": 1, "epochs": 2, "lr": 3})", "memory"),
                       doctest::Contains("memory: names 'lr' twice"), UsageError);
  CHECK_THROWS_AS(c.load_file(folder / "none.json"), DataError);
  CHECK_THROWS_WITH_AS(c.validate(), doctest::Contains("--data"), UsageError);
  c = test::small_config("data", "run");
  c.validate();
  for (const auto& [name, value] : std::vector<std::pair<std::string, nlohmann::json>>{
           {"epochs", 0}, {"batch-size", 0}, {"val-fraction", 1.0}, {"schedule", "cosin"}, {"optimizer", "sgdd"},
           {"ema-decay", 1.0}, {"lr-mult", "fc"}, {"on-bad-image", "ignore"}, {"init", "hee"}, {"channels", 2},
           {"lr", -1.0}, {"warmup-epochs", 2.0}}) {
    TrainConfig wrong = c;
    wrong.set(name, value, "flag");
    INFO(name);
    CHECK_THROWS_AS(wrong.validate(), UsageError);
  }
}
