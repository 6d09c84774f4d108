"""Storms of faults over jobs of all kinds: killed, stopped, out of disk, damaged, out of time; what is resumed has the
undisturbed bits, finished units aren't computed again, errors are one clear line, and nothing hangs.

usage: storm.py [--long] [--kills N] [--rounds N] [--only WORD] [--seed N] [--no-sites] [--keep DIR] [-v]

Without --long, a few trials of everything: the form for every build. The long form runs until N kills have struck, N rounds of
each other fault on each experiment, and every fault point on each rank; --only names a fault or an experiment, or the beginning
of one. A table at the end counts, and folders of trials that failed are kept in DIR. Mounts need root; they happen in a mount
namespace of its own.
"""
import argparse
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import storm_trial as s  # noqa: E402
from support import SOURCE, folder, run  # noqa: E402

RUN = "run: {flush_interval: 0.1, block_seconds: 0.05, lease: 2, retries: 1000}"
RIDGE = f"""
name: ridge
experiment: ridge
data: {{source: teacher, features: [10, 30, 60, 90], noise: 0.5, test_instances: 300}}
ridge: {{lambda: {{logspace: [1e-6, 100, 30]}}, intercept: false}}
sweep: {{data.instances: [20, 60, 100, 400, 1000], replicate: {{count: 60}}}}
{RUN}
"""
SHARED = RIDGE.replace("retries", "ranks_per_unit: 2, retries").replace("count: 60", "count: 10")
RBM = f"""
name: rbm
experiment: rbm
data: {{source: digits, count: 1500, test_count: 100, holdout: 0.1, binarize: sample}}
rbm: {{hidden: 30, negative_phase: pcd}}
train: {{batch: 128, epochs: 30, learning_rate: 0.05}}
monitor: {{rows: 100, period: 50, samples: 4, sample_sweeps: 2}}
checkpoint: {{period: 0.05}}
sweep: {{replicate: {{count: 2}}}}
{RUN}
"""
PARALLEL = RBM.replace("checkpoint: {", "checkpoint: {mode: parallel, ")
TEMPERED = RBM.replace("negative_phase: pcd", "negative_phase: tempered").replace("epochs: 30", "epochs: 10")
SAMPLE = f"""
name: sample
experiment: sample
sample: {{model: MODEL, count: 50, chains: 30, temperatures: 12, scans: 120, rounds: 5, sweeps: 2}}
checkpoint: {{period: 0.05}}
{RUN}
"""
PARTITION = f"""
name: partition
experiment: partition
partition: {{flat_base: true, annealing_runs: 40, annealing_steps: 500, chains: 16, scans: 400, rounds: 6, exact_units: 12}}
sweep: {{partition.side: [2, 3, 4], partition.coupling: [0.408, 0.4406867935097715], replicate: {{count: 4}}}}
{RUN}
"""
JOBS = {"ridge": (RIDGE, (1, 2, 3, 4)), "shared": (SHARED, (2, 3, 4)), "rbm": (RBM, (1, 2, 3, 4)), "parallel": (PARALLEL, (1, 2, 3, 4)),
        "tempered": (TEMPERED, (1, 2, 3, 4)),
        "sample": (SAMPLE, (1, 2, 3, 4)), "partition": (PARTITION, (1, 2, 3, 4)), "collect": ("", (1, 2, 3, 4))}
UNIT_FILES = ("metrics.h5", "model.h5", "ladder.h5", "samples.h5")
SWEPT = ["ridge", "shared", "rbm", "parallel", "tempered", "sample", "partition"]
TRAINED = ["rbm", "parallel", "tempered", "sample"]
KILLS = ("kill-rank", "kill-launcher", "kill-all")
KINDS = {**dict.fromkeys(KILLS, (s.kill, [*SWEPT, "collect"])), "stop": (s.stop, SWEPT), "disk-full": (s.full, list(JOBS)),
         "read-only": (s.readonly, list(JOBS)), "size-limit": (s.limit, list(JOBS)), "clock-back": (s.clock, SWEPT),
         "clock-space": (s.namespace, SWEPT),
         **{kind: (s.damage, TRAINED if kind.startswith("checkpoint") else SWEPT if kind.startswith("claim") else list(JOBS))
            for kind in s.DAMAGE}}
# Where a fault point can be passed; others may be passed everywhere.
SITES = {"tempering": ["sample", "partition"], "annealing": ["partition"], "linalg": ["ridge", "shared"], "train": ["rbm"], "images": ["rbm"], "data": ["ridge"],
         "checkpoint": ["rbm", "sample"], "checkpoint.p": ["parallel"], "checkpoint.fu": ["parallel"], "checkpoint.s": ["parallel"],
         "checkpoint.rou": ["parallel"], "checkpoint.ren": ["parallel"], "arrays": TRAINED}
