#!/usr/bin/env bash
# Installs what is needed, builds everything and runs every test, sanitizers and fuzzers included.
# The last line says "N passed, N failed, N skipped"; the exit status is 0 only when nothing failed.
set -euo pipefail
cd "$(dirname "$0")/.."
. tools/setup.sh

ensure_packages "${build_packages[@]}" "${data_packages[@]}" "${test_packages[@]}"

passed=0 failed=0 skipped=0
log=$(mktemp)
trap 'rm -f "$log"' EXIT

# run NAME COMMAND...: runs one test program and adds up the counts it prints.
run() {
  local name=$1 status=0 p f s started=$SECONDS
  shift
  "$@" >"$log" 2>&1 || status=$?
  p=$(grep -oE '[0-9]+ passed' "$log" | tail -n 2 | head -n 1 | grep -oE '[0-9]+' || true)
  f=$(grep -oE '[0-9]+ failed' "$log" | tail -n 2 | head -n 1 | grep -oE '[0-9]+' || true)
  s=$(grep -cE '^SKIPPED' "$log" || true)
  # A program that dies before it counts has failed once.
  [ "$status" -ne 0 ] && [ "${f:-0}" -eq 0 ] && f=1
  [ "$status" -eq 0 ] && [ -z "$p" ] && p=1
  [ "${f:-0}" -ne 0 ] && cat "$log"
  grep -E '^SKIPPED' "$log" || true
  passed=$((passed + ${p:-0})) failed=$((failed + ${f:-0})) skipped=$((skipped + s))
  printf '%-28s %5d passed %3d failed %3d skipped %6d s\n' "$name" "${p:-0}" "${f:-0}" "$s" $((SECONDS - started))
}

build release
for program in build/release/tests/test_*; do
  [ -x "$program" ] || continue
  case $program in
    */test_goldens) run goldens "$program" --fixtures tests/fixtures ;;
    *) run "$(basename "$program")" "$program" ;;
  esac
done

say "Address and undefined-behaviour sanitizers"
build asan
export ASAN_OPTIONS=detect_leaks=1:allocator_may_return_null=1 UBSAN_OPTIONS=print_stacktrace=1
for area in tensor io metrics data kernels nn train cli; do
  [ -x build/asan/tests/test_$area ] && run "asan $area" env OMP_NUM_THREADS=2 build/asan/tests/test_$area
done

say "Thread sanitizer: loader and allocator"
build tsan test_tensor test_data
for area in tensor data; do
  run "tsan $area" env TSAN_OPTIONS="suppressions=$PWD/tests/tsan.supp halt_on_error=1" build/tsan/tests/test_$area
done

say "Fuzzing, 30 s a target"
build fuzz fuzzers
for target in build/fuzz/tests/fuzz/fuzz_*; do
  [ -x "$target" ] || continue
  kind=${target##*fuzz_}
  scratch=$(mktemp -d)
  run "fuzz $kind" "$target" -max_total_time=30 -timeout=10 -rss_limit_mb=2048 -artifact_prefix=build/ "$scratch" \
    "tests/fuzz/corpus/$kind"
  rm -rf "$scratch"
done

echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]
