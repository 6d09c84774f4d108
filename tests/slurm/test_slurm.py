"""simmer on a real Slurm: submit, stop in time, requeue, share a sweep, go on after scancel and after deaths; always the same bits."""
import csv
import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "run"))
from cluster import Cluster, why_not  # noqa: E402
from support import PATIENCE, SIMMER, SOURCE, check, finish, folder, run, same, skip  # noqa: E402

SWEEP = """
name: sweep
experiment: ridge
seed: 5
data: {source: teacher, features: 60, noise: 0.5, test_instances: 200}
sweep: {data.instances: {range: [20, 100, 10]}, replicate: {count: %d}}
run: {lease: 10}
"""
TRAINING = """
name: training
experiment: rbm
seed: 5
data: {source: digits, count: 4000, test_count: 500}
rbm: {hidden: 100}
train: {batch: 200, epochs: %d}
run: {lease: 10}
"""


# Trained in seconds; its smaller side can be enumerated, so that ln Z is known exactly.
CHAIN_TRAINING = """
name: chain training
experiment: rbm
seed: 5
data: {source: ising, side: 4, count: 2000, holdout: 0}
rbm: {hidden: 10}
train: {batch: 100, epochs: 400}
sweep: {replicate: {count: 2}}
"""
CHAIN_PARTITION = """
name: partition
experiment: partition
seed: 5
partition: {model: "out/chain training[replicate=1]", annealing_steps: 1000, chains: 8, scans: 400, rounds: 5, most_temperatures: 16}
"""
FAILING = """
name: failing
experiment: ridge
data: {source: teacher, features: 20, instances: 30}
ridge: {lambda: [1e-20], method: gram}
"""
CHAIN = SOURCE.resolve() / "slurm" / "chain.sh"


class Place:
    """A folder of jobs and outputs on a cluster."""

    def __init__(self, cluster: Cluster, where: Path):
        self.cluster, self.where = cluster, where
        self.environment = {**cluster.environment, "XDG_CONFIG_HOME": str(where)}

    def job(self, name: str, text: str) -> Path:
        path = self.where / f"{name}.yaml"
        path.write_text(text)
        return path

    def call(self, *words) -> subprocess.CompletedProcess:
        return subprocess.run([str(SIMMER.resolve()), *map(str, words)], env=self.environment, cwd=self.where, capture_output=True,
                              text=True, timeout=PATIENCE)

    def slow_down(self, milliseconds: int) -> None:
        """Makes units and trainings wait whenever they look whether to stop, so that what is stopped midway lasts long enough on any machine."""
        self.environment["SIMMER_DELAY"] = f"run.look:{milliseconds}"

    def below(self, name: str) -> "Place":
        (self.where / name).mkdir()
        return Place(self.cluster, self.where / name)

    def takes(self, text: str) -> bool:
        """Whether Slurm would take a script."""
        script = self.where / "dry.sbatch"
        script.write_text(text)
        done = subprocess.run(["sbatch", "--test-only", str(script)], env=self.environment, capture_output=True, text=True)
        return check(done.returncode == 0, f"sbatch --test-only: {done.stderr}")

    def submit(self, job: Path, name: str, *options: str, ranks: int = 4) -> str:
        done = self.call("submit", job, "-o", self.where / name, "-n", ranks, "--", *options)
        check(done.returncode == 0 and done.stdout.strip().isdigit(), f"submit ends with {done.returncode}: {done.stdout}{done.stderr}")
        check("simmer status" in done.stderr, f"submit doesn't say how to watch: {done.stderr}")
        return done.stdout.strip()

    def brief(self, name: str) -> list[str]:
        """Units that are left, and the word that changes with progress."""
        return self.call("status", self.where / name, "--brief").stdout.split() or ["", ""]

    def wait_for_progress(self, name: str, seconds: float = PATIENCE) -> None:
        before = self.brief(name)
        self.cluster.wait_for(lambda: self.brief(name) != before, seconds, f"{name} makes no progress from {before}")

    def wait_for_end(self, id: str, seconds: float = 2 * PATIENCE, end: tuple = ("COMPLETED",)) -> None:
        ended = ("COMPLETED", "FAILED", "CANCELLED", "TIMEOUT", "NODE_FAIL", "OUT_OF_MEMORY")
        self.cluster.wait_for(lambda: all(s in ended for s in self.cluster.states(id)), seconds, f"job {id} doesn't end")
        check(set(self.cluster.states(id)) <= set(end), f"job {id} ended as {self.cluster.states(id)}:\n{self.log(id)}")

    def log(self, id: str) -> str:
        return "".join(p.read_text() for p in sorted(self.where.glob(f"**/log/slurm-{id}*.out")))


