"""The logistic experiment as a whole: the same bits for every way to run it, kills, the subsets of ridge, Cover's theorem, bad input."""
import random
import signal
import sys
from pathlib import Path

from support import PATIENCE, check, count_done, descendants, finish, folder, run, same, start, strike, table, wait_for

JOBS = {
    "newton": """
name: newton
experiment: logistic
seed: 5
data: {source: teacher, features: [3, 7, 20], noise: 0.5, test_instances: 700}
logistic: {lambda: [0, 1e-6, 0.3, 1e3], standardize: true}
sweep: {data.instances: [1, 2, 12, 40, 1500], data.teacher_features: [auto, 10], replicate: {count: 2}}
""",
    "lbfgs": """
name: lbfgs
experiment: logistic
data: {source: teacher, features: [3, 30], signal: 2, noise: 0, test_instances: 600}
logistic: {lambda: [0.02, 5], method: lbfgs, intercept: false, teacher_labels: draw}
sweep: {data.instances: [12, 900], replicate: {count: 2}}
""",
}
RANKS_PER_UNIT = ["-s", "run.ranks_per_unit=2"]


def test_ranks(where: Path) -> None:
    for name, text in JOBS.items():
        job = where / f"{name}.yaml"
        job.write_text(text)
        first = None
        for ranks, threads, extra in [(1, 1, []), (2, 1, []), (3, 1, []), (4, 1, []), (1, 2, []), (2, 2, []), (2, 1, RANKS_PER_UNIT),
                                      (4, 2, RANKS_PER_UNIT), (3, 1, ["-s", "run.ranks_per_unit=3"])]:
            out = where / f"{name}-{ranks}-{threads}-{len(extra)}"
            # Threads that wait asleep: these runs may share the cores with others.
            done = run(["run", job, "-o", out, "-q", "--fresh", *extra], ranks, threads, OMP_WAIT_POLICY="passive")
            check(done.returncode == 0, f"{name} on {ranks} ranks, {threads} threads: {done.returncode} {done.stderr}")
            first = first or out / "results.h5"
            same(first, out / "results.h5", f"{name}: {ranks} ranks x {threads} threads {extra} against 1 x 1")


def values(path: Path, name: str, axes: list[str]) -> dict:
    return {tuple(row[a] for a in axes): row[name] for row in table(path, name)}


def test_extended(where: Path) -> None:
    """New values on every axis, outer and inner, leave the old cells alone: warm starts don't depend on the list of lambdas."""
    job, new = where / "newton.yaml", where / "grown"
    grown = ["-s", "sweep.data.instances=[1, 2, 12, 25, 40, 1500]", "-s", "data.features=[3, 5, 7, 20]",
             "-s", "logistic.lambda=[1e3, 500, 0.3, 0.007, 1e-6, 0]"]
    done = run(["run", job, "-o", new, "-q", *grown], 2)
    check(done.returncode == 0, f"extended run: {done.returncode} {done.stderr}")
    axes = ["instances", "teacher_features", "replicate", "features", "lambda"]
    for name in ("train_log_loss", "test_log_loss", "test_accuracy", "solution_norm", "iterations", "outcome"):
        before = values(where / "newton-1-1-0" / "results.h5", name, axes)
        after = values(new / "results.h5", name, axes)
        wrong = [k for k in before if before[k] != after.get(k)]
        check(not wrong, f"{name}: {len(wrong)} of {len(before)} old cells changed, first {wrong[:1]}")


