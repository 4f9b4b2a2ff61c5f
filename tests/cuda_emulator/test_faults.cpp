#include <doctest/doctest.h>
#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <string_view>

#include "kernels/cuda_on_cpu/fault.h"
#include "tests/cuda_emulator/faulty_kernels.h"
#include "tests/cuda_emulator/support.h"

using namespace engine;
using emulator::Mode;
using test::context;

namespace {

Tensor zeros() {
  Tensor y = context().empty({64}, DType::f32);
  context().runtime().set_bytes(y.raw(), 0, y.bytes(), context().compute());
  return y;
}

const char* expected(const test::Fault& f) {
  return emulator::mode() == Mode::race ? f.race : emulator::mode() == Mode::asan ? f.asan : f.plain;
}

// What a run of the fault shows: a message, "NaN", or nothing.
std::string seen(const test::Fault& f) {
  const Tensor y = zeros();
  f.queue(context(), y);
  for (const float v : test::memory_of<float>(y))
    if (std::isnan(v)) return "NaN";
  return {};
}

const test::Fault& fault_named(std::string_view name) {
  const auto& list = test::faults();
  return *std::find_if(list.begin(), list.end(), [&](const test::Fault& f) { return f.name == name; });
}

void check(const test::Fault& f) {
  const char* want = expected(f);
  if (!want) return;
  // A sanitizer ends the process, so what it says is read from a child.
  const auto child = test::in_child([&] {
    const std::string what = seen(f);
    if (!what.empty()) throw Error("{}", what);
  });
  CAPTURE(std::string(f.name));
  CAPTURE(child.output);
  if (*want == '\0') {
    CHECK(child.ok);
  } else {
    CHECK(!child.ok);
    CHECK(child.output.find(want) != std::string::npos);
  }
}

}  // namespace

TEST_CASE("Each faulty kernel is seen in the modes that should see it, in every order of threads") {
  for (const auto order : test::orders()) {
    const test::WithOrder with(order, 5);
    CAPTURE(static_cast<int>(order));
    for (const test::Fault& f : test::faults()) check(f);
  }
}

TEST_CASE("A wide access at an address that is no multiple of its size names kernel, thread and address") {
  const Tensor y = zeros();
  fault_named("misaligned_store").queue(context(), y);
  const std::string address = fmt::format("{}", static_cast<const void*>(y.data<float>() + 7));
  CHECK_THROWS_WITH_AS(
      context().synchronize(),
      doctest::Contains(fmt::format("misaligned_store, block (0,0,0): thread (7,0,0) accesses 8 bytes at the address {},",
                                    address).c_str()),
      emulator::KernelFault);
}

TEST_CASE("A fault names the kernel and leaves the device usable") {
  const auto* fault = &fault_named("trap");
  const Tensor y = zeros();
  fault->queue(context(), y);
  fault->queue(context(), y);  // dropped with the rest of the queue
  std::string message;
  try {
    context().synchronize();
  } catch (const Error& e) {
    message = e.what();
  }
  CHECK(message.find("trap, block (0,0,0): thread (3,0,0)") != std::string::npos);
  CHECK_NOTHROW(context().synchronize());
  for (const float v : test::memory_of<float>(zeros())) CHECK(v == 0.0f);
}

TEST_CASE("The order of threads changes what a race computes") {
  if (emulator::mode() != Mode::plain) return;
  const auto* fault = &fault_named("two_writers");
  const auto result = [&](emulator::ThreadOrder order) {
    const test::WithOrder with(order);
    const Tensor y = zeros();
    fault->queue(context(), y);
    return test::memory_of<float>(y);
  };
  CHECK(result(emulator::ThreadOrder::forward) != result(emulator::ThreadOrder::reverse));
}
