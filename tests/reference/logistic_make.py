#!/usr/bin/env python3
"""Writes logistic_reference.h: coefficients of fixed problems by scikit-learn.

The rows are made by the same integers here and in tests/mpi/regress_logistic.c. Minimises
sum log(1 + exp(-y (x w + b))) + lambda/2 ||w||^2: C = 1/lambda; a lambda of 0 takes no penalty.

Separability of sparse tables of small integers is decided by linear programming.

Usage: logistic_make.py > logistic_reference.h   (needs NumPy, SciPy and scikit-learn)
"""
import warnings

import numpy as np
from scipy.optimize import linprog
from sklearn.linear_model import LogisticRegression

# name, rows, columns, intercept, standardize, lambdas in falling order
CASES = [
    ("plain", 60, 4, False, False, [100.0, 1.0, 1e-3, 0.0]),
    ("intercept", 60, 4, True, False, [100.0, 1.0, 1e-3, 0.0]),
    ("standardized", 60, 4, True, True, [100.0, 1.0, 1e-3, 0.0]),
    ("blocks", 700, 7, True, False, [1e4, 3.0, 1e-2, 0.0]),
    ("wide", 12, 20, True, False, [10.0, 1.0, 0.1]),
    ("rms", 300, 6, False, True, [10.0, 0.5, 0.0]),
]


def make(n, p):
    """x [n x p] of columns with scales 3^j and means j/2, y of signs."""
    state, x, y = n * 1000 + p, np.empty((n, p)), np.empty(n)
    for i in range(n):
        signal = 0.0
        for j in range(p + 1):
            state = (state * 6364136223846793005 + 1442695040888963407) % 2**64
            value = ((state >> 40) & 0xFFFF) / 32768 - 1
            if j < p:
                x[i, j] = value * 3.0**(j % 4) + j / 2
                signal += value if j % 2 else -value
            else:
                y[i] = 1.0 if signal + 2 * value > 0 else -1.0
    return x, y


def solve(x, y, lam, intercept, standardize):
    scale = (x.std(0) if intercept else np.sqrt((x**2).mean(0))) if standardize else np.ones(x.shape[1])
    penalty = {"C": 1 / lam} if lam > 0 else {"C": np.inf}
    model = LogisticRegression(solver="newton-cholesky", tol=1e-12, max_iter=10000, fit_intercept=intercept, **penalty)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.fit(x / scale, y)
    w = model.coef_[0]
    b = float(model.intercept_[0]) if intercept else 0.0
    margin = y * (x / scale @ w + b)
    return w / scale, b, np.logaddexp(0, -margin).sum(), int((margin > 0).sum()), np.linalg.norm(w)


def numbers(values):
    return "{" + ", ".join(repr(float(v)) for v in values) + "}"


print("/* Made by logistic_make.py. */\n"
      "enum { P_MAX = 20, L_MAX = 4 };\n"
      "typedef struct {\n  const char *name;\n  int n, p;\n  bool intercept, standardize;\n  int n_lambda;\n"
      "  double lambda[L_MAX], w[L_MAX][P_MAX], b[L_MAX], loss[L_MAX], norm[L_MAX];\n  int n_right[L_MAX];\n"
      "} reference_case;\n"
      "static const reference_case reference_cases[] = {")
for name, n, p, intercept, standardize, lambdas in CASES:
    x, y = make(n, p)
    results = [solve(x, y, lam, intercept, standardize) for lam in lambdas]
    w, b, loss, right, norm = zip(*results)
    print(f"    {{\"{name}\", {n}, {p}, {str(intercept).lower()}, {str(standardize).lower()}, {len(lambdas)},\n"
          f"     {numbers(lambdas)},\n     {{" + ",\n      ".join(numbers(v) for v in w) + "},\n"
          f"     {numbers(b)},\n     {numbers(loss)},\n     {numbers(norm)},\n"
          "     {" + ", ".join(map(str, right)) + "}},")
print("};")


def make_sparse(number):
    """A sparse table whose classes often hang on a column that few rows have."""
    n, p = 10 + number % 31, 2 + number % 7
    state, x, y = number + 1, np.empty((n, p)), np.empty(n)
    for i in range(n):
        for j in range(p + 1):
            state = (state * 6364136223846793005 + 1442695040888963407) % 2**64
            value = state >> 40 & 0xFFFF
            if j < p:
                x[i, j] = value % 5 + 1 if value < 65536 >> j else 0
            else:
                y[i] = 1.0 if value < 32768 else -1.0
        if x[i, p - 1] > 0 and number % 2 == 0:
            y[i] = 1.0
    return x, y


def judge(x, y):
    """0 overlap, 1 separable, 2 quasi-separable, 3 one class; with an intercept (Konis 2007)."""
    if abs(y.sum()) == len(y):
        return 3
    rows = y[:, None] * np.hstack([x, np.ones((len(y), 1))])
    q = rows.shape[1]
    gap = linprog(np.r_[np.zeros(q), -1], A_ub=np.hstack([-rows, np.ones((len(y), 1))]), b_ub=np.zeros(len(y)),
                  bounds=[(-1, 1)] * q + [(None, 1)])
    if gap.x[-1] > 1e-7:
        return 1
    rise = linprog(-rows.sum(0), A_ub=-rows, b_ub=np.zeros(len(y)), bounds=[(-1, 1)] * q)
    return 2 if -rise.fun > 1e-7 else 0


verdicts = [judge(*make_sparse(number)) for number in range(240)]
print("/* Of table number 0, 1, ...: 0 overlap, 1 separable, 2 quasi-separable, 3 one class. */\n"
      f"static const char *const reference_verdicts = \"{''.join(map(str, verdicts))}\";")
