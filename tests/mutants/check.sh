#!/usr/bin/env bash
# check.sh [--sample N] [--seed N] [--modes plain,race,asan] [--jobs N] [NAME...]
#
# Do the tests of kernels notice a mistake? Makes each edit of *.txt, compiles what reads the file, links it into a copy
# of test_cuda and runs the tests named there. A mutant that no mode catches means that a test is missing.
# Sources and build folders are only read: an edited file lies in a folder that is searched for headers before the
# project's, and its objects are linked before those of the libraries. Needs test_cuda built in the presets of the modes
# (plain: release). The last line says "N passed, N failed"; passed is caught.
#
# A mutant is a block of lines:
#   [name]
#   file X          in kernels/cuda; X may name a folder there
#   in A.cu B.cu    for a header: the sources that are compiled with the edit, to save time; else all that read it
#   tests A B       tests/cuda/test_A.cpp ...: they should fail
#   needs race      no wrong value shows the mistake, that mode (or asan) does
#   survives        the edit changes nothing: not everything may count as caught
#   - old text      exactly once in the file, may be a part of a line; several such lines are consecutive lines
#   + new text
set -euo pipefail
cd "$(dirname "$0")/../.."
root=$PWD
work=build/mutants

declare -A folder=([plain]=release [race]=race [asan]=asan) limit=([plain]=300 [race]=900 [asan]=600)
sample=0 seed=1 modes=plain,race,asan jobs=1 wanted=()
while [ $# -gt 0 ]; do
  case $1 in
    --sample) sample=$2 && shift ;;
    --seed) seed=$2 && shift ;;
    --modes) modes=$2 && shift ;;
    --jobs) jobs=$2 && shift ;;
    -*) echo "check.sh: unknown flag $1 (--sample --seed --modes --jobs)" >&2 && exit 2 ;;
    *) wanted+=("$1") ;;
  esac
  shift
done
IFS=, read -ra modes <<<"$modes"

errors=0
wrong() { # in the list, or in what it needs
  echo "ERROR $*"
  errors=$((errors + 1))
}
give_up() {
  echo "0 passed, $errors failed"
  exit 1
}

# ---- the list -------------------------------------------------------------------------------------------------------

names=()
declare -A file only tests needs before after expected
newline=$'\n'
read_list() {
  local line name='' key rest
  while IFS= read -r line || [ -n "$line" ]; do
    [[ -n $line && $line != '#'* ]] || continue
    if [[ $line =~ ^\[([a-z0-9_]+)\]$ ]]; then
      name=${BASH_REMATCH[1]}
      [ -z "${file[$name]+there}" ] || wrong "$name is there twice"
      names+=("$name")
      file[$name]='' only[$name]='' tests[$name]='' needs[$name]=''
      before[$name]='' after[$name]='' expected[$name]=caught
      continue
    fi
    key=${line%% *} rest=${line#"$key"} rest=${rest# }
    case $key in
      file) file[$name]=kernels/cuda/$rest ;;
      in) only[$name]=$rest ;;
      tests) tests[$name]=$rest ;;
      needs) needs[$name]=$rest ;;
      survives) expected[$name]=survived ;;
      -) before[$name]+=$rest$newline ;;
      +) after[$name]+=$rest$newline ;;
      *) wrong "${name:-no mutant}: what is '$line'?" ;;
    esac
  done < <(cat tests/mutants/*.txt)
}

# edited NAME: the file with its edit, if the old text is there exactly once.
edited() {
  local name=$1 text old new
  old=${before[$name]%"$newline"} new=${after[$name]%"$newline"}
  [ -n "$old" ] && [ -r "${file[$name]}" ] || return 1
  text=$(<"${file[$name]}")
  [[ $text == *"$old"* ]] || return 1
  local head=${text%%"$old"*} tail=${text#*"$old"}
  [[ $tail != *"$old"* ]] || return 1
  printf '%s\n' "$head$new$tail"
}

check_list() {
  local name t f all=' '
  for name in "${names[@]}"; do
    all+="${file[$name]} "
    edited "$name" >/dev/null || wrong "$name: its old text is not exactly once in '${file[$name]}'"
    [ -n "${tests[$name]}" ] || wrong "$name: names no tests"
    for t in ${tests[$name]}; do [ -r "tests/cuda/test_$t.cpp" ] || wrong "$name: no tests/cuda/test_$t.cpp"; done
  done
  for f in $(grep -lE '__global__|__device__' kernels/cuda/{,ladder/}*.cu kernels/cuda/{,ladder/}*.cuh); do
    [[ $f != */runtime_cuda.cu ]] || continue # drives real devices only
    [[ $all == *" $f "* ]] || wrong "$f holds device code and has no mutant"
  done
}

# ---- one mutant -----------------------------------------------------------------------------------------------------

