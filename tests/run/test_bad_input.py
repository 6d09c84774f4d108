"""Every kind of bad input: one clear line, the exit code of the design, the same on 1 and 3 ranks, nothing hangs."""
import os
import subprocess
from pathlib import Path

from support import check, finish, folder, run, same

GOOD = """name: good
experiment: ridge
data: {source: teacher, features: 4, noise: 0.5, test_instances: 20}
ridge: {lambda: [0.1, 1]}
sweep: {data.instances: [6, 8], replicate: {count: 2}}
"""

# name: (text, exit code, pieces that the message must hold)
JOBS = {
    "not-yaml": ("name: [1, 2\nfoo: }", 2, ["not-yaml.yaml:"]),
    "empty": ("", 2, ["empty.yaml"]),
    "list": ("- 1\n- 2\n", 2, ["list.yaml:1"]),
    "unknown-key": (GOOD.replace("noise:", "noize:"), 2, ["unknown-key.yaml:3:", "noize", "data.noise", "^"]),
    "unknown-sweep": (GOOD.replace("data.instances:", "data.instnces:"), 2, [":5:", "data.instances", "^"]),
    "wrong-type": (GOOD.replace("features: 4", "features: four"), 2, [":3:", "four", "^"]),
    "negative-lambda": (GOOD.replace("[0.1, 1]", "[0.1, -1]"), 2, [":4:", "ridge.lambda", "-1", "^"]),
    "nan-lambda": (GOOD.replace("[0.1, 1]", "[0.1, .nan]"), 2, [":4:", "^"]),
    "empty-axis": (GOOD.replace("[6, 8]", "[]"), 2, [":5:", "data.instances", "^"]),
    "duplicate-value": (GOOD.replace("[6, 8]", "[6, 6]"), 2, [":5:", "^"]),
    "missing-key": (GOOD.replace("name: good\n", ""), 2, ["name"]),
    "unknown-experiment": (GOOD.replace("experiment: ridge", "experiment: rigde"), 2, [":2:", "ridge"]),
    "all-excluded": (GOOD + "", 2, ["excluded"]),
    "too-many-rows": (GOOD.replace("source: teacher", "source: csv, file: data.csv").replace("[6, 8]", "[6, 9]"), 2,
                      [":5:", "9", "8 rows", "^"]),
    "too-many-columns": (GOOD.replace("source: teacher", "source: csv, file: data.csv").replace("features: 4", "features: 5"),
                         2, [":3:", "5 features", "4 columns", "^"]),
    "no-file-key": (GOOD.replace("source: teacher", "source: csv"), 2, ["data.file"]),
    "missing-data": (GOOD.replace("source: teacher", "source: csv, file: nowhere.csv"), 2, ["nowhere.csv", "--data"]),
    "ragged": (GOOD.replace("source: teacher", "source: csv, file: ragged.csv"), 2, ["ragged.csv", "line 3"]),
    "text": (GOOD.replace("source: teacher", "source: csv, file: text.csv"), 2, ["text.csv", "line 2", "column 3", "oops"]),
    "nan": (GOOD.replace("source: teacher", "source: csv, file: nan.csv"), 2, ["nan.csv", "line 4", "column 1"]),
    "no-rows": (GOOD.replace("source: teacher", "source: csv, file: norows.csv"), 2, ["norows.csv", "row"]),
    "not-hdf5": (GOOD.replace("source: teacher", "source: hdf5, file: data.csv"), 2, ["data.csv", "HDF5"]),
    "no-dataset": (GOOD.replace("source: teacher", "source: hdf5, file: good/results.h5"), 2, ["named X", "lambda"]),
    "unknown-choosers": (GOOD.replace("ridge: {", "ridge: {choosers: everything, "), 2, [":4:", "choosers", "everything", "^"]),
    "swept-choosers": (GOOD.replace("replicate:", "ridge.choosers: [none, all], replicate:"), 2, [":5:", "ridge.choosers", "^"]),
    "gram-choosers": (GOOD.replace("ridge: {", "ridge: {method: gram, choosers: spectrum, "), 2,
                      [":4:", "gram", "Picard", "ridge.choosers none", "^"]),
    "many-folds": (GOOD.replace("ridge: {", "ridge: {choosers: all, folds: 7, "), 2, [":4:", "7 folds", "6 training rows", "^"]),
    "one-fold": (GOOD.replace("ridge: {", "ridge: {choosers: all, folds: 1, "), 2, [":4:", "ridge.folds", "^"]),
    "negative-noise": (GOOD.replace("ridge: {", "ridge: {noise_level: -1, "), 2, [":4:", "ridge.noise_level", "^"]),
    "swept-bounds": (GOOD.replace("replicate:", "ridge.bounds: [true, false], replicate:"), 2, [":5:", "ridge.bounds", "^"]),
    "negative-norm": (GOOD.replace("ridge: {", "ridge: {bounds: true, bound_norm: -1, "), 2, [":4:", "ridge.bound_norm", "^"]),
    "wrong-design": (GOOD.replace("source: teacher", "design: smoth"), 2, [":3:", "smoth", "smooth", "^"]),
    "flat-bumps": (GOOD.replace("source: teacher", "design: smooth, bump_width: 0"), 2, [":3:", "data.bump_width", "^"]),
    "not-stationary": (GOOD.replace("source: teacher", "noise_model: ar1, noise_correlation: 1"), 2,
                       [":3:", "data.noise_correlation", "0.999", "^"]),
    "no-degrees": (GOOD.replace("source: teacher", "noise_model: student_t, noise_nu: 0"), 2, [":3:", "data.noise_nu", "^"]),
    "wide-swing": (GOOD.replace("source: teacher", "noise_model: heteroscedastic, noise_swing: 1.5"), 2,
                   [":3:", "data.noise_swing", "^"]),
    "small-rotation": (GOOD.replace("source: teacher", "design: power_law, rotate: true, design_columns: 3"), 2,
                       [":3:", "3 columns", "no 4", "^"]),
    "small-rotation-of-truth": (GOOD.replace("source: teacher", "design: exponential, rotate: true, design_columns: 5, teacher_features: 6"),
                                 2, [":3:", "5 columns", "no 6", "^"]),
    "wide-problem": (GOOD.replace("source: teacher", "source: problem").replace("features: 4", "features: 7"), 2,
                     [":3:", "7 features", "6 cells", "^"]),
    "odd-phillips": (GOOD.replace("source: teacher", "source: problem, problem: phillips"), 2,
                     [":5:", "phillips", "multiple of 4", "not 6", "^"]),
    "problem-classes": (GOOD.replace("source: teacher", "source: problem").replace("ridge", "logistic"), 2,
                        [":3:", "ill-posed problem", "two classes", "^"]),
    "one-class": (GOOD.replace("source: teacher", "source: csv, file: constant.csv"), 2, ["constant.csv", "same number"]),
    "too-large": (GOOD.replace("features: 4", "features: 3000000"), 1, ["GiB"]),
    "several": (GOOD.replace("noise:", "noize:").replace("lambda:", "lamda:").replace("[6, 8]", "[]"), 2,
                ["noize", "lamda", "data.instances"]),
}
DATA = {
    "data.csv": "".join(f"{i},{i * i % 7},{i % 3},{(i * 5) % 4},{i % 2}\n" for i in range(8)),
    "ragged.csv": "1,2,3,4,0\n2,3,4,5,1\n1,2,3\n",
    "text.csv": "1,2,3,4,0\n2,3,oops,5,1\n",
    "nan.csv": "1,2,3,4,0\n2,3,4,5,1\n2,3,4,5,1\nnan,3,4,5,1\n",
    "constant.csv": "".join(f"{i},{i * i % 7},{i % 3},{(i * 5) % 4},7\n" for i in range(8)),
    "norows.csv": "a,b,c,d,e\n",
}


