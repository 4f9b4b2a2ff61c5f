// One object of cuDNN's graph interface, and its errors as exceptions.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "engine/tensor/error.h"
#include "kernels/cuda/cudnn_api.h"

namespace engine::gpu::cudnn {

/// A call that cuDNN refused: what was asked, and cuDNN's own words.
class CudnnError : public DeviceFault {
 public:
  CudnnError(const Api& api, int status, const char* what);
};
void check(const Api& api, int status, const char* what);

/// Owns a descriptor. All functions throw CudnnError. The Api outlives it.
class Descriptor {
 public:
  Descriptor(const Api& api, DescriptorType type);
  ~Descriptor();
  Descriptor(Descriptor&& other) noexcept : api_(other.api_), raw_(std::exchange(other.raw_, nullptr)) {}
  Descriptor& operator=(Descriptor&& other) noexcept;

  void* raw() const { return raw_; }
  const Api& api() const { return *api_; }

  void set(Attribute name, AttributeType type, std::int64_t count, const void* values);
  void set(Attribute name, std::int64_t value) { set(name, AttributeType::int64, 1, &value); }
  void set(Attribute name, const std::vector<std::int64_t>& values);
  void set(Attribute name, float value) { set(name, AttributeType::float32, 1, &value); }
  void set(Attribute name, DataType value) { set(name, AttributeType::data_type, 1, &value); }
  void set(Attribute name, HeuristicsMode value) { set(name, AttributeType::heuristics_mode, 1, &value); }
  void set(Attribute name, const Descriptor& value);
  void finalize(const char* what) { check(*api_, api_->finalize(raw_), what); }

  std::int64_t number(Attribute name) const;
  /// Bit n is set for note n.
  std::uint32_t notes(Attribute name, AttributeType type) const;

 private:
  const Api* api_;
  void* raw_ = nullptr;
};

}  // namespace engine::gpu::cudnn
