"""The choosers of lambda through the whole program: against dense NumPy on ill-posed problems and on subsets of Spambase.

Exit code 77 without NumPy.
"""
import os
import sys
from pathlib import Path

from support import SOURCE, check, finish, folder, run, skip, table

try:
    import numpy as np
except ImportError:
    skip("NumPy is missing (pip install -r analysis/requirements.txt)")

sys.path.insert(0, str(SOURCE / "tests" / "reference"))
from inverse_problems import INVERSE_PROBLEMS  # noqa: E402

# The references are least-squares problems of condition s_1 / sqrt(lambda) < 1e5, good to 1e-11.
TOLERANCE = 1e-10
JOB = """name: {name}
experiment: ridge
data: {{source: csv, file: {name}.csv, labels_to_signs: false, instances: {n}, features: {p}, test_instances: 0}}
ridge: {{lambda: {{logspace: [{low}, {high}, 33]}}, intercept: {intercept}, choosers: all, folds: {folds}}}
"""


def make_complement(n: int) -> np.ndarray:
    """[n x n-1] orthonormal, orthogonal to the ones."""
    return np.linalg.qr(np.c_[np.ones(n), np.eye(n)[:, 1:]])[0][:, 1:]


def compute_gcv(x: np.ndarray, y: np.ndarray, lam: float, intercept: bool) -> float:
    """With I - H = lambda (XX' + lambda)^-1 from a QR of [X'; sqrt(lambda)], so that nothing cancels."""
    n = len(y)
    basis = make_complement(n) if intercept else np.eye(n)
    x, y = basis.T @ x, basis.T @ y
    q = np.linalg.qr(np.vstack([x.T, np.sqrt(lam) * np.eye(len(y))]))[0][x.shape[1] :]
    return n * np.sum((q @ (q.T @ y)) ** 2) / np.sum(q**2) ** 2


def compute_loo(x: np.ndarray, y: np.ndarray, lam: float, intercept: bool) -> float:
    """By refits without each row."""
    errors = []
    for i in range(len(y)):
        kept = np.arange(len(y)) != i
        a, b = x[kept], y[kept]
        mean, mean_y = (a.mean(axis=0), b.mean()) if intercept else (0 * a[0], 0.0)
        top = np.vstack([a - mean, np.sqrt(lam) * np.eye(a.shape[1])])
        w = np.linalg.lstsq(top, np.r_[b - mean_y, np.zeros(a.shape[1])], rcond=None)[0]
        errors.append(y[i] - mean_y - (x[i] - mean) @ w)
    return np.mean(np.square(errors))


def factor(x: np.ndarray, y: np.ndarray, intercept: bool) -> tuple:
    """Means, and the SVD of what is left, above the cutoff: U, s, V', U'y."""
    mean, mean_y = (x.mean(axis=0), y.mean()) if intercept else (0 * x[0], 0.0)
    u, s, vt = np.linalg.svd(x - mean, full_matrices=False)
    k = int(np.sum(s[: min(len(y) - intercept, x.shape[1])] > max(x.shape) * np.finfo(float).eps * s[0]))
    return mean, mean_y, u[:, :k], s[:k], vt[:k], u[:, :k].T @ (y - mean_y)


def compute_rank_curves(x: np.ndarray, y: np.ndarray, intercept: bool) -> tuple[np.ndarray, np.ndarray]:
    """Leave-one-out of truncated SVD at every rank, with the hat matrix held and by refits. NaN where a row has all its leverage, and
    beyond what any training set has."""
    n = len(y)
    _, mean_y, u, s, _, beta = factor(x, y, intercept)
    held, refits = np.full((2, len(s) + 1), np.nan)
    parts = [factor(np.delete(x, i, axis=0), np.delete(y, i), intercept) for i in range(n)]
    most = max(len(part[3]) for part in parts)
    for rank in range(len(s) + 1):
        left = 1 - intercept / n - np.sum(u[:, :rank] ** 2, axis=1)
        if left.min() > 1e-12:
            held[rank] = np.mean(((y - mean_y - u[:, :rank] @ beta[:rank]) / left) ** 2)
        if rank <= most:
            errors = [y[i] - my - (x[i] - m) @ (v[:rank].T @ (b[:rank] / t[:rank])) for i, (m, my, _, t, v, b) in enumerate(parts)]
            refits[rank] = np.mean(np.square(errors))
    return held, refits


