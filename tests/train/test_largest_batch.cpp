#include <doctest/doctest.h>

#include <algorithm>
#include <bit>

#include "engine/train/largest_batch.h"

using namespace engine;

TEST_CASE("The largest batch that fits is found to a sixteenth of the refused one, in a few tries") {
  for (const std::int64_t refused : {1, 2, 3, 17, 32, 100, 1000})
    for (std::int64_t limit = 0; limit < refused; ++limit) {
      int tries = 0;
      const std::int64_t found = largest_batch(refused, [&](std::int64_t size) {
        ++tries;
        CHECK(size > 0);
        CHECK(size < refused);
        return size <= limit;
      });
      CAPTURE(refused);
      CAPTURE(limit);
      CHECK(found <= limit);
      CHECK(limit - found < std::max<std::int64_t>(1, refused / 16));
      CHECK((found > 0) == (limit > 0));
      CHECK(tries <= std::bit_width(static_cast<std::uint64_t>(refused)));
    }
}
