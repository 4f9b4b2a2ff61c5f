#!/usr/bin/env bash
# Installs what is needed, builds, trains a CBR network on the 60,000 real images of Fashion-MNIST and evaluates it on
# the 10,000 test images. Further arguments go to `engine_train train`, for example: tools/demo.sh --epochs 1
set -euo pipefail
cd "$(dirname "$0")/.."
. tools/setup.sh

ensure_packages "${build_packages[@]}" "${data_packages[@]}"
build release engine_train

run=runs/demo-fashion-mnist
rm -rf "$run"
say "Training on Fashion-MNIST (28x28 images padded to 32x32); the run is kept in $run"
build/release/engine_train train --config tools/demo.json --output-dir "$run" "$@"
say "Evaluating on the 10,000 test images"
build/release/engine_train eval --run "$run" --split test