def test_changed_data(where: Path) -> None:
    """A folder is held to the data that it was begun with."""
    job, data, out = where / "changed.yaml", where / "changed.csv", where / "changed-out"
    job.write_text(GOOD.replace("source: teacher", "source: csv, file: changed.csv").replace("[6, 8]", "[6]"))
    data.write_text(DATA["data.csv"])
    for value, code in (("5", 0), ("6", 2), ("5", 0)):
        data.write_text(DATA["data.csv"].replace("5,", value + ",", 1))
        done = run(["run", job, "-o", out, "-q", "--data", where], 2)
        check(done.returncode == code, f"data that change: {done.returncode} {done.stderr}")
        check(code == 0 or ("changed.csv" in done.stderr and "--fresh" in done.stderr), f"data that change: {done.stderr}")


def message_of(done: subprocess.CompletedProcess) -> str:
    return done.stderr + done.stdout


def expect(done: subprocess.CompletedProcess, code: int, pieces: list[str], what: str) -> None:
    text = message_of(done)
    check(done.returncode == code, f"{what}: exit code {done.returncode}, not {code}: {text}")
    for piece in pieces:
        check(piece in text, f"{what}: the message lacks '{piece}':\n{text}")
    count = text.count("simmer: error:")
    check(count >= 1, f"{what}: no line 'simmer: error:':\n{text}")
    lines = [line for line in text.splitlines() if line.startswith("simmer: error:")]
    check(len(lines) == len(set(lines)), f"{what}: an error is said twice:\n{text}")
    check("PMIX" not in text and "Backtrace" not in text and "signal" not in text, f"{what}: noise:\n{text}")


def test_jobs(where: Path) -> None:
    for name, (text, code, pieces) in JOBS.items():
        job = where / f"{name}.yaml"
        job.write_text(text)
        extra = ["-s", "sweep.exclude=[{data.instances: [6, 8]}]"] if name == "all-excluded" else []
        for ranks in (1, 3):
            out = where / f"out-{name}-{ranks}"
            done = run(["run", job, "-o", out, "--data", where, *extra], ranks)
            expect(done, code, pieces, f"{name} on {ranks} ranks")
            check(not out.exists(), f"{name}: {out} was made though the job is bad")
        planned = run(["plan", job, "--data", where, *extra])
        if code == 2 and name != "all-excluded":
            check(planned.returncode == 2, f"plan {name}: exit code {planned.returncode}")


