#include "engine/data/idx.h"

#include "engine/io/file.h"
#include "engine/io/gzip.h"
#include "engine/tensor/error.h"

namespace engine {

IdxArray parse_idx(std::span<const std::uint8_t> bytes, const std::string& name) {
  std::vector<std::uint8_t> unpacked;
  if (is_gzip(bytes)) bytes = unpacked = inflate(bytes, name);
  constexpr std::uint8_t unsigned_byte = 0x08;
  if (bytes.size() < 4 || bytes[0] != 0 || bytes[1] != 0) throw DataError("{}: not an IDX file (wrong magic)", name);
  if (bytes[2] != unsigned_byte)
    throw DataError("{}: IDX elements of type 0x{:02x}, expected unsigned bytes (0x08)", name, bytes[2]);
  const std::size_t rank = bytes[3];
  if (rank < 1 || rank > 4) throw DataError("{}: IDX array of {} dimensions, expected 1 to 4", name, rank);
  const std::size_t header = 4 + 4 * rank;
  if (bytes.size() < header) throw DataError("{}: IDX header is truncated ({} bytes)", name, bytes.size());
  IdxArray array;
  std::uint64_t elements = 1;
  for (std::size_t i = 0; i < rank; ++i) {
    const std::uint8_t* p = bytes.data() + 4 + 4 * i;
    const std::uint32_t extent =
        std::uint32_t{p[0]} << 24 | std::uint32_t{p[1]} << 16 | std::uint32_t{p[2]} << 8 | p[3];
    array.dims.push_back(extent);
    if (__builtin_mul_overflow(elements, std::uint64_t{extent}, &elements))
      throw DataError("{}: IDX dimensions are too large", name);
  }
  if (elements != bytes.size() - header)
    throw DataError("{}: expected {} bytes behind the header, found {}", name, elements, bytes.size() - header);
  array.values.assign(bytes.begin() + static_cast<std::ptrdiff_t>(header), bytes.end());
  return array;
}

IdxArray read_idx(const std::filesystem::path& path) {
  std::filesystem::path found = path;
  if (!std::filesystem::exists(found)) found += ".gz";
  return parse_idx(read_file(found), found.string());
}

}  // namespace engine
