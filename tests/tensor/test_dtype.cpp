// Element types, devices, and the exit codes that errors end in.
#include <doctest/doctest.h>

#include <set>
#include <string>

#include "engine/tensor/dtype.h"
#include "engine/tensor/error.h"

using namespace engine;

TEST_CASE("Element types have the sizes of the C++ types they stand for") {
  CHECK(size_of(dtype_of<float>) == sizeof(float));
  CHECK(size_of(dtype_of<double>) == sizeof(double));
  CHECK(size_of(dtype_of<std::int32_t>) == sizeof(std::int32_t));
  CHECK(size_of(dtype_of<std::int64_t>) == sizeof(std::int64_t));
  CHECK(size_of(dtype_of<std::uint8_t>) == sizeof(std::uint8_t));
  CHECK(size_of(DType::f16) == 2);
  CHECK(size_of(DType::bf16) == 2);
}

TEST_CASE("Names of types and devices are distinct and say what they are") {
  std::set<std::string> names;
  int floating = 0;
  for (const DType t : {DType::f32, DType::f16, DType::bf16, DType::f64, DType::i32, DType::i64, DType::u8}) {
    names.emplace(name_of(t));
    floating += is_floating(t);
    CHECK(is_floating(t) == (name_of(t).find('f') != std::string_view::npos));
  }
  CHECK(names == std::set<std::string>{"f32", "f16", "bf16", "f64", "i32", "i64", "u8"});
  CHECK(floating == 4);
  CHECK(name_of(DType::bf16) == "bf16");
  CHECK(name_of(DType::i64) == "i64");
  CHECK(name_of(Device::cpu) == "cpu");
  CHECK(name_of(Device::reference) == "reference");
  CHECK(name_of(Device::cuda) == "cuda");
}

TEST_CASE("Each error carries its message and the documented exit code") {
  const auto code = [](const Error& e) { return static_cast<int>(e.exit_code()); };
  CHECK(std::string(Error("{} of {}", 3, "four").what()) == "3 of four");
  CHECK(code(Error("x")) == 1);
  CHECK(code(FileError("x")) == 1);
  CHECK(code(UsageError("x")) == 2);
  CHECK(code(DataError("x")) == 3);
  CHECK(code(CheckpointError("x")) == 3);
  CHECK(code(NumericError("x")) == 4);
  CHECK(code(DeviceError("x")) == 5);
  // Whoever skips unreadable data must be able to tell it from a mistake of the caller.
  CHECK_THROWS_AS(throw CheckpointError("x"), DataError);
}
