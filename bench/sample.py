#!/usr/bin/env python3
"""Parallel tempering, annealing and enumeration of RBMs beside the matrix products and the plain loop in them, in one run.

usage: bench/run sample [--ranks 2] [--quick]     (bench/run makes the Python environment and calls this)

784 visible and 500 hidden units: 10 temperatures x 128 chains, and 100 annealing runs over 14,501 temperatures, both on one
rank and on all, against OpenBLAS's SGEMM on the same rows of each rank. SGEMM and simmer take turns in one process. 24 hidden
units are enumerated beside a loop over states that takes the softplus of every unit (timed on 2^14 of 2^24 states and scaled).
Medians of 5. OPENBLAS_CORETYPE sets another kernel of OpenBLAS, where it chooses a slow one. Prints a table of ratios with the
targets beside them.
"""
import argparse
import os
import statistics

from common import add, bench_seconds, header

TEMPERATURES = 14500  # that a run goes through after the first
PART = 50  # of them in the short rows
ANNEALING = {"sample_annealing": "annealing up", "sample_annealing_reverse": "annealing down"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--ranks", type=int, default=os.cpu_count())
    parser.add_argument("--quick", action="store_true", help="fewer repeats, and annealing over a 50th of its temperatures only")
    options = parser.parse_args()
    counts = sorted({1, options.ranks})
    runs = {n: [] for n in counts}
    for _ in range(3 if options.quick else 5):
        for n in counts:
            runs[n].append(bench_seconds("sample", n))

    def middle(n: int, row: str, field: str) -> float:
        return statistics.median(run[row][field] for run in runs[n])

    def against_sgemm(what: str, seconds: float, share: float, target: float) -> None:
        add(what, f"{1e3 * seconds:.2f} ms", f"{1e3 * share * seconds:.2f} ms in SGEMM", share, target)

    header()
    for n in counts:
        ranks = f"{n} rank{'s' if n > 1 else ''}"
        against_sgemm(f"tempering scan, 10 x 128 replicas 784x500, {ranks}", middle(n, "sample_tempering", "seconds"),
                      middle(n, "sample_tempering", "share"), 0.70)
        for row, name in ANNEALING.items():
            seconds = middle(n, row, "seconds") * PART / TEMPERATURES
            against_sgemm(f"{name}, a temperature of 100 runs 784x500, {ranks}", seconds, middle(n, row, "share"), 1 / 1.3)
        if not options.quick:
            whole = bench_seconds("sample_annealing_whole", n)
            for row, name in ANNEALING.items():
                done = whole[row.replace("annealing", "annealing_whole")]
                against_sgemm(f"{name}, 14,501 temperatures, {ranks}", done["seconds"], done["share"], 1 / 1.3)
        mine, plain = middle(n, "sample_enumerate", "seconds"), middle(n, "sample_enumerate_plain", "seconds")
        add(f"ln Z of 784x24 units by all states, {ranks}", f"{mine:.2f} s", f"{plain:.1f} s (plain loop)", plain / mine, 4)


if __name__ == "__main__":
    main()
