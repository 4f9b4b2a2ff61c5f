#!/usr/bin/env bash
# nightly.sh [--write]: what takes too long for every change. Compiles the kernels for all architectures, warnings and
# spills being errors, compares what they take of a GPU with the table (--write: puts it there), and tries all mutants
# in all modes of the emulated device. The last line says "N passed, N failed".
set -euo pipefail
cd "$(dirname "$0")/.."
. tools/setup.sh
ensure_packages "${build_packages[@]}"

passed=0 failed=0
# count NAME COMMAND...: runs it and adds what its last line says; what ends badly has failed once at least.
count() {
  local name=$1 log status=0 p f
  shift
  log=build/nightly_$name.log
  say "$name"
  "$@" 2>&1 | tee "$log" || status=$?
  p=$(sed -nE 's/^([0-9]+) passed, [0-9]+ failed$/\1/p' "$log" | tail -n 1)
  f=$(sed -nE 's/^[0-9]+ passed, ([0-9]+) failed$/\1/p' "$log" | tail -n 1)
  p=${p:-0} f=${f:-0}
  [ $status -eq 0 ] || [ "$f" -gt 0 ] || f=1
  passed=$((passed + p)) failed=$((failed + f))
}

architectures() {
  local started=$SECONDS
  build architectures kernels_cuda test_cuda_resources || return
  echo "All architectures compiled in $((SECONDS - started)) s"
  build/architectures/tests/test_cuda_resources "$@"
}
mutants() {
  build release test_cuda && build race test_cuda && build asan test_cuda || return
  tests/mutants/check.sh --jobs "$(nproc)"
}

mkdir -p build
if command -v nvcc >/dev/null; then
  count architectures architectures "$@"
else
  echo "SKIPPED architectures: no CUDA toolkit on this machine"
fi
count mutants mutants
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
