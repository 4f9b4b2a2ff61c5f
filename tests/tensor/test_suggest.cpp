// "Did you mean ...?"
#include <doctest/doctest.h>

#include <algorithm>

#include "engine/tensor/philox.h"
#include "engine/tensor/suggest.h"

using namespace engine;

namespace {

// Levenshtein's distance straight from its definition; exponential, for short words.
std::size_t distance(std::string_view a, std::string_view b) {
  if (a.empty() || b.empty()) return a.size() + b.size();
  const std::size_t replaced = distance(a.substr(1), b.substr(1)) + (a[0] != b[0]);
  if (a[0] == b[0]) return replaced;
  return std::min({distance(a.substr(1), b) + 1, distance(a, b.substr(1)) + 1, replaced});
}

std::string random_word(Random& random) {
  std::string word(random.below(6), 'a');
  for (char& c : word) c = static_cast<char>('a' + random.below(3));
  return word;
}

}  // namespace

TEST_CASE("A slip of the finger finds the name that was meant") {
  const std::vector<std::string> flags{"batch-size", "epochs", "lr", "weight-decay", "momentum"};
  CHECK(nearest_name("batchsize", flags) == "batch-size");
  CHECK(nearest_name("epoch", flags) == "epochs");
  CHECK(nearest_name("momentun", flags) == "momentum");
  CHECK(nearest_name("weigth-decay", flags) == "weight-decay");
  CHECK(did_you_mean("batchsize", flags) == "; did you mean 'batch-size'?");
}

TEST_CASE("What is nothing like a known name gets no suggestion") {
  CHECK(nearest_name("xyzzy", {"batch-size", "epochs"}).empty());
  CHECK(did_you_mean("xyzzy", {"batch-size", "epochs"}).empty());
  CHECK(nearest_name("epochs", {}).empty());
  // A third of the length plus one: two of three letters, three of six.
  CHECK(nearest_name("abc", {"axy"}) == "axy");
  CHECK(nearest_name("abc", {"xyz"}).empty());
  CHECK(nearest_name("abcdef", {"abcxyz"}) == "abcxyz");
  CHECK(nearest_name("abcdef", {"abwxyz"}).empty());
}

TEST_CASE("The suggestion is never further away than another name, by the definition of the distance") {
  const RandomKey key(3, RandomStream::test);
  Random random(key);
  for (int i = 0; i < 500; ++i) {
    const std::string typed = random_word(random);
    std::vector<std::string> known(1 + random.below(5));
    for (auto& name : known) name = random_word(random) + "x";
    std::size_t least = SIZE_MAX;
    for (const auto& name : known) least = std::min(least, distance(typed, name));
    const std::string found = nearest_name(typed, known);
    INFO("seed " << key.seed << ", round " << i << ": '" << typed << "' -> '" << found << "', least distance "
                 << least);
    if (found.empty())
      CHECK(least > typed.size() / 3 + 1);
    else
      CHECK(distance(typed, found) == least);
  }
}
