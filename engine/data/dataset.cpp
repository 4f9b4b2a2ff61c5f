#include "engine/data/dataset.h"

#include <fmt/core.h>

#include <bit>

namespace engine {

std::string Dataset::fingerprint() const {
  std::uint64_t h = 0xcbf29ce484222325u;  // FNV-1a
  const auto add = [&](const void* data, std::size_t n) {
    for (std::size_t i = 0; i < n; ++i) h = (h ^ static_cast<const unsigned char*>(data)[i]) * 0x100000001b3u;
  };
  const auto add_text = [&](const std::string& s) { add(s.data(), s.size() + 1); };
  for (const std::string& c : classes_) add_text(c);
  for (const Sample& s : samples_) {
    add_text(s.id);
    add_text(s.group);
    add(&s.label, sizeof s.label);
    add(s.targets.data(), s.targets.size() * sizeof(float));
  }
  return fmt::format("{:016x}", h);
}

Subset::Subset(std::shared_ptr<const Dataset> base, std::vector<std::size_t> indices, std::string name)
    : base_(std::move(base)), indices_(std::move(indices)) {
  for (std::size_t i : indices_) samples_.push_back(base_->sample(i));
  classes_ = base_->classes();
  task_ = base_->task();
  name_ = std::move(name);
}

Image Subset::load(std::size_t i, int short_side_hint) const { return base_->load(indices_[i], short_side_hint); }

}  // namespace engine
