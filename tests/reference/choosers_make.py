#!/usr/bin/env python3
"""Writes choosers_reference.h: what every way to choose lambda from a spectrum must give, by other routes.

Problems: six integral equations of the first kind, each by the midpoint rule, and random matrices
with an intercept or more columns than rows. Everything is computed with 60 digits from the dense
matrices: w solves (A'A + lambda) w = A'b, the trace is that of an explicit inverse, derivatives are
differences of solutions. The singular values are those of the same matrices, with 60 digits,
rounded to double. The pruned corner, Picard's condition and the noise level are written down again
in NumPy.

Usage: choosers_make.py > choosers_reference.h   (needs NumPy and mpmath; about two minutes)
"""
import mpmath as mp
import numpy as np

from inverse_problems import INVERSE_PROBLEMS, N

mp.mp.dps = 60
NOISE = 1e-3  # of the norm of b
LAMBDAS = [0.0] + [10.0 ** e for e in np.linspace(-10, 2, 25)]


def make_problems():
    rng = np.random.default_rng(20261122)
    for make in INVERSE_PROBLEMS:
        a, x = make()
        b = a @ x
        sigma = NOISE * np.linalg.norm(b) / np.sqrt(N)
        yield make.__name__, a, b + sigma * rng.standard_normal(N), x, sigma, False
    for name, n, p, intercept in (("tall", 30, 12, False), ("tall intercept", 30, 12, True), ("wide intercept", 12, 20, True),
                                  ("square", 16, 16, False), ("nearly square", 17, 16, True)):
        a, x = rng.standard_normal((n, p)), rng.standard_normal(p) / np.sqrt(p)
        yield name, a, a @ x + 0.5 * rng.standard_normal(n) + 3 * intercept, x, 0.5, intercept


# ---- 60 digits ----


class Dense:
    """One problem in 60 digits, centred when it has an intercept."""

    def __init__(self, a, b, intercept):
        self.n, self.p = a.shape
        self.intercept = int(intercept)
        self.a, self.b = mp.matrix(a.tolist()), mp.matrix(b.tolist())
        if intercept:
            for j in range(self.p):
                mean = sum(self.a[i, j] for i in range(self.n)) / self.n
                for i in range(self.n):
                    self.a[i, j] -= mean
            mean = sum(self.b) / self.n
            for i in range(self.n):
                self.b[i] -= mean
        self.gram, self.right = self.a.T * self.a, self.a.T * self.b

    def solve(self, lam):
        return mp.lu_solve(self.gram + lam * mp.eye(self.p), self.right)

    def residual(self, w):
        return mp.norm(self.b - self.a * w)

    def gcv(self, lam):
        if lam == 0:
            return self.gcv_limit()
        inverse = mp.inverse(self.gram + mp.mpf(lam) * mp.eye(self.p))
        product = inverse * self.gram
        trace = sum(product[i, i] for i in range(self.p))
        return self.n * self.residual(inverse * self.right) ** 2 / (self.n - self.intercept - trace) ** 2

    def gcv_limit(self):
        """At lambda = 1e-20, where numerator and denominator are 1e-40: (AA' + lambda)^-1 without what all rows share."""
        with mp.workdps(120):
            lam, n = mp.mpf(10) ** -20, self.n
            inverse = mp.inverse(self.a * self.a.T + lam * mp.eye(n)) * lam
            residual, trace = inverse * self.b, sum(inverse[i, i] for i in range(n)) - self.intercept
            return n * mp.norm(residual) ** 2 / trace ** 2

    def curvature(self, lam):
        """From second differences of (ln residual, ln solution) in ln lambda."""
        h, t = mp.mpf(10) ** -12, mp.log(mp.mpf(lam))
        points = []
        for step in (-1, 0, 1):
            w = self.solve(mp.exp(t + step * h))
            points.append((mp.log(self.residual(w)), mp.log(mp.norm(w))))
        x1, y1 = ((points[2][c] - points[0][c]) / (2 * h) for c in (0, 1))
        x2, y2 = ((points[2][c] - 2 * points[1][c] + points[0][c]) / h ** 2 for c in (0, 1))
        return (x1 * y2 - x2 * y1) / (x1 ** 2 + y1 ** 2) ** mp.mpf(1.5)

    def change(self, lam):
        """lambda ||dw/dlambda|| from a difference."""
        h, lam = mp.mpf(10) ** -15, mp.mpf(lam)
        return mp.norm(self.solve(lam * (1 + h)) - self.solve(lam * (1 - h))) / (2 * h)

    def discrepancy(self, target, low, high):
        """ln lambda by halving, 100 times."""
        low, high = mp.log(mp.mpf(low)), mp.log(mp.mpf(high))
        for _ in range(60):
            middle = (low + high) / 2
            if self.residual(self.solve(mp.exp(middle))) < target:
                low = middle
            else:
                high = middle
        return mp.exp((low + high) / 2)


# ---- choices once more, on doubles ----


