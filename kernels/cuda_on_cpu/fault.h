// What a kernel did wrong.
#pragma once

#include <string>

#include "engine/tensor/error.h"

namespace engine::emulator {

/// Thrown by the synchronisation that ran the faulty launch; names kernel, block, thread and source line.
class KernelFault : public Error {
 public:
  using Error::Error;
};

/// A place in a kernel's source.
struct SourceLine {
  const char* file = nullptr;
  int line = 0;
  bool operator==(const SourceLine& other) const;
  std::string str() const;  ///< "elementwise.cu:42"
};

}  // namespace engine::emulator
