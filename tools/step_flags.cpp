#include "tools/step_flags.h"

#include "tools/input_shape.h"

namespace engine::tools {

bench::StepOptions StepFlags::options() const {
  bench::StepOptions o = step;
  const Shape shape = parse_input(input);
  o.channels = shape[0], o.height = shape[1], o.width = shape[2];
  o.precision = *dtype_named(precision);
  return o;
}

void add_step_flags(CLI::App& app, StepFlags& flags) {
  app.add_option("--model", flags.step.model, "Network (see engine_train models)")
      ->capture_default_str()
      ->type_name("NAME");
  app.add_option("--classes", flags.step.classes, "Classes of the head")
      ->capture_default_str()
      ->check(CLI::Range(2, 100000));
  app.add_option("--batch,--batch-size", flags.step.batch, "Images a step")
      ->capture_default_str()
      ->check(CLI::Range(1, 65536));
  app.add_option("--input", flags.input, "Channels, height and width of an image")
      ->capture_default_str()
      ->type_name("CxHxW");
  app.add_option("--precision", flags.precision, "Element type of activations: f32, bf16 or f16")
      ->capture_default_str()
      ->check(CLI::IsMember({"f32", "bf16", "f16"}));
  app.add_flag("--recompute", flags.step.recompute, "Recompute activations in backward: less memory, more time");
}

}  // namespace engine::tools
