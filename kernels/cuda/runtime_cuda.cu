// gpu::Runtime on the CUDA runtime library, which is linked in statically and finds the driver when it is first called.
#include "kernels/cuda/runtime_cuda.h"

#include <cuda_runtime.h>
#include <dlfcn.h>

#include <array>
#include <new>

#include "kernels/cuda/language.cuh"
#include "kernels/cuda/refusals.h"

namespace engine::cuda {

// An error that is not sticky would be taken for the next launch's.
static bool succeeded(cudaError_t status) {
  if (status != cudaSuccess) cudaGetLastError();
  return status == cudaSuccess;
}
static void check(cudaError_t status, const char* call, const char* file, int line) {
  if (succeeded(status)) return;
  if (status == cudaErrorMemoryAllocation) throw OutOfMemory("out of memory of the CUDA driver, in {}", call);
  throw DeviceFault("{} failed: {} ({}) at {}:{}", call, cudaGetErrorString(status), cudaGetErrorName(status), file, line);
}
#define CHECKED(call) check(call, #call, __FILE__, __LINE__)

void check_launch(const char* pretty_function) {
  const cudaError_t status = cudaGetLastError();
  if (status == cudaErrorMemoryAllocation)
    throw OutOfMemory("out of memory of the CUDA driver, in the launch of {}", kernel_name(pretty_function));
  if (status != cudaSuccess)
    throw DeviceFault("launch of {} failed: {} ({})", kernel_name(pretty_function), cudaGetErrorString(status),
                      cudaGetErrorName(status));
}

void allow_shared(const void* kernel, std::size_t bytes, const char* pretty_function) {
  const cudaError_t status =
      cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, static_cast<int>(bytes));
  if (status != cudaSuccess) {
    cudaGetLastError();
    throw DeviceFault("{} wants {} bytes of shared memory: {}", kernel_name(pretty_function), bytes,
                      cudaGetErrorString(status));
  }
}

struct DriverEvent final : Event {
  DriverEvent() { CHECKED(cudaEventCreate(&event)); }
  ~DriverEvent() override { succeeded(cudaEventDestroy(event)); }
  DriverEvent(const DriverEvent&) = delete;
  DriverEvent& operator=(const DriverEvent&) = delete;
  cudaEvent_t event = nullptr;
};
struct DriverGraph final : Graph {
  ~DriverGraph() override {
    if (executable) succeeded(cudaGraphExecDestroy(executable));
    if (graph) succeeded(cudaGraphDestroy(graph));
  }
  cudaGraph_t graph = nullptr;
  cudaGraphExec_t executable = nullptr;
};
static cudaEvent_t native(Event& e) { return static_cast<DriverEvent&>(e).event; }
static cudaStream_t native(Stream s) { return static_cast<cudaStream_t>(s.handle); }

class DriverRuntime final : public Runtime {
 public:
  DriverRuntime() {
    CHECKED(cudaSetDevice(0));
    cudaDeviceProp p{};
    CHECKED(cudaGetDeviceProperties(&p, 0));
    properties_.name = p.name;
    properties_.capability = 10 * p.major + p.minor;
    properties_.multiprocessors = p.multiProcessorCount;
    properties_.threads_per_multiprocessor = p.maxThreadsPerMultiProcessor;
    properties_.memory = p.totalGlobalMem;
    properties_.shared_per_block = p.sharedMemPerBlock;
    properties_.large_shared_per_block = p.sharedMemPerBlockOptin;
    int kilohertz = 0, bits = 0;
    CHECKED(cudaDeviceGetAttribute(&kilohertz, cudaDevAttrMemoryClockRate, 0));
    CHECKED(cudaDeviceGetAttribute(&bits, cudaDevAttrGlobalMemoryBusWidth, 0));
    properties_.bytes_per_second = 2e3 * kilohertz * (bits / 8);  // two transfers a clock
    properties_.cache = static_cast<std::size_t>(p.l2CacheSize);
    CHECKED(cudaDeviceGetAttribute(&kilohertz, cudaDevAttrClockRate, 0));
    properties_.clock_mhz = kilohertz / 1000;
    int driver = 0;
    CHECKED(cudaDriverGetVersion(&driver));
    properties_.driver = fmt::format("CUDA {}.{}", driver / 1000, driver % 1000 / 10);
    // Non-blocking: the legacy default stream, which libraries may use, does not hold them up.
    for (cudaStream_t& s : streams_) CHECKED(cudaStreamCreateWithFlags(&s, cudaStreamNonBlocking));
  }
  const DeviceProperties& properties() const override { return properties_; }

  void* allocate(std::size_t bytes, Lending) override {
    void* p = nullptr;
    const cudaError_t status = cudaMalloc(&p, bytes);
    if (status == cudaErrorMemoryAllocation) {
      succeeded(status);
      throw std::bad_alloc();
    }
    CHECKED(status);
    return p;
  }
  void free(void* p) noexcept override { succeeded(cudaFree(p)); }
  void* allocate_pinned(std::size_t bytes) override {
    void* p = nullptr;
    CHECKED(cudaMallocHost(&p, bytes));
    return p;
  }
  void free_pinned(void* p) noexcept override { succeeded(cudaFreeHost(p)); }

