#include <array>

#include "kernels/cuda/decompositions.h"
#include "tests/cuda/products.h"
#include "tests/vendor_library.h"

// The backend's products through a library that computes what it was asked for.
namespace engine::gpu::cublas {
namespace {

using test::check_product;

// The test's side of the fake.
template <class T>
T& of_fake(const char* name) {
  return test::of_fake<T>(FAKE_GOOD, name);
}
int& status() { return of_fake<int>("fake_status"); }
int& products() { return of_fake<int>("fake_products"); }

const Api& fake() {
  static const auto answer = load_api({FAKE_GOOD});
  return std::get<Api>(answer);
}

struct Staged {
  Tensor workspace = context().empty({static_cast<std::int64_t>(workspace_bytes)}, DType::u8);
  Multiplier multiplier;
  explicit Staged(bool tf32 = false) : multiplier(fake(), context().compute().handle, workspace.raw(), tf32) {
    of_fake<void (*)()>("fake_wait") = [] { context().synchronize(); };
    device::set_cublas(&multiplier);
  }
  ~Staged() {
    device::set_cublas(nullptr);
    status() = success;
  }
};

}  // namespace

TEST_CASE("products of every type and shape, transposed or not, are what cuBLAS is asked for") {
  const Staged staged;
  const int before = products();
  int expected = 0;
  for (const DType type : test::floating)
    for (const auto& [m, n, k] :
         {std::array<std::int64_t, 3>{1, 1, 1}, {1, 5, 3}, {7, 1, 33}, {31, 17, 19}, {13, 40, 8}})
      for (const bool transpose_a : {false, true})
        for (const bool transpose_b : {false, true}) {
          check_product(type, m, n, k, transpose_a, transpose_b);
          ++expected;
          const Compute asked = type == DType::f32 ? Compute::f32_pedantic : Compute::f32;
          CHECK(of_fake<int>("fake_compute") == static_cast<int>(asked));
        }
  CHECK(products() - before == expected);
}

TEST_CASE("TF32 is asked for only where it is wanted, and only of f32 factors") {
  const Staged staged(true);
  check_product(DType::f32, 7, 5, 3, false, true);
  CHECK(of_fake<int>("fake_compute") == static_cast<int>(Compute::tf32));
  check_product(DType::f16, 7, 5, 3, false, true);
  CHECK(of_fake<int>("fake_compute") == static_cast<int>(Compute::f32));
  const Tensor a = on_device(test::normal({2, 2}, DType::f32, 1));
  device::matmul(context(), a, a, false, false, true);
  CHECK(of_fake<int>("fake_compute") == static_cast<int>(Compute::f32_pedantic));
  // Decompositions take out what rounding did: no factor of theirs may be rounded further.
  const Tensor s = on_device(from_vector<float>({2.0f, 0.5f, 0.5f, 1.0f}, {2, 2}, Device::reference));
  device::eigh(context(), s);
  CHECK(of_fake<int>("fake_compute") == static_cast<int>(Compute::f32_pedantic));
}

TEST_CASE("the handle has the compute stream, and a workspace that stays") {
  using Ask = void*();
  using AskSize = std::size_t();
  const Staged staged;
  CHECK(of_fake<Ask>("fake_stream")() == context().compute().handle);
  CHECK(of_fake<AskSize>("fake_workspace")() == workspace_bytes);
}

TEST_CASE("products without terms, and types that the device has no kernel for, are our own kernels' work") {
  const Staged staged;
  const int before = products();
  check_product(DType::f32, 3, 4, 0, false, true);
  status() = not_supported;
  check_product(DType::bf16, 9, 10, 11, false, true);
  CHECK(products() == before);
}

TEST_CASE("a product that fails is an error, not another result") {
  const Staged staged;
  status() = 13;
  const Tensor a = on_device(test::normal({2, 2}, DType::f32, 1));
  CHECK_THROWS_WITH_AS(device::matmul(context(), a, a, false, false), doctest::Contains("a fake's status"),
                       DeviceFault);
}

TEST_CASE("who wants our own products gets them, and the record says so") {
  const MachineMultiplier none =
      machine_multiplier(nullptr, [](std::size_t) -> void* { throw Error("not asked for"); }, false);
  CHECK(!none.multiplier);
  CHECK(none.words == "own kernels, as asked for");
}

}  // namespace engine::gpu::cublas
