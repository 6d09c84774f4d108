"""simmer on a real Slurm: submit, stop in time, requeue, share a sweep, go on after scancel and after deaths; always the same bits."""
import json
import os
import re
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "run"))
from cluster import Cluster, why_not  # noqa: E402
from support import SIMMER, check, finish, folder, run, same, skip  # noqa: E402

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
                              text=True, timeout=60)

    def submit(self, job: Path, name: str, *options: str, ranks: int = 4) -> str:
        done = self.call("submit", job, "-o", self.where / name, "-n", ranks, "--", *options)
        check(done.returncode == 0 and done.stdout.strip().isdigit(), f"submit ends with {done.returncode}: {done.stdout}{done.stderr}")
        check("simmer status" in done.stderr, f"submit doesn't say how to watch: {done.stderr}")
        return done.stdout.strip()

    def brief(self, name: str) -> list[str]:
        """Units that are left, and the word that changes with progress."""
        return self.call("status", self.where / name, "--brief").stdout.split() or ["", ""]

    def wait_for_progress(self, name: str, seconds: float = 60) -> None:
        before = self.brief(name)
        self.cluster.wait_for(lambda: self.brief(name) != before, seconds, f"{name} makes no progress from {before}")

    def wait_for_end(self, id: str, seconds: float = 240, end: tuple = ("COMPLETED",)) -> None:
        ended = ("COMPLETED", "FAILED", "CANCELLED", "TIMEOUT", "NODE_FAIL", "OUT_OF_MEMORY")
        self.cluster.wait_for(lambda: all(s in ended for s in self.cluster.states(id)), seconds, f"job {id} doesn't end")
        check(set(self.cluster.states(id)) <= set(end), f"job {id} ended as {self.cluster.states(id)}:\n{self.log(id)}")

    def log(self, id: str) -> str:
        return "".join(p.read_text() for p in sorted(self.where.glob(f"*/log/slurm-{id}*.out")))


def reference(where: Path, job: Path, name: str) -> Path:
    """The same job on one rank without Slurm."""
    done = run(["run", job, "-o", where / name, "-q"], timeout=400)
    check(done.returncode == 0, f"reference run of {job.name}: {done.returncode} {done.stderr}")
    return where / name


def test_scripts(place: Place) -> None:
    """What --dry-run prints is a script that Slurm would take."""
    job = place.job("dry", SWEEP % 10)
    profile = place.where / "site.yaml"
    profile.write_text("site: {partition: main, launcher: srun, cores_per_node: 2, most_nodes: 2, most_time: '02:00:00'}\n")
    for options in ([], ["--site", profile], ["-s", "name='it''s 5%'", "-n", "3"], ["--", "--array=1-4", "--time=5"]):
        done = place.call("submit", job, "--dry-run", *options)
        check(done.returncode == 0 and not (place.where / "out").exists(), f"dry run: {done.returncode} {done.stderr}")
        script = place.where / "dry.sbatch"
        script.write_text(done.stdout)
        tested = subprocess.run(["sbatch", "--test-only", str(script)], env=place.environment, capture_output=True, text=True)
        check(tested.returncode == 0, f"sbatch --test-only {options}: {tested.stderr}")
    profile.write_text("site: {partitoin: main}\n")
    done = place.call("submit", job, "--dry-run", "--site", profile)
    check(done.returncode == 2 and "partition" in done.stderr and "site.yaml:1:" in done.stderr, f"a wrong profile: {done.stderr}")
    done = place.call("submit", job, "--dry-run", "--", "nodes=2")
    check(done.returncode == 2 and "sbatch" in done.stderr, f"a wrong option: {done.stderr}")


