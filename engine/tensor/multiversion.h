// Function multiversioning: one function compiled for several instruction sets, chosen by the loader at start.
#pragma once

// Only GCC knows `arch=x86-64-v3` clones, and sanitizers are not ready yet when the loader runs the selectors.
#if defined(__GNUC__) && !defined(__clang__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__) && \
    defined(__x86_64__) && defined(__OPTIMIZE__) && !defined(__AVX2__)
#define ENGINE_MULTIVERSION __attribute__((target_clones("default", "arch=x86-64-v3", "arch=x86-64-v4")))
#else
#define ENGINE_MULTIVERSION
#endif
