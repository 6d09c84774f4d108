#!/usr/bin/env python3
"""Writes loo_ranks_reference.txt: leave-one-out errors (fixed basis) and NCP at every rank of truncated SVD.

Problems: six integral equations of the first kind, whole and with fewer columns and an intercept, random matrices with and without an
intercept, with more columns than rows, and with a row that has a column to itself. Each rank's hat matrix, coefficients and residuals
are formed densely from an SVD in 60 digits; an error is residual / (1 - h_ii), and NaN stands where some h_ii is 1. NCP is NumPy's FFT
of the residuals. Beside each number stands how far rounding may move it: a change of X by 2^-52 of its norm, and of y by as much, is tried; and for an
error the residual, good to 2^-52 of y, is divided by 1 - h_ii.

Usage: loo_ranks_make.py > loo_ranks_reference.txt   (needs NumPy and mpmath; about a minute)
"""
import mpmath as mp
import numpy as np

from inverse_problems import INVERSE_PROBLEMS, N

mp.mp.dps = 60
rng = np.random.default_rng(20261121)
NOISE = 1e-3
EPS = 2.0**-52


def make_problems():
    for make in INVERSE_PROBLEMS:
        a, x = make()
        b = a @ x
        b = b + NOISE * np.linalg.norm(b) / np.sqrt(N) * rng.standard_normal(N)
        yield make.__name__, a, b, False
        yield make.__name__ + "_columns", a[:, :20], b, True
    for name, n, p, intercept in (("tall", 30, 12, False), ("tall_intercept", 30, 12, True), ("wide", 12, 20, False), ("wide_intercept", 12, 20, True),
                                  ("square", 16, 16, False), ("nearly_square", 17, 16, True), ("one_more", 17, 16, False), ("two_rows", 2, 3, False),
                                  ("two_rows_intercept", 2, 3, True), ("three_rows", 3, 1, True), ("one_column", 9, 1, False), ("one_row", 1, 2, False)):
        yield name, rng.standard_normal((n, p)), rng.standard_normal(n) + 3 * intercept, intercept
    a = rng.standard_normal((20, 5))
    a[np.arange(20) != 7, 2] = 0
    yield "own_column", a, rng.standard_normal(20), False
    a = rng.standard_normal((15, 4))
    a[:, 1] = 0.3
    yield "constant_column", a, rng.standard_normal(15), True
    yield "constant", np.full((6, 1), 0.3), rng.standard_normal(6), True


def count_rank(a, intercept):
    centred = a - a.mean(axis=0) if intercept else a
    if intercept:
        centred[:, np.ptp(a, axis=0) == 0] = 0
    s = np.linalg.svd(centred, compute_uv=False)[: min(len(a) - intercept, a.shape[1])]
    return int(np.sum(s > max(a.shape) * EPS * s[0])) if len(s) else 0


def compute_distance(r):
    q = len(r) // 2
    r = np.array([float(v) for v in r])
    power = np.abs(np.fft.fft(r))[1 : q + 1] ** 2
    if q == 0 or not power.sum() > 1e-30 * q * np.sum(r**2):
        return np.nan
    return np.linalg.norm(np.cumsum(power) / power.sum() - np.arange(1, q + 1) / q)


def compute(a, b, intercept, rank):
    """(loo, ncp, rounding of loo) at ranks 0..rank, in 60 digits."""
    n, p = a.rows, a.cols
    a = a.copy()
    mean = [sum(a[:, j]) / n if intercept else mp.mpf(0) for j in range(p)]
    for j in range(p):
        for i in range(n):
            a[i, j] -= mean[j]
    y = mp.matrix([v - (sum(b) / n if intercept else 0) for v in b])
    u, s, vt = mp.svd_r(a) if rank else (None, None, None)
    w, hat = mp.zeros(p, 1), mp.eye(n) * 0 + (mp.ones(n) / n if intercept else mp.zeros(n))
    found = []
    for r in range(rank + 1):
        if r > 0:
            column = u[:, r - 1]
            w += vt[r - 1, :].T * ((column.T * y)[0] / s[r - 1])
            hat += column * column.T
        residual = y - a * w
        left = [1 - hat[i, i] for i in range(n)]
        defined = min(left) > mp.mpf(10) ** -40
        loo = sum((residual[i] / left[i]) ** 2 for i in range(n)) / n if defined else mp.nan
        zero = max(abs(v) for v in residual) < mp.mpf(10) ** -40
        rounding = EPS * max(abs(v) for v in y) / min(left) / mp.sqrt(loo) if defined and loo > 0 else 0
        found.append((float(loo), np.nan if zero else compute_distance(residual), float(rounding)))
    return np.array(found)


def write(values):
    print(" ".join(repr(float(v)) for v in np.asarray(values).ravel(order="F")))


for name, a, b, intercept in make_problems():
    rank = count_rank(a, intercept)
    exact = [mp.matrix(a.tolist()), [mp.mpf(float(v)) for v in b]]
    values = compute(*exact, intercept, rank)
    # Constant columns are known to the fit as what they are.
    size = np.where(np.ptp(a, axis=0) == 0, 0, EPS * np.linalg.norm(a, 2) / np.sqrt(max(a.shape)))
    for i in range(len(a)):
        for j in range(a.shape[1]):
            exact[0][i, j] += size[j] * rng.uniform(-1, 1)
        exact[1][i] *= 1 + EPS * rng.uniform(-1, 1)
    moved = np.abs(compute(*exact, intercept, rank) - values) / np.where(values == 0, 1, np.abs(values))
    moved[:, 0] = np.maximum(moved[:, 0], values[:, 2])
    print(name, *a.shape, int(intercept), rank + 1)
    for part in (a, b, values[:, 0], values[:, 1], moved[:, 0], moved[:, 1]):
        write(part)
