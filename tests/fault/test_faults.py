"""Every fault point on rank 0 and on one other (--all: on every rank): the run ends cleanly on all ranks in time, and a resume
gives the undisturbed bits.

usage: test_faults.py [--all] [site ...]
"""
import re
import sys
from pathlib import Path
from zlib import crc32

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "run"))
from support import SOURCE, check, finish, folder, run, same  # noqa: E402

RANKS = 3
HAS_ALL = "--all" in sys.argv
TEACHER = """
name: faults
experiment: ridge
data: {source: teacher, features: [3, 9], noise: 0.5, test_instances: 600}
ridge: {lambda: [0, 0.1], intercept: false}
sweep: {data.instances: [5, 9, 1100], replicate: {count: 6}}
run: {flush_interval: 0}
"""
TABLE = TEACHER.replace("source: teacher", "source: csv, file: data.csv").replace("test_instances: 600", "test_instances: 5") \
    .replace("[5, 9, 1100]", "[5, 9]")
RBM = """
name: faults
experiment: rbm
data: {source: digits, count: 400, test_count: 50, holdout: 0.2}
rbm: {hidden: 9, negative_phase: pcd}
train: {batch: 64, steps: 200, learning_rate: 0.05}
monitor: {rows: 50, period: 100, samples: 3, sample_sweeps: 2}
checkpoint: {period: 0}
sweep: {replicate: {count: 2}}
run: {ranks_per_unit: 3, flush_interval: 0}
"""
PARALLEL = RBM.replace("checkpoint: {", "checkpoint: {mode: parallel, ")
SHARED = TEACHER.replace("run: {", "run: {ranks_per_unit: 2, ")


def find_sites() -> list[str]:
    """All fault points in the sources."""
    text = "".join(p.read_text() for p in sorted((SOURCE / "src").rglob("*.c")))
    return sorted(set(re.findall(r'smr_fault\("([a-z._0-9]+)"\)', text)))


def inject(where: Path, name: str, whole: Path, site: str) -> int:
    """Runs with the fault on ranks in turn; returns how often it struck."""
    struck = 0
    for rank in range(RANKS) if HAS_ALL else (0, 1 + crc32(f"{name} {site}".encode()) % (RANKS - 1)):
        what = f"{name}: {site}:{rank}"
        out = where / f"{name}-{site}-{rank}"
        job = where / f"{name}.yaml"
        done = run(["run", job, "-o", out, "-q", "--data", where], RANKS, SIMMER_FAULT=f"{site}:{rank}:1")
        check(done.returncode in (0, 1, 2, 3), f"{what}: exit code {done.returncode}: {done.stderr}")
        errors = [line for line in done.stderr.splitlines() if line.startswith("simmer: error:")]
        check(done.returncode not in (1, 2) or len(errors) == 1, f"{what}: {len(errors)} error lines: {done.stderr}")
        if done.returncode == 0:
            same(whole, out / "results.h5", f"{what}: not struck")
            continue
        struck += 1
        if done.returncode == 3:
            # A failed unit stays failed: that is its result. Start over, without the fault.
            done = run(["run", job, "-o", out, "-q", "--data", where, "--fresh"], RANKS)
        else:
            done = run(["run", job, "-o", out, "-q", "--data", where], RANKS)
        check(done.returncode == 0, f"{what}: the resume ended with {done.returncode}: {done.stderr}")
        same(whole, out / "results.h5", f"{what}: after a resume")
    return struck


with folder() as name:
    where = Path(name)
    (where / "data.csv").write_text("".join(",".join(str((i * k * k + k) % 11 / 3) for k in range(1, 11)) + "\n" for i in range(20)))
    jobs = {"teacher": TEACHER, "table": TABLE, "shared": SHARED, "rbm": RBM, "parallel": PARALLEL}
    parts = {"table": ("linalg", "comm", "data", "memory"), "shared": ("linalg", "comm", "data", "memory"),
             "rbm": ("comm", "memory", "file", "arrays", "images", "checkpoint", "train"), "parallel": ("checkpoint",)}
    wholes = {}
    for job, text in jobs.items():
        (where / f"{job}.yaml").write_text(text)
        done = run(["run", where / f"{job}.yaml", "-o", where / job, "-q", "--data", where], RANKS)
        check(done.returncode == 0, f"{job}: {done.returncode} {done.stderr}")
        wholes[job] = where / job / "results.h5"
    for site in [a for a in sys.argv[1:] if a != "--all"] or find_sites():
        struck = {job: inject(where, job, wholes[job], site) for job in jobs
                  if job == "teacher" or site.split(".")[0] in parts[job]}
        print(f"{site:24s} ended a run {sum(struck.values())} times", flush=True)
finish()
