// JSON out of files: stricter than the library that reads it.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

namespace engine {

/// Throws DataError naming `name` for what is not JSON, for an object that names a key twice (the library would keep
/// the last one) and for values nested more than 100 deep (copying and printing them recurses).
nlohmann::json parse_json(std::string_view text, const std::string& name);

}  // namespace engine