def test_command_line(where: Path) -> None:
    good = where / "good.yaml"
    cases = [(["run"], "argument"), (["rum", good], "did you mean 'run'"), (["run", good, "--frsh"], "--frsh"),
             (["run", good, "-s", "data.noize=1"], "data.noise"), (["run", good, "-s", "data.noise"], "="),
             (["run", good, "--time-limit", "soon"], "soon"), (["run", where / "none.yaml"], "none.yaml"),
             (["plan", good, "-n", "0"], "-n"), (["keys", "nonsense"], "nonsense"),
             (["show", where / "good" / "results.h5", "test_msee"], "test_mse"), (["collect", where], "simmer")]
    for args, piece in cases:
        done = run(args)
        expect(done, 2, [piece], " ".join(map(str, args)))
    done = run(["show", where / "data.csv"])
    check(done.returncode == 1 and "data.csv" in done.stderr, f"show of no HDF5 file: {done.returncode} {done.stderr}")


def test_folder(where: Path) -> None:
    """Another job's folder is refused; --fresh renames; an unwritable or full place loses nothing."""
    good, out = where / "good.yaml", where / "good"
    for ranks in (1, 3):
        done = run(["run", good, "-o", out, "-s", "data.noise=0.7"], ranks)
        expect(done, 2, ["data.noise", "--fresh"], f"another job's folder on {ranks} ranks")
        done = run(["run", good, "-o", where / "data.csv" / "below"], ranks)
        expect(done, 1, ["data.csv"], f"unwritable folder on {ranks} ranks")
    keep = (out / "results.h5").read_bytes()
    done = run(["run", good, "-o", out, "-s", "data.noise=0.7", "--fresh", "-q"])
    check(done.returncode == 0, f"--fresh: {done.returncode} {done.stderr}")
    old = [p for p in where.iterdir() if p.name.startswith("good.old")]
    check(len(old) == 1 and (old[0] / "results.h5").read_bytes() == keep, "--fresh keeps the old folder aside")


def test_full(where: Path) -> None:
    """A full disk (a small tmpfs): a clear end, nothing finished lost, and the rest later."""
    job = where / "full.yaml"
    job.write_text(GOOD.replace("features: 4", "features: [4, 8, 16, 32]").replace("{count: 2}", "{count: 400}")
                   + "run: {flush_interval: 0}\n")
    done = run(["run", job, "-o", where / "roomy", "-q"])
    check(done.returncode == 0, f"roomy: {done.returncode} {done.stderr}")
    small = where / "small"
    small.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1200k", "tmpfs", small], capture_output=True).returncode != 0:
        print("the full-disk test is skipped: mounting a tmpfs isn't allowed here")
        return
    try:
        for ranks in (1, 3):
            done = run(["run", job, "-o", small / "out"], ranks)
            expect(done, 1, ["space"], f"full disk on {ranks} ranks")
        subprocess.run(["mount", "-o", "remount,size=200m", small], check=True)
        done = run(["run", job, "-o", small / "out", "-q"], 3)
        check(done.returncode == 0, f"after the disk grew: {done.returncode} {done.stderr}")
        same(where / "roomy" / "results.h5", small / "out" / "results.h5", "after a full disk")
    finally:
        subprocess.run(["umount", small], check=False)


def test_failed_units(where: Path) -> None:
    """Units that fail are recorded with their message, the rest go on: exit 3, again on a resume."""
    job, out = where / "gram.yaml", where / "gram"
    job.write_text(GOOD.replace("lambda: [0.1, 1]", "lambda: [1e-13, 1], method: gram"))
    for ranks in (1, 3):
        done = run(["run", job, "-o", out], ranks)
        check(done.returncode == 3, f"failing units on {ranks} ranks: {done.returncode} {done.stderr}")
        check("gram" in done.stderr and "replicate=0" in done.stderr, f"failures are named: {done.stderr}")
    status = run(["show", out / "results.h5", "status", "--csv"]).stdout
    check(status.count(",2") == 4, f"status of failed units: {status}")


def test_lonely(where: Path) -> None:
    """One rank of one though a launcher started several tasks."""
    done = run(["run", where / "good.yaml", "-o", where / "lonely"], 1, SLURM_STEP_NUM_TASKS="4")
    expect(done, 2, ["4 tasks", "srun"], "one rank of one under a launcher of four")


def test_too_few_ranks(where: Path) -> None:
    done = run(["run", where / "good.yaml", "-o", where / "few", "-s", "run.ranks_per_unit=4"], 3)
    expect(done, 2, ["ranks_per_unit", "4"], "fewer ranks than a unit takes")


with folder() as name:
    where = Path(name)
    for file, text in DATA.items():
        (where / file).write_text(text)
    (where / "good.yaml").write_text(GOOD)
    done = run(["run", where / "good.yaml", "-o", where / "good", "-q"])
    check(done.returncode == 0, f"good job: {done.returncode} {done.stderr}")
    for test in (test_jobs, test_command_line, test_folder, test_changed_data, test_full, test_failed_units, test_lonely, test_too_few_ranks):
        test(where)
finish()
