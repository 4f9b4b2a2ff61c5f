# Sourced by demo.sh and test.sh: installs what is missing, builds a preset. Debian 12 or newer.

say() { printf '\n== %s\n' "$*" >&2; }

# ensure_packages PACKAGE...: apt-get what is not installed; without root or sudo, say what is missing and stop.
ensure_packages() {
  local missing=() package as_root=()
  for package in "$@"; do
    dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'install ok installed' || missing+=("$package")
  done
  [ ${#missing[@]} -eq 0 ] && return 0
  if [ "$(id -u)" -ne 0 ]; then
    if ! command -v sudo >/dev/null || ! sudo -v; then
      echo "These Debian packages are missing and neither root nor sudo is at hand: ${missing[*]}" >&2
      echo "Ask an administrator for:  apt-get install ${missing[*]}" >&2
      return 1
    fi
    as_root=(sudo)
  fi
  say "Installing ${missing[*]}"
  "${as_root[@]}" apt-get update -qq || true # an old list may still do
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >&2
}

build_packages=(g++ cmake ninja-build pkg-config ccache libdnnl-dev libopenblas-openmp-dev liblapacke-dev
  libturbojpeg0-dev libstb-dev nlohmann-json3-dev libcli11-dev libfmt-dev zlib1g-dev doctest-dev)
data_packages=(dataset-fashion-mnist)
test_packages=(clang libclang-rt-dev libomp-dev)

# Presets that compile a file alike share its object.
export CCACHE_BASEDIR=${CCACHE_BASEDIR:-$PWD}

# build PRESET TARGET...: configures and builds quietly; shows the log only when it fails.
build() {
  local preset=$1 log
  shift
  log=build/$preset.log
  mkdir -p build
  say "Building $preset ${*:-(all)}"
  if ! { cmake --preset "$preset" && cmake --build --preset "$preset" ${1:+--target "$@"}; } >"$log" 2>&1; then
    tail -n 60 "$log" >&2
    echo "The build of preset $preset failed; the whole log is in $log" >&2
    return 1
  fi
}
