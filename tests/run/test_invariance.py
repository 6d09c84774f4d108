"""The same bits for 1, 2, 3, 4 ranks, 1 and 2 threads, several jobs at once, and at the old points of an extended grid."""
from pathlib import Path

from support import PATIENCE, check, count_done, finish, folder, run, same, start, table, wait_for

JOBS = {
    "rows": """
name: rows
experiment: ridge
data: {source: teacher, features: 12, noise: 0.5, test_instances: 700}
ridge: {lambda: [0, 1e-3, 1], intercept: false, bounds: true}
sweep: {data.instances: [5, 11, 12, 13, 40, 1500], replicate: {count: 6}}
""",
    "columns": """
name: columns
experiment: ridge
seed: 7
data: {source: teacher, noise: 1, features: [3, 7, 20, 33, 40], test_instances: 100}
ridge: {lambda: {logspace: [1e-4, 100, 17]}, intercept: true, standardize: true, bounds: true}
sweep: {data.instances: [20, 3000], data.teacher_features: [25, auto], replicate: {count: 4}}
""",
    "choosers": """
name: choosers
experiment: ridge
seed: 3
data: {source: teacher, noise: 0.5, features: [6, 20, 21], test_instances: 40}
ridge: {lambda: [1e3, 0, 1e-4, 1e-3, 0.01, 0.1, 1, 10, 100], choosers: all, folds: 3, bounds: true}
sweep: {data.instances: [20, 21, 900], ridge.intercept: [true, false], ridge.standardize: [true, false], replicate: {count: 2}}
""",
}


def test_ranks(where: Path) -> None:
    for name, text in JOBS.items():
        job = where / f"{name}.yaml"
        job.write_text(text)
        first = None
        for ranks, threads in [(1, 1), (2, 1), (3, 1), (4, 1), (1, 2), (2, 2)]:
            out = where / f"{name}-{ranks}-{threads}"
            done = run(["run", job, "-o", out, "-q"], ranks, threads)
            check(done.returncode == 0, f"{name} on {ranks} ranks, {threads} threads: {done.returncode} {done.stderr}")
            first = first or out / "results.h5"
            same(first, out / "results.h5", f"{name}: {ranks} ranks x {threads} threads against 1 x 1")


def values(path: Path, name: str, axes: list[str]) -> dict:
    return {tuple(row[a] for a in axes): row[name] for row in table(path, name)}


def test_extended(where: Path) -> None:
    """New values on every axis, outer and inner, leave the old cells alone."""
    job = where / "columns.yaml"
    old, new = where / "columns-1-1" / "results.h5", where / "grown"
    run(["run", job, "-o", new, "-q"], 2)
    grown = ["-s", "sweep.data.instances=[10, 20, 50, 3000]", "-s", "sweep.replicate={count: 6}"]
    inner = ["-s", "data.features=[3, 7, 20, 25, 33, 40, 57]", "-s", "ridge.lambda={logspace: [1e-4, 1e8, 33]}"]
    for overrides in (grown, grown + inner):
        done = run(["run", job, "-o", new, "-q", *overrides], 3)
        check(done.returncode == 0, f"extended run: {done.returncode} {done.stderr}")
        for name in ("train_mse", "test_mse", "solution_norm", "estimation_error", "bias2", "variance", "effective_dof",
                     "bound_worst", "bound_average"):
            axes = ["instances", "teacher_features", "replicate", "features", "lambda"]
            before, after = values(old, name, axes), values(new / "results.h5", name, axes)
            wrong = [k for k in before if before[k] != after.get(k)]
            check(not wrong, f"{name}: {len(wrong)} of {len(before)} old cells changed, first {wrong[:1]}")


def test_grown_zip(where: Path) -> None:
    """A larger N_f in a zip makes records longer; units that are finished keep theirs."""
    job, out = where / "zip.yaml", where / "zip"
    job.write_text("name: zip\nexperiment: ridge\ndata: {source: teacher, test_instances: 20}\n"
                   "ridge: {lambda: [0.1, 1]}\nsweep: {replicate: {count: 2}}\n")
    zips = ["{data.instances: [5, 9], data.features: [4, 6]}", "{data.instances: [5, 9, 20], data.features: [4, 6, 12]}"]
    for which in (zips[0], zips[1], zips[0]):
        done = run(["run", job, "-o", out, "-q", "-s", f"sweep.zip=[{which}]"])
        check(done.returncode == 0, f"grown zip: {done.returncode} {done.stderr}")
    done = run(["run", job, "-o", where / "zip-fresh", "-q", "-s", f"sweep.zip=[{zips[0]}]"])
    same(where / "zip-fresh" / "results.h5", out / "results.h5", "a zip that grew and shrank")
    log = list((out / "journal").glob("*.log"))
    check(len(log) == 2, f"finished units are computed once: {len(log)} journals")


def test_two_jobs(where: Path) -> None:
    """Independent starts share one folder and one queue: one that is slowed down, and one that comes to its help."""
    job, out = where / "rows.yaml", where / "shared"
    args = ["run", job, "-o", out, "-q", "-s", "run.block_seconds=0.001", "-s", "run.flush_interval=0.1"]
    first = start(args, SIMMER_DELAY="run.look:200")
    check(wait_for(lambda: count_done(out) > 0, first), "one of two jobs isn't midway")
    for process in (first, start(args, 2)):
        _, errors = process.communicate(timeout=PATIENCE)
        check(process.returncode == 0, f"one of two jobs ended with {process.returncode}: {errors}")
    check(len(list(out.glob("journal/*.log"))) > 1 and count_done(out) == 36, "one of two jobs did all the work")
    same(where / "rows-1-1" / "results.h5", out / "results.h5", "two jobs on one folder")


with folder() as name:
    where = Path(name)
    test_ranks(where)
    test_extended(where)
    test_grown_zip(where)
    test_two_jobs(where)
finish()
