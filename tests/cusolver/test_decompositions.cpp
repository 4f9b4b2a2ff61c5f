#include "kernels/cuda/cusolver_decompositions.h"
#include "kernels/cuda/decompositions.h"
#include "tests/cuda/compare.h"
#include "tests/kernels/decompositions.h"
#include "tests/vendor_library.h"

// The backend's decompositions through a library that computes what it was asked for.
namespace engine::gpu::cusolver {
namespace {

template <class T>
T& of_fake(const char* name) {
  return test::of_fake<T>(FAKE_GOOD, name);
}
int& status() { return of_fake<int>("fake_status"); }
int& answer() { return of_fake<int>("fake_answer"); }
int& decompositions() { return of_fake<int>("fake_decompositions"); }

const Api& fake() {
  static const auto loaded = load_api({FAKE_GOOD});
  return std::get<Api>(loaded);
}

struct Staged {
  Decomposer decomposer;
  Staged() : decomposer(fake(), context().compute().handle) {
    of_fake<void (*)()>("fake_wait") = [] { context().synchronize(); };
    device::set_cusolver(&decomposer);
  }
  ~Staged() {
    device::set_cusolver(nullptr);
    status() = success;
    answer() = 0;
  }
};

/// Our own methods rotate, the library's do not.
struct RotationCount final : LaunchObserver {
  int rotations = 0;
  void launched(std::string_view kernel, const LaunchShape&, const Cost&) override {
    rotations += kernel.find("rotate_kernel") != std::string_view::npos ? 1 : 0;
  }
};

Backend& backend() {
  test::device::register_cuda_backend();
  return backend_of(context().device());
}

}  // namespace

TEST_CASE("decompositions of matrices of every kind are cuSOLVER's, in the order and with the signs of our own") {
  const Staged staged;
  const int before = decompositions();
  RotationCount own;
  context().observer = &own;
  test::check_decompositions(backend());
  test::check_known_values(backend());
  context().observer = nullptr;
  CHECK(decompositions() - before > 30);
  CHECK(own.rotations == 0);
}

TEST_CASE("NaN and infinity never reach the library, nor does an empty matrix") {
  const Staged staged;
  const int before = decompositions();
  test::check_refusals(backend());
  CHECK(decompositions() == before);
}

TEST_CASE("the given matrix stays as it is, whichever side is longer") {
  const Staged staged;
  for (const auto& [m, n] : {std::pair{6, 6}, {9, 4}, {4, 9}}) {
    const Tensor given = test::random_matrix(m, n, 7).on(backend()), before = to_reference(given);
    device::svd(context(), given);
    CHECK(same_bits(to_reference(given), before));
    if (m != n) continue;
    device::eigh(context(), given);
    CHECK(same_bits(to_reference(given), before));
  }
}

TEST_CASE("the handle has the compute stream and promises the same bits each time; it and the parameters are freed") {
  using Ask = void*();
  using Count = int();
  {
    const Staged staged;
    CHECK(of_fake<Ask>("fake_stream")() == context().compute().handle);
    CHECK(of_fake<Count>("fake_determinism")() == static_cast<int>(Determinism::same_bits));
    CHECK(of_fake<Count>("fake_alive")() == 2);
  }
  CHECK(of_fake<Count>("fake_alive")() == 0);
  status() = 2;
  CHECK_THROWS_WITH_AS(Decomposer(fake(), nullptr), doctest::Contains("status 2 (ALLOC_FAILED)"), DeviceFault);
  status() = success;
  CHECK(of_fake<Count>("fake_alive")() == 0);
}

TEST_CASE("no convergence is a numeric error, a refused argument or a failed call one of the device") {
  const Staged staged;
  const Tensor a = test::random_matrix(5, 5, 4).on(backend());
  answer() = 3;
  CHECK_THROWS_WITH_AS(device::eigh(context(), a), doctest::Contains("no convergence"), NumericError);
  CHECK_THROWS_WITH_AS(device::svd(context(), a), doctest::Contains("no convergence"), NumericError);
  answer() = -4;
  CHECK_THROWS_WITH_AS(device::svd(context(), a), doctest::Contains("refuses its argument 4"), DeviceFault);
  answer() = 0;
  status() = 6;
  CHECK_THROWS_WITH_AS(device::eigh(context(), a), doctest::Contains("EXECUTION_FAILED"), DeviceFault);
  CHECK_THROWS_WITH_AS(device::svd(context(), a), doctest::Contains("EXECUTION_FAILED"), DeviceFault);
}

TEST_CASE("who wants our own decompositions gets them, and the record says so") {
  const MachineDecomposer none = machine_decomposer(nullptr);
  CHECK(!none.decomposer);
  CHECK(none.words == "own kernels, as asked for");
}

}  // namespace engine::gpu::cusolver
