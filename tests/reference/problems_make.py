#!/usr/bin/env python3
"""Writes problems_reference.h and problems_singular_values.txt: the ill-posed problems by adaptive quadrature.

From kernel, interval and solution alone: Galerkin entries are double integrals by QUADPACK with the kernel's bends as
break points, right-hand sides are the integrals of kernel times solution (or the published closed form, averaged over
cells); nothing is taken from simmer's closed forms. Kernels and solutions: Hansen, Regularization Tools (1994, 2007).

Usage: problems_make.py FOLDER   (needs NumPy and SciPy)
"""
import sys
import warnings
from pathlib import Path

import numpy as np
from scipy.integrate import IntegrationWarning, quad

warnings.simplefilter("ignore", IntegrationWarning)  # requests at the limit of rounding
PI = np.pi


def shaw_kernel(s, t):
    return (np.cos(s) + np.cos(t)) ** 2 * np.sinc(np.sin(s) + np.sin(t)) ** 2


def shaw_solution(t):
    return 2 * np.exp(-6 * (t - 0.8) ** 2) + np.exp(-2 * (t + 0.5) ** 2)


def bump(x):
    return 1 + np.cos(PI * x / 3) if abs(x) < 3 else 0.0


def phillips_side(s):
    a = abs(s)
    return (6 - a) * (1 + np.cos(PI * s / 3) / 2) + 9 / (2 * PI) * np.sin(PI * a / 3)


def deriv2_kernel(s, t):
    return s * (t - 1) if s < t else t * (s - 1)


def heat_kernel(s, t):
    x = s - t
    return x**-1.5 * np.exp(-1 / (4 * x)) / (2 * np.sqrt(PI)) if x > 0 else 0.0


def heat_solution(t):
    u = 20 * t
    if u > 10 + 1e-9:
        return 0.0
    if u < 2:
        return 0.75 * u**2 / 4
    return 0.75 + (u - 2) * (3 - u) if u < 3 else 0.75 * np.exp(-2 * (u - 3))


# kernel, solution, intervals of s and t, whether Galerkin, right-hand side g(s) or None, bends of t at a given s,
# bends of s
PROBLEMS = {
    "shaw": (shaw_kernel, shaw_solution, (-PI / 2, PI / 2), (-PI / 2, PI / 2), False, None, lambda s: [], []),
    "phillips": (lambda s, t: bump(s - t), bump, (-6, 6), (-6, 6), True, phillips_side, lambda s: [s - 3, s + 3, -3, 3],
                 [-3, 0, 3]),
    "deriv2": (deriv2_kernel, lambda t: t, (0, 1), (0, 1), True, lambda s: (s**3 - s) / 6, lambda s: [s], []),
    "baart": (lambda s, t: np.exp(s * np.cos(t)), np.sin, (0, PI / 2), (0, PI), True,
              lambda s: 2 * np.sinh(s) / s if s else 2.0, lambda s: [], []),
    "heat": (heat_kernel, heat_solution, (0, 1), (0, 1), False, None, lambda s: [0.1, 0.15, 0.5], []),
    "foxgood": (lambda s, t: np.hypot(s, t), lambda t: t, (0, 1), (0, 1), False,
                lambda s: ((1 + s * s) ** 1.5 - s**3) / 3, lambda s: [], []),
}


def integrate(f, low, high, bends):
    inside = sorted(b for b in bends if low + 1e-12 < b < high - 1e-12)
    edges = [low, *inside, high]
    return sum(quad(f, a, b, epsabs=1e-15, epsrel=1e-13)[0] for a, b in zip(edges, edges[1:]))


def edges_of(interval, n):
    return np.linspace(*interval, n + 1)


def points(name, n):
    """Where the midpoint rule puts rows and columns; heat takes rows at the ends of cells."""
    s, t = (edges_of(interval, n) for interval in PROBLEMS[name][2:4])
    return (s[1:] if name == "heat" else (s[1:] + s[:-1]) / 2), (t[1:] + t[:-1]) / 2


def matrix(name, n):
    kernel, _, si, ti, is_galerkin, _, bends, _ = PROBLEMS[name]
    hs, ht = (si[1] - si[0]) / n, (ti[1] - ti[0]) / n
    if not is_galerkin:
        s, t = points(name, n)
        return ht * np.array([[kernel(a, b) for b in t] for a in s])
    s, t = edges_of(si, n), edges_of(ti, n)
    rows = []
    for i in range(n):
        def inner(x, j):
            return integrate(lambda u: kernel(x, u), t[j], t[j + 1], bends(x))
        rows.append([integrate(lambda x: inner(x, j), s[i], s[i + 1], []) / np.sqrt(hs * ht) for j in range(n)])
    return np.array(rows)


def solution(name, n):
    _, f, _, ti, is_galerkin, _, _, _ = PROBLEMS[name]
    t = edges_of(ti, n)
    if name == "heat":
        return np.array([f(x) for x in t[1:]])
    if not is_galerkin:
        return np.array([f(x) for x in points(name, n)[1]])
    return np.array([integrate(f, a, b, [-3, 3] if name == "phillips" else []) for a, b in zip(t, t[1:])]) / np.sqrt(t[1] - t[0])


def right_side(name, n):
    """What the undiscretized problem has on the right: at the points, or averaged over cells as Galerkin does."""
    kernel, f, si, ti, is_galerkin, g, bends, s_bends = PROBLEMS[name]
    if is_galerkin:
        s = edges_of(si, n)
        return np.array([integrate(g, a, b, s_bends) for a, b in zip(s, s[1:])]) / np.sqrt(s[1] - s[0])
    return np.array([g(s) if g else integrate(lambda t: kernel(s, t) * f(t), *ti, bends(s)) for s in points(name, n)[0]])


def c_array(values):
    return "{" + ", ".join(repr(float(v)) for v in np.ravel(values)) + "}"


def main(folder):
    lines = ["/* Made by problems_make.py. */", "enum { N_ENTRIES = 12 };",
             "typedef struct {", "  const char *name;", "  double matrix[144]; /* [12 x 12] row-major */",
             "  double solution[12], right_32[32], right_64[64];", "} problem_reference;",
             "static const problem_reference references[] = {"]
    values = ["# Singular values on 32 cells, by problems_make.py; the last column is s_1 / s_32 as far as rounding lets see it."]
    for name in PROBLEMS:
        parts = [c_array(matrix(name, 12)), c_array(solution(name, 12)), c_array(right_side(name, 32)),
                 c_array(right_side(name, 64))]
        lines.append('    {"' + name + '",\n     ' + ",\n     ".join(parts) + "},")
        s = np.linalg.svd(matrix(name, 32), compute_uv=False)
        values.append(" ".join([name, *(repr(float(v)) for v in s)]))
        print(f"{name}: condition {s[0] / s[-1]:.2e}", flush=True)
    lines.append("};")
    (folder / "problems_reference.h").write_text("\n".join(lines) + "\n")
    (folder / "problems_singular_values.txt").write_text("\n".join(values) + "\n")


main(Path(sys.argv[1]))
