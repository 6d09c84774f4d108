"""Designs, noise models and ill-posed problems as data of ridge: same bits on any ranks, exact variances, NaN where no formula holds."""
import math
from pathlib import Path

from support import SOURCE, check, finish, folder, run, same, table

ALL = """
name: all
experiment: ridge
data: {source: teacher, features: [3, 9, 17], noise: 0.5, noise_correlation: 0.8, spectrum_decay: 1.5, jitter: 0.01}
ridge: {lambda: [0, 1e-3, 1]}
sweep:
  data.design: [gaussian, smooth, power_law, exponential, duplicated]
  data.noise_model: [iid, ar1, heteroscedastic, student_t]
  data.teacher_features: [auto, 9]
  data.instances: [14, 1100]
  replicate: {count: 2}
"""
PROBLEM = """
name: problem
experiment: ridge
data: {source: problem, noise: 1e-3, noise_relative: true, features: 32, instances: 32}
ridge: {lambda: [1e-4], intercept: false}
sweep: {data.problem: [shaw, phillips, deriv2, baart, heat, foxgood]}
"""


def launch(where: Path, name: str, text: str, *args: str, ranks: int = 1, threads: int = 1, tag: str = "") -> Path:
    job, out = where / f"{name}.yaml", where / f"{name}{tag}"
    job.write_text(text)
    done = run(["run", job, "-o", out, "-q", *args], ranks, threads)
    check(done.returncode == 0, f"{name}{tag}: {done.returncode} {done.stderr}")
    return out / "results.h5"


def numbers(path: Path, name: str, **where: str) -> list[float]:
    """Values of one output where axes have these values."""
    rows = [r for r in table(path, name) if all(r[k] == v for k, v in where.items())]
    return [float(r[name]) if r[name] else math.nan for r in rows]


def test_ranks(where: Path) -> None:
    for name, text in (("all", ALL), ("problem", PROBLEM), ("turned", ALL.replace("jitter: 0.01", "rotate: true").replace(
            "[gaussian, smooth, power_law, exponential, duplicated]", "[power_law, exponential]"))):
        first = None
        for ranks, threads in [(1, 1), (2, 1), (3, 1), (4, 1), (1, 2)]:
            path = launch(where, name, text, ranks=ranks, threads=threads, tag=f"-{ranks}-{threads}")
            first = first or path
            same(first, path, f"{name}: {ranks} ranks x {threads} threads against 1 x 1")


def is_all(values: list[float], is_number: bool) -> bool:
    return bool(values) and all(math.isfinite(v) == is_number for v in values)


def test_scope(where: Path) -> None:
    """Theory only for i.i.d. entries and noise; bias unknown where unfitted columns are no noise; variance always known here."""
    path = where / "all-1-1" / "results.h5"
    for design in ("gaussian", "smooth", "power_law", "exponential", "duplicated"):
        for noise in ("iid", "ar1", "heteroscedastic", "student_t"):
            cell = {"design": design, "noise_model": noise}
            what = f"{design}, {noise}"
            has_theory = design == "gaussian" and noise in ("iid", "student_t")
            check(is_all(numbers(path, "theory_risk", **cell), has_theory), f"{what}: theory_risk")
            check(is_all(numbers(path, "variance", **cell), True), f"{what}: variance")
            check(is_all(numbers(path, "bias2", features="9", **cell), True), f"{what}: bias2 of a fitted truth")
            part = numbers(path, "bias2", features="3", teacher_features="9", **cell)
            check(is_all(part, design == "gaussian"), f"{what}: bias2 with 3 of 9 columns fitted")
    heavy = launch(where, "heavy", ALL, "-s", "data.noise_nu=2", "-s", "sweep.data.noise_model=[student_t]")
    check(is_all(numbers(heavy, "variance"), False), "Student's t with nu = 2 has a variance")
    check(is_all(numbers(heavy, "theory_risk"), False), "Student's t with nu = 2 has a theory")
    check(is_all(numbers(heavy, "bias2", features="9"), True), "Student's t with nu = 2 has no bias2")
    standard = launch(where, "standard", ALL, "-s", "ridge.standardize=true", "-s", "sweep.data.design=[smooth]")
    for noise in ("iid", "ar1", "heteroscedastic", "student_t"):
        check(is_all(numbers(standard, "variance", noise_model=noise), noise in ("iid", "student_t")),
              f"standardized columns, {noise}: variance")