def find_local_minima(curve, inside):
    inner = [i for i in range(1, len(curve) - 1) if inside[i] and curve[i] < curve[i - 1] and curve[i] < curve[i + 1]]
    return min(inner, key=lambda i: curve[i]) if inner else -1


def find_corner(residual, solution):
    """Adaptive pruning, after the paper of Hansen, Jensen and Rodriguez (2007)."""
    kept = np.flatnonzero((residual > 0) & (solution > 0))
    points = np.log10(np.stack([residual, solution], axis=1)[kept])
    steps = np.diff(points, axis=0)
    lengths = np.linalg.norm(steps, axis=1)
    steps = steps / lengths[:, None]
    order = np.argsort(-lengths, kind="stable")
    candidates, convex, count = {0}, False, min(5, len(steps))
    while count < 2 * len(steps):
        chain = np.sort(order[:count])
        turns = np.cross(np.c_[steps[chain[:-1]], np.zeros(len(chain) - 1)], np.c_[steps[chain[1:]], np.zeros(len(chain) - 1)])[:, 2]
        if turns.min() < -1e-10:  # less is a straight line with rounding
            convex = True
            candidates.add(int(chain[np.argmin(turns)]) + 1)
        angles = np.argsort(np.abs(steps[chain][:, 1]), kind="stable")
        for taken in range(1, len(chain) + 1):
            pairs = [(i, j) for i in angles[:taken] for j in angles[::-1][:taken] if i < j]
            if pairs:
                flat, steep = chain[pairs[0][0]], chain[pairs[0][1]]
                level, end, begin = points[flat, 1], points[steep + 1], points[steep]
                origin = [end[0] + (level - end[1]) / (end[1] - begin[1]) * (end[0] - begin[0]), level]
                candidates.add(int(np.argmin(np.linalg.norm(points - origin, axis=1))))
                break
        count *= 2
    if not convex:
        return -1
    chosen = sorted(candidates)
    grows = [i for i in range(1, len(chosen) - 1)
             if points[chosen[i + 1], 1] - points[chosen[i], 1] >= abs(points[chosen[i + 1], 0] - points[chosen[i], 0])]
    for i in grows:
        (ax, ay), (bx, by) = points[chosen[i]] - points[chosen[i - 1]], points[chosen[i + 1]] - points[chosen[i]]
        if ax * by - bx * ay <= 0:
            return int(kept[chosen[i]])
    return int(kept[chosen[grows[-1]]]) if grows else int(kept[chosen[-1]])


def estimate_noise(beta, tail, outside):
    """Plateau of ln |beta| by comparing all models one by one."""
    if outside >= 10:
        return np.sqrt(tail / outside)
    k, i = len(beta), np.arange(len(beta))
    y, unit, weight = np.log(np.abs(beta)), np.pi ** 2 / 8, np.log(len(beta))

    def miss_line(x, y):
        coefficients = np.polyfit(x, y, 1)
        return np.sum((y - np.polyval(coefficients, x)) ** 2), coefficients[0]

    best, start = min(np.sum((y - y.mean()) ** 2) / unit + weight, miss_line(i, y)[0] / unit + 2 * weight), k
    for j in range(3, k - 4):
        miss, slope = miss_line(i[:j], y[:j])
        cost = (miss + np.sum((y[j:] - y[j:].mean()) ** 2)) / unit + 4 * weight
        if slope < 0 and cost < best:
            best, start = cost, j
    if start == k:
        return np.sqrt(tail / outside) if outside > 0 else np.nan
    return np.sqrt((np.sum(beta[start:] ** 2) + (tail if outside else 0)) / (k - start + outside))


def check_picard(s, beta, rank, sigma):
    reach = sigma * np.sqrt(2 * np.log(20 * len(beta)))
    above = np.flatnonzero(np.abs(beta[:rank]) > reach)
    level = int(above[-1]) + 1 if len(above) else 0
    if level < 2:
        return [level, np.nan, np.nan, 2]
    i, lb, ls = np.arange(level), np.log10(np.abs(beta[:level])), np.log10(s[:level])
    slope_beta, slope_s = np.polyfit(i, lb, 1)[0], np.polyfit(i, ls, 1)[0]
    if level < 4:
        return [level, slope_beta, slope_s, 2]
    fit = np.polyfit(i, lb - ls, 1)
    error = np.sqrt(np.sum((lb - ls - np.polyval(fit, i)) ** 2) / (level - 2) / np.sum((i - i.mean()) ** 2))
    return [level, slope_beta, slope_s, 2 if abs(fit[0]) <= 2 * error else int(fit[0] > 0)]


# ---- writing ----


def number(v):
    v = float(v)
    return repr(v) if np.isfinite(v) else "NAN" if np.isnan(v) else "INFINITY"


def numbers(values):
    return "{" + ", ".join(number(v) for v in values) + "}"


