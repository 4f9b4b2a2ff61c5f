// "3x224x224" on the command line.
#pragma once

#include <string>

#include "engine/tensor/shape.h"

namespace engine::tools {

/// [C, H, W] of "CxHxW". Throws UsageError with the form expected.
Shape parse_input(const std::string& text);

}  // namespace engine::tools
