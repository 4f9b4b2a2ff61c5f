"""The demo's training, engine_train beside PyTorch, alternating over seeds in one run; prints a table.

    python3 -m venv peers && peers/bin/pip install torch      # once
    peers/bin/python bench/peers/compare_fashion_mnist.py     # about 8 minutes on 2 cores

Our seconds are those of the whole command: reading the files, statistics, training, validation, checkpoints, test with
intervals. PyTorch's start when its data lie in memory. PyTorch's layout is the faster one on this network (--layout).
"""
import argparse
import json
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

here = pathlib.Path(__file__).parent
root = here.parent.parent
parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--engine", default=root / "build/release/engine_train")
parser.add_argument("--seeds", type=int, nargs="+", default=[42, 43, 44])
parser.add_argument("--layout", choices=["nchw", "channels-last"], default="channels-last")
arguments = parser.parse_args()


def ours(seed):
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        subprocess.run([arguments.engine, "train", "--config", root / "tools/demo.json", "--seed", str(seed), "--output-dir",
                        f"{folder}/run", "--quiet"], check=True, stdout=subprocess.DEVNULL)
        seconds = time.perf_counter() - start
        summary = json.loads(pathlib.Path(folder, "run/summary.json").read_text())
    return summary["metrics"]["test"]["accuracy"]["value"], seconds


def torchs(seed):
    run = subprocess.run([sys.executable, here / "torch_fashion_mnist.py", "--seed", str(seed), "--layout", arguments.layout],
                         check=True, capture_output=True, text=True)
    result = json.loads(run.stdout)
    return result["accuracy"], result["seconds"]


rows = []
print(f"{'seed':>4} {'our accuracy':>13} {'seconds':>8} {'torch accuracy':>15} {'seconds':>8} {'time':>6}")
for seed in arguments.seeds:
    row = (*ours(seed), *torchs(seed))
    rows.append(row)
    print(f"{seed:>4} {row[0]:>13.4f} {row[1]:>8.1f} {row[2]:>15.4f} {row[3]:>8.1f} {row[1] / row[3]:>5.2f}x", flush=True)
mean = [statistics.mean(column) for column in zip(*rows)]
deviation = [statistics.stdev(column) if len(rows) > 1 else 0.0 for column in zip(*rows)]
print(f"mean {mean[0]:>13.4f} {mean[1]:>8.1f} {mean[2]:>15.4f} {mean[3]:>8.1f} {mean[1] / mean[3]:>5.2f}x")
print(f"sd   {deviation[0]:>13.4f} {'':>8} {deviation[2]:>15.4f}")