def solve(a: list[list[float]], b: list[list[float]]) -> list[list[float]]:
    """Gauss elimination of a [n x n] with right-hand sides b [n x m]."""
    n = len(a)
    rows = [list(x) + list(y) for x, y in zip(a, b)]
    for i in range(n):
        pivot = max(range(i, n), key=lambda k: abs(rows[k][i]))
        rows[i], rows[pivot] = rows[pivot], rows[i]
        rows[i] = [v / rows[i][i] for v in rows[i]]
        for k in range(n):
            if k != i:
                factor = rows[k][i]
                rows[k] = [v - factor * w for v, w in zip(rows[k], rows[i])]
    return [row[n:] for row in rows]


def variance_of(n: int, p: int, lam: float, intercept: bool, covariance) -> float:
    """sigma^2 tr(A Omega A') for smooth bumps (width 3, spacing 2.5), sigma = 0.5, straight from the formula."""
    x = [[math.exp(-((i - 2.5 * j) ** 2) / 18) for j in range(p)] for i in range(n)]
    if intercept:
        means = [sum(row[j] for row in x) / n for j in range(p)]
        x = [[v - m for v, m in zip(row, means)] for row in x]
    columns = list(zip(*x))
    gram = [[sum(u * v for u, v in zip(a, b)) + (lam if i == j else 0) for j, b in enumerate(columns)]
            for i, a in enumerate(columns)]
    rows_of_a = solve(gram, [list(c) for c in columns])
    return 0.25 * sum(covariance(row) for row in rows_of_a)


def ar1_form(phi: float):
    """a' Omega a, Omega_ij = phi^|i-j|, by the two-sided sum."""
    def form(a: list[float]) -> float:
        total = 0.0
        for i, v in enumerate(a):
            total += v * sum(phi ** abs(i - j) * w for j, w in enumerate(a) if abs(i - j) < 400 or abs(phi) > 0.95)
        return total
    return form


def swing_form(h: float, period: float):
    return lambda a: sum(v * v * (1 + h * math.cos(2 * math.pi * i / period)) for i, v in enumerate(a))


def test_variance(where: Path) -> None:
    """Tall over several row blocks, and wide."""
    text = ("name: colour\nexperiment: ridge\ndata: {source: teacher, design: smooth, bump_width: 3, bump_spacing: 2.5, noise: 0.5, "
            "noise_correlation: -0.6, noise_swing: 0.7, noise_period: 11, features: 5}\nridge: {lambda: [0.01, 1]}\n"
            "sweep: {data.instances: [4, 9, 1100], data.noise_model: [ar1, heteroscedastic], ridge.intercept: [true, false]}\n")
    path = launch(where, "colour", text, ranks=2)
    forms = {"ar1": ar1_form(-0.6), "heteroscedastic": swing_form(0.7, 11)}
    found = {(r["instances"], r["noise_model"], r["intercept"], r["lambda"]): float(r["variance"]) for r in table(path, "variance")}
    check(len(found) == 24, f"{len(found)} variances")
    for (n, model, intercept, lam), value in found.items():
        expected = variance_of(int(n), 5, float(lam), intercept == "true", forms[model])
        # A sum of positive terms on both sides; the Gram matrix here has condition 1e6 at lambda = 0.01 at most.
        check(abs(value - expected) < 1e-9 * expected, f"variance at n = {n}, {model}, intercept {intercept}, lambda {lam}: {value} "
              f"instead of {expected}")
    white = launch(where, "white", text, "-s", "data.noise_correlation=0", "-s", "data.noise_swing=0", "-s",
                   "sweep.data.noise_model=[iid, ar1, heteroscedastic]")
    iid = numbers(white, "variance", noise_model="iid")
    for model in ("ar1", "heteroscedastic"):
        pairs = list(zip(iid, numbers(white, "variance", noise_model=model)))
        check(len(pairs) == 12 and all(abs(a - b) < 1e-10 * a for a, b in pairs), f"white noise called {model}: {pairs}")