def reference(where: Path, job: Path, name: str) -> Path:
    """The same job on one rank without Slurm."""
    done = run(["run", job, "-o", where / name, "-q"], timeout=2 * PATIENCE)
    check(done.returncode == 0, f"reference run of {job.name}: {done.returncode} {done.stderr}")
    return where / name


def test_scripts(place: Place) -> None:
    """What --dry-run prints is a script that Slurm would take."""
    job = place.job("dry", SWEEP % 10)
    profile = place.where / "site.yaml"
    profile.write_text("site: {partition: main, launcher: srun, cores_per_node: 2, most_nodes: 2, most_time: '02:00:00'}\n")
    for options in ([], ["--site", profile], ["-s", "name='it''s 5%'", "-n", "3"], ["--", "--array=1-4", "--time=5"],
                    ["--", "--comment=say \"hi\" # it's", "--comment", "hello world"]):
        done = place.call("submit", job, "--dry-run", *options)
        check(done.returncode == 0 and not (place.where / "out").exists(), f"dry run: {done.returncode} {done.stderr}")
        check(place.takes(done.stdout), f"the script of {options}")
        check("--comment" not in options or '--comment "hello world"' in done.stdout, f"quotes: {done.stdout}")
    profile.write_text("# nothing but a comment\n\n")
    check(place.call("submit", job, "--dry-run", "--site", profile).returncode == 0, "a site file without a line")
    profile.write_text("site: {most_time: 60}\n")
    done = place.call("submit", job, "--dry-run", "--site", profile)
    check(done.returncode == 2 and "signal_seconds" in done.stderr, f"a time limit that leaves no time: {done.stderr}")
    profile.write_text("site: {partitoin: main}\n")
    done = place.call("submit", job, "--dry-run", "--site", profile)
    check(done.returncode == 2 and "partition" in done.stderr and "site.yaml:1:" in done.stderr, f"a wrong profile: {done.stderr}")
    done = place.call("submit", job, "--dry-run", "--", "nodes=2")
    check(done.returncode == 2 and "sbatch" in done.stderr, f"a wrong option: {done.stderr}")


def test_requeue(place: Place) -> None:
    """A sweep over two nodes is told twice to stop, requeues itself, loses its ranks once, and ends with the bits of one rank."""
    place.slow_down(20)
    job = place.job("sweep", SWEEP % 600)
    id = place.submit(job, "sweep", "--nodes=2", "--time=10")
    for restart in (1, 2):
        place.wait_for_progress("sweep")
        place.cluster.ask("scancel", "-b", "-s", "USR1", id)
        place.cluster.wait_for(lambda: place.log(id).count("requeueing") == restart, PATIENCE, "no requeue")
        status = json.loads(place.call("status", place.where / "sweep", "--json").stdout)
        check([j["id"] for j in status["slurm"]] == [id], f"status doesn't know the job: {status['slurm']}")
    place.wait_for_progress("sweep")
    for anchor in place.cluster.anchors[1:]: # kill -9 of this sweep's ranks on node2
        inside = [p for p in Path("/proc").glob("[0-9]*") if namespace(p) == namespace(Path(f"/proc/{anchor.pid}"))]
        for process in inside:
            if is_rank(process, place.where):
                os.kill(int(process.name), signal.SIGKILL)
    place.wait_for_end(id)
    check(place.log(id).count("requeueing") >= 3, f"not requeued after the death of ranks:\n{place.log(id)}")
    check("node1" in (place.where / "sweep/log/runs.log").read_text() and "node2" in (place.where / "sweep/log/runs.log").read_text(),
          "the sweep wasn't spread over two nodes")
    same(reference(place.where, job, "sweep-alone") / "results.h5", place.where / "sweep/results.h5", "requeued sweep")


