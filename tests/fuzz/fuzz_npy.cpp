// NumPy's arrays and archives of them.
#include <algorithm>

#include "engine/io/npy.h"
#include "tests/fuzz/fuzz.h"

using namespace engine;

namespace {

void check_array(const NpyArray& array) {
  const auto count = static_cast<std::size_t>(array.shape.numel());
  fuzz::require(array.values<double>().size() == count, "as many elements as the shape says");
  fuzz::takes([&] { array.values<std::int64_t>(); });
  const auto numbers = array.values<float>();
  fuzz::MemorySink sink;
  write_npy(sink, numbers, array.shape);
  const NpyArray again = parse_npy(sink.bytes, "written");
  fuzz::require(again.shape == array.shape && again.type == "f4", "an array is read again as it was written");
  fuzz::require(std::ranges::equal(std::as_bytes(std::span(again.bytes)), std::as_bytes(std::span(numbers))),
                "and so is each of its elements");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  NpyArray array;
  if (fuzz::takes([&] { array = parse_npy({data, size}, "input"); })) check_array(array);
  std::map<std::string, NpyArray> archive;
  if (fuzz::takes([&] { archive = parse_npz({data, size}, "input"); }))
    for (const auto& member : archive) check_array(member.second);
  return 0;
}
