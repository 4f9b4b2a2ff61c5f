"""A clustered bootstrap of an AUC, engine_train beside NumPy, alternating in one run; prints a table.

    python3 -m venv peers && peers/bin/pip install numpy     # once
    peers/bin/python bench/peers/bootstrap.py                # a minute

Both resample the same scores (the formula of bench/metrics.h) and sort once. NumPy draws groups with bincount, which is
faster than Generator.multinomial, and its AUC is written twice: `plain`, from cumulative sums over the sorted rows, for
rows without ties; `tuned`, with positives and negatives apart, integers, and places found once by searchsorted. The
ratio is that of the medians over rounds, NumPy's over ours.
"""
import argparse
import json
import pathlib
import statistics
import subprocess
import time

import numpy

here = pathlib.Path(__file__).parent
parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--engine", default=here.parent.parent / "build/release/engine_train")
parser.add_argument("--scores", type=int, default=200000)
parser.add_argument("--groups", type=int, nargs="+", default=[2000, 20000, 100000, 200000])
parser.add_argument("--resamples", type=int, default=1000)
parser.add_argument("--rounds", type=int, default=3)
parser.add_argument("--seed", type=int, default=42)
parser.add_argument("--skip-plain", action="store_true", help="leave out the slower of NumPy's two forms")
arguments = parser.parse_args()


def uniform(index, k):
    """The same lines as in bench/metrics.cpp."""
    z = (numpy.uint64(arguments.seed + k + 1) + numpy.uint64(4) * index) * numpy.uint64(0x9E3779B97F4A7C15)
    z = (z ^ z >> numpy.uint64(30)) * numpy.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ z >> numpy.uint64(27)) * numpy.uint64(0x94D049BB133111EB)
    return ((z ^ z >> numpy.uint64(31)) >> numpy.uint64(11)) * 2.0**-53


def rows(groups):
    index = numpy.arange(arguments.scores, dtype=numpy.uint64)
    group = index % numpy.uint64(groups)
    label = uniform(index, 0) < 0.2
    return uniform(index, 1) + uniform(index, 2) + 0.4 * label + uniform(group, 3), label, group.astype(numpy.int64)


def plain(score, label, group):
    order = numpy.argsort(score)
    group, positive = group[order], label[order].astype(float)

    def auc(count):
        weight = count[group] * positive
        below = numpy.cumsum(count[group] - weight)
        return weight @ below / (weight.sum() * below[-1])

    return auc


def tuned(score, label, group):
    order = numpy.argsort(score)
    score, label, group = score[order], label[order], group[order]
    of_negative, of_positive = group[~label], group[label]
    low = numpy.searchsorted(score[~label], score[label], "left")
    high = numpy.searchsorted(score[~label], score[label], "right")
    below = numpy.zeros(len(of_negative) + 1, dtype=numpy.int64)

    def auc(count):
        numpy.cumsum(count.take(of_negative), out=below[1:])
        weight = count.take(of_positive)
        return weight @ (below.take(low) + below.take(high)) / (2.0 * weight.sum() * below[-1])

    return auc


def numpys(prepare, data, groups):
    start = time.perf_counter()
    auc = prepare(*data)
    random = numpy.random.default_rng(arguments.seed)
    values = [auc(numpy.bincount(random.integers(0, groups, groups), minlength=groups))
              for _ in range(arguments.resamples)]
    return {"seconds": time.perf_counter() - start, "ci95": numpy.percentile(values, [2.5, 97.5]),
            "sd": numpy.std(values), "auc": auc(numpy.ones(groups, dtype=numpy.int64))}


def ours(groups, *flags):
    command = [arguments.engine, "bench", "metrics", "--scores", arguments.scores, "--groups", groups, "--resamples",
               arguments.resamples, "--seed", arguments.seed, "--repeats", 3, *flags, "--quiet", "--json", "-"]
    result = json.loads(subprocess.run(list(map(str, command)), check=True, capture_output=True, text=True).stdout)
    return {"seconds": result["median_seconds"], **{k: result[k] for k in ("auc", "ci95")}}


print(f"{arguments.resamples} resamples of {arguments.scores} scores, seconds")
print(f"{'groups':>7} {'ours':>8} {'1 thread':>9} {'plain':>8} {'tuned':>8} {'plain/ours':>11} {'tuned/ours':>11} "
      f"{'tuned/1 thread':>15} {'same':>5}")
for groups in arguments.groups:
    data = rows(groups)
    runs = {"ours": [], "1 thread": [], "plain": [], "tuned": []}
    for _ in range(arguments.rounds):
        runs["ours"].append(ours(groups))
        runs["1 thread"].append(ours(groups, "--threads", 1))
        if not arguments.skip_plain:
            runs["plain"].append(numpys(plain, data, groups))
        runs["tuned"].append(numpys(tuned, data, groups))
    mine, theirs = runs["ours"][0], runs["tuned"][0]
    # Two bootstraps of 1,000 differ by about 0.12 deviations at each end.
    tolerance = 0.5 * theirs["sd"] * (1000 / arguments.resamples) ** 0.5
    same = abs(mine["auc"] - theirs["auc"]) < 1e-12 and max(abs(mine["ci95"] - theirs["ci95"])) < tolerance
    s = {k: statistics.median(r["seconds"] for r in v) if v else float("nan") for k, v in runs.items()}
    print(f"{groups:>7} {s['ours']:>8.3f} {s['1 thread']:>9.3f} {s['plain']:>8.3f} {s['tuned']:>8.3f} "
          f"{s['plain'] / s['ours']:>10.1f}x {s['tuned'] / s['ours']:>10.1f}x {s['tuned'] / s['1 thread']:>14.1f}x "
          f"{'yes' if same else 'NO':>5}", flush=True)