def namespace(process: Path) -> str:
    try:
        return os.readlink(process / "ns/net")
    except OSError:
        return ""


def is_rank(process: Path, where: Path) -> bool:
    """A process of simmer that works below a folder."""
    try:
        return (process / "comm").read_text().strip() == "simmer" and os.fsencode(where) in (process / "cmdline").read_bytes()
    except OSError:
        return False


def test_time_limit(place: Place) -> None:
    """A training is signalled by Slurm itself before its one-minute limit, and goes on from its checkpoint."""
    place.slow_down(120) # the whole takes longer than the limit
    job = place.job("training", TRAINING % 100)
    id = place.submit(job, "training", "--nodes=2", "--time=1", "--signal=B:USR1@45")
    alone = reference(place.where, job, "training-alone")
    place.wait_for_end(id)
    check(place.log(id).count("requeueing") >= 1, f"the training wasn't requeued:\n{place.log(id)}")
    for name in ("model.h5", "metrics.h5", "results.h5"):
        same(alone / name, place.where / "training" / name, f"requeued training, {name}")


def test_array(place: Place) -> None:
    """Four jobs of an array share one sweep: every unit is done once."""
    place.slow_down(20)
    job = place.job("shared", SWEEP % 300)
    id = place.submit(job, "shared", "--array=1-4", "--time=10", ranks=1)
    place.wait_for_end(id)
    lines = "".join(p.read_text() for p in (place.where / "shared/journal").glob("*.log"))
    units = re.findall(r"\b[0-9a-f]{32}\b", lines)
    check(len(units) == len(set(units)) == 9 * 300, f"{len(units)} units done, {len(set(units))} different ones")
    writers = len(list((place.where / "shared/journal").glob("*.log")))
    check(writers > 1, "one job did all the work")
    same(reference(place.where, job, "shared-alone") / "results.h5", place.where / "shared/results.h5", "shared sweep")


def test_array_requeue(place: Place) -> None:
    """Every task of an array requeues itself, also the one that has the number of the whole; a cancelled one isn't taken along."""
    place.slow_down(20)
    job = place.job("tasks", SWEEP % 400)
    id = place.submit(job, "tasks", "--array=1-2", "--time=10", ranks=1)
    place.wait_for_progress("tasks")
    place.cluster.wait_for(lambda: place.cluster.states(id).count("RUNNING") == 2, PATIENCE, "two tasks don't run")
    place.cluster.ask("scancel", "-b", "-s", "USR1", id)
    place.cluster.wait_for(lambda: place.log("").count("requeueing") == 2, PATIENCE, f"no requeue of both: {place.log('')}")
    place.cluster.wait_for(lambda: place.cluster.states(id).count("RUNNING") == 2, PATIENCE, "two tasks don't run again")
    place.cluster.ask("scancel", f"{id}_1")
    place.cluster.wait_for(lambda: "CANCELLED" in place.cluster.states(id), PATIENCE, "task 1 isn't cancelled")
    place.wait_for_progress("tasks")
    place.cluster.ask("scancel", "-b", "-s", "USR1", f"{id}_2")
    place.wait_for_end(id, end=("COMPLETED", "CANCELLED"))
    check(sorted(place.cluster.states(id)) == ["CANCELLED", "COMPLETED"], f"tasks ended as {place.cluster.states(id)}")
    check(place.log("").count("requeueing") == 3, f"requeues: {place.log('')}")
    same(reference(place.where, job, "tasks-alone") / "results.h5", place.where / "tasks/results.h5", "sweep of requeued tasks")


