// Threads of a block are fibers: stacks of their own that one operating-system thread switches between.
#pragma once

#include <cstddef>

#if !defined(__x86_64__) || defined(ENGINE_EMULATOR_UCONTEXT)
#define ENGINE_FIBER_UCONTEXT
#include <ucontext.h>
#endif

namespace engine::emulator {

class Fiber {
 public:
  /// Stands for the stack of the operating-system thread that makes it.
  Fiber();
  /// Parked at the start of `entry`, which must never return.
  explicit Fiber(void (*entry)());
  ~Fiber();
  Fiber(const Fiber&) = delete;
  Fiber& operator=(const Fiber&) = delete;

  /// Parks `from`, which must be the running one, and goes on in `to`. Returns when somebody switches to `from`.
  static void switch_between(Fiber& from, Fiber& to);
  /// To be called first by `entry`.
  static void entered();

  char* stack_begin() const { return begin_; }
  char* stack_end() const { return begin_ + size_; }

 private:
  char* begin_ = nullptr;
  std::size_t size_ = 0;
  bool own_ = false;
  void* fake_stack_ = nullptr;  // AddressSanitizer's
#ifdef ENGINE_FIBER_UCONTEXT
  ucontext_t context_{};
#else
  void* stack_pointer_ = nullptr;
#endif
};

}  // namespace engine::emulator