SHORT = [("kill-rank", "ridge"), ("kill-rank", "rbm"), ("kill-launcher", "shared"), ("kill-launcher", "sample"), ("kill-all", "ridge"),
         ("kill-all", "partition"), ("kill-all", "parallel"), ("stop", "ridge"), ("stop", "rbm"), ("disk-full", "ridge"),
         ("disk-full", "rbm"), ("disk-full", "collect"), ("read-only", "partition"), ("size-limit", "collect"), ("size-limit", "ridge"),
         ("clock-back", "ridge"), ("clock-space", "ridge"), ("part-flip", "ridge"), ("part-cut", "collect"),
         ("line-flip", "ridge"), ("journal-torn", "collect"),
         ("claim-flip", "ridge"), ("checkpoint-flip", "rbm"), ("checkpoint-cut", "sample"), ("checkpoint-all", "parallel")]


def find_sites() -> list[str]:
    text = "".join(p.read_text() for p in sorted((SOURCE / "src").rglob("*.c")))
    return sorted(set(re.findall(r'smr_fault\("([a-z._0-9]+)"\)', text)))


def why_not(kind: str) -> str:
    """Why a kind of fault can't be had here; empty when it can."""
    if kind in ("disk-full", "read-only") and os.environ.get("STORM_MOUNTS") != "1":
        return "mounting needs root"
    if kind == "size-limit" and shutil.which("prlimit") is None:
        return "no prlimit here"
    if kind == "clock-space" and subprocess.run(["unshare", "--time", "true"], capture_output=True).returncode != 0:
        return "no time namespaces here"
    return ""


def make_experiments(where: Path, names: list[str]) -> dict[str, s.Experiment]:
    """The undisturbed runs."""
    needed = {*names, *(["ridge"] if "collect" in names else []), *(["rbm"] if "sample" in names else [])}
    made: dict[str, s.Experiment] = {}
    for name in [n for n in JOBS if n in needed]:
        text, ranks = JOBS[name]
        job, whole = where / f"{name}.yaml", where / name
        if name == "collect":
            job, whole = made["ridge"].job, made["ridge"].whole
        else:
            model = next((where / "rbm").glob("units/*/model.h5"), "") if name == "sample" else ""
            job.write_text(text.replace("MODEL", str(model)))
        start = time.monotonic()
        done = run(["collect", whole, "-q"]) if name == "collect" else run(["run", job, "-o", whole, "-q"], 3, timeout=s.TIMEOUT)
        if done.returncode != 0:
            sys.exit(f"the undisturbed run of {name} ended with {done.returncode}: {done.stderr}")
        files = [str(p.relative_to(whole)) for p in [whole / "results.h5", *whole.glob("units/*/*.h5")]
                 if p.name == "results.h5" or p.name in UNIT_FILES]
        made[name] = s.Experiment(name, job, whole, ranks, files, time.monotonic() - start, name == "collect")
    return made


class Table:
    """What was tried, by fault and experiment."""
    columns = ("tried", "survived", "wrong", "lost", "hangs", "unclear")

    def __init__(self):
        self.rows: dict[tuple[str, str], dict[str, int]] = {}

    def add(self, trial: s.Trial, struck: int) -> None:
        kind = trial.kind.split(" ")[0] + ("" if " " not in trial.kind else " " + trial.kind.split(" ")[1].split(":")[0])
        row = self.rows.setdefault((kind, trial.experiment.name), dict.fromkeys(self.columns, 0))
        is_good = not any(trial.counts.values())
        row["tried"] += max(struck, int(not is_good))
        row["survived"] += struck if is_good else 0
        for name, count in trial.counts.items():
            row[name] += count

    def total(self) -> dict[str, int]:
        return {c: sum(row[c] for row in self.rows.values()) for c in self.columns}

    def print(self) -> None:
        print(f"{'fault':28s} {'experiment':11s}" + "".join(f"{c:>10s}" for c in self.columns))
        for (kind, name), row in sorted(self.rows.items()):
            print(f"{kind:28s} {name:11s}" + "".join(f"{row[c]:10d}" for c in self.columns))
        print(f"{'all':40s}" + "".join(f"{n:10d}" for n in self.total().values()), flush=True)


