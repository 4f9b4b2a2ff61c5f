// The CBR family of the Transfusion study (Raghu et al., NeurIPS 2019, appendix): conv - batch norm - ReLU blocks.
#pragma once

#include <memory>
#include <string>

#include "models/registry.h"

namespace engine::models {

/// cbr_larget, cbr_largew, cbr_small, cbr_tiny, cbr_tiny_1m.
std::unique_ptr<Classifier> make_cbr(const std::string& name, const ModelOptions& options);

}  // namespace engine::models
