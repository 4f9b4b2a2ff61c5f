// One training step small enough to be followed by hand: docs/autograd.md walks through what this prints.
#pragma once

#include <iosfwd>

namespace engine {

/// A network of two linear layers with a ReLU between them sees one sample: prints every number from the input to the
/// updated weights. Needs the backend `reference`.
void explain_training_step(std::ostream& out);

}  // namespace engine
