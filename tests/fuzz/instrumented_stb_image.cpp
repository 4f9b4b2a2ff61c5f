// Compiled with the sanitizers and with coverage, so that the fuzzer sees into the decoders.
#define STB_IMAGE_IMPLEMENTATION
#include <stb_image.h>