  Stream stream(StreamName name) override { return {streams_[static_cast<std::size_t>(name)]}; }
  void copy_to_device(void* to, const void* from, std::size_t bytes, Stream s) override {
    CHECKED(cudaMemcpyAsync(to, from, bytes, cudaMemcpyHostToDevice, native(s)));
  }
  void copy_to_host(void* to, const void* from, std::size_t bytes, Stream s) override {
    CHECKED(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToHost, native(s)));
  }
  void copy_on_device(void* to, const void* from, std::size_t bytes, Stream s) override {
    CHECKED(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToDevice, native(s)));
  }
  void set_bytes(void* to, unsigned char value, std::size_t bytes, Stream s) override {
    CHECKED(cudaMemsetAsync(to, value, bytes, native(s)));
  }

  // Relaxed: memory is allocated while work is written down.
  void begin_recording() override {
    CHECKED(cudaStreamBeginCapture(native(stream(StreamName::compute)), cudaStreamCaptureModeRelaxed));
  }
  std::unique_ptr<Graph> end_recording() override {
    auto g = std::make_unique<DriverGraph>();
    CHECKED(cudaStreamEndCapture(native(stream(StreamName::compute)), &g->graph));
    CHECKED(cudaGraphInstantiateWithFlags(&g->executable, g->graph, 0));
    // Here rather than when it first runs: what the device has no memory for can still be done without.
    CHECKED(cudaGraphUpload(g->executable, native(stream(StreamName::compute))));
    return g;
  }
  void abandon_recording() noexcept override {
    DriverGraph g;
    succeeded(cudaStreamEndCapture(native(stream(StreamName::compute)), &g.graph));
  }
  void launch(Graph& g, Stream s) override {
    CHECKED(cudaGraphLaunch(static_cast<DriverGraph&>(g).executable, native(s)));
  }

  std::unique_ptr<Event> make_event() override { return std::make_unique<DriverEvent>(); }
  void record(Event& e, Stream s) override { CHECKED(cudaEventRecord(native(e), native(s))); }
  void wait(Stream s, Event& e) override { CHECKED(cudaStreamWaitEvent(native(s), native(e), 0)); }
  bool has_happened(Event& e) override {
    const cudaError_t status = cudaEventQuery(native(e));
    if (status == cudaErrorNotReady) return false;
    CHECKED(status);
    return true;
  }
  void synchronize(Event& e) override { CHECKED(cudaEventSynchronize(native(e))); }
  void synchronize(Stream s) override { CHECKED(cudaStreamSynchronize(native(s))); }
  void synchronize() override { CHECKED(cudaDeviceSynchronize()); }
  double elapsed(Event& from, Event& to) override {
    synchronize(from);
    synchronize(to);
    float milliseconds = 0;
    CHECKED(cudaEventElapsedTime(&milliseconds, native(from), native(to)));
    return double{milliseconds};
  }

 private:
  DeviceProperties properties_;
  std::array<cudaStream_t, 3> streams_{};
};

// Only asked whether there is code of it for the device.
__global__ void probe_kernel() {}

static std::string why_no_code() {
  cudaFuncAttributes attributes{};
  // The first call that needs the device: it may also be full, or another process's alone.
  const cudaError_t status = cudaFuncGetAttributes(&attributes, probe_kernel);
  if (succeeded(status)) return {};
  if (status != cudaErrorNoKernelImageForDevice && status != cudaErrorInvalidDeviceFunction)
    return fmt::format("the CUDA driver says: {}", cudaGetErrorString(status));
  cudaDeviceProp p{};
  CHECKED(cudaGetDeviceProperties(&p, 0));
  return gpu::no_code_for(p.name, p.major, p.minor, ENGINE_CUDA_ARCHS_TEXT);
}

std::string why_no_driver() {
  // The runtime library would look for the driver too, but only after it set up what a machine without one never needs.
  void* driver = dlopen("libcuda.so.1", RTLD_LAZY);
  if (!driver) return "no CUDA driver (libcuda.so.1) on this machine";
  dlclose(driver);
  return {};
}

std::string why_no_device() {
  if (std::string reason = why_no_driver(); !reason.empty()) return reason;
  int count = 0;
  const cudaError_t status = cudaGetDeviceCount(&count);
  if (status == cudaSuccess) return count > 0 ? why_no_code() : "no CUDA device";
  cudaGetLastError();
  if (status != cudaErrorInsufficientDriver) return fmt::format("the CUDA driver says: {}", cudaGetErrorString(status));
  int supported = 0;
  cudaDriverGetVersion(&supported);
  return gpu::driver_too_old(supported, CUDART_VERSION);
}

Runtime& cuda_runtime() {
  if (const std::string reason = why_no_device(); !reason.empty()) throw DeviceError("device 'cuda': {}; use --device cpu", reason);
  static auto* r = new DriverRuntime;
  return *r;
}

}  // namespace engine::cuda
