#!/usr/bin/env bash
# Installs what is needed, builds everything and runs every test, sanitizers and fuzzers included.
# The last line says "N passed, N failed, N skipped"; the exit status is 0 only when nothing failed.
set -euo pipefail
cd "$(dirname "$0")/.."
. tools/setup.sh

# By name, so that a program that is not there fails instead of being left out.
# The first only reads sources: no sanitizer watches it. Those that take long come first, so that both ends meet.
areas=(architecture cuda cli kernels train nn data io metrics tensor cuda_emulator)
fuzz_kinds=(idx csv image checkpoint npy config)

passed=0 failed=0 skipped=0
logs=$(mktemp -d)

# Also where the script stops early: what did not come to its end has failed.
finish() {
  local status=$?
  rm -rf "$logs"
  [ "$status" -eq 0 ] || [ "$failed" -ne 0 ] || failed=1
  echo "$passed passed, $failed failed, $skipped skipped"
  exit $((failed > 0))
}
trap finish EXIT

# built PRESET TARGET...: whether it builds; if not, that is one failure and the other presets go on.
built() {
  build "$@" && return
  failed=$((failed + 1))
  return 1
}

# execute LOG COMMAND...: runs a program and keeps what it printed, how it ended and how long it took.
execute() {
  local log=$1 status=0 started=$SECONDS
  shift
  "$@" >"$log" 2>&1 || status=$?
  echo "$status $((SECONDS - started))" >"$log.end"
}

# number WORD LINE: the number before WORD.
number() { grep -oE "[0-9]+ $1" <<<"$2" | grep -oE '[0-9]+'; }

# tally NAME LOG: adds up what a program counted. Its summary is doctest's line or "N passed, N failed".
tally() {
  local name=$1 log=$2 status seconds summary p=0 f=0 s note
  read -r status seconds <"$log.end"
  summary=$(grep -E '^\[doctest\] test cases:|^[0-9]+ passed, [0-9]+ failed' "$log" | tail -n 1 || true)
  s=$(grep -cE '^SKIPPED' "$log" || true)
  if [ -n "$summary" ]; then
    p=$(number passed "$summary") f=$(number failed "$summary")
    # A test that cannot run here prints SKIPPED and why; doctest counts it as passed.
    [[ $summary != \[doctest\]* ]] || p=$((p > s ? p - s : 0))
  fi
  # Whatever ends badly, or before it has counted anything, has failed once.
  if [ "$status" -ne 0 ] || [ $((p + f + s)) -eq 0 ]; then f=$((f > 0 ? f : 1)); fi
  if [ "$f" -ne 0 ]; then cat "$log"; else grep -E '^SKIPPED' "$log" || true; fi
  note=$(sed -nE 's/^stat::number_of_executed_units: ([0-9]+)/, \1 runs/p' "$log")
  passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
  printf '%-28s %5d passed %3d failed %3d skipped %6d s%s\n' "$name" "$p" "$f" "$s" "$seconds" "$note"
}

# queue NAME COMMAND...: a test program for run_queue, which runs two at a time and adds them up in their order.
names=() commands=()
queue() {
  names+=("$1")
  shift
  commands+=("$(printf '%q ' "$@")")
}
run_queue() {
  local i
  for i in "${!names[@]}"; do
    # One that ended unnoticed is what wait -n tells of first, so ask again.
    while [ "$(jobs -rp | wc -l)" -ge 2 ]; do wait -n || true; done
    eval "execute $logs/$i ${commands[i]}" &
  done
  wait
  for i in "${!names[@]}"; do tally "${names[i]}" "$logs/$i"; done
  names=() commands=()
}

# fuzz KIND: one target for 30 s, on its corpus and what it finds on the way. What breaks it is kept in build/.
fuzz() {
  local found=$logs/found_$1
  mkdir "$found"
  "build/fuzz/tests/fuzz/fuzz_$1" -max_total_time=30 -timeout=10 -rss_limit_mb=2048 -verbosity=0 -print_final_stats=1 \
    -artifact_prefix="build/fuzz_$1_" "$found" "tests/fuzz/corpus/$1" || return
  echo "1 passed, 0 failed"
}

ensure_packages "${build_packages[@]}" "${data_packages[@]}" "${test_packages[@]}"

# Beside another program, threads that wait had better not spin.
export OMP_WAIT_POLICY=passive

if built release; then
  for backend in reference cpu; do
    queue "goldens $backend" build/release/tests/test_goldens --fixtures tests/fixtures --backend $backend
  done
  for area in "${areas[@]}"; do queue "$area" "build/release/tests/test_$area"; done
  # cuBLAS's and cuSOLVER's calls, cuDNN's plans. The vendor's libraries would run unwatched under a sanitizer.
  queue cublas build/release/tests/test_cublas
  queue cusolver build/release/tests/test_cusolver
  queue cudnn build/release/tests/test_cudnn
  queue cudnn_census build/release/tests/test_cudnn_census
  # Some mistakes made on purpose, others after every commit; tools/nightly.sh makes all of them.
  seed=$(git rev-list --count HEAD 2>/dev/null || echo 1)
  queue mutants tests/mutants/check.sh --sample 6 --seed "$seed" --modes plain
  has_nvcc() { grep -q '^CMAKE_CUDA_COMPILER:' build/release/CMakeCache.txt; }
  # Registers and occupancy of kernels.
  if has_nvcc; then
    queue cuda_resources build/release/tests/test_cuda_resources
  else
    queue cuda_resources echo "SKIPPED cuda_resources: no CUDA toolkit on this machine"
  fi
  # The CUDA backend's tests again, on a GPU.
  if [ ! -e /dev/nvidiactl ]; then
    queue cuda_gpu echo "SKIPPED cuda_gpu: no NVIDIA GPU on this machine"
  elif ! has_nvcc; then
    queue cuda_gpu echo "SKIPPED cuda_gpu: no CUDA toolkit on this machine"
  elif built release test_cuda_gpu; then
    queue cuda_gpu build/release/tests/test_cuda_gpu
  fi
  run_queue
fi

export ASAN_OPTIONS=detect_leaks=1:allocator_may_return_null=1 UBSAN_OPTIONS=print_stacktrace=1 TSAN_OPTIONS=halt_on_error=1
# Races between the threads of CUDA kernels, on the emulated device.
if built race test_cuda test_cuda_emulator; then
  for area in cuda cuda_emulator; do queue "race $area" "build/race/tests/test_$area"; done
fi
sanitized=("${areas[@]:1}")
if built asan "${sanitized[@]/#/test_}"; then
  for area in "${sanitized[@]}"; do queue "asan $area" env OMP_NUM_THREADS=2 "build/asan/tests/test_$area"; done
fi
# Loader and allocator.
if built tsan test_tensor test_data; then
  for area in tensor data; do queue "tsan $area" "build/tsan/tests/test_$area"; done
fi
if built fuzz fuzzers; then
  for kind in "${fuzz_kinds[@]}"; do queue "fuzz $kind" fuzz "$kind"; done
fi
say "Sanitizers and fuzzers"
run_queue
