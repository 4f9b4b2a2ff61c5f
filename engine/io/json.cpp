#include "engine/io/json.h"

#include <limits>
#include <set>
#include <vector>

namespace engine {

nlohmann::json parse_json(std::string_view text, const std::string& name) {
  using Event = nlohmann::json::parse_event_t;
  constexpr int deepest = 100;
  std::vector<std::set<std::string>> open;  // keys of the objects around the place that is read
  const auto watch = [&](int depth, Event event, nlohmann::json& value) {
    const bool opens = event == Event::object_start || event == Event::array_start;
    if (opens && depth >= deepest) throw DataError("{}: JSON nested more than {} deep", name, deepest);
    if (event == Event::object_start) open.emplace_back();
    if (event == Event::object_end) open.pop_back();
    if (event == Event::key && !open.back().insert(value.get<std::string>()).second)
      throw DataError("{}: names '{}' twice", name, value.get<std::string>());
    return true;
  };
  if (text.find('\0') != std::string_view::npos)  // the library would take it for the end
    throw DataError("{}: not valid JSON (a zero byte)", name);
  try {
    return nlohmann::json::parse(text, watch);
  } catch (const nlohmann::json::exception& e) {
    // The library quotes the token, which may be the whole file.
    throw DataError("{}: not valid JSON ({})", name, std::string(e.what()).substr(0, 200));
  }
}

bool whole_where(const nlohmann::json& like, const nlohmann::json& found) {
  if (like.is_number_integer() && found.is_number())
    return found.is_number_integer() &&
           !(found.is_number_unsigned() && found.get<std::uint64_t>() > std::numeric_limits<std::int64_t>::max());
  if (!like.is_object() || !found.is_object()) return true;  // get() refuses what is no such thing at all
  for (const auto& [key, value] : like.items())
    if (found.contains(key) && !whole_where(value, found.at(key))) return false;
  return true;
}

}  // namespace engine
