#include "bench/conformance/case.h"

namespace engine::conformance {

const std::vector<Case>& cases() {
  static const std::vector<Case> all = [] {
    std::vector<Case> list;
    for (auto family : {movement_cases, convolution_cases, normalization_cases, elementwise_cases, shape_cases,
                        covariance_cases, decomposition_cases, pooling_cases, loss_cases, optimizer_cases})
      for (Case& c : family()) list.push_back(std::move(c));
    return list;
  }();
  return all;
}

}  // namespace engine::conformance
