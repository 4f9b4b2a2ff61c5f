// "Did you mean ...?" for names a user typed.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace engine {

/// The known name with the smallest edit distance to `typed`, or "" when none is near (distance above a third of its
/// length plus one).
std::string nearest_name(std::string_view typed, const std::vector<std::string>& known);
/// "; did you mean 'x'?" or "".
std::string did_you_mean(std::string_view typed, const std::vector<std::string>& known);

}  // namespace engine