def test_ranks(path: Path, name: str, x: np.ndarray, y: np.ndarray, intercept: bool, folds: int) -> None:
    """The program's ranks are those of least value, or as good to what an SVD of these matrices gives. The order of rows of a file is
    random: k-fold is known when k is the number of rows."""
    held, refits = compute_rank_curves(x, y, intercept)
    curves = {"loo": held} | ({"cv_interleaved": refits, "cv_block": refits} if folds == len(y) else {})
    for kind, values in curves.items():
        one = {o: float(table(path, f"tsvd_{o}_{kind}")[0][f"tsvd_{o}_{kind}"] or "nan") for o in ("rank", "status")}
        best, last = int(np.nanargmin(values)), int(np.flatnonzero(np.isfinite(values))[-1])
        chosen = int(one["rank"])
        is_same = chosen == best or abs(values[chosen] / values[best] - 1) < 1e-8
        check(is_same, f"{name}: tsvd_rank_{kind} = {chosen}, not {best}: {values}")
        check((one["status"] == 1) == (chosen in (0, last)), f"{name}: tsvd_status_{kind} = {one['status']} at {chosen} of {last}")
        print(f"{name}: rank {chosen} by {kind}, status {one['status']:.0f}")


def curve(path: Path, name: str) -> dict[float, float]:
    return {float(row["lambda"]): float(row[name]) for row in table(path, name)}


def test_problem(where: Path, name: str, x: np.ndarray, y: np.ndarray, intercept: bool, grid: tuple[float, float], folds: int) -> None:
    n, p = x.shape
    (where / f"{name}.csv").write_text("\n".join(",".join(repr(float(v)) for v in row) for row in np.c_[x, y]) + "\n")
    (where / f"{name}.yaml").write_text(JOB.format(name=name, n=n, p=p, low=grid[0], high=grid[1], intercept=str(intercept).lower(), folds=folds))
    done = run(["run", where / f"{name}.yaml", "-o", where / name, "-q", "--data", where])
    if not check(done.returncode == 0, f"{name}: {done.returncode} {done.stderr}"):
        return
    path = where / name / "results.h5"
    found = {kind: curve(path, kind) for kind in ("gcv", "loo")}
    lambdas = list(found["gcv"])
    expected = np.array([[f(x, y, lam, intercept) for f in (compute_gcv, compute_loo)] for lam in lambdas])
    for c, kind in enumerate(("gcv", "loo")):
        values = np.array(list(found[kind].values()))
        worst = np.max(np.abs(values / expected[:, c] - 1))
        check(worst < TOLERANCE, f"{name}: {kind} is off by {worst:.2g}")
        print(f"{name}: {kind} agrees to {worst:.1g}")
        best = int(np.argmin(expected[:, c]))
        check(int(np.argmin(values)) == best, f"{name}: {kind} has its minimum at {np.argmin(values)}, not {best}")
        chosen = float(table(path, f"lambda_{kind}")[0][f"lambda_{kind}"])
        near = lambdas[max(best - 1, 0)], lambdas[min(best + 1, len(lambdas) - 1)]
        check(near[0] <= chosen <= near[1], f"{name}: lambda_{kind} = {chosen} is not within {near}")
        status = int(float(table(path, f"status_{kind}")[0][f"status_{kind}"]))
        check((status == 1) == (best in (0, len(lambdas) - 1)), f"{name}: status_{kind} = {status} at {best}")
    test_ranks(path, name, x, y, intercept, folds)


