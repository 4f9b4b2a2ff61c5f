#include "kernels/cuda_on_cpu/source_of_pc.h"

#include <fmt/core.h>
#include <link.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <map>

namespace engine::emulator {

std::uintptr_t load_address() {
  std::uintptr_t base = 0;
  dl_iterate_phdr(
      [](dl_phdr_info* info, std::size_t, void* out) {
        *static_cast<std::uintptr_t*>(out) = info->dlpi_addr;
        return 1;  // the first is the program
      },
      &base);
  return base;
}

namespace {

std::string ask(std::uintptr_t address) {
  char program[4096] = {};
  if (readlink("/proc/self/exe", program, sizeof program - 1) <= 0) return {};
  std::string line;
  if (FILE* pipe = popen(fmt::format("addr2line -e '{}' {:#x} 2>/dev/null", program, address).c_str(), "r")) {
    char buffer[4096];
    if (fgets(buffer, sizeof buffer, pipe)) line = buffer;
    pclose(pipe);
  }
  if (line.empty() || line.front() == '?') return {};
  line = line.substr(line.rfind('/') + 1);
  return line.substr(0, line.find_first_of(" \n"));
}

}  // namespace

std::string source_of_pc(const void* return_address) {
  static std::map<const void*, std::string> known;
  auto [it, fresh] = known.try_emplace(return_address);
  if (fresh) {
    const std::uintptr_t address = reinterpret_cast<std::uintptr_t>(return_address) - 1;
    it->second = ask(address - load_address());
    if (it->second.empty()) it->second = fmt::format("{:#x}", address);
  }
  return it->second;
}

}  // namespace engine::emulator
