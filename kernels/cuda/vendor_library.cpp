#include "kernels/cuda/vendor_library.h"

#include <dlfcn.h>
#include <fmt/core.h>

namespace engine::gpu {

std::string version_text(std::size_t v) { return fmt::format("{}.{}.{}", v / 10000, v / 100 % 100, v % 100); }

std::size_t version_told_by(int (*get_property)(Property which, int* value)) {
  std::size_t version = 0;
  for (const Property p : {Property::major, Property::minor, Property::patch}) {
    int value = 0;
    get_property(p, &value);
    version = 100 * version + static_cast<std::size_t>(value);
  }
  return version;
}

VendorLibrary::VendorLibrary(std::string product, std::string file)
    : product_(std::move(product)), file_(std::move(file)), opened_(dlopen(file_.c_str(), RTLD_NOW | RTLD_LOCAL)) {
  if (!opened_) why_closed_ = dlerror();
}

VendorLibrary::~VendorLibrary() {
  if (opened_) dlclose(opened_);
}

void* VendorLibrary::look_up(const char* name) {
  void* found = opened_ ? dlsym(opened_, name) : nullptr;
  if (!found && missing_.empty()) missing_ = name;
  return found;
}

std::optional<NoApi> VendorLibrary::refusal(std::size_t version, const KnownVersions& known) const {
  if (!opened_) return NoApi{ApiFault::no_library, fmt::format("{}: {}", product_, why_closed_)};
  if (version > 0 && version < known.oldest)
    return NoApi{ApiFault::too_old, fmt::format("{}: {} is version {}, needs {} or later", product_, file_,
                                                version_text(version), version_text(known.oldest))};
  if (version >= known.first_unknown)
    return NoApi{ApiFault::too_new, fmt::format("{}: {} is version {}, known are those before {}", product_, file_,
                                                version_text(version), version_text(known.first_unknown))};
  if (!missing_.empty())
    return NoApi{ApiFault::missing_function, fmt::format("{}: {} lacks {}", product_, file_, missing_)};
  return std::nullopt;
}

}  // namespace engine::gpu