def test_inverse_problems(where: Path) -> None:
    rng = np.random.default_rng(5)
    for make in INVERSE_PROBLEMS:
        a, x = make()
        b = a @ x
        y = b + 1e-3 * np.linalg.norm(b) / np.sqrt(len(b)) * rng.standard_normal(len(b))
        test_problem(where, make.__name__, a, y, make.__name__ == "phillips", (1e-7, 1e1), len(b))
        # More rows than columns, of which a few matter: leverages near 1 but for the penalty.
        test_problem(where, f"{make.__name__}-tall", a[:, :20], y, make.__name__ == "phillips", (1e-7, 1e1), len(b))


def test_spambase(where: Path) -> None:
    path = Path(os.environ.get("SIMMER_DATA", "")) / "spambase/spambase.data"
    if not path.exists():
        print("the Spambase test is skipped: SIMMER_DATA/spambase/spambase.data is missing")
        return
    rows = np.loadtxt(path, delimiter=",")
    for n, intercept in ((40, True), (100, False), (300, True)):
        subset = rows[np.linspace(0, len(rows) - 1, n).astype(int)]
        test_problem(where, f"spambase-{n}", subset[:, :57], 2 * subset[:, 57] - 1, intercept, (1e0, 1e9), 4)


def test_noise(where: Path) -> None:
    """Fewer rows than columns and no plateau: the discrepancy principle has no noise level to go by, and says so; a given one
    it takes."""
    rng = np.random.default_rng(6)
    x = rng.standard_normal((20, 30))
    (where / "noise.csv").write_text("\n".join(",".join(map(str, row)) for row in np.c_[x, x.sum(axis=1)]) + "\n")
    (where / "noise.yaml").write_text(JOB.format(name="noise", n=20, p=30, low=1e-3, high=1e3, intercept="true", folds=4))
    for value, status, is_known in (("auto", 4, False), ("0.5", 0, True)):
        done = run(["run", where / "noise.yaml", "-o", where / f"noise-{value}", "-q", "--data", where, "-s", f"ridge.noise_level={value}"])
        check(done.returncode == 0, f"noise {value}: {done.returncode} {done.stderr}")
        path = where / f"noise-{value}" / "results.h5"
        found = [float(table(path, name)[0][name] or "nan") for name in ("status_discrepancy", "lambda_discrepancy", "picard_noise")]
        check(found[0] == status and np.isfinite(found[1]) == is_known, f"noise {value}: {found}")


def test_fooled(where: Path) -> None:
    """Correlated noise on ordered rows: cross-validation and GCV run away, blocks and the L-curve don't, and the verdict sees it;
    with i.i.d. noise or i.i.d. rows nobody is far off, but for the L-curve, whose risk is flat there."""
    text = (SOURCE / "jobs/correlated-noise.yaml").read_text()
    check("count: 200" in text, "the job has another number of draws")
    (where / "fooled.yaml").write_text(text.replace("count: 200", "count: 60"))
    done = run(["run", where / "fooled.yaml", "-o", where / "fooled", "-q"], timeout=300)
    if not check(done.returncode == 0, f"fooled: {done.returncode} {done.stderr}"):
        return

    def get(name: str, *rest: int) -> np.ndarray:
        values = [float(row[name] or "nan") for row in table(where / "fooled" / "results.h5", name)]
        return np.array(values).reshape(3, 60, *rest)

    away = {name: np.median(abs(get(f"decades_{name}")), axis=1) for name in ("gcv", "loo", "cv_interleaved", "cv_block", "lcurve")}
    for name in ("gcv", "loo", "cv_interleaved"):
        check(away[name][0] > 2 and max(away[name][1:]) < 1, f"{name}: {away[name]} decades")
    check(max(away["cv_block"]) < 1 and max(away["lcurve"][:2]) < 1, f"blocks and L-curve: {away}")
    cost = np.median(get("regret_lcurve") / get("risk_oracle"), axis=1)
    check(max(cost) < 0.1, f"the L-curve's risk is {cost} above the least")
    check((get("status_lcurve")[2] != 0).all(), "an L-curve that ends before it turns has a corner")
    verdict, gap, risk = get("cv_verdict"), get("cv_gap"), get("risk_cv_interleaved") / get("risk_cv_block")
    check((verdict[0] == 1).mean() > 0.85 and (verdict[1:] == 0).mean() > 0.85, f"verdicts: {verdict}")
    signs = (gap > np.log10(5)) & (get("cv_whiteness") < 0.01)
    expected = np.where(signs, np.where(risk > 2, 1, 3), np.where(risk > 2, 2, 0))
    check((verdict == expected).all(), f"verdicts {verdict} from signs {signs} and risks {risk}")
    interleaved, block = get("cv_interleaved", -1), get("cv_block", -1)
    least = interleaved.argmin(axis=-1)[..., None]
    ratio = np.take_along_axis(block / interleaved, least, axis=-1)[..., 0]
    check(np.allclose(gap, np.log10(ratio), rtol=0, atol=1e-6), "gaps")  # the table has seven digits or more


