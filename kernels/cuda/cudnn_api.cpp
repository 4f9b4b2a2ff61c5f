#include "kernels/cuda/cudnn_api.h"

namespace engine::gpu::cudnn {

std::variant<Api, NoApi> load_api(const std::string& file) {
  VendorLibrary library("cuDNN", file);
  Api api{};
  library.find(api.get_version, "cudnnGetVersion");
  library.find(api.get_error_string, "cudnnGetErrorString");
  library.find(api.get_last_error_string, "cudnnGetLastErrorString");
  library.find(api.create, "cudnnCreate");
  library.find(api.destroy, "cudnnDestroy");
  library.find(api.set_stream, "cudnnSetStream");
  library.find(api.get_stream, "cudnnGetStream");
  library.find(api.create_descriptor, "cudnnBackendCreateDescriptor");
  library.find(api.destroy_descriptor, "cudnnBackendDestroyDescriptor");
  library.find(api.finalize, "cudnnBackendFinalize");
  library.find(api.set_attribute, "cudnnBackendSetAttribute");
  library.find(api.get_attribute, "cudnnBackendGetAttribute");
  library.find(api.execute, "cudnnBackendExecute");

  const std::size_t version = api.get_version ? api.version() : 0;
  if (auto no = library.refusal(version, {oldest_version, first_unknown_version})) return *std::move(no);
  library.keep();
  return api;
}

}  // namespace engine::gpu::cudnn
