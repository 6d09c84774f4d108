"""What the whole-program tests share: running simmer on some ranks, comparing results, counting failures."""
import csv
import io
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

BUILD = Path(os.environ.get("SIMMER_BUILD", "build"))
SOURCE = Path(os.environ.get("SIMMER_SOURCE", "."))
SIMMER = BUILD / "bin" / "simmer"
COMPARE = BUILD / "tests" / "compare"
MPIEXEC = os.environ.get("SIMMER_MPIEXEC") or "mpirun"
PATIENCE = 240  # s for what ends early: on a quiet machine in some seconds
failures: list[str] = []


def check(condition: bool, text: str) -> bool:
    """Counts and prints a failure."""
    if not condition:
        failures.append(text)
        print(f"FAILED: {text}", flush=True)
    return condition


def finish() -> None:
    """Exit code of a test program."""
    print(f"{len(failures)} failed" if failures else "all passed", flush=True)
    sys.exit(1 if failures else 0)


def skip(reason: str) -> None:
    print(f"skipped: {reason}", flush=True)
    sys.exit(77)


def command(args: list, ranks: int = 1) -> list[str]:
    """Command line of simmer; alone for one rank."""
    own = [str(SIMMER), *map(str, args)]
    return own if ranks == 1 else [MPIEXEC, "-q", "-n", str(ranks), *own]


def run(args: list, ranks: int = 1, threads: int = 1, timeout: float = PATIENCE, **environment) -> subprocess.CompletedProcess:
    """Runs simmer to its end; a hang is a failure."""
    env = {**os.environ, "OMP_NUM_THREADS": str(threads), **environment}
    return subprocess.run(command(args, ranks), env=env, timeout=timeout, capture_output=True, text=True)


def start(args: list, ranks: int = 1, **environment) -> subprocess.Popen:
    """Starts simmer in a process group of its own."""
    env = {**os.environ, "OMP_NUM_THREADS": "1", **environment}
    return subprocess.Popen(command(args, ranks), env=env, start_new_session=True, stdout=subprocess.DEVNULL,
                            stderr=subprocess.PIPE, text=True)


def wait_for(is_true, process: subprocess.Popen | None = None, seconds: float = PATIENCE) -> bool:
    """Waits until something is so; False when the process ends before that, or nothing comes of it for long."""
    limit = time.monotonic() + seconds
    while not is_true():
        if process is not None and process.poll() is not None or time.monotonic() > limit:
            return False
        time.sleep(0.02)
    return process is None or process.poll() is None


def count_done(out: Path) -> int:
    """Units that whole lines of the journals of an output folder confirm."""
    lines = [line.split() for path in out.glob("journal/*.log") for line in path.read_text(errors="replace").split("\n")[:-1]]
    return len({unit for words in lines if words[:1] == ["D"] for unit in words[5:-1]})


def checkpoints(out: Path) -> list[Path]:
    """Those of a unit from the oldest to the newest."""
    return sorted(out.glob("units/*/checkpoints/step-*.h5"))


def descendants(pid: int) -> list[int]:
    """All processes below pid, from /proc."""
    parents: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                stat = (entry / "stat").read_text()
            except OSError:
                continue
            parents.setdefault(int(stat.rsplit(")", 1)[1].split()[1]), []).append(int(entry.name))
    found, todo = [], [pid]
    while todo:
        todo += (below := parents.get(todo.pop(), []))
        found += below
    return found


def kill_all(process: subprocess.Popen) -> None:
    """kill -9 of the launcher and every rank at once."""
    for pid in [process.pid, *descendants(process.pid)]:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
    process.wait()
    process.stderr.close()


def strike(process: subprocess.Popen, comes_on, what: str) -> None:
    """kill -9 at a random moment: mostly when it has come on, at times in its start; at times of one rank before the others."""
    if random.random() < 0.8:
        check(wait_for(comes_on, process), f"{what}: nothing was done before a kill, or all of it")
    time.sleep(random.uniform(0, 0.3))
    if process.poll() is None and random.random() < 0.4 and (below := descendants(process.pid)):
        try:
            os.kill(random.choice(below), signal.SIGKILL)
        except ProcessLookupError:
            pass
    kill_all(process)


def same(a: Path, b: Path, what: str) -> bool:
    """Bit-equality of two result files over all datasets but measured times."""
    done = subprocess.run([str(COMPARE), str(a), str(b)], capture_output=True, text=True)
    return check(done.returncode == 0, f"{what}: {done.stdout}{done.stderr}")


def table(path: Path, name: str) -> list[dict]:
    """A variable as rows of a table, by simmer show --csv."""
    shown = run(["show", path, name, "--csv"])
    check(shown.returncode == 0, f"show {path} {name}: {shown.stderr}")
    return list(csv.DictReader(io.StringIO(shown.stdout)))


def folder() -> tempfile.TemporaryDirectory:
    return tempfile.TemporaryDirectory(prefix="simmer-test-")
