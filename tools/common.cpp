#include <fmt/format.h>

#include <iostream>
#include <tuple>

#include "engine/io/file.h"
#include "engine/tensor/suggest.h"
#include "kernels/cpu/cpu_backend.h"
#include "kernels/cuda/cuda_backend.h"
#ifdef ENGINE_HAS_CUDA
#include "kernels/cuda/runtime_cuda.h"
#endif
#include "kernels/reference/reference_backend.h"
#include "tools/verb.h"

namespace engine::tools {

std::vector<Verb>& verbs() {
  static std::vector<Verb> all;
  return all;
}

void add_threads_flag(CLI::App& app, Common& c) {
  app.add_option("--threads", c.threads, "Threads [default: one per core]")->check(CLI::Range(0, 4096));
}

void add_device_flags(CLI::App& app, Common& c) {
  app.add_option("--device", c.device,
                 "cpu; cuda; reference (double-precision loops: slow, exact); cuda-emulated (the CUDA kernels run and "
                 "checked on the CPU: very slow, for learning) [default: cpu]")
      ->type_name("NAME");
  app.add_flag("--tf32", c.tf32, "cuda: let libraries round f32 factors to TF32 for tensor cores: faster, less exact");
  for (const auto& [name, value, help] :
       {std::tuple("--conv", &c.conv, "cuda: who computes convolutions: cuDNN (library; an error where it is not there), "
                                      "our kernels (own), or cuDNN where it is there (auto)"),
        std::tuple("--matmul", &c.matmul, "cuda: the same for matrix products and cuBLAS"),
        std::tuple("--decompositions", &c.decompositions, "cuda: the same for eigh, svd and cuSOLVER")})
    app.add_option(name, *value, help)->check(CLI::IsMember({"auto", "own", "library"}))->capture_default_str();
  std::vector<std::string> steps;
  for (const gpu::Ladder& l : gpu::ladders()) steps.push_back(fmt::format("{}=1..{}", l.name, l.steps.size()));
  app.add_option("--kernel", c.kernels,
                 fmt::format("CUDA devices: step N of a kernel's ladder ({}; docs/ladder); may be repeated",
                             fmt::join(steps, ", ")))
      ->type_name("NAME=N")
      ->allow_extra_args(false);
  add_threads_flag(app, c);
  app.add_flag("--quiet", c.quiet, "Only errors on standard error");
}

void add_seed_flag(CLI::App& app, Common& c) {
  app.add_option("--seed", c.seed, "Seed of all random numbers")->capture_default_str();
}

void add_json_flag(CLI::App& app, Common& c) {
  app.add_option("--json", c.json, "Write the result as JSON to FILE (- = standard output, and nothing else there)")
      ->type_name("FILE");
}

// Whether a GPU could do it, for the line that tells the device.
static std::string about_gpu() {
#ifdef ENGINE_HAS_CUDA
  const std::string reason = cuda::why_no_driver();
  return reason.empty() ? "; a GPU computes with --device cuda" : "; no GPU: " + reason;
#else
  return "; no GPU: this build has no CUDA";
#endif
}

// A library that is missing, too old or too new makes a GPU slow: nobody should have to look for that.
static std::string who_computes(Device device) {
  std::string text;
  if (gpu::context_of(device))
    for (const auto& [what, who] : backend_of(device).libraries()) text += fmt::format("\n  {}: {}", what, who);
  return text;
}

#ifdef ENGINE_HAS_CUDA
static gpu::Provider provider_named(const std::string& name) {
  return name == "own" ? gpu::Provider::own : name == "library" ? gpu::Provider::library : gpu::Provider::automatic;
}
#endif

Device open_device(const Common& c) {
  std::vector<std::string> known;
  for (int i = 0; i < device_count; ++i) known.emplace_back(name_of(static_cast<Device>(i)));
  const std::string name = c.device.empty() ? "cpu" : c.device;
  const auto device = device_named(name);
  if (!device)
    throw UsageError("unknown device '{}'{} (known: {})", name, did_you_mean(name, known), fmt::join(known, ", "));
  if (c.tf32 && *device != Device::cuda)
    throw UsageError("--tf32: device {} computes in full f32; it is for --device cuda", name);
  for (const auto& [flag, value] : {std::pair("--conv", &c.conv), std::pair("--matmul", &c.matmul),
                                    std::pair("--decompositions", &c.decompositions)})
    if (*value != "auto" && *device != Device::cuda && *device != Device::cuda_emulated)
      throw UsageError("{} {}: device {} has one kind of it; this is for --device cuda", flag, *value, name);
    else if (*value == "library" && *device == Device::cuda_emulated)
      throw UsageError("{} library: device {} runs our kernels only; this is for --device cuda", flag, name);
  gpu::KernelChoice kernels;
  for (const std::string& text : c.kernels) gpu::choose_kernel(kernels, text);
  if (!c.kernels.empty() && *device != Device::cuda && *device != Device::cuda_emulated)
    throw UsageError("--kernel {}: device {} has one kernel of each; this is for --device cuda and cuda-emulated",
                     c.kernels.front(), name);
  if (*device == Device::cuda) {
#ifdef ENGINE_HAS_CUDA
    cuda::register_cuda_backend({.tf32 = c.tf32,
                                 .convolutions = provider_named(c.conv),
                                 .products = provider_named(c.matmul),
                                 .decompositions = provider_named(c.decompositions)});
#else
    throw DeviceError("device 'cuda' is not in this build, as there was no CUDA compiler; use --device cpu");
#endif
  }
  if (*device == Device::cuda_emulated) cuda_emulated::register_cuda_backend();
  if (gpu::Context* context = gpu::context_of(*device)) context->kernels = kernels;
  set_cpu_threads(c.threads);
  register_cpu_backend();
  register_reference_backend();
  if (!c.quiet)
    std::cerr << fmt::format("device: {}, {} threads{}\n", name, cpu_threads(),
                             *device == Device::cpu ? about_gpu() : who_computes(*device));
  return *device;
}

void write_json(const Common& c, nlohmann::json body) {
  if (c.json.empty()) return;
  body["version"] = ENGINE_VERSION;
  body["device"] = c.device.empty() ? "cpu" : c.device;
  body["command"] = command_line();
  const std::string text = body.dump(2) + "\n";
  if (c.json == "-")
    std::cout << text << std::flush;
  else
    atomic_write(c.json, text);
}

}  // namespace engine::tools
