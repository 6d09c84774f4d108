#!/usr/bin/env python3
"""A step of RBM training beside scikit-learn and PyTorch, on the same cores in one run, and against the limits of the machine.

usage: bench/run rbm [--ranks 2] [--quick]     (bench/run makes the Python environment and calls this)

784 visible and 500 hidden units, minibatches of 512 binary rows in float32, CD-1 (scikit-learn's own negative phase is
persistent, at the same cost). The others run with 1 thread and with one a core, and the better counts. Medians of 5, taken in
turn so that a drifting machine hits all. Prints a table of ratios with the targets beside them.
"""
import argparse
import importlib.util
import os
import statistics

from common import add, bench_seconds, header, python

STEPS = 40
SKLEARN = """
import time, warnings, numpy as np
from sklearn.neural_network import BernoulliRBM
warnings.filterwarnings("ignore")
rng = np.random.default_rng(1)
v = (rng.random((512, 784)) < 0.2).astype(np.float32)
rbm = BernoulliRBM(n_components=500, learning_rate=0.01, batch_size=512, random_state=0)
for _ in range(5): rbm.partial_fit(v)
t = time.perf_counter()
for _ in range({steps}): rbm.partial_fit(v)
print((time.perf_counter() - t) / {steps})
"""
TORCH = """
import time, torch
torch.manual_seed(1); torch.set_num_threads({threads}); torch.set_grad_enabled(False)
v0 = (torch.rand(512, 784) < 0.2).float()
W = 0.01 * torch.randn(784, 500); b = torch.zeros(784); c = torch.zeros(500)
def step():
    p0 = torch.sigmoid(torch.addmm(c, v0, W)); h0 = torch.bernoulli(p0)
    v1 = torch.bernoulli(torch.sigmoid(torch.addmm(b, h0, W.t())))
    p1 = torch.sigmoid(torch.addmm(c, v1, W))
    W.add_(v0.t() @ p0 - v1.t() @ p1, alpha=0.01 / 512)
    b.add_((v0 - v1).sum(0), alpha=0.01 / 512); c.add_((p0 - p1).sum(0), alpha=0.01 / 512)
for _ in range(5): step()
t = time.perf_counter()
for _ in range({steps}): step()
print((time.perf_counter() - t) / {steps})
"""


def best(code: str, ranks: int) -> float:
    return min(python(code.format(steps=STEPS, threads=n), n) for n in sorted({1, ranks}))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--ranks", type=int, default=os.cpu_count())
    parser.add_argument("--quick", action="store_true", help="fewer repeats")
    options = parser.parse_args()
    peers = {"scikit-learn": (SKLEARN, 1.9)}
    if importlib.util.find_spec("torch"):
        peers["PyTorch"] = (TORCH, 1.4)
    ours, alone, times = [], [], {name: [] for name in peers}
    for _ in range(3 if options.quick else 5):
        ours.append(bench_seconds("rbm", options.ranks))
        alone.append(bench_seconds("rbm_cd1_step", 1))
        for name, (code, _) in peers.items():
            times[name].append(best(code, options.ranks))

    def middle(row: str, field: str, runs: list) -> float:
        return statistics.median(run[row][field] for run in runs)

    header()
    step = middle("rbm_cd1_step", "seconds", ours)
    mine = f"{1e3 * step:.2f} ms"
    for name, runs, n in (("1 rank", alone, 1), (f"{options.ranks} ranks", ours, options.ranks)):
        share, seconds = middle("rbm_cd1_step", "share", runs), middle("rbm_cd1_step", "seconds", runs)
        add(f"CD-1 step 784x500, batch 512, {name}: of the SGEMM rate", f"{1e3 * seconds:.2f} ms", f"{1e3 * share * seconds:.2f} ms in SGEMM", share, 0.85)
    for name, (_, target) in peers.items():
        other = statistics.median(times[name])
        add(f"the same against {name}, {options.ranks} cores", mine, f"{1e3 * other:.2f} ms", other / step, target)
    if "PyTorch" not in peers:
        print("PyTorch: left out, it isn't installed (.venv-bench/bin/pip install torch)")
    if options.ranks > 1:
        scaling = middle("rbm_cd1_scaling", "share", ours)
        add(f"1 -> {options.ranks} ranks: efficiency", mine, f"{1e3 * step * options.ranks * scaling:.2f} ms alone", scaling, 0.92)
    reduction = middle("rbm_cd1_reduction", "share", ours)
    add("cost of bit-reproducible sums: 5 % over their share", f"{100 * reduction:.1f} %", "5 %", 0.05 / reduction, 1)
    image = middle("rbm_images", "seconds", ours) / (step / 512)
    add("deformed digits on the fly: 10 % over their share of a step", f"{100 * image:.1f} %", "10 %", 0.10 / image, 1)
    add("deformed digits streamed: against the speed of training", f"{1e6 * image * step / 512:.2f} us an image", f"{1e6 * step / 512:.1f} us a row", 1 / image, 10)


if __name__ == "__main__":
    main()