def test_error(where: Path) -> None:
    """The mean error over replicates is bias2 + variance, in standard errors, for noise along rows of a smooth design."""
    for model in ("ar1", "heteroscedastic", "student_t"):
        text = (f"name: {model}\nexperiment: ridge\ndata: {{source: teacher, design: smooth, instances: 60, features: 20, "
                f"noise_model: {model}, noise_nu: 9, bump_spacing: 3, truth: smooth}}\nridge: {{lambda: [0.1, 1], intercept: false}}\n"
                "sweep: {replicate: {count: 500}}\n")
        path = launch(where, model, text)
        for lam in ("0.1", "1"):
            error, bias, variance = (numbers(path, name, **{"lambda": lam}) for name in ("estimation_error", "bias2", "variance"))
            gaps = [e - b - v for e, b, v in zip(error, bias, variance)]
            mean = sum(gaps) / len(gaps)
            stderr = math.sqrt(sum((g - mean) ** 2 for g in gaps) / (len(gaps) - 1) / len(gaps))
            check(len(gaps) == 500 and abs(mean) < 4 * stderr, f"{model} at lambda = {lam}: {mean} +- {stderr}")
            check(stderr < 0.1 * sum(variance) / len(variance), f"{model}: the test sees nothing, {stderr}")


def test_problems(where: Path) -> None:
    """Singular values against those of independent quadrature; y is in the range, so that little noise is little error."""
    path = where / "problem-1-1" / "results.h5"
    for line in (SOURCE / "tests/reference/problems_singular_values.txt").read_text().splitlines():
        name, *values = line.split()
        if name == "#":
            continue
        expected = [float(v) for v in values]
        found = numbers(path, "singular_value", problem=name)
        check(len(found) == 32, f"{name}: {len(found)} singular values")
        # Quadrature and both factorizations round at some 1e-15 of the largest.
        worst = max(abs(a - b) for a, b in zip(found, expected)) / expected[0]
        check(worst < 1e-13, f"{name}: singular values differ by {worst} of the largest")
        condition, known = found[0] / found[-1], expected[0] / expected[-1]
        if known < 1e12:
            check(abs(condition / known - 1) < 1e-8, f"{name}: condition {condition}, not {known}")
        else:
            check(condition > 1e15, f"{name}: condition {condition}, but it is beyond rounding")
        risk, size = numbers(path, "estimation_error", problem=name)[0], numbers(path, "solution_norm", problem=name)[0]
        check(risk < 0.5 * size**2, f"{name}: error {risk} of a solution of norm {size}")


def test_extended(where: Path) -> None:
    """More rows, columns and replicates leave the old cells alone."""
    old = where / "all-1-1" / "results.h5"
    new = launch(where, "all", ALL, "-s", "data.features=[3, 9, 12, 17, 20]", "-s", "sweep.data.instances=[14, 30, 1100, 2300]",
                 "-s", "sweep.replicate={count: 3}", tag="-grown")
    axes = ["design", "noise_model", "teacher_features", "instances", "replicate", "features", "lambda"]
    for name in ("train_mse", "estimation_error", "variance"):
        before, after = ({tuple(r[a] for a in axes): r[name] for r in table(path, name)} for path in (old, new))
        wrong = [k for k in before if before[k] != after.get(k)]
        check(not wrong, f"{name}: {len(wrong)} of {len(before)} old cells changed, first {wrong[:1]}")


with folder() as name:
    test_ranks(Path(name))
    test_scope(Path(name))
    test_variance(Path(name))
    test_error(Path(name))
    test_problems(Path(name))
    test_extended(Path(name))
finish()