def test_by_hand(place: Place) -> None:
    """slurm/run.sbatch itself: -o is the output folder, --fresh begins anew once and not at every restart."""
    place.slow_down(20)
    job = place.job("hand", SWEEP % 200)
    script = str(SOURCE.resolve() / "slurm/run.sbatch")
    out = place.where / "elsewhere"
    check(place.call("run", job, "-o", out, "-q", "--time-limit", "0:0:5").returncode == 75, "the first run")
    log = place.where / "log"
    log.mkdir()
    done = subprocess.run(["sbatch", "--parsable", "--ntasks=2", "--time=10", f"--output={log}/slurm-%j.out", script, str(job), "-o", str(out),
                           "--fresh"], env={**place.environment, "SIMMER": str(SIMMER.resolve())}, cwd=place.where, capture_output=True, text=True)
    if not check(done.returncode == 0, f"sbatch: {done.stderr}"):
        return
    id = done.stdout.strip()
    place.cluster.wait_for(lambda: list(place.where.glob("elsewhere.old-*")), PATIENCE, "--fresh does nothing")
    place.wait_for_progress("elsewhere")
    place.cluster.ask("scancel", "-b", "-s", "USR1", id)
    place.cluster.wait_for(lambda: "requeueing" in place.log(id), PATIENCE, f"no requeue: {place.log(id)}")
    place.wait_for_end(id)
    check(len(list(place.where.glob("elsewhere.old-*"))) == 1, "a restart began anew")
    same(reference(place.where, job, "hand-alone") / "results.h5", out / "results.h5", "sweep of a script by hand")


def test_cancel(place: Place) -> None:
    """After scancel nothing is requeued; submitted again, it goes on where it was."""
    place.slow_down(20)
    job = place.job("cancelled", SWEEP % 200)
    id = place.submit(job, "cancelled", "--time=10", ranks=2)
    place.wait_for_progress("cancelled")
    place.cluster.ask("scancel", id)
    place.wait_for_end(id, end=("CANCELLED",))
    left = int(place.brief("cancelled")[0])
    check(0 < left < 9 * 200, f"{left} units left after scancel")
    time.sleep(8) # a requeued job would be back by now
    check(place.cluster.state(id) == "CANCELLED", f"a cancelled job is {place.cluster.state(id)}")
    id = place.submit(job, "cancelled", "--time=10", ranks=2)
    place.wait_for_end(id)
    check(f"{9 * 200 - left} units are finished already" in place.log(id), f"it began anew:\n{place.log(id)}")
    same(reference(place.where, job, "cancelled-alone") / "results.h5", place.where / "cancelled/results.h5", "cancelled sweep")


def test_bad_job(place: Place) -> None:
    """A job that can't run is refused before it is submitted."""
    done = place.call("submit", place.job("bad", (SWEEP % 10).replace("noise", "nosie")), "-o", place.where / "bad")
    check(done.returncode == 2 and "noise" in done.stderr and not (place.where / "bad").exists(), f"bad job: {done.stderr}")


def find_python() -> str:
    """One that can make a report; empty if there is none."""
    for python in (str(SOURCE.resolve() / ".venv/bin/python"), sys.executable):
        if Path(python).exists() and subprocess.run([python, "-c", "import h5py, matplotlib, xarray"], capture_output=True).returncode == 0:
            return python
    return ""


def chain(place: Place, *jobs: Path, **environment: str) -> subprocess.CompletedProcess:
    """slurm/chain.sh, called from the place."""
    settings = {**place.environment, "SIMMER": str(SIMMER.resolve()), "PYTHON": "/nowhere", **environment}
    return subprocess.run([str(CHAIN), *(job.name for job in jobs)], env=settings, cwd=place.where, capture_output=True, text=True, timeout=PATIENCE)


