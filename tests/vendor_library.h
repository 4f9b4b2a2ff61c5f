// What the tests of the vendor's libraries share: fakes that must be refused, the installed one, the fakes' variables.
#pragma once

#include <dlfcn.h>
#include <doctest/doctest.h>

#include <cstdio>
#include <string>
#include <variant>

#include "kernels/cuda/vendor_library.h"

namespace engine::test {

/// `answer` is what a load_api said.
template <class Api>
void expect_refusal(const std::variant<Api, gpu::NoApi>& answer, gpu::ApiFault fault, const std::string& words) {
  const auto* no = std::get_if<gpu::NoApi>(&answer);
  REQUIRE(no);
  CHECK(no->fault == fault);
  CHECK_MESSAGE(no->reason.find(words) != std::string::npos, no->reason);
}

/// Null after printing SKIPPED and the reason where the machine has no such library.
template <class Api>
const Api* installed(const std::variant<Api, gpu::NoApi>& answer, const char* what) {
  if (const auto* api = std::get_if<Api>(&answer)) return api;
  std::printf("SKIPPED %s: %s\n", what, std::get<gpu::NoApi>(answer).reason.c_str());
  return nullptr;
}

/// A variable or function that a fake has for its test.
template <class T>
T& of_fake(const char* library, const char* name) {
  return *reinterpret_cast<T*>(dlsym(dlopen(library, RTLD_NOW), name));
}

}  // namespace engine::test
