#include "engine/io/gzip.h"

#include <zlib.h>

#include <algorithm>

#include "engine/tensor/error.h"

namespace engine {

bool is_gzip(std::span<const std::uint8_t> b) { return b.size() >= 2 && b[0] == 0x1F && b[1] == 0x8B; }

std::vector<std::uint8_t> inflate(std::span<const std::uint8_t> bytes, const std::string& name, std::uint64_t limit,
                                  bool raw) {
  z_stream stream{};
  constexpr int detect_header = 15 + 32;
  if (inflateInit2(&stream, raw ? -15 : detect_header) != Z_OK) throw Error("zlib could not be started");
  struct End {
    z_stream* s;
    ~End() { inflateEnd(s); }
  } end{&stream};
  std::vector<std::uint8_t> out(std::min<std::uint64_t>(limit, std::max<std::uint64_t>(bytes.size() * 4, 4096)));
  const bool gzip = !raw && is_gzip(bytes);
  std::size_t made = 0, taken = 0;
  int status = Z_OK;
  while (true) {
    if (status == Z_STREAM_END) {
      const auto rest = bytes.subspan(taken);
      const bool zeros = std::all_of(rest.begin(), rest.end(), [](std::uint8_t b) { return b == 0; });
      if (rest.empty() || (gzip && zeros)) break;
      // A gzip file may be several streams one after the other: parallel packers write such.
      if (!gzip || !is_gzip(rest) || inflateReset(&stream) != Z_OK)
        throw DataError("{}: {} bytes of something else behind the compressed data", name, rest.size());
    }
    if (made == out.size()) {
      if (made >= limit) throw DataError("{}: unpacks to more than {} bytes", name, limit);
      out.resize(std::min<std::uint64_t>(limit, out.size() * 2));
    }
    constexpr std::size_t piece = std::size_t{1} << 30;  // zlib counts in unsigned int
    stream.next_in = const_cast<Bytef*>(bytes.data() + taken);
    stream.avail_in = static_cast<uInt>(std::min(piece, bytes.size() - taken));
    stream.next_out = out.data() + made;
    stream.avail_out = static_cast<uInt>(std::min(piece, out.size() - made));
    const uInt in_before = stream.avail_in, out_before = stream.avail_out;
    status = ::inflate(&stream, Z_NO_FLUSH);
    taken += in_before - stream.avail_in;
    made += out_before - stream.avail_out;
    if (status == Z_BUF_ERROR && taken == bytes.size()) throw DataError("{}: compressed data is truncated", name);
    if (status != Z_OK && status != Z_STREAM_END && status != Z_BUF_ERROR)
      throw DataError("{}: compressed data is damaged: {}", name, stream.msg ? stream.msg : "wrong checksum");
  }
  out.resize(made);
  return out;
}

std::vector<std::uint8_t> deflate(std::span<const std::uint8_t> bytes, int level) {
  uLongf size = compressBound(bytes.size());
  std::vector<std::uint8_t> out(size);
  if (compress2(out.data(), &size, bytes.data(), bytes.size(), level) != Z_OK) throw Error("zlib could not compress");
  out.resize(size);
  return out;
}

}  // namespace engine
