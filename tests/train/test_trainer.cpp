// The loop: it learns, stops early, names the birthplace of a NaN, and leaves a folder that tells what happened.
#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include "engine/autograd/tape.h"
#include "engine/data/csv.h"
#include "engine/nn/init.h"
#include "engine/train/evaluate.h"
#include "engine/train/nan_watch.h"
#include "engine/train/trainer.h"
#include "kernels/backend.h"
#include "tests/train/support.h"

using namespace engine;
namespace fs = std::filesystem;

TEST_CASE("A small network learns the bars, and the folder holds what a run must hold") {
  test::register_backends();
  const test::TemporaryFolder folder;
  test::write_digits(folder.path() / "data", 320, 64);
  TrainConfig c = test::small_config(folder.path() / "data", folder.path() / "run");
  c.epochs = 4;
  const TrainResult r = train(c, true);
  CHECK_FALSE(r.interrupted);
  CHECK(r.summary["metrics"]["test"]["accuracy"]["value"].get<double>() > 0.8);
  const fs::path run = folder.path() / "run";
  for (const char* name : {"config.json", "env.json", "metrics.csv", "predictions_val.csv", "predictions_test.csv",
                           "log.txt", "init_report.txt", "state.json", "summary.json", "last.safetensors",
                           "best.safetensors"})
    CHECK_MESSAGE(fs::exists(run / name), name);
  const CsvTable metrics = parse_csv(read_text(run / "metrics.csv"), "metrics.csv");
  CHECK(metrics.columns == std::vector<std::string>{"step", "epoch", "split", "metric", "class", "value", "ci_lo",
                                                    "ci_hi"});
  const CsvTable predictions = parse_csv(read_text(run / "predictions_test.csv"), "predictions_test.csv");
  CHECK(predictions.rows.size() == 64);
  CHECK(predictions.columns.size() == 3 + 10);
}

TEST_CASE("Early stop waits for its patience: frozen in place, a run ends after the second epoch") {
  test::register_backends();
  const test::TemporaryFolder folder;
  test::write_digits(folder.path() / "data", 64, 16);
  TrainConfig c = test::small_config(folder.path() / "data", folder.path() / "run");
  c.lr = 0.0;
  c.freeze_bn_stats = {"bn"};
  c.early_stop = "loss:1";
  c.epochs = 10;
  CHECK(train(c, true).summary["epochs"] == 2);
  c.output_dir = folder / "other";
  c.early_stop = "los:1";
  CHECK_THROWS_WITH_AS(train(c, true), doctest::Contains("did you mean 'loss'"), UsageError);
  c.output_dir = folder / "third";
  c.early_stop = "loss";
  CHECK_THROWS_AS(train(c, true), UsageError);
}

TEST_CASE("The NaN watch names operation, layer and step") {
  test::register_backends();
  test::TinyNet model;
  nn::initialize(model, nn::Scheme::he_normal, 3);
  const Tensor images = full({2, 1, 8, 8}, 1.0, DType::f32, Device::cpu);
  const Tensor target = from_vector(std::vector<std::int64_t>{0, 1}, {2}, Device::cpu);
  const auto step = [&] {
    Tape tape;
    tape.backward(softmax_cross_entropy(model(Variable(images)), target));
  };
  const auto report = [&](const Tensor& pictures) -> std::string {
    try {
      explain_nonfinite(model, pictures, 12, step);
    } catch (const NumericError& e) {
      CHECK(e.exit_code() == ExitCode::numeric);
      return e.what();
    }
  };
  CHECK(report(images).find("every single operation's result is finite") != std::string::npos);
  backend_of(Device::cpu).fill_(model.find("bn")->parameters()[0]->variable.value(), 100.0);
  backend_of(Device::cpu).fill_(model.find("fc")->parameters()[0]->variable.value(), 3e38);
  const std::string born = report(images);
  INFO(born);
  CHECK(born.find("step 12") != std::string::npos);
  CHECK(born.find("operation matmul of layer 'fc'") != std::string::npos);
  const double nan = std::numeric_limits<double>::quiet_NaN();
  CHECK(report(full({2, 1, 8, 8}, nan, DType::f32, Device::cpu)).find("images") != std::string::npos);
  backend_of(Device::cpu).fill_(model.find("bn")->parameters()[1]->variable.value(), nan);
  CHECK(report(images).find("weight 'bn.bias'") != std::string::npos);
}

TEST_CASE("A run that diverges ends with a numeric error and keeps its last good checkpoint") {
  test::register_backends();
  const test::TemporaryFolder folder;
  test::write_digits(folder.path() / "data", 64, 16);
  TrainConfig c = test::small_config(folder.path() / "data", folder.path() / "run");
  c.lr = 1e38;
  c.schedule = "constant";
  c.save_every = 1;
  CHECK_THROWS_WITH_AS(train(c, true), doctest::Contains("step "), NumericError);
  CHECK(fs::exists(folder.path() / "run" / "last.safetensors"));
}

TEST_CASE("Metrics of a class with one label are NaN and counted, not guessed") {
  Predictions p;
  p.classes = {"a", "b", "never"};
  for (int i = 0; i < 4; ++i) {
    p.ids.push_back(std::to_string(i));
    p.groups.push_back(i < 2 ? "x" : "y");
    p.labels.push_back(i % 2);
    const double a = i % 2 ? 0.2 : 0.6;
    p.probabilities.insert(p.probabilities.end(), {a, 0.9 - a, 0.1});
  }
  const auto metrics = compute_metrics(p, {50, 1});
  CHECK(metric_value(metrics, "accuracy") == 1.0);
  CHECK(metric_value(metrics, "auc") == 1.0);
  bool seen = false;
  for (const MetricValue& m : metrics) {
    if (m.name != "auc" || m.of_class != "never") continue;
    seen = true;
    CHECK(std::isnan(m.value));
    CHECK(m.positives == 0);
    CHECK(m.negatives == 4);
  }
  CHECK(seen);
  CHECK(metrics_json(metrics)["per_class"]["never"]["auc"]["value"].is_null());
  CHECK_THROWS_WITH_AS(metric_value(metrics, "acuracy"), doctest::Contains("did you mean 'accuracy'"), UsageError);
}
