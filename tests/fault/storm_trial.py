"""One trial of a storm: a job is disturbed in one way, resumed, and held against the undisturbed files."""
import itertools
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "run"))
from storm_files import DAMAGE, TARGETS, confirmed, count_again, list_journals  # noqa: E402
from support import COMPARE, SIMMER, command  # noqa: E402

TIMEOUT = 240  # s: no run here takes ten on a quiet machine
LEASE = 2.0    # s: run.lease of all jobs
LONGEST_STOP = 30  # s
LEFT_OVER = 30  # s until the ranks of a killed launcher are gone
numbers = itertools.count()


@dataclass
class Experiment:
    """A job, its undisturbed folder, and the files that must agree with it."""
    name: str
    job: Path
    whole: Path
    ranks: tuple[int, ...]
    files: list[str] = field(default_factory=list)
    seconds: float = 0  # of the undisturbed run
    is_collected: bool = False  # disturbed is the collection of the finished sweep


class Attempt:
    """One start of simmer, alone or on several ranks, whose processes carry a mark in their environment."""

    def __init__(self, trial: "Trial", args: list, ranks: int, prefix: tuple = (), **environment):
        self.trial, self.ranks = trial, ranks
        self.before, self.journals = confirmed(trial.out), list_journals(trial.out)
        self.mark = f"STORM_ID={os.getpid()}-{next(numbers)}"
        self.log = trial.where / f"stderr-{self.mark[9:]}.txt"
        env = {**os.environ, "OMP_NUM_THREADS": "1", "STORM_ID": self.mark[9:], **environment}
        self.process = subprocess.Popen([*prefix, *command(args, ranks)], env=env, start_new_session=True,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        # What they say must not fail with what is done to files, nor wait for a reader.
        self.reader = threading.Thread(target=self.log_errors, daemon=True)
        self.reader.start()

    def log_errors(self) -> None:
        with self.log.open("wb", buffering=0) as log, self.process.stderr as pipe:
            while chunk := os.read(pipe.fileno(), 4096):
                log.write(chunk)

    def pids(self, only_simmer: bool = True) -> list[int]:
        """The processes that carry the mark, in the order of their numbers."""
        found = []
        for entry in Path("/proc").iterdir():
            try:
                if entry.name.isdigit() and self.mark.encode() in (entry / "environ").read_bytes().split(b"\0"):
                    is_simmer = os.readlink(entry / "exe") == str(SIMMER.resolve())
                    found += [int(entry.name)] if is_simmer or not only_simmer else []
            except OSError:
                continue
        return sorted(found)

    def sleep(self, seconds: float) -> bool:
        """False when the run ended meanwhile."""
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            return True
        return False

    def kill(self, pids: list[int], number: int = signal.SIGKILL) -> bool:
        struck = False
        for pid in pids:
            try:
                os.kill(pid, number)
                struck = True
            except ProcessLookupError:
                pass
        return struck

    def end(self, what: str, is_orphaned: bool = False) -> int:
        """Waits for the end of all its processes: its exit code. A hang is counted and killed. Then looks for lost units."""
        if self.sleep(TIMEOUT):
            self.trial.fail("hangs", f"{what}: no end after {TIMEOUT} s")
        limit = time.monotonic() + LEFT_OVER
        while is_orphaned and self.pids(False) and time.monotonic() < limit:
            time.sleep(0.05)
        if is_orphaned and (left := self.pids(False)):
            self.trial.fail("hangs", f"{what}: processes {left} are left {LEFT_OVER} s after the launcher's death")
        while left := self.pids(False):
            self.kill(left)
            time.sleep(0.02)
        code = self.process.wait()
        if again := count_again(self.trial.out, self.before, self.journals):
            self.trial.fail("lost", f"{what}: {again} of {len(self.before)} finished units were computed again")
        return code

    def stderr(self) -> str:
        self.reader.join(10)
        return self.log.read_text(errors="replace")

    def check_error(self, code: int, what: str) -> None:
        """Whatever the machine refuses: success all the same, or one clear line, and no unit is blamed for it."""
        text = self.stderr()
        errors = [line for line in text.splitlines() if line.startswith("simmer: error:")]
        if code not in (0, 1, 2, 75) or (code in (1, 2)) != (len(errors) == 1) or len(errors) > 1 or "signal" in text or "#000" in text:
            self.trial.fail("unclear", f"{what}: exit code {code}, {len(errors)} error lines: {text[-3000:]}")


class Trial:
    """A folder of its own, and the counts of what went wrong."""

    def __init__(self, where: Path, kind: str, experiment: Experiment, seed: str):
        self.where, self.kind, self.experiment = where, kind, experiment
        self.rng = random.Random(f"{kind} {experiment.name} {seed}")
        self.root = where / f"trial-{next(numbers)}"
        self.out = self.root / "out"
        self.counts = dict.fromkeys(("wrong", "lost", "hangs", "unclear"), 0)
        self.notes: list[str] = []
        self.mounts = 0
        self.is_damaged = False
        self.root.mkdir()

    def fail(self, column: str, text: str) -> None:
        self.counts[column] += 1
        self.notes.append(text)
        print(f"FAILED: {self.kind} x {self.experiment.name} in {self.root.name}: {column}: {text}", flush=True)

    def prepare(self) -> None:
        """A collection begins with a finished sweep."""
        self.out.mkdir()
        if self.experiment.is_collected:
            shutil.copytree(self.experiment.whole, self.out, dirs_exist_ok=True)
            (self.out / "results.h5").unlink()

    def start(self, ranks: int = 0, prefix: tuple = (), **environment) -> Attempt:
        if self.experiment.is_collected:
            return Attempt(self, ["collect", self.out, "-q"], 1, prefix, **environment)
        return self.run(ranks or self.rng.choice(self.experiment.ranks), prefix, **environment)

    def run(self, ranks: int, prefix: tuple = (), **environment) -> Attempt:
        return Attempt(self, ["run", self.experiment.job, "-o", self.out, "-q"], ranks, prefix, **environment)

    def moment(self, most: float = 0.9) -> float:
        return self.rng.uniform(0, most * self.experiment.seconds)

    def finish(self) -> None:
        """The resume: on any ranks, without the cause; then every file against its undisturbed one."""
        for what in ("resume", "second resume"):
            is_collect = self.experiment.is_collected and not self.is_damaged and self.rng.random() < 0.5
            attempt = self.start() if is_collect else self.run(self.rng.choice(self.experiment.ranks))
            code = attempt.end(what)
            if code != 75:
                break
        if code != 0:
            self.fail("unclear", f"the {what} ended with {code}: {attempt.stderr()[-3000:]}")
        for file in self.experiment.files:
            done = subprocess.run([COMPARE, self.experiment.whole / file, self.out / file], capture_output=True, text=True)
            if done.returncode != 0:
                self.fail("wrong", f"{file}: {done.stdout}{done.stderr}")

    def is_early(self) -> bool:
        """Does the cause come before the start? A collection is over too soon for another moment."""
        return self.experiment.is_collected or self.rng.random() < 0.2

    # ---- file systems ----

    def mount(self, *args) -> None:
        subprocess.run(["mount", *map(str, args), self.root], check=True)
        self.mounts += 1

    def mount_readonly(self) -> None:
        """The folder upon itself; made elsewhere, since a mount that somebody writes to can't become read-only."""
        side = self.where / f"{self.root.name}-readonly"
        side.mkdir()
        subprocess.run(["mount", "--bind", self.root, side], check=True)
        subprocess.run(["mount", "-o", "remount,bind,ro", side], check=True)
        self.mount("--move", side)

    def unmount(self) -> None:
        while self.mounts > 0:
            subprocess.run(["umount", "-l", self.root], check=True)
            self.mounts -= 1


# ---- disturbances: each returns how often it struck ----


def kill(trial: Trial) -> int:
    """kill -9 of one rank, of the launcher, or of all; several times in a row."""
    struck = 0
    for _ in range(trial.rng.randint(1, 4)):
        attempt = trial.start()
        if not attempt.sleep(trial.moment(0.7)):
            code = attempt.end("run")
            if code != 0:
                trial.fail("unclear", f"a run that wasn't struck ended with {code}: {attempt.stderr()[-3000:]}")
            break
        ranks = attempt.pids()
        if trial.kind == "kill-rank":
            hit = attempt.kill([trial.rng.choice(ranks)] if ranks else [])
        elif trial.kind == "kill-launcher":
            hit = attempt.kill([attempt.process.pid])
        else:
            hit = attempt.kill([attempt.process.pid, *ranks])
        struck += hit
        if trial.kind == "kill-launcher" and attempt.ranks > 1 and trial.rng.random() < 0.5:
            # The next start meets ranks that don't know yet.
            second = trial.start()
            second.end("a start beside orphans")
        attempt.end("the killed run", is_orphaned=True)
    return struck


def stop(trial: Trial) -> int:
    """SIGSTOP of a rank for longer than its lease while another run shares the folder."""
    first = trial.start()
    if not first.sleep(trial.moment(0.7)) or not (ranks := first.pids()):
        return first.end("run") * 0
    stopped = trial.rng.choice(ranks)
    first.kill([stopped], signal.SIGSTOP)
    second = trial.start(trial.rng.choice(trial.experiment.ranks[:2]))
    time.sleep(LEASE * trial.rng.uniform(1.2, 2.0))
    if trial.rng.random() < 0.5:
        second.sleep(LONGEST_STOP)  # the other has done all of it
    first.kill([stopped], signal.SIGCONT)
    for name, attempt in (("the stopped run", first), ("the other run", second)):
        code = attempt.end(name)
        if code not in (0, 75):
            trial.fail("unclear", f"{name} ended with {code}: {attempt.stderr()[-3000:]}")
    return 1


def fill(trial: Trial, room: int) -> Path:
    """Takes all space but `room` bytes."""
    filler = trial.root / "filler"
    with filler.open("wb", buffering=0) as file:
        for size in (1 << 20, 4096):
            try:
                while True:
                    file.write(bytes(size))
            except OSError:
                pass
    os.truncate(filler, max(filler.stat().st_size - room, 0))
    return filler


def full(trial: Trial) -> int:
    """The disk is full from some moment on, or almost."""
    trial.mount("-t", "tmpfs", "-o", "size=160m", "none")
    trial.prepare()
    room = trial.rng.choice([0, trial.rng.randrange(1 << 18)])
    if is_early := trial.is_early():
        filler = fill(trial, room)
    attempt = trial.start()
    if not is_early:
        attempt.sleep(trial.moment())
        filler = fill(trial, room)
    code = attempt.end("with a full disk")
    attempt.check_error(code, "a full disk")
    filler.unlink()
    return int(code != 0)


def readonly(trial: Trial) -> int:
    """The folder is read-only from some moment on: a mount upon itself, so that files already open stay so."""
    if is_early := trial.is_early():
        trial.mount_readonly()
    attempt = trial.start()
    if not is_early:
        attempt.sleep(trial.moment())
        trial.mount_readonly()
    code = attempt.end("read-only")
    attempt.check_error(code, "a read-only folder")
    trial.unmount()
    return int(code != 0)


def limit(trial: Trial) -> int:
    """A limit of the file size comes over the ranks, once MPI has started, which has files of its own."""
    bytes_ = trial.rng.choice([0, trial.rng.randrange(1 << 10), trial.rng.randrange(1 << 17)])
    if trial.experiment.is_collected:
        attempt = trial.start(prefix=("prlimit", f"--fsize={bytes_}"))
    else:
        attempt = trial.start()
        while not (trial.out / "log" / "runs.log").exists() and attempt.sleep(0.002):
            pass
        attempt.sleep(0 if trial.is_early() else trial.moment(0.3))
    for pid in attempt.pids():
        try:
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (bytes_, bytes_))
        except ProcessLookupError:
            pass
    code = attempt.end("with a limit")
    attempt.check_error(code, "a file-size limit")
    return int(code != 0)


