"""SIGTERM, SIGUSR1 and --time-limit: exit 75, and a resume gives the undisturbed bits. tests/fault/storm.py kills."""
import os
import signal
import time
from pathlib import Path

from support import PATIENCE, check, count_done, finish, folder, kill_all, run, same, start, wait_for

JOB = """
name: stop
experiment: ridge
data: {source: teacher, features: [10, 30, 60, 90], noise: 0.5, test_instances: 300}
ridge: {lambda: {logspace: [1e-6, 100, 30]}, intercept: false}
sweep: {data.instances: [20, 60, 100, 400, 1000], replicate: {count: 60}}
run: {flush_interval: 0.2}
"""


def stop_by_signal(job: Path, out: Path, number: int) -> None:
    """Midway: slowed down, the 300 units would take half a minute. mpirun passes SIGTERM on after its timeout, and kills after another."""
    process = start(["run", job, "-o", out, "-q"], 2, OMPI_MCA_odls_base_sigkill_timeout="5", SIMMER_DELAY="run.look:50")
    check(wait_for(lambda: count_done(out) > 0, process), f"signal {number}: no unit is done midway")
    os.kill(process.pid, number)
    process.wait(timeout=PATIENCE)
    # mpirun answers SIGTERM with a code of its own; SIGUSR1 it passes on.
    expected = {75} if number == signal.SIGUSR1 else {75, 1, 143}
    check(process.returncode in expected, f"signal {number}: exit code {process.returncode}")
    check((out / "results.h5").exists() or number == signal.SIGTERM, f"signal {number}: no results.h5")
    kill_all(process)
    check(0 < count_done(out) < 300, f"signal {number}: {count_done(out)} units are done")


def is_caught(pid: int, number: int) -> bool:
    """Has the process a handler for the signal?"""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    mask = next(int(line.split()[1], 16) for line in lines if line.startswith("SigCgt:"))
    return bool(mask >> (number - 1) & 1)


def stop_early(job: Path, out: Path) -> None:
    """A signal while MPI starts stops the run in order, too."""
    process = start(["run", job, "-o", out, "-q"], SIMMER_DELAY="app.start:4000")
    limit = time.monotonic() + 3  # before that delay is over
    while not is_caught(process.pid, signal.SIGUSR1) and time.monotonic() < limit:
        time.sleep(0.01)
    if check(is_caught(process.pid, signal.SIGUSR1), "early: no handler before MPI starts"):
        os.kill(process.pid, signal.SIGUSR1)
        process.wait(timeout=PATIENCE)
        check(process.returncode == 75, f"early: exit code {process.returncode}")
    kill_all(process)


def begin_beside(job: Path, out: Path) -> None:
    """A run that still reads its data keeps --fresh off, though no unit is at work yet."""
    process = start(["run", job, "-o", out, "-q"], SIMMER_DELAY=f"run.open:{1000 * PATIENCE}")
    check(wait_for(lambda: list(out.glob("claims/*.beat")), process), "beside: no heart beats")
    done = run(["run", job, "-o", out, "--fresh"])
    check(done.returncode == 2 and "at work" in done.stderr, f"--fresh beside: {done.returncode} {done.stderr}")
    kill_all(process)


with folder() as name:
    where = Path(name)
    job = where / "stop.yaml"
    job.write_text(JOB)
    done = run(["run", job, "-o", where / "whole", "-q"], 2)
    check(done.returncode == 0, f"undisturbed run: {done.returncode} {done.stderr}")

    for number in (signal.SIGUSR1, signal.SIGTERM):
        stop_by_signal(job, where / f"signal-{number}", number)
        done = run(["run", job, "-o", where / f"signal-{number}", "-q"], 3)
        check(done.returncode == 0, f"after signal {number}: {done.returncode} {done.stderr}")
        same(where / "whole" / "results.h5", where / f"signal-{number}" / "results.h5", f"after signal {number}")

    stop_early(job, where / "early")
    begin_beside(job, where / "beside")

    # A grid that no machine finishes in five seconds, of which two are kept for the end; then the part of it that was asked for above.
    done = run(["run", job, "-o", where / "limited", "--time-limit", "0:0:05",
                "-s", "sweep.replicate={count: 4000}"])
    check(done.returncode == 75, f"--time-limit: {done.returncode} {done.stderr}")
    # Its results.h5, of 0.4 GB, would take longer than a stop may.
    check("simmer collect" in done.stderr and not (where / "limited" / "results.h5").exists(), f"--time-limit: {done.stderr}")
    done = run(["run", job, "-o", where / "limited", "-q"], 2)
    check(done.returncode == 0, f"after --time-limit: {done.returncode} {done.stderr}")
    same(where / "whole" / "results.h5", where / "limited" / "results.h5", "after --time-limit")
finish()
