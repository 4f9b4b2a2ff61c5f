#include "kernels/cuda_on_cpu/launch.h"

#include "kernels/cuda_on_cpu/options.h"
#include "kernels/cuda_on_cpu/poison.h"
#include "kernels/cuda_on_cpu/scheduler.h"

namespace engine::emulator {
namespace {

LaunchHook& hook() {
  static LaunchHook h = nullptr;
  return h;
}

void check_shape(const KernelLaunch& l) {
  const dim3 g = l.grid, b = l.block;
  const std::size_t threads = std::size_t{b.x} * b.y * b.z;
  if (threads == 0 || threads > 1024 || b.z > 64)
    throw UsageError("kernel {}: a block of {} x {} x {} threads", l.name, b.x, b.y, b.z);
  if (g.x == 0 || g.y == 0 || g.z == 0 || g.x > 0x7FFFFFFFu || g.y > 65535 || g.z > 65535)
    throw UsageError("kernel {}: a grid of {} x {} x {} blocks", l.name, g.x, g.y, g.z);
  const std::size_t limit = l.large_shared ? large_shared_limit : shared_limit;
  if (l.dynamic_shared > limit)
    throw UsageError("kernel {}: {} bytes of dynamic shared memory, the limit is {}", l.name, l.dynamic_shared, limit);
}

}  // namespace

Options& options() {
  static Options o;
  return o;
}

Mode mode() {
#if defined(ENGINE_EMULATOR_RACE)
  return Mode::race;
#elif defined(ENGINE_EMULATOR_ASAN)
  return Mode::asan;
#else
  return Mode::plain;
#endif
}

bool SourceLine::operator==(const SourceLine& other) const {
  if (line != other.line) return false;
  // One file's name may have several addresses; mostly it is one, and each arrival at a barrier asks.
  return file == other.file || std::string_view(file ? file : "") == (other.file ? other.file : "");
}

std::string SourceLine::str() const {
  const std::string_view path = file ? file : "?";
  return fmt::format("{}:{}", path.substr(path.rfind('/') + 1), line);
}

LaunchHook set_launch_hook(LaunchHook h) {
  const LaunchHook former = hook();
  hook() = h;
  return former;
}

void run(const KernelLaunch& launch) {
  check_shape(launch);
  if (hook() && hook()(launch)) return;
  scheduler().run(launch);
}

}  // namespace engine::emulator