def damage(trial: Trial) -> int:
    """Killed, and then a file is damaged."""
    if not trial.experiment.is_collected:
        attempt = trial.start()
        target = TARGETS[trial.kind.split("-")[0]]
        while not list(target(trial.out)) and attempt.sleep(0.01):
            pass
        if attempt.sleep(trial.moment(0.4)):
            attempt.kill([attempt.process.pid, *attempt.pids()])
        attempt.end("the killed run", is_orphaned=True)
    if not DAMAGE[trial.kind](trial.rng, trial.out):
        return 0
    trial.is_damaged = True
    if trial.experiment.is_collected:
        attempt = trial.start()
        attempt.check_error(attempt.end("collection"), "collection of a damaged folder")
    return 1


def clock(trial: Trial) -> int:
    """The wall clock jumps back in the middle of a run, which is killed; the next start sees one of the two times."""
    struck = 0
    for _ in range(trial.rng.randint(1, 3)):
        attempt = trial.start(LD_PRELOAD=str(trial.where / "clock_shift.so"),
                              STORM_CLOCK_AFTER=f"{trial.rng.choice([0, trial.moment(0.5)])}",
                              STORM_CLOCK_SHIFT=f"{-trial.rng.choice([2, 3600, 86400 * 400])}")
        if attempt.sleep(trial.moment()):
            attempt.kill([attempt.process.pid, *attempt.pids()])
        struck += attempt.end("the run with a clock that jumps", is_orphaned=True) != 0
    return max(struck, 1)


