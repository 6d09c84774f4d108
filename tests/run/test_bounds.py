"""ridge.bounds through the whole program: against dense NumPy on every choice of test rows, and against the measured error.

Exit code 77 without NumPy.
"""
import itertools
import math
from pathlib import Path

from support import check, finish, folder, run, skip, table

try:
    import numpy as np
except ImportError:
    skip("NumPy is missing (pip install -r analysis/requirements.txt)")

LAMBDAS = [0.0, 0.01, 0.3, 2.0, 50.0]
NORM, SIGMA = 1.7, 0.4
CSV = """name: bounds
experiment: ridge
data: {{source: csv, file: {name}.csv, labels_to_signs: false, instances: 9, features: {p}}}
ridge: {{lambda: {lambdas}, intercept: {intercept}, standardize: {standardize}, bounds: true, {given}}}
"""
GIVEN = f"bound_norm: {NORM}, noise_level: {SIGMA}"
TEACHER = """name: teacher
experiment: ridge
seed: 3
data: {{source: teacher, instances: 20, features: [6, 19, 20, 45], signal: 1.5, noise: 0.5, test_instances: 600, {more}}}
ridge: {{lambda: [0, 0.1, 1, 10, 100], intercept: {intercept}, standardize: {standardize}, bounds: true}}
sweep: {{replicate: {{count: 800}}}}
"""


def expect(x: np.ndarray, y: np.ndarray, test: list[int], intercept: bool, standardize: bool) -> np.ndarray:
    """Test error, worst and average bound for every lambda with the rows `test` left out; and how far the error over noise of
    random coefficients of norm r lies below the worst bound, at least."""
    train = [i for i in range(len(y)) if i not in test]
    a, b, left = x[train], y[train], x[test]
    n, p = a.shape
    mean, mean_y = (a.mean(0), b.mean()) if intercept else (np.zeros(p), 0.0)
    scale = np.sqrt(((a - mean) ** 2).mean(0)) if standardize else np.ones(p)
    a, left = (a - mean) / scale, (left - mean) / scale
    found = []
    for lam in LAMBDAS:
        # a'(aa' + lambda)^-1 by a pseudo-inverse; rows of the centred matrix are dependent.
        inverse = np.linalg.pinv(a, rcond=1e-11) if lam == 0 else a.T @ np.linalg.inv(a @ a.T + lam * np.eye(n))
        gain = ((left - left @ inverse @ a) ** 2).sum(1).mean()
        variance = SIGMA**2 * ((left @ inverse) ** 2).sum(1).mean() + (SIGMA**2 / n if intercept else 0)
        predicted = left @ inverse @ (b - mean_y) + mean_y
        truths = np.random.default_rng(1).standard_normal((p, 200))
        truths *= NORM / np.linalg.norm(truths, axis=0)
        errors = (((left @ inverse @ a - left) @ truths) ** 2).mean(0) + variance
        worst = NORM**2 * gain + variance
        assert errors.max() <= worst * (1 + 1e-12)
        found.append([((predicted - y[test]) ** 2).mean(), worst, NORM**2 / p * gain + variance])
    return np.array(found)


def read(path: Path, names: tuple[str, ...]) -> np.ndarray:
    return np.array([[float(row[name] or "nan") for row in table(path, name)] for name in names]).T


def test_dense(where: Path) -> None:
    """Which rows are left out isn't known here: exactly one of all choices must give all numbers."""
    rng = np.random.default_rng(8)
    for p, intercept, standardize in itertools.product((4, 9, 13), (False, True), (False, True)):
        name = f"dense-{p}-{intercept}-{standardize}"
        x, y = 1 + rng.standard_normal((12, p)), rng.standard_normal(12)
        write(where, name, x, y)
        job = {"name": name, "p": p, "lambdas": LAMBDAS, "intercept": str(intercept).lower(),
               "standardize": str(standardize).lower()}
        (where / f"{name}.yaml").write_text(CSV.format(given=GIVEN, **job))
        done = run(["run", where / f"{name}.yaml", "-o", where / name, "-q", "--data", where])
        if not check(done.returncode == 0, f"{name}: {done.returncode} {done.stderr}"):
            continue
        found = read(where / name / "results.h5", ("test_mse", "bound_worst", "bound_average"))
        errors = [np.max(np.abs(found / expect(x, y, list(test), intercept, standardize) - 1))
                  for test in itertools.combinations(range(12), 3)]
        # Condition numbers of these matrices are below 1e3; their squares times rounding.
        check(sum(error < 1e-8 for error in errors) == 1, f"{name}: {sum(error < 1e-8 for error in errors)} matches, {min(errors):.2g}")
        print(f"{name}: agrees to {min(errors):.1g}")


def write(where: Path, name: str, x: np.ndarray, y: np.ndarray) -> None:
    (where / f"{name}.csv").write_text("\n".join(",".join(repr(float(v)) for v in row) for row in np.c_[x, y]) + "\n")