declare -A compile link readers
# What ninja knows of a build folder: the command of each object, that of the program, which objects read a kernel file.
read_build() {
  local mode=$1 build=build/${folder[$1]} line object path
  if [ ! -x "$build/tests/test_cuda" ]; then
    wrong "mode $mode needs $build/tests/test_cuda: configure and build the preset ${folder[$mode]}"
    return
  fi
  while IFS= read -r line; do
    if [[ $line =~ \ -o\ ([^ ]+\.o)\ -c\  ]]; then
      compile[$mode:${BASH_REMATCH[1]}]=$line
    elif [[ $line == *' -o tests/test_cuda '* ]]; then
      link[$mode]=$line
    fi
  done < <(ninja -C "$build" -t commands test_cuda)
  while read -r path object; do
    [ -z "${compile[$mode:$object]+there}" ] || readers[$mode:kernels/cuda/${path##*/kernels/cuda/}]+="$object "
  done < <(ninja -C "$build" -t deps |
    awk '/^[^ ]/ { object = $1; sub(/:$/, "", object) } /^ .*\/kernels\/cuda\// { print $1, object }')
}

# build_mutant NAME MODE DIR: the program DIR/test_cuda.
build_mutant() {
  local name=$1 mode=$2 dir=$3 object command program=${link[$2]} n=0 objects=''
  for object in ${readers[$mode:${file[$name]}]:-}; do
    [[ -z ${only[$name]} || " ${only[$name]} " == *" $(basename "$object" .o) "* ]] || continue
    n=$((n + 1))
    command=$(sed -E 's/ -MD -MT [^ ]+ -MF [^ ]+//' <<<"${compile[$mode:$object]}")
    command=${command/ -o $object/ -o $dir/$n.o}
    command=${command/ -c *\/${file[$name]}/ -c $dir/${file[$name]}}
    # An edit may leave a variable without use. The first -I wins.
    command=${command/ -I/ -I$dir -I}
    (cd "build/${folder[$mode]}" && eval "$command -Wno-error") || return 1
    if [[ $program == *" $object "* ]]; then
      program=${program/ $object / $dir/$n.o }
    else
      objects+=" $dir/$n.o"
    fi
  done
  [ $n -gt 0 ] || return 1
  program=${program/ -o tests\/test_cuda /$objects -o $dir/test_cuda }
  (cd "build/${folder[$mode]}" && eval "$program")
}

# check NAME: one line of what came of it.
check() {
  local name=$1 mode dir result=survived by='' t filter='' status started=$SECONDS
  for t in ${tests[$name]}; do filter+=${filter:+,}*/tests/cuda/test_$t.cpp; done
  for mode in "${modes[@]}"; do
    [ "$mode" = "${needs[$name]:-$mode}" ] || continue
    dir=$root/$work/$name.$mode
    rm -rf "$dir"
    mkdir -p "$dir/$(dirname "${file[$name]}")"
    edited "$name" >"$dir/${file[$name]}"
    if ! build_mutant "$name" "$mode" "$dir" >"$dir/log" 2>&1; then
      tail -n 20 "$dir/log"
      result='does not build'
      break
    fi
    status=0
    OMP_NUM_THREADS=1 timeout "${limit[$mode]}" "$dir/test_cuda" --abort-after=1 "--source-file=$filter" \
      >"$dir/log" 2>&1 || status=$?
    if [ $status -eq 124 ]; then
      result='out of time' by=$mode # slow, or hanging: nobody said that a number is wrong
    elif [ $status -ne 0 ]; then
      result=caught by=$mode
    elif grep -qE 'test cases: +0 ' "$dir/log"; then
      result='runs no tests'
    fi
    rm -rf "$dir"
    [ "$result" = survived ] || break
  done
  printf '%-8s %-44s %-18s %4d s %s\n' "$([ "$result" = "${expected[$name]}" ] && echo ok || echo FAILED)" "$name" \
    "$result${by:+ $by}" $((SECONDS - started)) "${file[$name]}"
}

# ---- all of them ----------------------------------------------------------------------------------------------------

read_list
check_list
for mode in "${modes[@]}"; do
  if [ -z "${folder[$mode]+there}" ]; then wrong "unknown mode $mode (plain, race, asan)"; else read_build "$mode"; fi
done
for name in ${wanted[@]+"${wanted[@]}"}; do [ -n "${file[$name]+there}" ] || wrong "no mutant is called $name"; done
[ $errors -eq 0 ] || give_up

# Those that only another mode can see are left out.
if [ ${#wanted[@]} -eq 0 ]; then
  for name in "${names[@]}"; do
    [ -n "${needs[$name]}" ] && [[ " ${modes[*]} " != *" ${needs[$name]} "* ]] || wanted+=("$name")
  done
fi
if [ "$sample" -gt 0 ]; then
  echo "$sample of ${#wanted[@]} mutants, seed $seed"
  mapfile -t wanted < <(printf '%s\n' "${wanted[@]}" |
    awk -v seed="$seed" 'BEGIN { srand(seed) } { print rand() "\t" $0 }' | sort -n | head -n "$sample" | cut -f 2)
fi
mkdir -p $work
results=$(mktemp)
trap 'rm -f "$results"' EXIT
for name in "${wanted[@]}"; do
  [ "$(jobs -rp | wc -l)" -lt "$jobs" ] || wait -n || true
  check "$name" 2>&1 | tee -a "$results" &
done
wait
passed=$(grep -c '^ok ' "$results" || true)
echo "$passed passed, $((${#wanted[@]} - passed)) failed"
[ "$passed" -eq ${#wanted[@]} ]
