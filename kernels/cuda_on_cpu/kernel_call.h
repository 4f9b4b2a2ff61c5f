// Turns a call of a kernel into a KernelLaunch: arguments are converted and copied when the launch is queued.
#pragma once

#include <tuple>
#include <type_traits>
#include <utility>

#include "kernels/cuda_on_cpu/launch.h"

namespace engine::emulator {

/// Begins and ends one thread of the block; see scheduler.h.
bool begin_thread();
void end_thread();

template <class Function>
struct KernelCall;

template <class... P>
struct KernelCall<void (*)(P...)> {
  static_assert((std::is_trivially_copyable_v<P> && ...), "a kernel's parameters are copied to the device bit by bit");
  using Arguments = std::tuple<std::remove_cv_t<P>...>;

  template <auto Kernel>
  static KernelLaunch make(P... arguments) {
    auto storage = std::make_shared<Arguments>(arguments...);
    KernelLaunch launch;
    launch.kernel = reinterpret_cast<const void*>(Kernel);
    launch.run_threads = run_threads<Kernel>;
    launch.storage_bytes = sizeof(Arguments);
    std::apply(
        [&](auto&... a) {
          (launch.arguments.push_back(&a), ...);
          (launch.argument_bytes.push_back(sizeof a), ...);
        },
        *storage);
    launch.storage = std::move(storage);
    return launch;
  }

 private:
  // Reading the arguments is the launch's doing, not the kernel's, so race mode is not told.
  template <auto Kernel>
  __attribute__((no_sanitize("thread"))) static void run_threads(void* storage) {
    run_threads<Kernel>(*static_cast<Arguments*>(storage), std::index_sequence_for<P...>());
  }
  template <auto Kernel, std::size_t... I>
  __attribute__((no_sanitize("thread"))) static void run_threads(Arguments& a, std::index_sequence<I...>) {
    while (begin_thread()) {
      Kernel(std::get<I>(a)...);
      end_thread();
    }
  }
};

}  // namespace engine::emulator
