#include "kernels/cuda/cudnn_api.h"

#include <dlfcn.h>
#include <fmt/format.h>

namespace engine::gpu::cudnn {
namespace {

// Looks functions up until one is missing.
class Lookup {
 public:
  explicit Lookup(void* library) : library_(library) {}
  template <class F>
  void operator()(F*& function, const char* name) {
    void* found = dlsym(library_, name);
    if (!found && missing_.empty()) missing_ = name;
    function = reinterpret_cast<F*>(found);
  }
  const std::string& missing() const { return missing_; }

 private:
  void* library_;
  std::string missing_;
};

}  // namespace

std::string version_text(std::size_t v) { return fmt::format("{}.{}.{}", v / 10000, v / 100 % 100, v % 100); }

std::variant<Api, NoApi> load_api(const std::string& library) {
  void* opened = dlopen(library.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!opened) return NoApi{ApiFault::no_library, fmt::format("cuDNN: {}", dlerror())};
  Api api{};
  Lookup find(opened);
  find(api.get_version, "cudnnGetVersion");
  find(api.get_error_string, "cudnnGetErrorString");
  find(api.get_last_error_string, "cudnnGetLastErrorString");
  find(api.create, "cudnnCreate");
  find(api.destroy, "cudnnDestroy");
  find(api.set_stream, "cudnnSetStream");
  find(api.get_stream, "cudnnGetStream");
  find(api.create_descriptor, "cudnnBackendCreateDescriptor");
  find(api.destroy_descriptor, "cudnnBackendDestroyDescriptor");
  find(api.finalize, "cudnnBackendFinalize");
  find(api.set_attribute, "cudnnBackendSetAttribute");
  find(api.get_attribute, "cudnnBackendGetAttribute");
  find(api.execute, "cudnnBackendExecute");

  const auto refuse = [&](ApiFault fault, std::string reason) {
    dlclose(opened);
    return NoApi{fault, std::move(reason)};
  };
  // The version first: an old library is old, whatever else it lacks.
  if (api.get_version) {
    const std::size_t v = api.version();
    if (v < oldest_version)
      return refuse(ApiFault::too_old, fmt::format("cuDNN: {} is version {}, needs {} or later", library,
                                                   version_text(v), version_text(oldest_version)));
    if (v >= first_unknown_version)
      return refuse(ApiFault::too_new, fmt::format("cuDNN: {} is version {}, known are those before {}", library,
                                                   version_text(v), version_text(first_unknown_version)));
  }
  if (!find.missing().empty())
    return refuse(ApiFault::missing_function, fmt::format("cuDNN: {} lacks {}", library, find.missing()));
  return api;
}

}  // namespace engine::gpu::cudnn