def test_kill(where: Path, kills: int) -> None:
    """kill -9 at random moments, then a resume: the undisturbed bits. SIGTERM: exit 75 of a lone rank.

    Slowed down, a rank takes a tenth of a second for each of the 250 units."""
    job, out, whole = where / "kill.yaml", where / "killed", where / "whole"
    job.write_text(JOBS["newton"].replace("count: 2", "count: 25") + "run: {flush_interval: 0.1}\n")
    done = run(["run", job, "-o", whole, "-q"], 2)
    check(done.returncode == 0, f"undisturbed: {done.returncode} {done.stderr}")
    random.seed(4)
    for _ in range(kills):
        process, before = start(["run", job, "-o", out, "-q"], random.choice([1, 2, 3]), SIMMER_DELAY="run.look:10"), count_done(out)
        strike(process, lambda: count_done(out) > before, "logistic")
    process, before = start(["run", job, "-o", out, "-q"], SIMMER_DELAY="run.look:10"), count_done(out)
    check(wait_for(lambda: count_done(out) > before, process), "SIGTERM: no unit is done midway")
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=PATIENCE)
    check(process.returncode == 75, f"SIGTERM: {process.returncode} {errors}")
    check(0 < count_done(out) < 250, f"SIGTERM: {count_done(out)} units are done")
    done = run(["run", job, "-o", out, "-q"], 2)
    check(done.returncode == 0, f"resume: {done.returncode} {done.stderr}")
    same(whole / "results.h5", out / "results.h5", f"after {kills} kills")
    check(not descendants(process.pid), "processes are left")


def test_subsets(where: Path) -> None:
    """The rows and columns of ridge: on a table whose rows are all different, one training row tells which it is.

    The loss of one row is ridge's: at lambda so large that w = x y / lambda (ridge) and x y / (2 lambda) (logistic) both norms say ||x||."""
    data = "".join(f"{i * 37 % 101 + 1},{i * i % 89 + 2},{i * 5 % 83},{i % 2}\n" for i in range(40))
    (where / "subsets.csv").write_text(data)
    norms = {}
    for experiment, factor in (("ridge", 1.0), ("logistic", 2.0)):
        job, out = where / f"{experiment}.yaml", where / f"subsets-{experiment}"
        job.write_text(f"name: subsets\nexperiment: {experiment}\nseed: 9\n"
                       "data: {source: csv, file: subsets.csv, features: [1, 2, 3], instances: 1}\n"
                       f"{experiment}: {{lambda: [1e12], intercept: false}}\nsweep: {{replicate: {{count: 20}}}}\n")
        done = run(["run", job, "-o", out, "-q", "--data", where])
        check(done.returncode == 0, f"{experiment}: {done.returncode} {done.stderr}")
        norms[experiment] = {k: factor * float(v) for k, v in values(out / "results.h5", "solution_norm", ["replicate", "features"]).items()}
    wrong = [k for k, v in norms["ridge"].items() if abs(norms["logistic"][k] - v) > 1e-6 * v]
    check(len(norms["ridge"]) == 60 and not wrong, f"rows or columns differ from ridge's: {wrong[:3]}")


def test_cover(where: Path) -> None:
    """Null signal: the share of separable replicates is Cover's."""
    job, out = where / "cover.yaml", where / "cover"
    job.write_text("name: cover\nexperiment: logistic\ndata: {source: teacher, features: [5, 20], signal: 0, noise: 1, test_instances: 0}\n"
                   "logistic: {lambda: [1], intercept: true}\n"
                   "sweep: {data.instances: [10, 12, 36, 40, 42, 44, 50, 200], replicate: {count: 300}}\n")
    done = run(["run", job, "-o", out, "-q"], 2)
    check(done.returncode == 0, f"cover: {done.returncode} {done.stderr}")
    scores = [float(row["separable_z"]) for row in table(out / "results.h5", "separable_z") if row["separable_z"] not in ("", "nan")]
    check(len(scores) >= 6 and all(abs(z) < 4.5 for z in scores), f"z-scores of Cover's share: {scores}")
    half = [row for row in table(out / "results.h5", "separable_theory") if row["instances"] == "42" and row["features"] == "20"]
    check(len(half) == 1 and abs(float(half[0]["separable_theory"]) - 0.5) < 1e-12, f"half of all labellings at n = 2 q: {half}")
    for i, (setting, has_theory) in enumerate((("noise_model=heteroscedastic", True), ("design=power_law", True), ("noise_model=ar1", False),
                                               ("design=smooth", False), ("design=duplicated", False))):
        done = run(["run", job, "-o", where / f"coins{i}", "-q", "-s", f"data.{setting}", "-s", "sweep.replicate={count: 2}"])
        check(done.returncode == 0, f"cover, {setting}: {done.returncode} {done.stderr}")
        theory = [row["separable_theory"] not in ("", "nan") for row in table(where / f"coins{i}" / "results.h5", "separable_theory")]
        check(bool(theory) and all(t == has_theory for t in theory), f"Cover's theory with {setting}: {theory}")