def test_requeue(place: Place) -> None:
    """A sweep over two nodes is told twice to stop, requeues itself, loses its ranks once, and ends with the bits of one rank."""
    job = place.job("sweep", SWEEP % 2500)
    id = place.submit(job, "sweep", "--nodes=2", "--time=10")
    for restart in (1, 2):
        place.wait_for_progress("sweep")
        place.cluster.ask("scancel", "-b", "-s", "USR1", id)
        place.cluster.wait_for(lambda: place.log(id).count("requeueing") == restart, 60, "no requeue")
        status = json.loads(place.call("status", place.where / "sweep", "--json").stdout)
        check([j["id"] for j in status["slurm"]] == [id], f"status doesn't know the job: {status['slurm']}")
    place.wait_for_progress("sweep")
    for anchor in place.cluster.anchors[1:]: # kill -9 of the ranks on node2
        inside = [p for p in Path("/proc").glob("[0-9]*") if namespace(p) == namespace(Path(f"/proc/{anchor.pid}"))]
        for process in inside:
            if (process / "comm").exists() and (process / "comm").read_text().strip() == "simmer":
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


def test_time_limit(place: Place) -> None:
    """A training is signalled by Slurm itself before its one-minute limit, and goes on from its checkpoint."""
    job = place.job("training", TRAINING % 300)
    id = place.submit(job, "training", "--nodes=2", "--time=1", "--signal=B:USR1@45")
    alone = reference(place.where, job, "training-alone")
    place.wait_for_end(id)
    check(place.log(id).count("requeueing") >= 1, f"the training wasn't requeued:\n{place.log(id)}")
    for name in ("model.h5", "metrics.h5", "results.h5"):
        same(alone / name, place.where / "training" / name, f"requeued training, {name}")


def test_array(place: Place) -> None:
    """Four jobs of an array share one sweep: every unit is done once."""
    job = place.job("shared", SWEEP % 1000)
    id = place.submit(job, "shared", "--array=1-4", "--time=10", ranks=1)
    place.wait_for_end(id)
    lines = "".join(p.read_text() for p in (place.where / "shared/journal").glob("*.log"))
    units = re.findall(r"\b[0-9a-f]{32}\b", lines)
    check(len(units) == len(set(units)) == 9 * 1000, f"{len(units)} units done, {len(set(units))} different ones")
    writers = len(list((place.where / "shared/journal").glob("*.log")))
    check(writers > 1, "one job did all the work")
    same(reference(place.where, job, "shared-alone") / "results.h5", place.where / "shared/results.h5", "shared sweep")


def test_cancel(place: Place) -> None:
    """After scancel nothing is requeued; submitted again, it goes on where it was."""
    job = place.job("cancelled", SWEEP % 1500)
    id = place.submit(job, "cancelled", "--time=10", ranks=2)
    place.wait_for_progress("cancelled")
    place.cluster.ask("scancel", id)
    place.wait_for_end(id, end=("CANCELLED",))
    left = int(place.brief("cancelled")[0])
    check(0 < left < 9 * 1500, f"{left} units left after scancel")
    time.sleep(8) # a requeued job would be back by now
    check(place.cluster.state(id) == "CANCELLED", f"a cancelled job is {place.cluster.state(id)}")
    id = place.submit(job, "cancelled", "--time=10", ranks=2)
    place.wait_for_end(id)
    check(f"{9 * 1500 - left} units are finished already" in place.log(id), f"it began anew:\n{place.log(id)}")
    same(reference(place.where, job, "cancelled-alone") / "results.h5", place.where / "cancelled/results.h5", "cancelled sweep")


def test_bad_job(place: Place) -> None:
    """A job that can't run is refused before it is submitted."""
    done = place.call("submit", place.job("bad", (SWEEP % 10).replace("noise", "nosie")), "-o", place.where / "bad")
    check(done.returncode == 2 and "noise" in done.stderr and not (place.where / "bad").exists(), f"bad job: {done.stderr}")


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
lines = [[test_scripts, test_bad_job, test_requeue, test_array, test_cancel], [test_time_limit]] # side by side
chosen = [[t for t in line if len(sys.argv) < 2 or t.__name__ in sys.argv] for line in lines]
with Cluster(nodes=2, cpus=8) as slurm, ThreadPoolExecutor(len(lines)) as pool:
    for done in [pool.submit(perform, slurm, line) for line in chosen]:
        done.result()
finish()
