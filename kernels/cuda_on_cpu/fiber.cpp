#include "kernels/cuda_on_cpu/fiber.h"

#include <sys/mman.h>

#include <atomic>
#include <new>

#if defined(__SANITIZE_ADDRESS__)
#define ENGINE_FIBER_ASAN
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ENGINE_FIBER_ASAN
#endif
#endif
#ifdef ENGINE_FIBER_ASAN
#include <pthread.h>
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif

#ifndef ENGINE_FIBER_UCONTEXT
// swapcontext asks the kernel for the signal mask each time, which makes it 20 times slower than these ten lines.
extern "C" void engine_emulator_switch(void** save, void* to);
asm(R"(.text
.globl engine_emulator_switch
.type engine_emulator_switch,@function
engine_emulator_switch:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp,(%rdi)
  movq %rsi,%rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
.size engine_emulator_switch,.-engine_emulator_switch
)");
#endif

namespace engine::emulator {
namespace {

constexpr std::size_t guard = 4096;
#ifdef ENGINE_FIBER_ASAN
constexpr std::size_t stack_bytes = 512 * 1024;  // red zones make frames larger
#else
constexpr std::size_t stack_bytes = 128 * 1024;
#endif

}  // namespace

Fiber::Fiber() {
#ifdef ENGINE_FIBER_ASAN
  struct Bounds {
    void* begin = nullptr;
    std::size_t size = 0;
    Bounds() {
      pthread_attr_t attributes;
      pthread_getattr_np(pthread_self(), &attributes);
      pthread_attr_getstack(&attributes, &begin, &size);
      pthread_attr_destroy(&attributes);
    }
  };
  thread_local const Bounds bounds;
  begin_ = static_cast<char*>(bounds.begin);
  size_ = bounds.size;
#endif
}

Fiber::Fiber(void (*entry)()) : size_(stack_bytes), own_(true) {
  void* p = mmap(nullptr, size_ + guard, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (p == MAP_FAILED) throw std::bad_alloc();
  mprotect(p, guard, PROT_NONE);
  begin_ = static_cast<char*>(p) + guard;
#ifdef ENGINE_FIBER_UCONTEXT
  getcontext(&context_);
  context_.uc_stack.ss_sp = begin_;
  context_.uc_stack.ss_size = size_;
  context_.uc_link = nullptr;
  makecontext(&context_, entry, 0);
#else
  // Stacks start at different cache sets: the hot frames of a block would otherwise all share a few lines of L1.
  static std::atomic<std::size_t> count{0};
  void** top = reinterpret_cast<void**>(begin_ + size_ - 64 - count++ % 61 * 128);
  top[6] = reinterpret_cast<void*>(entry);  // above six saved registers: where `ret` goes
  top[7] = nullptr;
  stack_pointer_ = top;
#endif
}

Fiber::~Fiber() {
  if (!own_) return;
#ifdef ENGINE_FIBER_ASAN
  __asan_unpoison_memory_region(begin_, size_);
#endif
  munmap(begin_ - guard, size_ + guard);
}

void Fiber::switch_between(Fiber& from, Fiber& to) {
#ifdef ENGINE_FIBER_ASAN
  __sanitizer_start_switch_fiber(&from.fake_stack_, to.begin_, to.size_);
#endif
#ifdef ENGINE_FIBER_UCONTEXT
  swapcontext(&from.context_, &to.context_);
#else
  engine_emulator_switch(&from.stack_pointer_, to.stack_pointer_);
#endif
#ifdef ENGINE_FIBER_ASAN
  __sanitizer_finish_switch_fiber(from.fake_stack_, nullptr, nullptr);
#endif
}

void Fiber::entered() {
#ifdef ENGINE_FIBER_ASAN
  __sanitizer_finish_switch_fiber(nullptr, nullptr, nullptr);
#endif
}

}  // namespace engine::emulator