def test_one_class(where: Path) -> None:
    """Rows of one class with an intercept: a constant prediction, its share of the test rows, and a word for it."""
    (where / "rare.csv").write_text("".join(f"{i},{i * i % 7},{1 if i == 5 else 0}\n" for i in range(30)))
    job, out = where / "rare.yaml", where / "rare"
    job.write_text("name: rare\nexperiment: logistic\ndata: {source: csv, file: rare.csv, features: 2, instances: 4}\n"
                   "logistic: {lambda: [0, 1]}\nsweep: {replicate: {count: 10}}\n")
    done = run(["run", job, "-o", out, "-q", "--data", where])
    check(done.returncode == 0, f"one class: {done.returncode} {done.stderr}")
    outcome = values(out / "results.h5", "outcome", ["replicate", "lambda"])
    accuracy = values(out / "results.h5", "test_accuracy", ["replicate", "lambda"])
    ones = [k for k, v in outcome.items() if float(v) == 3]
    check(len(ones) >= 10, f"outcomes {outcome}")
    check(all(abs(float(accuracy[k]) - 25 / 26) < 1e-12 for k in ones), f"accuracy of a constant: {accuracy}")


def test_bad_input(where: Path) -> None:
    good = ("name: bad\nexperiment: logistic\ndata: {source: csv, file: F.csv, features: 2, instances: 4}\n"
            "logistic: {lambda: [1]}\n")
    (where / "three.csv").write_text("".join(f"{i},{i * i % 7},{i % 3}\n" for i in range(9)))
    (where / "alike.csv").write_text("".join(f"{i},{i * i % 7},1\n" for i in range(9)))
    (where / "two.csv").write_text("".join(f"{i},{i * i % 7},{i % 2}\n" for i in range(9)))
    cases = {
        "three": (good.replace("F.csv", "three.csv"), [":3:", "two values", "three.csv", "^"]),
        "alike": (good.replace("F.csv", "alike.csv"), [":3:", "two values", "^"]),
        "signs": (good.replace("F.csv", "two.csv, labels_to_signs: false"), [":3:", "labels_to_signs", "true", "^"]),
        "rows": (good.replace("F.csv", "two.csv").replace("instances: 4", "instances: 12"), [":3:", "12", "9 rows", "^"]),
        "method": (good.replace("F.csv", "two.csv").replace("[1]", "[1], method: newtn"), [":4:", "newton", "^"]),
        "lambda": (good.replace("F.csv", "two.csv").replace("[1]", "[-1]"), [":4:", "logistic.lambda", "^"]),
        "key": (good.replace("F.csv", "two.csv").replace("lambda", "lamda"), [":4:", "logistic.lambda", "^"]),
    }
    for name, (text, pieces) in cases.items():
        job, out = where / f"bad-{name}.yaml", where / f"bad-{name}"
        job.write_text(text)
        for ranks in (1, 3):
            done = run(["run", job, "-o", out, "--data", where], ranks)
            check(done.returncode == 2, f"{name} on {ranks} ranks: {done.returncode} {done.stderr}")
            missing = [piece for piece in pieces if piece not in done.stderr]
            check(not missing, f"{name}: the message lacks {missing}:\n{done.stderr}")
            check(not out.exists(), f"{name}: {out} was made though the job is bad")


with folder() as name:
    where = Path(name)
    test_ranks(where)
    test_extended(where)
    test_kill(where, int(sys.argv[1]) if len(sys.argv) > 1 else 4)
    test_subsets(where)
    test_cover(where)
    test_one_class(where)
    test_bad_input(where)
finish()
