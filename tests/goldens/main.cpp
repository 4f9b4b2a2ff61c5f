// test_goldens [--fixtures DIR] [--only TEXT] [--backend cpu|reference]: runs every golden file that DIR holds.
#include <fmt/core.h>

#include <chrono>
#include <functional>
#include <iostream>

#include "engine/tensor/error.h"
#include "kernels/cpu/cpu_backend.h"
#include "kernels/reference/reference_backend.h"
#include "tests/goldens/fill.h"
#include "tests/goldens/image_goldens.h"
#include "tests/goldens/metric_goldens.h"
#include "tests/goldens/model_goldens.h"
#include "tests/goldens/op_goldens.h"

namespace engine::goldens {
namespace {

namespace fs = std::filesystem;

struct Options {
  fs::path fixtures = SOURCE_DIR "/tests/fixtures";
  std::string only;
  std::string backend;  // empty: both
};

Options parse(int argc, char** argv) {
  Options o;
  for (int i = 1; i < argc; ++i) {
    const std::string flag = argv[i];
    if (i + 1 >= argc) throw UsageError("{} needs a value", flag);
    const std::string value = argv[++i];
    if (flag == "--fixtures") o.fixtures = value;
    else if (flag == "--only") o.only = value;
    else if (flag == "--backend") o.backend = value;
    else throw UsageError("unknown flag {} (--fixtures DIR, --only TEXT, --backend cpu|reference)", flag);
  }
  if (!fs::is_directory(o.fixtures)) throw DataError("{} is not a folder", o.fixtures.string());
  return o;
}

int run(const Options& o) {
  GoldenResult total;
  const auto part = [&](const std::string& name, const fs::path& needs, const std::function<GoldenResult()>& f) {
    if (!fs::exists(o.fixtures / needs)) return;
    const auto start = std::chrono::steady_clock::now();
    const GoldenResult r = f();
    const std::chrono::duration<double> spent = std::chrono::steady_clock::now() - start;
    for (const std::string& line : r.failures) std::cout << "FAILED " << line << '\n';
    for (const std::string& line : r.flips) std::cout << "FLIP " << line << '\n';
    for (const std::string& line : r.skipped) std::cout << "SKIPPED " << line << '\n';
    std::cout << fmt::format("{:<28} {} right, {} wrong, {} left out, {:.1f} s\n", name, r.passed, r.failed, r.skipped.size(),
                             spent.count()) << std::flush;
    total.add(r);
  };
  // What no backend computes is compared beside `cpu`.
  const bool whole = o.only.empty() && o.backend != "reference";
  if (whole) {
    part("fill", "fill.json", [&] { return run_fill_goldens(o.fixtures / "fill.json"); });
    part("metrics", "metrics.json", [&] { return run_metric_goldens(o.fixtures / "metrics.json"); });
    part("images", "images/images.json", [&] { return run_image_goldens(o.fixtures / "images"); });
  }
  if (o.backend != "reference") part("schedules", "ops.json", [&] { return run_schedule_goldens(o.fixtures, o.only); });
  for (const Device device : {Device::cpu, Device::reference}) {
    const std::string name(name_of(device));
    if (!o.backend.empty() && o.backend != name) continue;
    part("operators on " + name, "ops.json", [&] { return run_op_goldens(o.fixtures, device, o.only); });
    part("networks on " + name, "models.json", [&] { return run_model_goldens(o.fixtures, device, o.only); });
  }
  for (const char* later : {"onnx", "similarity.json", "real"})
    if (whole && fs::exists(o.fixtures / later)) {
      std::cout << "SKIPPED " << later << ": not in this build\n";
      total.skipped.emplace_back(later);
    }
  std::cout << fmt::format("{} passed, {} failed, {} skipped\n", total.passed, total.failed, total.skipped.size());
  return total.failed == 0 && total.passed > 0 ? 0 : 1;
}

}  // namespace
}  // namespace engine::goldens

int main(int argc, char** argv) {
  try {
    engine::register_cpu_backend();
    engine::register_reference_backend();
    return engine::goldens::run(engine::goldens::parse(argc, argv));
  } catch (const std::exception& e) {
    std::cerr << "test_goldens: " << e.what() << '\n';
    return 1;
  }
}
