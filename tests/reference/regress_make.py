#!/usr/bin/env python3
"""Writes regress_reference.h: what the ridge path and its theory must give, by other routes.

Ridge: least squares on [X; sqrt(lambda) I], explicit matrices for bias, variance and trace.
Theory: integrals over the Marchenko-Pastur law by the trapezoidal rule in the angle, which
converges exponentially; no closed form of the Stieltjes transform is used.

Usage: regress_make.py > regress_reference.h   (needs NumPy)
"""
import numpy as np

LAMBDAS = [0.0, 1e-6, 0.1, 1.0, 100.0]
GAMMAS = [0.2, 0.5, 1.0, 2.0, 5.0]
LS = [1e-6, 1e-3, 0.05, 0.25, 1.0, 10.0]
SIGMA = 0.7


def numbers(values):
    return "{" + ", ".join(repr(float(v)) for v in values) + "}"


def case(name, n, p, rank, intercept, rng):
    X = rng.standard_normal((n, rank)) @ rng.standard_normal((rank, p)) if rank < min(n, p) \
        else rng.standard_normal((n, p))
    y = rng.standard_normal(n)
    truth = rng.standard_normal(p)
    if intercept:
        X, y = X - X.mean(axis=0), y - y.mean()
    k = min(n - intercept, p)
    U, s, Vt = np.linalg.svd(X, full_matrices=False)
    U, s, Vt = U[:, :k], s[:k], Vt[:k]
    tail = np.sum((y - U @ (U.T @ y)) ** 2) if k < n else 0.0
    rows = []
    coefficients = []
    for lam in LAMBDAS:
        top = np.vstack([X, np.sqrt(lam) * np.eye(p)])
        right = np.vstack([np.eye(n), np.zeros((p, n))])
        A = np.linalg.lstsq(top, right, rcond=None)[0]  # w = A y
        w = A @ y
        bias = (A @ X - np.eye(p)) @ truth
        rows.append([np.sum((y - X @ w) ** 2), np.sum(w ** 2), np.trace(X @ A),
                     np.sum(bias ** 2), SIGMA ** 2 * np.sum(A ** 2)])
        coefficients.append(Vt @ w)
    null = truth - Vt.T @ (Vt @ truth)
    return (f"    {{\"{name}\", {n}, {p}, {k}, {str(bool(intercept)).lower()},\n"
            f"     {numbers(s)},\n     {numbers(U.T @ y)},\n     {float(tail)!r},\n"
            f"     {numbers(Vt @ truth)},\n     {float(null @ null)!r},\n"
            "     {" + ",\n      ".join(numbers(r) for r in rows) + "},\n"
            "     {" + ",\n      ".join(numbers(c) for c in coefficients) + "}}")


def marchenko_pastur(gamma, l):
    """bias2/r^2, variance/sigma^2, df/p, train MSE parts with r^2 and sigma^2 in front."""
    n = 1 << 20
    theta = (np.arange(n) + 0.5) * (2 * np.pi / n)
    half = 2 * np.sqrt(gamma)
    x = 1 + gamma + half * np.cos(theta)
    if gamma == 1.0:  # sin^2/x without 0/0
        weight = 2 * (1 - np.cos(theta)) / (2 * np.pi)
    else:
        weight = half ** 2 * np.sin(theta) ** 2 / (2 * np.pi * gamma * x)
    weight = weight * (np.pi / n)
    at_zero = max(0.0, 1 - 1 / gamma)
    assert abs(weight.sum() + at_zero - 1) < 1e-12
    drop = l / (x + l)
    bias = (weight * drop ** 2).sum() + at_zero
    variance = gamma * (weight * x / (x + l) ** 2).sum()
    dof = (weight * x / (x + l)).sum()
    train_signal = (weight * x * drop ** 2).sum()
    train_noise = gamma * (weight * drop ** 2).sum() + (1 - min(1.0, gamma))
    return [gamma, l, bias, variance, dof, train_signal, train_noise]


def main():
    rng = np.random.default_rng(20261121)
    cases = [("tall", 8, 3, 3, 0), ("wide", 3, 8, 3, 0), ("square", 5, 5, 5, 0),
             ("rank deficient", 7, 5, 3, 0), ("one by one", 1, 1, 1, 0),
             ("one row", 1, 4, 1, 0), ("intercept", 8, 3, 3, 1), ("wide intercept", 4, 6, 4, 1)]
    print("/* Written by regress_make.py; not edited by hand. */")
    print("#include <stdbool.h>\n#include <stdint.h>\n")
    print(f"enum {{ N_LAMBDAS = {len(LAMBDAS)}, K_MAX = 8 }};")
    print(f"static const double reference_lambdas[N_LAMBDAS] = {numbers(LAMBDAS)};")
    print(f"static const double reference_sigma = {SIGMA};\n")
    print("/* point: residual^2, solution^2, trace of the hat matrix, bias^2, variance. */")
    print("typedef struct {\n  const char *name;\n  int64_t n, p, k;\n  bool has_intercept;")
    print("  double s[K_MAX], beta[K_MAX], tail, truth[K_MAX], truth_null2;")
    print("  double point[N_LAMBDAS][5], coefficients[N_LAMBDAS][K_MAX];\n} reference_case;\n")
    print("static const reference_case reference_cases[] = {")
    print(",\n".join(case(*c, rng) for c in cases) + "};\n")
    print("/* gamma, l, bias^2 / r^2, variance / sigma^2, df / p, and the training error's factors")
    print(" * of r^2 and sigma^2. */")
    print("static const double reference_theory[][7] = {")
    print(",\n".join("    " + numbers(marchenko_pastur(g, l)) for g in GAMMAS for l in LS) + "};")


main()
