// How the help of a verb looks.
#pragma once

#include <CLI/CLI.hpp>
#include <memory>

namespace engine::tools {

/// One metavar an option, its default in brackets behind the description, and --[no-]flag for switches that have both.
/// Ranges and choices are told in the description, or by the error.
std::shared_ptr<CLI::Formatter> help_formatter();

}  // namespace engine::tools