def namespace(trial: Trial) -> int:
    """Two runs share the folder whose monotonic clocks are a day apart; one is killed."""
    offset = str(trial.rng.choice([7, 100000]))
    first = trial.start(prefix=("unshare", "--time", "--boottime", offset, "--monotonic", offset))
    first.sleep(trial.moment(0.5))
    second = trial.start()
    first.sleep(trial.moment(0.5))
    first.kill([first.process.pid, *first.pids()])
    first.end("the killed run", is_orphaned=True)
    code = second.end("the other run")
    if code not in (0, 75):
        trial.fail("unclear", f"the other run ended with {code}: {second.stderr()[-3000:]}")
    return 1


def site(trial: Trial) -> int:
    """One fault point, "site:rank:count": a clean end, or units that failed and are tried again."""
    name = trial.kind.partition(" ")[2]
    attempt = trial.start(max(trial.experiment.ranks[-1] - 1, 1), SIMMER_FAULT=name)
    code = attempt.end(name)
    if code == 3:
        done = subprocess.run([SIMMER, "retry", trial.out, "-q"], capture_output=True, text=True)
        if done.returncode != 0:
            trial.fail("unclear", f"{name}: retry ended with {done.returncode}: {done.stderr}")
    else:
        attempt.check_error(code, name)
    if code == 0 and name.startswith("linalg.svd.divide:"):
        # The other algorithm came in, whose last bits are its own: no disturbance to recover from.
        shutil.rmtree(trial.out)
    return int(code != 0)
