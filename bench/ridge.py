#!/usr/bin/env python3
"""The ridge path, the danger-zone grid and the cost of a sweep beside NumPy and scikit-learn, on the same cores in one run.

usage: bench/run ridge [--ranks 2] [--quick]     (bench/run makes the Python environment and calls this)

Each side does the whole job, its path of lambdas included. Medians of 5, taken in turn so that a drifting machine hits
both. Prints a table of ratios with the targets beside them.
"""
import argparse
import os
import re
import statistics
import tempfile
import time
from pathlib import Path

from common import ROOT, add, bench_seconds, header, python, simmer

NUMPY_PATH = """
import time, numpy as np
rng = np.random.default_rng(1)
X = rng.standard_normal(({n}, {p})); y = rng.standard_normal({n})
lam = np.logspace(-8, 4, 100)
def path():
    U, s, Vt = np.linalg.svd(X, full_matrices=False)
    beta = U.T @ y
    return Vt.T @ (s[:, None] / (s[:, None] ** 2 + lam) * beta[:, None])
path(); t = time.perf_counter(); path(); print(time.perf_counter() - t)
"""

SKLEARN_GRID = """
import time, numpy as np, warnings
from sklearn.linear_model import Ridge
warnings.filterwarnings("ignore")
data = np.loadtxt({file!r}, delimiter=",")
X, y = data[:, :57], np.where(data[:, 57] > 0, 1.0, -1.0)
rng = np.random.default_rng(1)
sizes = {sizes}; lam = np.logspace(-6, 8, 60)
t = time.perf_counter()
for n in sizes:
    for subset in range({subsets}):
        order = rng.permutation(len(y)); train, test = order[:n], order[n:]
        Xt, yt, Xe, ye = X[train], y[train], X[test], y[test]
        for a in lam:
            fit = Ridge(alpha=a, fit_intercept=False).fit(Xt, yt)
            predicted = fit.predict(Xe)
            np.mean((predicted - ye) ** 2); np.mean((predicted > 0) == (ye > 0))
print(time.perf_counter() - t)
"""

GRID = """
name: grid
experiment: ridge
data: {{source: csv, file: spambase/spambase.data, features: 57}}
ridge: {{lambda: {{logspace: [1e-6, 1e8, 60]}}, intercept: false}}
sweep: {{data.instances: {sizes}, replicate: {{count: {subsets}}}}}
"""

TRIVIAL = """
name: trivial
experiment: ridge
data: {source: teacher, features: 1, noise: 0.5, test_instances: 1}
ridge: {lambda: [1], intercept: false}
sweep: {data.instances: [2, 3], replicate: {count: 50000}}
"""

def bench_paths(ranks: int, repeats: int) -> None:
    for n, p in ((2000, 1000), (20000, 500)):
        ours, numpy_1, numpy_2 = [], [], []
        for _ in range(repeats):
            ours.append(bench_seconds(f"ridge_path_{n}x{p}", ranks)[f"ridge_path_{n}x{p}"]["seconds"])
            numpy_2.append(python(NUMPY_PATH.format(n=n, p=p), ranks))
        slow = bench_seconds(f"pdgesvd_{n}x{p}", ranks)[f"pdgesvd_{n}x{p}"]["seconds"]
        mine, other = statistics.median(ours), statistics.median(numpy_2)
        add(f"ridge path {n} x {p}, against pdgesvd", f"{mine:.3f} s", f"{slow:.2f} s", slow / mine, 10)
        add(f"ridge path {n} x {p}, against NumPy, {ranks} threads", f"{mine:.3f} s", f"{other:.3f} s", other / mine, 2)


def bench_grid(ranks: int, quick: bool) -> None:
    data = os.environ.get("SIMMER_DATA", str(ROOT / "data"))
    file = Path(data) / "spambase/spambase.data"
    if not file.exists():
        print(f"danger-zone grid: left out, {file} is missing (python -m analysis.fetch_data spambase)")
        return
    sizes = [int(round(5 * 800 ** (i / 39))) + i for i in range(40)]
    # scikit-learn's loop takes minutes: it does some of the subsets, and its time is scaled up.
    subsets, theirs = 100, 1 if quick else 3
    with tempfile.TemporaryDirectory() as where:
        job = Path(where) / "grid.yaml"
        job.write_text(GRID.format(sizes=sizes, subsets=subsets))
        ours = []
        for i in range(3 if quick else 5):
            begin = time.perf_counter()
            simmer(["run", job, "-o", Path(where) / f"out{i}", "--data", data, "-q"], ranks)
            ours.append(time.perf_counter() - begin)
    one = python(SKLEARN_GRID.format(file=str(file), sizes=sizes, subsets=theirs), ranks) * subsets / theirs
    mine = statistics.median(ours)
    add("57 features x 40 N_i x 100 subsets x 60 lambdas", f"{mine:.2f} s", f"{one:.0f} s (scikit-learn)", one / mine, 50)


def bench_sweep(ranks: int) -> None:
    with tempfile.TemporaryDirectory() as where:
        job = Path(where) / "trivial.yaml"
        job.write_text(TRIVIAL)
        begin = time.perf_counter()
        said = simmer(["run", job, "-o", Path(where) / "out", "-v"], ranks)
        seconds = time.perf_counter() - begin
    idle = re.search(r"waited ([0-9.]+) s", said)
    per_unit = seconds / 100000
    add("100,000 trivial units: 1 ms over the time of one", f"{1e3 * per_unit:.3f} ms a unit", "1 ms", 1e-3 / per_unit, 1)
    print(f"{'':58s} idle at the end: {100 * float(idle.group(1)) / seconds if idle else float('nan'):.2f} % (target < 2 %)")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--ranks", type=int, default=os.cpu_count())
    parser.add_argument("--quick", action="store_true", help="fewer repeats")
    options = parser.parse_args()
    header()
    bench_paths(options.ranks, 3 if options.quick else 5)
    bench_grid(options.ranks, options.quick)
    bench_sweep(options.ranks)


if __name__ == "__main__":
    main()
