"""A whole training step, engine_train beside PyTorch's eager modes, alternating in one run; prints a table.

    python3 -m venv peers && peers/bin/pip install torch     # once
    peers/bin/python bench/peers/compare_step.py             # all models: about 15 minutes on 2 cores

Every measurement is a process of its own, so peak memory is each one's own. The ratio is that of the medians over rounds;
PyTorch's mode is the faster of NCHW and channels-last, and its memory the smaller of the two.
"""
import argparse
import json
import pathlib
import statistics
import subprocess
import sys

from networks import NAMES

here = pathlib.Path(__file__).parent
parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("models", nargs="*", default=NAMES)
parser.add_argument("--engine", default=here.parent.parent / "build/release/engine_train")
parser.add_argument("--rounds", type=int, default=3)
parser.add_argument("--steps", type=int, default=3)
arguments = parser.parse_args()


def run(command):
    return json.loads(subprocess.run(list(map(str, command)), check=True, capture_output=True, text=True).stdout)


print(f"{'model':<12} {'batch':>5} {'ours img/s':>11} {'torch img/s':>12} {'mode':>14} {'speed':>6} {'ours MiB':>9} "
      f"{'torch MiB':>10} {'memory':>7}")
for model in arguments.models:
    batch = 8 if model == "resnet50" else 16
    common = ["--model", model, "--batch", batch, "--classes", 5, "--input", "3x224x224", "--steps", arguments.steps,
              "--warmup", 1]
    results = {"ours": [], "nchw": [], "channels-last": []}
    for _ in range(arguments.rounds):
        results["ours"].append(run([arguments.engine, "bench", "step", *common, "--quiet", "--json", "-"]))
        for layout in ("nchw", "channels-last"):
            results[layout].append(run([sys.executable, here / "torch_step.py", *common, "--layout", layout]))
    speed = {k: statistics.median(r["images_per_second"] for r in v) for k, v in results.items()}
    memory = {k: statistics.median(r["peak_bytes"] for r in v) / 2**20 for k, v in results.items()}
    mode = max(("nchw", "channels-last"), key=speed.get)
    least = min(memory["nchw"], memory["channels-last"])
    print(f"{model:<12} {batch:>5} {speed['ours']:>11.2f} {speed[mode]:>12.2f} {mode:>14} {speed['ours'] / speed[mode]:>5.2f}x "
          f"{memory['ours']:>9.0f} {least:>10.0f} {memory['ours'] / least:>6.2f}x", flush=True)
