#include "tests/cudnn/devices.h"

#include <fmt/core.h>

namespace engine::test {

gpu::cudnn::DeviceChoice DeviceSheet::choice() const {
  // cuDNN wants every one of these keys.
  return {0, fmt::format(R"({{"deviceVer":{},"multiProcessorCount":{},"warpSize":32,"maxSharedMemoryPerBlock":49152,)"
                         R"("maxSharedMemoryPerBlockOptin":{},"reservedSharedMemoryPerBlock":{},)"
                         R"("maxRegistersPerSM":65536,"maxCtasPerSM":{},"maxThreadsPerBlock":1024,)"
                         R"("maxThreadsPerSM":{},"regsPerBlock":65536,"totalGlobalMem":{},"smClockRateKHz":{},)"
                         R"("l2CacheSize":{},"maxBlockSize":[1024,1024,64],"memClockRateKHz":{},)"
                         R"("maxGridSize":[2147483647,65535,65535],"supportCoopLaunch":1,"pciDeviceId":0,)"
                         R"("isTccDriver":0,"cudaDeviceId":0,"driverVer":13000,"deviceName":"{}"}})",
                         capability * 10, multiprocessors, large_shared_bytes, reserved_shared_bytes, blocks, threads,
                         memory_bytes, clock_khz, cache_bytes, memory_clock_khz, name)};
}

const std::vector<DeviceSheet>& device_sheets() {
  static const std::vector<DeviceSheet> all = {
      {"T4", 75, 40, 65536, 0, 16, 1024, 15655829504, 4194304, 1590000, 5001000},
      {"A100", 80, 108, 166912, 1024, 32, 2048, 85100068864, 41943040, 1410000, 1593000},
      {"RTX4090", 89, 128, 101376, 1024, 24, 1536, 25393692672, 75497472, 2520000, 10501000},
      {"H100", 90, 132, 232448, 1024, 32, 2048, 84942979072, 52428800, 1980000, 2619000},
      {"B200", 100, 148, 232448, 1024, 32, 2048, 191514411008, 132644864, 1965000, 3996000},
  };
  return all;
}

const DeviceSheet& device_sheet(const std::string& name) {
  for (const DeviceSheet& d : device_sheets())
    if (d.name == name) return d;
  throw UsageError("no description of a device {}", name);
}

}  // namespace engine::test
