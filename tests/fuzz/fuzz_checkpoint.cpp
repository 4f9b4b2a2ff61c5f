// safetensors files, and those that are checkpoints of a run.
#include <algorithm>

#include "engine/train/checkpoint.h"
#include "engine/train/model_setup.h"
#include "engine/train/run_state.h"
#include "kernels/backend.h"
#include "kernels/reference/reference_backend.h"
#include "tests/fuzz/fuzz.h"

using namespace engine;

namespace {

void check_tensors(const SafetensorsFile& file) {
  std::vector<NamedBytes> tensors;
  for (const SafetensorsFile::Entry& e : file.entries()) {
    const auto count = static_cast<std::size_t>(e.shape.numel());
    fuzz::require(e.bytes.size() == count * size_of(e.dtype), "as many bytes as the shape says");
    fuzz::require(file.values<double>(e.name).size() == count, "as many elements as the shape says");
    fuzz::takes([&] { file.values<std::int64_t>(e.name); });
    fuzz::takes([&] { file.values<std::uint8_t>(e.name); });
    tensors.push_back({e.name, e.dtype, e.shape, e.bytes});
  }
  fuzz::MemorySink sink;
  write_safetensors(sink, tensors, file.metadata());
  const SafetensorsFile again(sink.bytes, "written");
  fuzz::require(again.metadata() == file.metadata() && again.entries().size() == tensors.size(),
                "a file is read again as it was written");
  for (const SafetensorsFile::Entry& e : file.entries()) {
    const SafetensorsFile::Entry& there = again.at(e.name);
    fuzz::require(there.dtype == e.dtype && there.shape == e.shape && std::ranges::equal(there.bytes, e.bytes),
                  "and so is each of its tensors");
  }
}

/// What the seeds hold.
std::vector<NamedTensor> small_model() {
  return {{"weight", full({2, 3}, 0.0, DType::f32, Device::reference)},
          {"count", full({}, 0.0, DType::i64, Device::reference)}};
}

// What a run, evaluation and prediction ask of a checkpoint; building the network it names would take too long.
void check_checkpoint(SafetensorsFile file) {
  const Checkpoint checkpoint(std::move(file));
  fuzz::takes([&] { checkpoint.load(small_model(), checkpoint.has_ema() ? "ema." : ""); });
  fuzz::takes([&] { checkpoint.get<RunState>("/run"); });
  fuzz::takes([&] { checkpoint_config(checkpoint).validate(); });
  fuzz::takes([&] { checkpoint.get<std::vector<std::string>>("/model/classes"); });
  fuzz::takes([&] {
    const TransformPlan plan = transform_plan_from_json(checkpoint.get<nlohmann::json>("/preparation"));
    const nlohmann::json record = to_json(plan);
    fuzz::require(to_json(transform_plan_from_json(record)) == record, "a preparation is read again as it was written");
  });
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const bool registered = (register_reference_backend(), true);
  fuzz::require(registered, "there is a backend");
  const std::vector<std::uint8_t> bytes(data, data + size);
  fuzz::takes([&] { check_tensors(SafetensorsFile(bytes, "input")); });
  fuzz::takes([&] { check_checkpoint(SafetensorsFile(bytes, "input")); });
  return 0;
}
