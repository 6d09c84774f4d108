"""kill -9 at random moments, then a resume: the undisturbed bits. Also SIGTERM, SIGUSR1 and --time-limit: exit 75.

usage: test_kill.py [number of kills]
"""
import os
import random
import signal
import sys
import time
from pathlib import Path

from support import check, descendants, finish, folder, kill_all, run, same, start

JOB = """
name: kill
experiment: ridge
data: {source: teacher, features: [10, 30, 60, 90], noise: 0.5, test_instances: 300}
ridge: {lambda: {logspace: [1e-6, 100, 30]}, intercept: false}
sweep: {data.instances: [20, 60, 100, 400, 1000], replicate: {count: 60}}
run: {flush_interval: 0.2}
"""


def kill_randomly(job: Path, out: Path, kills: int, full: float) -> None:
    random.seed(20)
    for kill in range(kills):
        process = start(["run", job, "-o", out, "-q"], random.choice([1, 2, 3]))
        time.sleep(random.uniform(0.05, 0.8 * full))
        if process.poll() is not None:
            check(process.returncode == 0, f"a resumed run ended with {process.returncode}")
        elif random.random() < 0.4 and (below := descendants(process.pid)):
            # One rank alone: the launcher must end the others.
            try:
                os.kill(random.choice(below), signal.SIGKILL)
            except ProcessLookupError:
                pass
            process.wait(timeout=60)
        kill_all(process)


def stop_by_signal(job: Path, out: Path, number: int) -> None:
    process = start(["run", job, "-o", out, "-q"], 2, OMPI_MCA_odls_base_sigkill_timeout="20")
    time.sleep(1.0)
    os.kill(process.pid, number)
    process.wait(timeout=60)
    # mpirun answers SIGTERM with a code of its own; SIGUSR1 it passes on.
    expected = {75, 0} if number == signal.SIGUSR1 else {75, 0, 1, 143}
    check(process.returncode in expected, f"signal {number}: exit code {process.returncode}")
    check((out / "results.h5").exists() or number == signal.SIGTERM, f"signal {number}: no results.h5")
    kill_all(process)


with folder() as name:
    where = Path(name)
    job = where / "kill.yaml"
    job.write_text(JOB)
    begin = time.monotonic()
    done = run(["run", job, "-o", where / "whole", "-q"], 2)
    full = time.monotonic() - begin
    check(done.returncode == 0, f"undisturbed run: {done.returncode} {done.stderr}")

    kill_randomly(job, where / "killed", int(sys.argv[1]) if len(sys.argv) > 1 else 10, full)
    done = run(["run", job, "-o", where / "killed", "-q"], 2)
    check(done.returncode == 0, f"after the kills: {done.returncode} {done.stderr}")
    same(where / "whole" / "results.h5", where / "killed" / "results.h5", "after kills")

    for number in (signal.SIGUSR1, signal.SIGTERM):
        stop_by_signal(job, where / f"signal-{number}", number)
        done = run(["run", job, "-o", where / f"signal-{number}", "-q"], 3)
        check(done.returncode == 0, f"after signal {number}: {done.returncode} {done.stderr}")
        same(where / "whole" / "results.h5", where / f"signal-{number}" / "results.h5", f"after signal {number}")

    # A grid that no machine finishes in three seconds; then the part of it that was asked for above.
    done = run(["run", job, "-o", where / "limited", "-q", "--time-limit", "0:0:03",
                "-s", "sweep.replicate={count: 20000}"])
    check(done.returncode == 75, f"--time-limit: {done.returncode} {done.stderr}")
    check((where / "limited" / "results.h5").exists(), "--time-limit: no results.h5")
    done = run(["run", job, "-o", where / "limited", "-q"], 2)
    check(done.returncode == 0, f"after --time-limit: {done.returncode} {done.stderr}")
    same(where / "whole" / "results.h5", where / "limited" / "results.h5", "after --time-limit")
finish()
