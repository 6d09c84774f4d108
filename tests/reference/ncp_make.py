#!/usr/bin/env python3
"""Writes ncp_reference.txt: cumulative periodograms of sequences by NumPy's FFT, with the
significance of their deviation by SciPy's Kolmogorov law.

Usage: ncp_make.py > ncp_reference.txt   (needs NumPy and SciPy)
"""
import numpy as np
from scipy.stats import kstest, kstwobign

rng = np.random.default_rng(99)


def write(values):
    print(" ".join(repr(float(v)) for v in values))


for n in (2, 3, 4, 7, 16, 29, 60, 101, 128, 230):
    white = rng.standard_normal(n)
    for kind in ("white", "walk", "far"):
        r = {"white": white, "walk": np.cumsum(white) + 10, "far": 1e-200 * white}[kind]
        q = n // 2
        power = np.abs(np.fft.fft(r * (1e200 if kind == "far" else 1)))[1:q + 1] ** 2
        c = np.cumsum(power) / power.sum()
        v = np.arange(1, q + 1) / q
        m = max((n - 1) // 2 - 1, 0)
        shares = (np.cumsum(power) / power[:m + 1].sum())[:m]
        deviation = kstest(shares, "uniform").statistic if m else 0.0
        root = np.sqrt(max(m, 1))
        x = deviation * (root + 0.12 + 0.11 / root)
        print(n)
        write(r)
        write([np.linalg.norm(c - v), deviation, kstwobign.sf(x) if m else 1.0])