def find_jobs(done: subprocess.CompletedProcess) -> list[str]:
    return re.findall(r": job (\d+)", done.stdout)


def get_times(place: Place, job: str) -> tuple[str, str]:
    """When it began and when it ended, in seconds."""
    words = dict(word.partition("=")[::2] for word in place.cluster.ask("scontrol", "show", "job", job).split())
    return words["StartTime"], words["EndTime"]


def test_chain(place: Place) -> None:
    """Training, ln Z of the model it makes, report: submitted at once, done in this order though the training is requeued."""
    place = place.below("a chain's place") # blanks and quotes must do no harm
    place.slow_down(25)
    jobs = [place.job("chain training", CHAIN_TRAINING), place.job("partition", CHAIN_PARTITION)]
    python = find_python()
    if not python:
        print("test_chain: the report is left out: no .venv with analysis/requirements.txt (./quickstart makes it)", flush=True)
    done = chain(place, *jobs, PYTHON=python or "/nowhere")
    ids = find_jobs(done)
    if not check(done.returncode == 0 and len(ids) == (3 if python else 2), f"chain.sh ends with {done.returncode}: {done.stdout}{done.stderr}"):
        return
    check("16 x 10 units" in done.stderr and "warning" not in done.stderr, f"the model's size isn't foreseen: {done.stderr}")
    place.cluster.wait_for(lambda: "2 units" in place.log(ids[0]), PATIENCE, "the training doesn't begin")
    place.cluster.ask("scancel", "-b", "-s", "USR1", ids[0])
    place.cluster.wait_for(lambda: "requeueing" in place.log(ids[0]), PATIENCE, "no requeue")
    place.wait_for_end(ids[0])
    for id in ids[1:]:
        place.wait_for_end(id)
    times = [get_times(place, id) for id in ids]
    check(all(a[1] <= b[0] for a, b in zip(times, times[1:])), f"jobs weren't done one after another: {times}")
    out = place.where / "out"
    check("model out/chain training[replicate=1]" in (out / "partition/data.keys").read_text(), "another model was taken")
    shown = place.call("show", out / "partition/results.h5", "log_z", "--csv").stdout
    found = {row["method"]: float(row["log_z"]) for row in csv.DictReader(io.StringIO(shown))}
    # Ten hidden units are enumerated. Annealing and Bennett are within some hundredths of that.
    check(all(abs(found[m] - found["exact"]) < 0.5 for m in ("ais", "bennett")), f"ln Z isn't that of the model: {found}")
    if python:
        page = (out / "report.html").read_text()
        check(all(name in page for name in ("chain training", "partition", "log_z")), "the report doesn't tell of both")


def test_broken_chain(place: Place) -> None:
    """Nothing is submitted when one job is wrong; what is queued already is named when Slurm refuses; nothing waits for ever."""
    jobs = [place.job("failing", FAILING), *(place.job(name, SWEEP.replace("sweep", name, 1) % 2) for name in ("after", "third"))]
    for words, code in ((["--help"], 0), ([jobs[0].name, "--help"], 0), ([jobs[0].name, "-x"], 2), ([], 2)):
        done = subprocess.run([str(CHAIN), *words], cwd=place.where, capture_output=True, text=True)
        check(done.returncode == code and "submit" not in done.stdout[:40] and not (place.where / "out").exists(), f"chain.sh {words}: {done}")
    bad = place.job("bad", CHAIN_PARTITION.replace("scans: 400", "scans: 0"))
    done = chain(place, jobs[0], bad)
    check(done.returncode == 1 and "partition.scans" in done.stderr and "bad.yaml can't be submitted" in done.stderr and
          not (place.where / "out").exists(), f"a chain with a wrong job: {done.returncode} {done.stdout}{done.stderr}")

    fake = place.where / "bin" / "sbatch" # a Slurm that refuses the second job
    fake.parent.mkdir()
    fake.write_text(f"#!/bin/sh\ncase \"$*\" in */after/*) echo no >&2; exit 1;; esac\nexec {shutil.which('sbatch')} --hold \"$@\"\n")
    fake.chmod(0o755)
    done = chain(place, *jobs, PATH=f"{fake.parent}:{os.environ['PATH']}")
    ids = find_jobs(done)
    check(done.returncode == 1 and len(ids) == 1 and f"scancel {ids[0]}'" in done.stderr, f"a refused job: {done.stdout}{done.stderr}")
    place.cluster.ask("scancel", *ids)

    done = chain(place, *jobs)
    ids = find_jobs(done)
    check(done.returncode == 0 and len(ids) == 3 and "no report" in done.stderr, f"chain: {done.returncode} {done.stdout}{done.stderr}")
    place.wait_for_end(ids[0], end=("FAILED",))
    for id in ids[1:]:
        place.wait_for_end(id, end=("CANCELLED",))