def compute(name, a, b, x, sigma, intercept):
    dense = Dense(a, b, intercept)
    n, p = a.shape
    k = min(n - intercept, p)
    u, s, vt = mp.svd_r(dense.a)
    beta, truth = (u.T * dense.b)[:k], (vt * mp.matrix(x.tolist()))[:k]
    s = [s[i] for i in range(k)]
    tail = mp.norm(dense.b) ** 2 - sum(v * v for v in beta) if n - intercept > k else mp.mpf(0)
    null = sum(mp.mpf(v) ** 2 for v in x) - sum(v * v for v in truth) if p > k else mp.mpf(0)
    double_s, double_beta = np.array([float(v) for v in s]), np.array([float(v) for v in beta])
    rank = int(np.sum(double_s > max(n, p) * np.finfo(float).eps * double_s[0]))
    positive = [v for v in LAMBDAS if v > 0]
    # Without a penalty only columns of full numerical rank have a limit that both sides mean.
    gcv = [dense.gcv(v) if v > 0 or rank == k else mp.nan for v in LAMBDAS]
    curvature = [mp.nan] + [dense.curvature(v) for v in positive]
    change = [mp.mpf(0)] + [dense.change(v) for v in positive]
    error = [mp.nan] + [mp.norm(dense.solve(mp.mpf(v)) - mp.matrix(x.tolist())) ** 2 for v in positive]
    target = mp.mpf(1.01) * mp.mpf(sigma) * mp.sqrt(n - intercept)
    root = dense.discrepancy(target, LAMBDAS[1], LAMBDAS[-1])
    floor = max(double_s[-1], 1e-14 * double_s[0]) ** 2
    inside = [floor <= v <= double_s[0] ** 2 for v in LAMBDAS]
    # Truncated SVD, its residual from the matrix.
    w, residual, solution, errors, ranks = mp.zeros(p, 1), [], [], [], range(rank + 1)
    for r in ranks:
        if r > 0:
            w += vt[r - 1, :].T * (beta[r - 1] / s[r - 1])
        left = dense.residual(w)
        residual.append(left if left > mp.mpf(10) ** -40 else mp.mpf(0))
        solution.append(mp.norm(w))
        errors.append(mp.norm(w - mp.matrix(x.tolist())) ** 2)
    rank_gcv = [n * residual[r] ** 2 / mp.mpf(n - intercept - r) ** 2 if n - intercept > r else mp.nan for r in ranks]
    steps = np.array([np.inf] + [float(abs(beta[r - 1] / s[r - 1])) for r in ranks[1:]])
    quasi = find_local_minima(steps[1:], np.ones(rank, bool))
    reached = [r for r in ranks if residual[r] <= target]
    corner = find_corner(np.array([float(v) for v in residual]), np.array([float(v) for v in solution]))
    noise = estimate_noise(double_beta, float(tail), n - intercept - k)
    fields = [f'"{name}", {n}, {p}, {k}, {str(bool(intercept)).lower()}', numbers(double_s), numbers(double_beta), number(tail),
              numbers(truth), number(null), number(sigma), "/* curves over lambda */", numbers(gcv), numbers(curvature),
              numbers(change), numbers(error),
              f"/* grid points and root */ {int(np.nanargmin([float(v) for v in gcv]))}, "
              f"{int(np.nanargmax([float(v) for v in curvature]))}, {find_local_minima([float(v) for v in change], inside)}, "
              f"{number(root)}",
              f"/* ranks */ {rank}", numbers(residual), numbers(solution), numbers(rank_gcv), numbers(errors),
              f"{corner}, {quasi + 1 if quasi >= 0 else -1}, {reached[0] if reached else -1}",
              f"/* noise, Picard */ {number(noise)}", numbers(check_picard(double_s, double_beta, rank, sigma))]
    return "    {" + ",\n     ".join(fields).replace("*/,\n", "*/\n") + "}"


def main():
    print("/* Written by choosers_make.py; not edited by hand. */")
    print("#include <math.h>\n#include <stdbool.h>\n#include <stdint.h>\n")
    print(f"enum {{ N_LAMBDAS = {len(LAMBDAS)}, K_MAX = {N} }};")
    print(f"static const double reference_lambdas[N_LAMBDAS] = {numbers(LAMBDAS)};\n")
    print("""typedef struct {
  const char *name;
  int64_t n, p, k;
  bool has_intercept;
  double s[K_MAX], beta[K_MAX], tail, truth[K_MAX], truth_null2, sigma;
  double gcv[N_LAMBDAS], curvature[N_LAMBDAS], change[N_LAMBDAS], error[N_LAMBDAS];
  int64_t best_gcv, best_curvature, best_change; /* indices of lambdas, -1 for none */
  double discrepancy;                            /* lambda */
  int64_t rank;
  double residual[K_MAX + 1], solution[K_MAX + 1], rank_gcv[K_MAX + 1], rank_error[K_MAX + 1];
  int64_t corner, rank_change, rank_discrepancy;
  double noise;
  double picard[4]; /* level, slopes of beta and s, verdict */
} reference_case;
""")
    print("static const reference_case reference_cases[] = {")
    print(",\n".join(compute(*problem) for problem in make_problems()) + "};")


main()
