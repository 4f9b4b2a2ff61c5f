// Typed errors. Each maps to one documented exit code; messages say what, where, expected and found.
#pragma once

#include <fmt/core.h>

#include <stdexcept>
#include <string>
#include <utility>

namespace engine {

/// Exit codes of `engine_train`; scripts rely on them.
enum class ExitCode : int { ok = 0, runtime = 1, usage = 2, data = 3, numeric = 4, device = 5, interrupted = 130 };

/// Base of every error the engine throws on purpose.
class Error : public std::runtime_error {
 public:
  template <class... Args>
  explicit Error(fmt::format_string<Args...> format, Args&&... args)
      : std::runtime_error(fmt::format(format, std::forward<Args>(args)...)) {}
  virtual ExitCode exit_code() const { return ExitCode::runtime; }
};

#define ENGINE_DEFINE_ERROR(Name, Base, code)                        \
  class Name : public Base {                                         \
   public:                                                           \
    using Base::Base;                                                \
    ExitCode exit_code() const override { return ExitCode::code; }   \
  }

/// The caller asked for something that makes no sense: flag, configuration key, shape mismatch in a call.
ENGINE_DEFINE_ERROR(UsageError, Error, usage);
/// A data set, image or table cannot be used as it is.
ENGINE_DEFINE_ERROR(DataError, Error, data);
/// A weight file or checkpoint is damaged or belongs to something else.
ENGINE_DEFINE_ERROR(CheckpointError, DataError, data);
/// NaN or Inf where numbers are required.
ENGINE_DEFINE_ERROR(NumericError, Error, numeric);
/// The device asked for is not there.
ENGINE_DEFINE_ERROR(DeviceError, Error, device);
/// A device that is there failed at its work: a kernel's fault, a library's error.
ENGINE_DEFINE_ERROR(DeviceFault, Error, runtime);
/// A device has no memory left for a tensor, or no more than it was allowed.
ENGINE_DEFINE_ERROR(OutOfMemory, Error, runtime);
/// Reading or writing a file failed (disk full, permission, missing folder).
ENGINE_DEFINE_ERROR(FileError, Error, runtime);

#undef ENGINE_DEFINE_ERROR

}  // namespace engine
