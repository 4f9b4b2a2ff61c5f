// IDX arrays, plain and packed with gzip.
#include <algorithm>

#include "engine/data/idx.h"
#include "engine/io/gzip.h"
#include "tests/fuzz/fuzz.h"

using namespace engine;

namespace {

std::vector<std::uint8_t> encode(const IdxArray& a) {
  std::vector<std::uint8_t> bytes{0, 0, 8, static_cast<std::uint8_t>(a.dims.size())};
  for (const std::uint32_t d : a.dims)
    for (int shift = 24; shift >= 0; shift -= 8) bytes.push_back(static_cast<std::uint8_t>(d >> shift));
  bytes.insert(bytes.end(), a.values.begin(), a.values.end());
  return bytes;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::span<const std::uint8_t> input(data, size);
  fuzz::takes([&] {
    const IdxArray array = parse_idx(input, "input");
    const auto written = encode(array);
    if (!is_gzip(input)) fuzz::require(std::ranges::equal(written, input), "a plain array is written as it was read");
    const IdxArray again = parse_idx(written, "input");
    fuzz::require(again.dims == array.dims && again.values == array.values, "what is written is read again");
  });
  fuzz::takes([&] {
    fuzz::require(std::ranges::equal(inflate(deflate(input), "input"), input), "what is packed is unpacked again");
  });
  return 0;
}
