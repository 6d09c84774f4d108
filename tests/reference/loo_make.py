#!/usr/bin/env python3
"""Writes loo_reference.txt: leave-one-out errors and residuals by refits without each row.

Every refit solves its normal equations with mpmath in 150 digits (lambda = 0 is taken as 1e-50), so
the numbers are true also for badly scaled data. Beside them stand, on stderr: the same refits by
NumPy's SVD, and scikit-learn's RidgeCV where n > p.

Usage: loo_make.py > loo_reference.txt   (needs NumPy, mpmath and scikit-learn)
"""
import sys

import mpmath
import numpy as np
from sklearn.linear_model import RidgeCV

mpmath.mp.dps = 150
LAMBDAS = [0.0, 1e-8, 1e-3, 1.0, 1e3]
rng = np.random.default_rng(43)


def write(values):
    print(" ".join(repr(float(v)) for v in np.asarray(values).ravel(order="F")))


def fit(x, y, lam, intercept):
    """Weights and intercept in mpmath, by the smaller of the two systems."""
    n, p = x.rows, x.cols
    lam = mpmath.mpf(lam) if lam > 0 else mpmath.mpf("1e-50")
    mean = [sum(x[:, j]) / n if intercept and n else mpmath.mpf(0) for j in range(p)]
    mean_y = sum(y) / n if intercept and n else mpmath.mpf(0)
    xc = mpmath.matrix(n, p)
    for i in range(n):
        for j in range(p):
            xc[i, j] = x[i, j] - mean[j]
    yc = mpmath.matrix([v - mean_y for v in y])
    if n == 0:
        w = mpmath.zeros(p, 1)
    elif p <= n:
        w = mpmath.lu_solve(xc.T * xc + lam * mpmath.eye(p), xc.T * yc)
    else:
        w = xc.T * mpmath.lu_solve(xc * xc.T + lam * mpmath.eye(n), yc)
    return w, mean_y - sum(m * v for m, v in zip(mean, w))


def leave_one_out(x, y, lam, intercept):
    n = x.rows
    total = mpmath.mpf(0)
    for i in range(n):
        rest = [k for k in range(n) if k != i]
        rows = mpmath.matrix(n - 1, x.cols)
        for a, k in enumerate(rest):
            rows[a, :] = x[k, :]
        w, b = fit(rows, [y[k] for k in rest], lam, intercept)
        total += (y[i] - (x[i, :] * w)[0] - b) ** 2
    return total / n


def numpy_leave_one_out(x, y, lam, intercept):
    errors = []
    for i in range(len(y)):
        keep = np.arange(len(y)) != i
        a, b = x[keep], y[keep]
        mean, mean_y = (a.mean(axis=0), b.mean()) if intercept else (0 * x[0], 0.0)
        u, s, vt = np.linalg.svd(a - mean, full_matrices=False)
        good = s > max(x.shape) * np.finfo(float).eps * s.max(initial=0.0)
        gain = np.where(good, s / np.where(good, s ** 2 + lam, 1), 0)
        w = vt.T @ (gain * (u.T @ (b - mean_y)))
        errors.append(y[i] - mean_y - (x[i] - mean) @ w)
    return np.mean(np.square(errors))


def reference(name, x, y, intercept, standardize=False):
    n, p = x.shape
    exact = mpmath.matrix(x.tolist())
    target = [mpmath.mpf(float(v)) for v in y]
    if standardize:
        for j in range(p):
            mean = sum(exact[:, j]) / n if intercept else mpmath.mpf(0)
            deviation = mpmath.sqrt(sum((v - mean) ** 2 for v in exact[:, j]) / n)
            if deviation > 1e-100:
                exact[:, j] /= deviation
    loo, residual = [], []
    for lam in LAMBDAS:
        loo.append(leave_one_out(exact, target, lam, intercept))
        w, b = fit(exact, target, lam, intercept)
        residual += [target[i] - (exact[i, :] * w)[0] - b for i in range(n)]
    plain = np.array(exact.tolist(), dtype=float)
    off = [abs(numpy_leave_one_out(plain, y, lam, intercept) / float(t) - 1)
           for lam, t in zip(LAMBDAS, loo)]
    text = f"{name}: refits by NumPy are off by " + " ".join(f"{v:.0e}" for v in off)
    if n > p + 1:
        model = RidgeCV(alphas=LAMBDAS[1:], fit_intercept=intercept, store_cv_results=True)
        mine = model.fit(plain, y).cv_results_.mean(axis=0)
        off = [abs(m / float(t) - 1) for m, t in zip(mine, loo[1:])]
        text += "; RidgeCV by " + " ".join(f"{v:.0e}" for v in off)
        if name.startswith("plain"):
            assert max(off) < 1e-8, text
    print(text, file=sys.stderr)
    print(name.replace(" ", "_"), n, p, int(intercept), int(standardize))
    for part in (x, y, LAMBDAS, loo, residual):
        write(part)


def plain(n, p):
    return rng.standard_normal((n, p)), rng.standard_normal(n)


def raw(n, p):
    """Like counts of words: sparse, scales over six decades, columns of one entry, of zeros and of
    ones, a row twice."""
    x = np.where(rng.random((n, p)) < 0.3, rng.exponential(size=(n, p)), 0)
    x = x * 10.0 ** rng.uniform(-2, 4, p)
    x[:, 1] = 0
    x[n // 2, 1] = 3.5  # one entry: leverage 1
    x[:, 2] = 0
    x[:, 3] = 0.1
    x[:, 4] = 2.0 * np.arange(n) + 1000
    x[n // 3, p - 1] = 4e4  # an outlier
    x[n - 1] = x[0]
    return x, np.sign(rng.standard_normal(n))


for intercept in (False, True):
    tag = " intercept" if intercept else ""
    reference("plain tall" + tag, *plain(30, 6), intercept)
    reference("plain near" + tag, *plain(17, 15), intercept)
    reference("one more" + tag, *plain(13, 12), intercept)
    reference("square" + tag, *plain(12, 12), intercept)
    reference("wide" + tag, *plain(9, 14), intercept)
    reference("raw tall" + tag, *raw(40, 12), intercept)
    reference("raw near" + tag, *raw(20, 16), intercept)
    reference("raw square" + tag, *raw(16, 16), intercept)
    reference("raw wide" + tag, *raw(14, 20), intercept)
    reference("raw standardized" + tag, *raw(36, 10), intercept, True)
    reference("raw standardized wide" + tag, *raw(10, 18), intercept, True)
    reference("two rows" + tag, *plain(2, 3), intercept)
    reference("two rows one column" + tag, *plain(2, 1), intercept)
    reference("constant" + tag, np.full((6, 2), 0.3), rng.standard_normal(6), intercept)
reference("one row", *plain(1, 3), False)
