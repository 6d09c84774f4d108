#!/usr/bin/env python3
"""Writes linalg_reference.txt: matrices with their singular values and |U'y|.

Values come from mpmath in 60 digits, so that small singular values of the graded matrix are true
ones, and are compared here with SciPy's dgesvd. Least-squares residuals for each number of leading
columns come from SciPy's lstsq.

Usage: linalg_make.py > linalg_reference.txt   (needs NumPy, SciPy and mpmath)
"""
import sys

import mpmath
import numpy as np
import scipy.linalg

mpmath.mp.dps = 60
rng = np.random.default_rng(20)


def write(values):
    print(" ".join(repr(float(v)) for v in np.asarray(values).ravel(order="F")))


def reference(name, a, y):
    m, n = a.shape
    k = min(m, n)
    u, s, _ = mpmath.svd_r(mpmath.matrix(a.tolist()), full_matrices=False)
    s = [float(x) for x in s]
    beta = [float(abs(sum(u[i, j] * mpmath.mpf(float(y[i])) for i in range(m)))) for j in range(k)]
    error = np.abs(scipy.linalg.svd(a, compute_uv=False, lapack_driver="gesvd") - s)
    print(f"{name}: SciPy's dgesvd is within {np.max(error / s[0]):.1e} s_1", file=sys.stderr)
    tails = [float(y @ y)]
    for c in range(1, n + 1):
        w = scipy.linalg.lstsq(a[:, :c], y)[0] if c < m else None
        tails.append(0.0 if w is None else float(np.sum((y - a[:, :c] @ w) ** 2)))
    print(name, m, n)
    for part in (a, y, s, beta, tails):
        write(part)


a = rng.standard_normal((20, 12))
reference("tall", a, rng.standard_normal(20))
reference("wide", rng.standard_normal((9, 14)), rng.standard_normal(9))
reference("square", rng.standard_normal((11, 11)), rng.standard_normal(11))
graded = rng.standard_normal((30, 13)) * 10.0 ** -np.arange(13)
reference("graded", graded, rng.standard_normal(30))
