// What the fuzz targets share. A reader may take bytes or refuse them with an engine::Error; any other exception ends
// the program, as do the sanitizers and a broken round trip.
#pragma once

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <span>
#include <string_view>
#include <vector>

#include "engine/io/file.h"
#include "engine/tensor/error.h"

namespace engine::fuzz {

/// Whether `read` took its input.
template <class Read>
bool takes(Read&& read) {
  try {
    read();
    return true;
  } catch (const Error&) {
    return false;
  }
}

inline void require(bool holds, const char* fact) {
  if (holds) return;
  std::fprintf(stderr, "does not hold: %s\n", fact);
  std::abort();
}

inline std::string_view as_text(std::span<const std::uint8_t> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

/// What a writer wrote.
struct MemorySink final : FileSink {
  void write(std::span<const std::byte> piece) override {
    const auto* from = reinterpret_cast<const std::uint8_t*>(piece.data());
    bytes.insert(bytes.end(), from, from + piece.size());
  }
  std::vector<std::uint8_t> bytes;
};

}  // namespace engine::fuzz

/// Defined once by each target.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);
