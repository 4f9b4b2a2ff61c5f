// The mangled name of a function, found in the symbol table of the running program's own file.
#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <map>

#include "kernels/cuda_on_cpu/launch.h"
#include "kernels/cuda_on_cpu/source_of_pc.h"

namespace engine::emulator {
namespace {

using Symbols = std::map<std::uintptr_t, std::string>;

Symbols read_symbols() {
  Symbols symbols;
  const int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
  if (fd < 0) return symbols;
  struct stat status {};
  fstat(fd, &status);
  const auto size = static_cast<std::size_t>(status.st_size);
  void* file = mmap(nullptr, size, PROT_READ, MAP_PRIVATE, fd, 0);
  close(fd);
  if (file == MAP_FAILED) return symbols;
  const char* bytes = static_cast<const char*>(file);
  const auto* header = reinterpret_cast<const ElfW(Ehdr)*>(bytes);
  const auto* sections = reinterpret_cast<const ElfW(Shdr)*>(bytes + header->e_shoff);
  const std::uintptr_t base = load_address();
  for (int i = 0; i < header->e_shnum; ++i) {
    if (sections[i].sh_type != SHT_SYMTAB) continue;
    const auto* table = reinterpret_cast<const ElfW(Sym)*>(bytes + sections[i].sh_offset);
    const char* names = bytes + sections[sections[i].sh_link].sh_offset;
    for (std::size_t k = 0; k < sections[i].sh_size / sizeof(*table); ++k)
      if (ELF64_ST_TYPE(table[k].st_info) == STT_FUNC) symbols.emplace(base + table[k].st_value, names + table[k].st_name);
  }
  munmap(file, size);
  return symbols;
}

}  // namespace

std::string symbol_of(const void* function) {
  static const Symbols symbols = read_symbols();
  const auto it = symbols.find(reinterpret_cast<std::uintptr_t>(function));
  return it == symbols.end() ? std::string() : it->second;
}

}  // namespace engine::emulator
