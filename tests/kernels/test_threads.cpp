// What the kernels promise beyond the contract: their bits do not depend on the number of threads.
#include "tests/kernels/support.h"

using namespace engine;
using namespace engine::conformance;

namespace {

// oneDNN's and OpenBLAS's affair.
bool is_a_librarys(const Case& c) {
  return c.name == "conv2d" || c.name == "matmul" || c.name == "eigh" || c.name == "svd";
}

std::vector<std::vector<std::byte>> bits(const Config& config, int threads) {
  set_cpu_threads(threads);
  const Call how{backend_of(Device::cpu), DType::f32, DType::f32, test::seed, Arrangement::first_carried};
  std::vector<std::vector<std::byte>> all;
  for (Entry& e : call(config, how).entries) all.push_back(std::move(e.bytes));
  return all;
}

}  // namespace

TEST_CASE("Every loop of our own gives the same bits with one, two and three threads") {
  test::register_backends();
  for (const Case& c : cases()) {
    if (is_a_librarys(c)) continue;
    std::size_t largest = 0;
    for (const Config& config : c.configs(test::seed)) {
      const auto one = bits(config, 1);
      std::size_t bytes = 0;
      for (const auto& entry : one) bytes += entry.size();
      for (const Input& x : config.inputs) bytes += 4 * x.values.size();
      largest = std::max(largest, bytes);
      if (bytes < 20000) continue;  // one thread's work
      for (const int threads : {2, 3})
        CHECK_MESSAGE((bits(config, threads) == one), c.name, " / ", config.name, " with ", threads, " threads");
    }
    CHECK_MESSAGE(largest > 20000, c.name, " has no config that two threads would share");
  }
  set_cpu_threads(1);
}

TEST_CASE("Convolutions, products and decompositions agree with the reference with any number of threads") {
  test::register_backends();
  for (const int threads : {1, 3}) {
    set_cpu_threads(threads);
    for (const Case& c : cases())
      if (is_a_librarys(c))
        test::require_ok(check(c, backend_of(Device::cpu), {DType::f32, test::seed, false}), c.name);
  }
  set_cpu_threads(1);
}