def test_risk_of_problems(where: Path) -> None:
    """The true solution of a problem is known: risks are distances from it, not errors on test rows. With standardized columns
    the best lambda is that of the grid; else it lies within a grid step of it, and is at least as good."""
    for standardize in ("false", "true"):
        (where / "shaw.yaml").write_text(
            "name: shaw\nexperiment: ridge\ndata: {source: problem, problem: shaw, noise: 1e-3, noise_relative: true, features: 32, instances: 32}\n"
            f"ridge: {{lambda: {{logspace: [1e-9, 10, 41]}}, intercept: false, choosers: all, folds: 4, standardize: {standardize}}}\n")
        done = run(["run", where / "shaw.yaml", "-o", where / f"shaw-{standardize}", "-q"])
        if not check(done.returncode == 0, f"shaw: {done.returncode} {done.stderr}"):
            continue
        path = where / f"shaw-{standardize}" / "results.h5"
        errors = curve(path, "estimation_error")
        one = {o: float(table(path, o)[0][o]) for o in ("lambda_oracle", "risk_oracle", "lambda_loo", "risk_loo", "tsvd_risk_oracle")}
        best = min(errors, key=errors.get)
        ratio = one["risk_oracle"] / errors[best]
        if standardize == "true":
            check(abs(ratio - 1) < TOLERANCE and one["lambda_oracle"] == best, f"shaw: {one} on the grid, not {errors[best]} at {best}")
        else:
            check(0.5 < ratio < 1 + TOLERANCE and abs(np.log10(one["lambda_oracle"] / best)) <= 0.25 + TOLERANCE,
                  f"shaw: {one}, not {errors[best]} at {best}")
        least = one["tsvd_risk_oracle"]
        for kind in ("gcv", "loo", "ncp", "cv_interleaved", "cv_block"):
            rank, risk, regret, status = (float(table(path, f"tsvd_{o}_{kind}")[0][f"tsvd_{o}_{kind}"]) for o in ("rank", "risk", "regret", "status"))
            check(0 <= rank <= 32 and rank == int(rank) and status in (0, 1, 2), f"shaw: rank {rank} by {kind}, status {status}")
            check(risk >= least and abs(risk - least - regret) <= 1e-12 * risk, f"shaw: {kind} has risk {risk}, regret {regret}")
        check(one["risk_loo"] >= one["risk_oracle"] * (1 - TOLERANCE), f"shaw: {one}: better than the best")


with folder() as name:
    test_risk_of_problems(Path(name))
    test_inverse_problems(Path(name))
    test_spambase(Path(name))
    test_noise(Path(name))
    test_fooled(Path(name))
finish()
