"""simmer status and simmer retry: what they tell while a job runs, after it, of failures, and in a wrong folder."""
import json
import subprocess
import time
from pathlib import Path

from support import PATIENCE, check, command, finish, folder as scratch, kill_all, run, start, table

SWEEP = """
name: status
experiment: ridge
seed: 3
data: {source: teacher, features: 40, noise: 0.5, test_instances: 10}
ridge: {lambda: %s, method: %s}
sweep: {data.instances: {range: [20, 60, 10]}, replicate: {count: %d}}
"""


def look(folder: Path) -> dict:
    done = run(["status", folder, "--json"])
    check(done.returncode == 0, f"status ends with {done.returncode}: {done.stderr}")
    return json.loads(done.stdout)


def test_running(folder: Path) -> None:
    """While two ranks work: groups that live, counts that add up, time left."""
    (folder / "job.yaml").write_text(SWEEP % ("[1e-3, 1]", "auto", 20000))
    process = start(["run", folder / "job.yaml", "-o", folder / "out"], ranks=2, SIMMER_DELAY="run.look:5")
    end, seen = time.monotonic() + PATIENCE, None
    while time.monotonic() < end:
        time.sleep(0.3)
        if (folder / "out" / "journal").is_dir():
            seen = look(folder / "out")
            if seen["done"] > 0 and len(seen["groups"]) == 2:
                break
    check(seen is not None and seen["done"] > 0, "status never saw a finished unit")
    check(sum(seen[k] for k in ("done", "failed", "quarantined", "pending")) == seen["units"] == 100000, f"counts: {seen}")
    check(len(seen["groups"]) == 2 and all(g["is_alive"] for g in seen["groups"]), f"groups: {seen['groups']}")
    check(seen["units_per_second"] > 0 and seen["seconds_left"] > 0, f"rate: {seen}")
    began = time.monotonic()
    text = run(["status", folder / "out"]).stdout
    check("100000 units done" in text and "left, at" in text and "at work" in text, f"page:\n{text}")
    print(f"status took {time.monotonic() - began:.2f} s")
    done = run(["run", folder / "job.yaml", "-o", folder / "out", "--fresh"])
    check(done.returncode == 2 and "at work" in done.stderr and not list(folder.glob("out.old-*")), f"--fresh while a job works: {done.stderr}")
    kill_all(process)
    process.wait()
    after = look(folder / "out")
    check(after["pending"] > 0 and after["done"] >= seen["done"], f"after a kill: {after}")


def test_failures(folder: Path) -> None:
    """Failed units are listed with their message, and retried on demand."""
    (folder / "job.yaml").write_text(SWEEP % ("[1e-20]", "gram", 2))
    done = run(["run", folder / "job.yaml", "-o", folder / "out"])
    check(done.returncode == 3, f"a job of failing units ends with {done.returncode}")
    seen = look(folder / "out")
    check(seen["failed"] == 10 and seen["pending"] == 0, f"failed units: {seen}")
    check(all("gram" in f["message"] and "instances=" in f["cell"] for f in seen["failures"]), f"messages: {seen['failures']}")
    check(seen["groups"] == [] and seen["units_per_second"] is None, "somebody is at work in a finished folder")
    text = run(["status", folder / "out"]).stdout
    check("10 failed" in text and "and 5 more" in text and "simmer retry" in text, f"page:\n{text}")
    none = run(["retry", folder / "out", "--quarantined"])
    check(none.returncode == 0 and "nothing to retry" in none.stderr, f"retry of none: {none.stderr}")
    check(look(folder / "out")["failed"] == 10, "--quarantined touched failed units")
    some = run(["retry", folder / "out"])
    check(some.returncode == 0 and "10 units will be tried again" in some.stderr, f"retry: {some.stderr}")
    check(look(folder / "out")["pending"] == 10, "retried units aren't pending")
    again = run(["run", folder / "job.yaml", "-o", folder / "out"])
    check(again.returncode == 3 and look(folder / "out")["failed"] == 10, "retried units weren't run again")


def test_training(folder: Path) -> None:
    """The newest history of a training, as numbers and as a plot; --watch ends by itself."""
    job = Path(folder / "job.yaml")
    job.write_text("name: t\nexperiment: rbm\ndata: {source: digits, count: 200, test_count: 50}\n"
                   "rbm: {hidden: 8}\ntrain: {batch: 50, epochs: 3}\n")
    done = run(["run", job, "-o", folder / "out"])
    check(done.returncode == 0, f"training ends with {done.returncode}: {done.stderr}")
    seen = look(folder / "out").get("training")
    rows = table(folder / "out" / "metrics.h5", "log_likelihood_test")
    check(seen is not None and seen["step"] == [int(r["step"]) for r in rows] and len(rows) > 2, f"steps: {seen}")
    check(seen["value"] == [float(r["log_likelihood_test"]) for r in rows], f"values: {seen}, {rows}")
    watch = subprocess.run(command(["status", folder / "out", "--watch"]), capture_output=True, text=True, timeout=PATIENCE)
    check(watch.returncode == 0 and f"at step {rows[-1]['step']}" in watch.stdout and "*" in watch.stdout, f"page:\n{watch.stdout}")


def test_wrong_folder(folder: Path) -> None:
    for name in ("status", "retry"):
        done = run([name, folder])
        check(done.returncode == 2 and "simmer: error:" in done.stderr and str(folder) in done.stderr,
              f"{name} of no output folder: {done.returncode} {done.stderr}")


for test in (test_running, test_failures, test_training, test_wrong_folder):
    with scratch() as place:
        test(Path(place))
finish()
