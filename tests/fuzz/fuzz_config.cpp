// Configuration files.
#include "engine/optim/schedule.h"
#include "engine/train/config.h"
#include "tests/fuzz/fuzz.h"

using namespace engine;

namespace {

TrainConfig load(std::string_view text) {
  TrainConfig config;
  config.load_text(text, "input");
  return config;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  TrainConfig config;
  if (!fuzz::takes([&] { config = load(fuzz::as_text({data, size})); })) return 0;
  // What was taken is written in a form that is taken again: --resume depends on it.
  for (const auto& record : {config.to_json(), config.to_json_with_sources()}) {
    const TrainConfig again = load(record.dump());
    fuzz::require(again.to_json() == config.to_json(), "a record is read again as it was written");
    fuzz::require(again.hash() == config.hash(), "the hash is that of the record");
  }
  fuzz::require(config_differences(config.decisive(), config.decisive()).empty(), "a configuration agrees with itself");
  fuzz::takes([&] {
    config.validate();
    const Schedule schedule(config.schedule_options());
    fuzz::require(schedule.rate(0.0) >= 0.0, "a valid schedule begins with a rate");
  });
  return 0;
}
