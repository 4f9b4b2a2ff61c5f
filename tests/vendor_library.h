// What the tests of the vendor's libraries share: fakes that must be refused, the fakes' variables.
#pragma once

#include <dlfcn.h>
#include <doctest/doctest.h>

#include <string>
#include <variant>

#include "tests/installed_library.h"

namespace engine::test {

/// `answer` is what a load_api said.
template <class Api>
void expect_refusal(const std::variant<Api, gpu::NoApi>& answer, gpu::ApiFault fault, const std::string& words) {
  const auto* no = std::get_if<gpu::NoApi>(&answer);
  REQUIRE(no);
  CHECK(no->fault == fault);
  CHECK_MESSAGE(no->reason.find(words) != std::string::npos, no->reason);
}

/// A variable or function that a fake has for its test.
template <class T>
T& of_fake(const char* library, const char* name) {
  return *reinterpret_cast<T*>(dlsym(dlopen(library, RTLD_NOW), name));
}

}  // namespace engine::test
