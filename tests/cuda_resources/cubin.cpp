#include "tests/cuda_resources/cubin.h"

#include <cxxabi.h>
#include <elf.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <map>
#include <memory>
#include <string_view>

#include "engine/tensor/error.h"

namespace engine::test {
namespace {

constexpr std::uint16_t cuda_machine = 190;
// Attributes in the sections .nv.info, as nvdisasm names them; each is {form, attribute, size, values}.
constexpr std::uint8_t form_values = 4, max_threads = 0x05, frame_size = 0x11, register_count = 0x2F;

/// "void engine::cuda::map_kernel<4, Add>(...)" is map_kernel.
std::string short_name(const std::string& symbol) {
  const std::unique_ptr<char, decltype(&std::free)> text(abi::__cxa_demangle(symbol.c_str(), nullptr, nullptr, nullptr),
                                                         &std::free);
  std::string name = text ? text.get() : symbol;
  name.resize(std::min(name.find_first_of("<("), name.size()));
  return name.substr(name.find_last_of(": ") + 1);
}

/// One ELF file somewhere in the bytes of a library.
class Cubin {
 public:
  Cubin(std::string_view library, std::size_t at) : bytes_(library.substr(at)), head_(read<Elf64_Ehdr>(0)) {}

  bool is_cuda() const { return head_.e_machine == cuda_machine; }

  void append_to(std::vector<KernelResources>& all) {
    for (std::size_t i = 0; i < head_.e_shnum; ++i)
      sections_.push_back(read<Elf64_Shdr>(head_.e_shoff + i * sizeof(Elf64_Shdr)));
    const std::uint64_t names = sections_.at(head_.e_shstrndx).sh_offset;
    for (const Elf64_Shdr& s : sections_) {
      if (s.sh_type == SHT_SYMTAB) symbols_ = &s;
      const std::string name = text(names + s.sh_name);
      if (name.starts_with(".text.")) kernels_[name.substr(6)];
    }
    if (symbols_ == nullptr) throw FileError("machine code without symbols");
    for (const Elf64_Shdr& s : sections_) {
      const std::string name = text(names + s.sh_name);
      if (name == ".nv.info") read_attributes(s, "");
      if (name.starts_with(".nv.info.")) read_attributes(s, name.substr(9));
      if (name.starts_with(".nv.shared.")) set(name.substr(11), &KernelResources::shared, static_cast<int>(s.sh_size));
    }
    for (auto& [symbol, k] : kernels_) {
      if (k.registers == 0) continue;  // a function that is no kernel
      k.kernel = short_name(symbol);
      k.architecture = architecture();
      all.push_back(k);
    }
  }

 private:
  template <class T>
  T read(std::uint64_t at) const {
    if (at > bytes_.size() || bytes_.size() - at < sizeof(T)) throw FileError("machine code ends too early");
    T value;
    std::memcpy(&value, bytes_.data() + at, sizeof value);
    return value;
  }
  std::string text(std::uint64_t at) const {
    const std::size_t end = bytes_.find('\0', at);
    if (end == std::string_view::npos) throw FileError("machine code ends too early");
    return std::string(bytes_.substr(at, end - at));
  }
  std::string symbol(std::uint32_t number) const {
    const auto s = read<Elf64_Sym>(symbols_->sh_offset + number * sizeof(Elf64_Sym));
    return text(sections_.at(symbols_->sh_link).sh_offset + s.st_name);
  }
  // CUDA 13 moved the number.
  int architecture() const {
    constexpr int moved = 8;
    return static_cast<int>(head_.e_flags >> (head_.e_ident[EI_ABIVERSION] >= moved ? 8 : 0) & 0xFF);
  }
  void set(const std::string& kernel, int KernelResources::*what, int value) {
    if (const auto k = kernels_.find(kernel); k != kernels_.end()) k->second.*what = value;
  }
  void read_attributes(const Elf64_Shdr& section, const std::string& kernel) {
    for (std::uint64_t at = section.sh_offset, end = at + section.sh_size; at + 4 <= end;) {
      const auto form = read<std::uint8_t>(at), attribute = read<std::uint8_t>(at + 1);
      const auto size = read<std::uint16_t>(at + 2);  // or the value itself
      at += 4;
      if (form != form_values) continue;
      if (attribute == register_count)
        set(symbol(read<std::uint32_t>(at)), &KernelResources::registers, read<std::int32_t>(at + 4));
      else if (attribute == frame_size)
        set(symbol(read<std::uint32_t>(at)), &KernelResources::stack, read<std::int32_t>(at + 4));
      else if (attribute == max_threads)
        set(kernel, &KernelResources::threads,
            read<std::int32_t>(at) * read<std::int32_t>(at + 4) * read<std::int32_t>(at + 8));
      at += size;
    }
  }

  std::string_view bytes_;
  Elf64_Ehdr head_;
  std::vector<Elf64_Shdr> sections_;
  const Elf64_Shdr* symbols_ = nullptr;
  std::map<std::string, KernelResources> kernels_;
};

}  // namespace

std::vector<KernelResources> read_resources(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) throw FileError("cannot read {}", path);
  const std::string library((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
  std::vector<KernelResources> all;
  constexpr std::string_view elf(
      "\x7f"
      "ELF\x02\x01\x01",
      7);
  for (std::size_t at = library.find(elf); at != std::string::npos; at = library.find(elf, at + 1))
    if (Cubin cubin(library, at); cubin.is_cuda()) cubin.append_to(all);
  if (all.empty()) throw FileError("{} holds no kernels, or compressed ones (nvcc --compress-mode)", path);
  return all;
}

}  // namespace engine::test