def test_later(place: Place) -> None:
    """A model that isn't there is a mistake, unless an earlier job is to make it."""
    job = place.job("partition", CHAIN_PARTITION)
    wait = ("--", "--dependency=afterok:1")
    for options, code, pieces in (((), 2, ["there is no model"]), (wait, 2, ["there is no model", "--later"]),
                                  (("--later",), 2, ["--dependency"]), (("--later", "--dry-run"), 0, ["warning", "there is no model"])):
        done = place.call("submit", job, *options)
        check(done.returncode == code and all(p in done.stderr for p in pieces) and not (place.where / "out").exists(),
              f"submit {options}: {done.returncode} {done.stderr}")
    place.call("submit", place.job("training", CHAIN_TRAINING), "--", "--hold")
    for name, code, piece in (("[replicate=1]", 0, "16 x 10 units"), ("[replicate=7]", 2, "replicate: 0, 1"), ("", 2, "2 units")):
        done = place.call("submit", job, "--later", "--dry-run", "-s", f"partition.model='out/chain training{name}'")
        check(done.returncode == code and piece in done.stderr, f"a model out/chain training{name}: {done.returncode} {done.stderr}")
    data = place.job("data", SWEEP.replace("teacher", "csv, file: none.csv") % 2)
    for options, code in (((), 2), (("--later",), 0)):
        done = place.call("submit", data, "--dry-run", *options)
        check(done.returncode == code and "there is no data file none.csv" in done.stderr, f"data {options}: {done.returncode} {done.stderr}")
    # The jobs that the manual names, and the script by itself.
    for name, options in (("rbm-digits", ()), ("partition-digits", ("--later",))):
        done = place.call("submit", SOURCE.resolve() / f"jobs/{name}.yaml", "--dry-run", *options)
        check(done.returncode == 0 and place.takes(done.stdout), f"{name}: {done.returncode} {done.stderr}")
    check(place.takes((SOURCE / "slurm/run.sbatch").read_text()), "slurm/run.sbatch")


def perform(slurm: Cluster, tests: list) -> None:
    for test in tests:
        with folder() as where:
            began = time.monotonic()
            try:
                test(Place(slurm, Path(where)))
            except (TimeoutError, RuntimeError, subprocess.TimeoutExpired) as error:
                check(False, f"{test.__name__}: {error}")
            print(f"{test.__name__}: {time.monotonic() - began:.0f} s", flush=True)


if why_not():
    skip(why_not())
lines = [[test_scripts, test_bad_job, test_requeue, test_array, test_cancel], [test_time_limit, test_array_requeue],
         [test_later, test_broken_chain, test_chain, test_by_hand]] # side by side
chosen = [[t for t in line if len(sys.argv) < 2 or t.__name__ in sys.argv] for line in lines]
with Cluster(nodes=2, cpus=8) as slurm, ThreadPoolExecutor(len(lines)) as pool:
    for done in [pool.submit(perform, slurm, line) for line in chosen]:
        done.result()
finish()
