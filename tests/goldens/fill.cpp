#include "tests/goldens/fill.h"

#include <bit>
#include <cmath>
#include <nlohmann/json.hpp>

#include "engine/io/file.h"
#include "engine/tensor/error.h"

namespace engine::goldens {
namespace {

double unit(const std::string& name, std::size_t i) { return static_cast<double>(fill_word(name, i) >> 40) * 0x1p-24; }

}  // namespace

std::uint64_t fill_word(const std::string& name, std::uint64_t index) {
  std::uint64_t h = 0xcbf29ce484222325u;
  for (unsigned char c : name) h = (h ^ c) * 0x100000001b3u;
  std::uint64_t z = h + (index + 1) * 0x9e3779b97f4a7c15u;
  z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
  z = (z ^ z >> 27) * 0x94d049bb133111ebu;
  return z ^ z >> 31;
}

std::vector<float> fill(const std::string& name, const std::string& kind, std::int64_t n, std::int64_t fan_in,
                        double gain) {
  std::vector<float> values(static_cast<std::size_t>(n));
  for (std::size_t i = 0; i < values.size(); ++i) {
    const double u = unit(name, i), v = 2.0 * u - 1.0;
    const auto fan = static_cast<double>(fan_in);
    double x;
    if (kind == "conv_weight") x = v * std::sqrt(6.0 / fan) * gain;
    else if (kind == "linear_weight") x = v * std::sqrt(3.0 / fan) * gain;
    else if (kind == "bias" || kind == "running_mean") x = 0.1 * v;
    else if (kind == "bn_weight" || kind == "running_var") x = 0.5 + u;
    else if (kind == "bn_bias") x = 0.2 * v;
    else if (kind == "image") x = 2.0 * v;
    else throw DataError("fill: unknown kind '{}' of {}", kind, name);
    values[i] = static_cast<float>(x);
  }
  return values;
}

void nudge(std::vector<float>& values, const std::string& variant, const std::string& key) {
  const std::string name = variant + "/" + key;
  for (std::size_t i = 0; i < values.size(); ++i)
    values[i] = static_cast<float>(static_cast<double>(values[i]) * (1.0 + 0x1p-23 * (2.0 * unit(name, i) - 1.0)));
}

std::vector<std::int64_t> fill_labels(const std::string& name, std::int64_t n, std::int64_t classes) {
  std::vector<std::int64_t> labels;
  for (std::int64_t i = 0; i < n; ++i)
    labels.push_back(static_cast<std::int64_t>(fill_word(name, static_cast<std::uint64_t>(i)) % static_cast<std::uint64_t>(classes)));
  return labels;
}

std::vector<std::int64_t> fill_positions(const std::string& tensor, int count, std::int64_t numel) {
  std::vector<std::int64_t> positions;
  for (int j = 0; j < count; ++j)
    positions.push_back(static_cast<std::int64_t>(fill_word("pos/" + tensor, static_cast<std::uint64_t>(j)) % static_cast<std::uint64_t>(numel)));
  return positions;
}

GoldenResult run_fill_goldens(const std::filesystem::path& path) {
  const auto json = nlohmann::json::parse(read_text(path));
  GoldenResult r;
  for (const auto& t : json.at("tensors")) {
    const auto name = t.at("name").get<std::string>();
    std::int64_t n = 1;
    for (const auto& d : t.at("shape")) n *= d.get<std::int64_t>();
    const std::int64_t fan_in = t.at("fan_in").is_null() ? 1 : t.at("fan_in").get<std::int64_t>();
    const auto values = fill(name, t.at("kind").get<std::string>(), n, fan_in, t.value("gain", 1.0));
    bool equal = true;
    const auto& bits = t.at("first4_bits");
    for (std::size_t i = 0; i < bits.size(); ++i)
      equal = equal && fmt::format("{:08x}", std::bit_cast<std::uint32_t>(values[i])) == bits[i].get<std::string>();
    equal = equal && fmt::format("{:08x}", std::bit_cast<std::uint32_t>(values.back())) == t.at("last_bits").get<std::string>();
    r.check(equal, "fill " + name + ": bits differ");
  }
  return r;
}

}  // namespace engine::goldens
