// JSON out of files: stricter than the library that reads it.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <type_traits>

#include "engine/tensor/error.h"

namespace engine {

/// Throws DataError naming `name` for what is not JSON, for an object that names a key twice (the library would keep
/// the last one) and for values nested more than 100 deep (copying and printing them recurses).
nlohmann::json parse_json(std::string_view text, const std::string& name);

/// Whether `found`, and each member of it, is a whole number of 64 bits where that of `like` is one.
bool whole_where(const nlohmann::json& like, const nlohmann::json& found);

/// `j` as T. Throws DataError where it is none; the library's get() would cut 1.5 to 1 and let 2^40 overflow an int.
template <class T>
T json_as(const nlohmann::json& j) {
  try {
    if (!whole_where(nlohmann::json(T{}), j))
      throw DataError("expected whole numbers, found {}", j.dump().substr(0, 200));
    T value = j.get<T>();
    if constexpr (std::is_integral_v<T>)
      if (nlohmann::json(value) != j) throw DataError("{} is out of range", j.dump());
    return value;
  } catch (const nlohmann::json::exception& e) {
    throw DataError("{}", e.what());
  }
}

}  // namespace engine
