// docs/ops.md is what the program writes.
#include <fstream>
#include <sstream>

#include "bench/conformance/table.h"
#include "tests/kernels/support.h"

using namespace engine;

TEST_CASE("docs/ops.md is what `engine_train ops --markdown` writes") {
  std::ifstream file(SOURCE_DIR "/docs/ops.md");
  std::stringstream text;
  text << file.rdbuf();
  CHECK(text.str() == conformance::ops_markdown());
}
