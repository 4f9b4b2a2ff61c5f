// Why a GPU is not used, in words: what was found, what is needed, what to do.
#include <doctest/doctest.h>

#include "engine/tensor/error.h"
#include "kernels/cuda/provider.h"
#include "kernels/cuda/refusals.h"

using namespace engine::gpu;

TEST_CASE("A driver that is too old is told with both versions, a GPU without code with the flag that makes some") {
  CHECK(driver_too_old(12020, 13010) ==
        "the driver supports CUDA 12.2, and this program needs 13.1; install a newer driver");
  CHECK(no_code_for("Tesla V100", 7, 0, "80-real/80-virtual") ==
        "Tesla V100 has compute capability 7.0, and this program was built for 80-real/80-virtual; build it with "
        "-DENGINE_CUDA_ARCHS=70");
}

TEST_CASE("A library that was asked for and is not there is told with its own reason") {
  const char* instead = "own kernels: cuDNN 8.9.7 is too old, 9.0.0 is needed";
  CHECK_THROWS_WITH_AS(
      check_provider("convolutions", Provider::library, false, instead),
      "convolutions were asked of a library, but would be computed by own kernels: cuDNN 8.9.7 is too old, 9.0.0 is needed",
      engine::DeviceError);
  CHECK_NOTHROW(check_provider("convolutions", Provider::library, true, "cuDNN 9.8.0, strict f32"));
  CHECK_NOTHROW(check_provider("convolutions", Provider::automatic, false, instead));
  CHECK_NOTHROW(check_provider("convolutions", Provider::own, false, "own kernels, as asked for"));
}