def test_identity(where: Path) -> None:
    """At lambda = sigma^2 alpha the average is sigma^2 x'(X'X + lambda)^-1 x, less than at any other lambda."""
    rng = np.random.default_rng(9)
    for p in (4, 13):
        name, best = f"identity-{p}", SIGMA**2 * p / NORM**2
        x, y = rng.standard_normal((10, p)), rng.standard_normal(10)
        write(where, name, x, y)
        lambdas = [best, best / 2, 2 * best]
        (where / f"{name}.yaml").write_text(
            CSV.format(name=name, p=p, lambdas=[float(v) for v in lambdas], intercept="false", standardize="false", given=GIVEN))
        done = run(["run", where / f"{name}.yaml", "-o", where / name, "-q", "--data", where])
        check(done.returncode == 0, f"{name}: {done.returncode} {done.stderr}")
        found = read(where / name / "results.h5", ("bound_average",))[:, 0]
        exact = []
        for left in range(10):
            a = np.delete(x, left, axis=0)
            exact.append(SIGMA**2 * x[left] @ np.linalg.solve(a.T @ a + best * np.eye(p), x[left]))
        error = np.min(np.abs(found[0] / np.array(exact) - 1))
        check(error < 1e-11, f"{name}: off by {error:.2g}")
        check(found[0] < min(found[1:]), f"{name}: {found}")


def test_teacher(where: Path) -> None:
    """Over random truths of norm r the measured error is the average bound, and the worst bound is never below it: with an
    intercept, in the presence of features that aren't fitted, and on both sides of the transition."""
    cases = [("false", "false", "teacher_features: auto"), ("true", "false", "teacher_features: auto"),
             ("true", "false", "teacher_features: 60")]
    for i, (intercept, standardize, more) in enumerate(cases):
        name = f"teacher-{i}"
        (where / f"{name}.yaml").write_text(TEACHER.format(intercept=intercept, standardize=standardize, more=more))
        done = run(["run", where / f"{name}.yaml", "-o", where / name, "-q"], 2)
        check(done.returncode == 0, f"{name}: {done.returncode} {done.stderr}")
        rows = table(where / name / "results.h5", "bound_average")
        error, worst, average = read(where / name / "results.h5", ("test_mse", "bound_worst", "bound_average")).T
        cells = {}
        for k, row in enumerate(rows):
            # What is not fitted, of 60 columns with random coefficients, is noise too.
            rest = 1.5**2 * (1 - int(row["features"]) / 60) if more.endswith("60") else 0
            cells.setdefault((int(row["features"]), float(row["lambda"])), []).append(
                (error[k] - 0.25 - rest, worst[k], average[k]))
        for (features, lam), values in cells.items():
            measured, bound, mean = np.array(values).T
            check(np.all(bound >= mean), f"{name}: the worst is below the average at {features}, {lam}")
            if lam == 0 and abs(features - 20 + (intercept == "true")) < 4:
                continue  # no standard error exists
            difference = measured - mean
            z = difference.mean() / (difference.std(ddof=1) / math.sqrt(len(difference)))
            check(abs(z) < 4, f"{name}: measured {measured.mean():.4f}, average bound {mean.mean():.4f}, z = {z:.2f} at {features}, {lam}")
            excess = bound - measured
            check(excess.mean() > -4 * excess.std(ddof=1) / math.sqrt(len(excess)),
                  f"{name}: measured {measured.mean():.4f} above the worst bound {bound.mean():.4f} at {features}, {lam}")


def test_unknown(where: Path) -> None:
    """NaN where something isn't known: the norm for files, the law of the noise; no outputs without ridge.bounds."""
    rng = np.random.default_rng(10)
    write(where, "unknown", rng.standard_normal((12, 4)), rng.standard_normal(12))
    (where / "unknown.yaml").write_text(
        CSV.format(name="unknown", p=4, lambdas=LAMBDAS, intercept="true", standardize="false", given="noise_level: 0.4"))
    cases = {"ar1": "noise_model: ar1", "smooth": "design: smooth, teacher_features: 60", "plain": "teacher_features: auto"}
    for name, more in cases.items():
        text = TEACHER.format(intercept="true", standardize="false", more=more)
        (where / f"{name}.yaml").write_text(text.replace("800", "2").replace("600", "30"))
    for name, is_known in (("unknown", False), ("ar1", False), ("smooth", False), ("plain", True)):
        done = run(["run", where / f"{name}.yaml", "-o", where / name, "-q", "--data", where])
        check(done.returncode == 0, f"{name}: {done.returncode} {done.stderr}")
        found = read(where / name / "results.h5", ("bound_worst", "bound_average"))
        check(np.isfinite(found).all() if is_known else np.isnan(found).all(), f"{name}: {found[:3]}")
    done = run(["run", where / "plain.yaml", "-o", where / "none", "-q", "-s", "ridge.bounds=false"])
    check(done.returncode == 0, f"without: {done.returncode} {done.stderr}")
    check("bound_worst" not in run(["show", where / "none" / "results.h5"]).stdout, "bounds that nobody asked for")


with folder() as name:
    test_dense(Path(name))
    test_identity(Path(name))
    test_teacher(Path(name))
    test_unknown(Path(name))
finish()
