// Where in the source a machine instruction comes from.
#pragma once

#include <cstdint>
#include <string>

namespace engine::emulator {

/// "elementwise.cu:42", asked of addr2line for the call before a return address; the address where that is not there
/// or the program has no line table.
std::string source_of_pc(const void* return_address);

/// What the loader added to the addresses in the program's file.
std::uintptr_t load_address();

}  // namespace engine::emulator
