// How many threads of a kernel a multiprocessor runs at once.
#pragma once

namespace engine::test {

/// In percent of what the architecture (80 is sm_80) can hold. `registers` of a thread, bytes of `shared` memory of a
/// block of `threads`. CUDA C++ Programming Guide, "Technical Specifications per Compute Capability", and the rules of
/// the CUDA Occupancy Calculator. Throws UsageError for an architecture that it does not know.
int occupancy(int architecture, int threads, int registers, int shared);

}  // namespace engine::test
