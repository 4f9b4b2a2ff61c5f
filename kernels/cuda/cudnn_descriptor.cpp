#include "kernels/cuda/cudnn_descriptor.h"

#include <array>

namespace engine::gpu::cudnn {

static std::string last_words(const Api& api) {
  std::array<char, 2048> text{};
  api.get_last_error_string(text.data(), text.size());
  std::string words(text.data());
  for (char& c : words)
    if (c == '\n') c = ' ';
  return words;
}

CudnnError::CudnnError(const Api& api, int status, const char* what)
    : DeviceFault("cuDNN: {}: {} {}", what, api.get_error_string(status), last_words(api)) {}

void check(const Api& api, int status, const char* what) {
  if (status != success) throw CudnnError(api, status, what);
}

Descriptor::Descriptor(const Api& api, DescriptorType type) : api_(&api) {
  check(api, api.create_descriptor(type, &raw_), "create a descriptor");
}

Descriptor::~Descriptor() {
  if (raw_) api_->destroy_descriptor(raw_);
}

Descriptor& Descriptor::operator=(Descriptor&& other) noexcept {
  std::swap(api_, other.api_);
  std::swap(raw_, other.raw_);
  return *this;
}

void Descriptor::set(Attribute name, AttributeType type, std::int64_t count, const void* values) {
  check(*api_, api_->set_attribute(raw_, name, type, count, values), "set an attribute");
}

void Descriptor::set(Attribute name, const std::vector<std::int64_t>& values) {
  set(name, AttributeType::int64, static_cast<std::int64_t>(values.size()), values.data());
}

void Descriptor::set(Attribute name, const Descriptor& value) {
  void* pointer = value.raw();
  set(name, AttributeType::descriptor, 1, &pointer);
}

std::int64_t Descriptor::number(Attribute name) const {
  std::int64_t value = 0, count = 0;
  check(*api_, api_->get_attribute(raw_, name, AttributeType::int64, 1, &count, &value), "read a number");
  return value;
}

std::uint32_t Descriptor::notes(Attribute name, AttributeType type) const {
  std::array<int, most_notes> all{};
  std::int64_t count = 0;
  check(*api_, api_->get_attribute(raw_, name, type, most_notes, &count, all.data()), "read an engine's notes");
  std::uint32_t bits = 0;
  for (std::int64_t i = 0; i < count && i < most_notes; ++i) bits |= 1u << all[static_cast<std::size_t>(i)];
  return bits;
}

}  // namespace engine::gpu::cudnn