class Storm:
    def __init__(self, where: Path, arguments: argparse.Namespace, experiments: dict[str, s.Experiment]):
        self.where, self.arguments, self.experiments = where, arguments, experiments
        self.table, self.n = Table(), 0

    def strike(self, kind: str, name: str, disturb) -> int:
        """One trial; returns how often the fault struck."""
        self.n += 1
        trial = s.Trial(self.where, kind, self.experiments[name], f"{self.arguments.seed} {self.n}")
        struck = 0
        try:
            if kind != "disk-full":
                trial.prepare()
            struck = disturb(trial)
            trial.finish()
        finally:
            if self.arguments.keep and any(trial.counts.values()):
                kept = Path(self.arguments.keep) / f"{kind.replace(' ', '-')}-{name}-{self.n}"
                shutil.copytree(trial.root, kept, symlinks=True, dirs_exist_ok=True)
            trial.unmount()
            self.table.add(trial, struck)
        shutil.rmtree(trial.root)
        if self.arguments.verbose:
            print(f"{time.strftime('%H:%M:%S')} {kind} x {name}: struck {struck}", flush=True)
        return struck

    def strike_once(self, kind: str, name: str, disturb) -> None:
        """A run may end before it is struck; three are enough."""
        any(self.strike(kind, name, disturb) for _ in range(3))

    def matches(self, kind: str, name: str) -> bool:
        only = self.arguments.only
        return only is None or any(word.startswith(only) for word in (kind, name))

    def run_kills(self, n: int) -> None:
        pairs = [(kind, name) for name in self.experiments for kind in KILLS if self.matches(kind, name)]
        struck, trials = 0, 0
        # Each round strikes once at least, but for runs that end before: bounded all the same.
        while pairs and struck < n and trials < 10 * n:
            struck += self.strike(*pairs[trials % len(pairs)], s.kill)
            trials += 1

    def run_rounds(self, n: int) -> None:
        for kind, (disturb, names) in KINDS.items():
            reason = "" if kind in KILLS else why_not(kind)
            if reason:
                print(f"skipped: {kind}: {reason}", flush=True)
            for name in [] if kind in KILLS or reason else names:
                for _ in range(n if name in self.experiments and self.matches(kind, name) else 0):
                    self.strike_once(kind, name, disturb)

    def run_sites(self) -> None:
        for i, site in enumerate(find_sites()):
            places = next((SITES[p] for p in sorted(SITES, key=len, reverse=True) if site.startswith(p)), list(JOBS))
            places = [name for name in places if name in self.experiments and self.matches("site " + site, name)]
            for rank in range(3 if places else 0):
                name = places[(i + rank) % len(places)]
                self.strike(f"site {site}:{rank}:{1 + (i * 7 + rank * 3) % 5}", name, s.site)

    def run_short(self) -> None:
        for kind, name in SHORT:
            if reason := why_not(kind):
                print(f"skipped: {kind}: {reason}", flush=True)
            elif self.matches(kind, name):
                self.strike_once(kind, name, KINDS[kind][0])


def enter_namespace() -> None:
    """Mounts of a storm vanish with it."""
    if "STORM_MOUNTS" not in os.environ:
        words = ["unshare", "--mount", "--propagation", "private"]
        can = os.geteuid() == 0 and shutil.which("unshare") and subprocess.run(
            [*words, "sh", "-c", "mount -t tmpfs none /mnt"], capture_output=True).returncode == 0
        os.environ["STORM_MOUNTS"] = "1" if can else "0"
        if can:
            os.execvp("unshare", [*words, sys.executable, *sys.argv])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--long", action="store_true")
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--no-sites", action="store_true")
    parser.add_argument("--only")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep")
    parser.add_argument("-v", "--verbose", action="store_true")
    arguments = parser.parse_args()
    enter_namespace()
    with folder() as temporary:
        where = Path(temporary)
        subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", where / "clock_shift.so",
                        Path(__file__).with_name("clock_shift.c")], check=True)
        names = [n for n in JOBS if arguments.only is None or not any(j.startswith(arguments.only) for j in JOBS)
                 or n.startswith(arguments.only)]
        storm = Storm(where, arguments, make_experiments(where, names))
        if arguments.long:
            storm.run_kills(arguments.kills)
            storm.run_rounds(arguments.rounds)
            if not arguments.no_sites:
                storm.run_sites()
        else:
            storm.run_short()
    storm.table.print()
    total = storm.table.total()
    sys.exit(1 if any(total[c] for c in ("wrong", "lost", "hangs", "unclear")) or total["tried"] == 0 else 0)


main()
