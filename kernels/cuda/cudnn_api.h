// cuDNN's graph interface, found when the program runs: 13 functions of libcudnn_graph.so.9. A machine without the
// library, or with one we do not know, gets a reason and the backend's own kernels.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <variant>

#include "kernels/cuda/cudnn_values.h"
#include "kernels/cuda/vendor_library.h"

namespace engine::gpu::cudnn {

/// major * 10000 + minor * 100 + patch. Devices can be described without one from 9.8 on; 10 may renumber anything.
constexpr std::size_t oldest_version = 90800, first_unknown_version = 100000;
constexpr const char* library_name = "libcudnn_graph.so.9";

/// Status codes are ints, 0 is success; handles, descriptors and streams are pointers.
struct Api {
  std::size_t (*get_version)();
  const char* (*get_error_string)(int status);
  void (*get_last_error_string)(char* text, std::size_t size);
  int (*create)(void** handle);
  int (*destroy)(void* handle);
  int (*set_stream)(void* handle, void* stream);
  int (*get_stream)(void* handle, void** stream);
  int (*create_descriptor)(DescriptorType type, void** descriptor);
  int (*destroy_descriptor)(void* descriptor);
  int (*finalize)(void* descriptor);
  int (*set_attribute)(void* descriptor, Attribute name, AttributeType type, std::int64_t count, const void* values);
  int (*get_attribute)(void* descriptor, Attribute name, AttributeType type, std::int64_t room, std::int64_t* count,
                       void* values);
  int (*execute)(void* handle, void* plan, void* pack);

  std::size_t version() const { return get_version(); }
};

using gpu::ApiFault;
using gpu::NoApi;
using gpu::version_text;

/// Opens a library and asks its version. One that is taken stays open for good.
std::variant<Api, NoApi> load_api(const std::string& file = library_name);

}  // namespace engine::gpu::cudnn
