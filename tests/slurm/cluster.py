"""A real Slurm on this machine: controller, munge and some nodes, each node with a host name, an address and a /dev/shm of its own.

Nodes are network, UTS and mount namespaces joined by a bridge; all files are shared, as on a cluster. Needs root and Debian's
slurm-wlm, munge and iproute2. `python3 cluster.py` starts one, gives a shell in it and stops it.
"""
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "srun", "scontrol", "squeue", "ip", "unshare", "nsenter")
NETWORK = "10.83.7"

CONFIG = """ClusterName=simmer
SlurmctldHost={host}({network}.1)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
# a requeued job waits until its old credential has expired
AuthInfo=socket={place}/munge/socket,cred_expire=5
SlurmctldPort=26817
SlurmdPort=26818
StateSaveLocation={place}/state
SlurmdSpoolDir={place}/spool/%n
# PMIx keeps its files there: one place a node, though nodes share /tmp
TmpFS={place}/tmp/%n
SlurmctldPidFile={place}/slurmctld.pid
SlurmdPidFile={place}/slurmd.%n.pid
SlurmctldLogFile={place}/slurmctld.log
SlurmdLogFile={place}/slurmd.%n.log
MailProg=/bin/true
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
SlurmdParameters=config_overrides
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
DefMemPerCPU=200
MpiDefault=none
SwitchType=switch/none
SchedulerParameters=batch_sched_delay=0,sched_interval=1,bf_interval=1
KillWait={kill_wait}
SlurmdTimeout=300
ReturnToService=2
AccountingStorageType=accounting_storage/none
{nodes}
PartitionName=main Nodes=node[1-{n}] Default=YES State=UP MaxTime=INFINITE DefaultTime=10
"""


def why_not() -> str:
    """The reason why no cluster can be started here; empty if one can."""
    if os.geteuid() != 0:
        return "starting Slurm needs root"
    missing = [p for p in PROGRAMS if shutil.which(p) is None]
    if missing:
        return f"programs are missing: {' '.join(missing)} (Debian: slurm-wlm munge iproute2)"
    probe = subprocess.run(["unshare", "--net", "--uts", "--mount", "sh", "-c",
                            "ip link add t0 type veth peer name t1 && ip link add t2 type bridge && hostname t"], capture_output=True)
    return "" if probe.returncode == 0 else "namespaces with a bridge can't be made here"


class Cluster:
    """Started on entering, stopped on leaving the context."""

    def __init__(self, nodes: int = 2, cpus: int = 2, kill_wait: int = 20):
        self.n, self.cpus, self.kill_wait = nodes, cpus, kill_wait
        self.bridge = f"smr{secrets.token_hex(3)}"
        self.anchors: list[subprocess.Popen] = []
        self.daemons: list[Path] = []

    def __enter__(self) -> "Cluster":
        self.place = Path(tempfile.mkdtemp(prefix="simmer-slurm-"))
        self.place.chmod(0o755)
        try:
            self._start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_) -> None:
        if hasattr(self, "environment"):
            subprocess.run(["scancel", "-f", "-u", "root"], env=self.environment, capture_output=True, timeout=120)
            time.sleep(1)
        for file in reversed(self.daemons):
            self._end(file)
        for anchor in self.anchors:
            self._empty_namespace(anchor.pid)
            anchor.kill()
            anchor.wait()
        subprocess.run(["ip", "link", "del", self.bridge], capture_output=True)
        shutil.rmtree(self.place, ignore_errors=True)

    # --- starting ---

    def _start(self) -> None:
        host = socket.gethostname().split(".")[0]
        for name in ("munge", "state", "spool", "tmp"):
            (self.place / name).mkdir(mode=0o755)
        nodes = "\n".join(f"NodeName=node{i} NodeAddr={NETWORK}.{10 + i} CPUs={self.cpus} RealMemory=8000" for i in self._each())
        (self.place / "slurm.conf").write_text(CONFIG.format(
            host=host, network=NETWORK, place=self.place, nodes=nodes, n=self.n, kill_wait=self.kill_wait))
        # Without a mounted cgroup file system slurmd would stop at autodetection; version 1 touches nothing.
        (self.place / "cgroup.conf").write_text("CgroupPlugin=cgroup/v1\n")
        names = "".join(f"{NETWORK}.{10 + i} node{i}\n" for i in self._each())
        (self.place / "hosts").write_text(f"127.0.0.1 localhost\n{NETWORK}.1 {host}\n{names}")
        self.environment = {**os.environ, "SLURM_CONF": str(self.place / "slurm.conf"), "OMPI_ALLOW_RUN_AS_ROOT": "1",
                            "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1", "OMPI_MCA_mpi_yield_when_idle": "1",
                            "OMPI_MCA_hwloc_base_binding_policy": "none", "OMPI_MCA_rmaps_base_oversubscribe": "1"}
        self._start_munge()
        self._must("ip", "link", "add", self.bridge, "type", "bridge")
        self._must("ip", "addr", "add", f"{NETWORK}.1/24", "dev", self.bridge)
        self._must("ip", "link", "set", self.bridge, "up")
        for i in self._each():
            self._make_node(i)
        self._must("slurmctld")
        self.daemons.append(self.place / "slurmctld.pid")
        for i in self._each():
            (self.place / "spool" / f"node{i}").mkdir()
            (self.place / "tmp" / f"node{i}").mkdir(mode=0o777)
            self._must(*self._inside(i), "slurmd", "-N", f"node{i}")
            self.daemons.append(self.place / f"slurmd.node{i}.pid")
        self.wait_for(lambda: self.ask("sinfo", "-h", "-N", "-o", "%t").split() == ["idle"] * self.n, 120, "nodes never became idle")

    def _start_munge(self) -> None:
        key = self.place / "munge" / "key"
        key.touch(mode=0o600)
        key.write_bytes(secrets.token_bytes(128))
        self._must("munged", f"--key-file={key}", f"--socket={self.place}/munge/socket", f"--pid-file={self.place}/munge/pid",
                   f"--log-file={self.place}/munge/log", f"--seed-file={self.place}/munge/seed", "--num-threads=2")
        self.daemons.append(self.place / "munge" / "pid")

    def _make_node(self, i: int) -> None:
        ready = self.place / f"ready{i}"
        script = ("hostname node$1 && ip link set lo up && mount -t tmpfs -o mode=1777 shm /dev/shm && "
                  "mount --bind $2/hosts /etc/hosts && touch $2/ready$1 && exec sleep infinity")
        anchor = subprocess.Popen(["unshare", "--net", "--uts", "--mount", "--propagation", "private", "sh", "-c", script, "x",
                                   str(i), str(self.place)], stdin=subprocess.DEVNULL)
        self.anchors.append(anchor)
        self.wait_for(ready.exists, 120, f"the namespaces of node{i} could not be made")
        outer = f"{self.bridge}n{i}"
        self._must("ip", "link", "add", outer, "type", "veth", "peer", "name", "eth0", "netns", str(anchor.pid))
        self._must("ip", "link", "set", outer, "master", self.bridge, "up")
        self._must("nsenter", "-t", str(anchor.pid), "-n", "sh", "-c",
                   f"ip addr add {NETWORK}.{10 + i}/24 dev eth0 && ip link set eth0 up")

    # --- using ---

    def ask(self, *command: str) -> str:
        """Output of a command; empty when it fails."""
        done = subprocess.run(command, env=self.environment, capture_output=True, text=True, timeout=120)
        return done.stdout.strip() if done.returncode == 0 else ""

    def state(self, job: str) -> str:
        """RUNNING, PENDING, …; COMPLETED, FAILED, … of an ended job; that of the first task of an array."""
        for word in self.ask("scontrol", "show", "job", job).split():
            if word.startswith("JobState="):
                return word[9:]
        return ""

    def states(self, job: str) -> list[str]:
        """States of all tasks of an array."""
        return [w[9:] for w in self.ask("scontrol", "show", "job", job).split() if w.startswith("JobState=")]

    def wait_for(self, is_true, seconds: float, what: str) -> None:
        end = time.monotonic() + seconds
        while not is_true():
            if time.monotonic() > end:
                logs = "".join(f"--- {p}\n{p.read_text(errors='replace')[-1500:]}\n" for p in sorted(self.place.glob("*.log")))
                raise TimeoutError(f"{what}\n{logs}")
            time.sleep(0.2)

    # --- inside ---

    def _each(self) -> range:
        return range(1, self.n + 1)

    def _inside(self, i: int) -> list[str]:
        return ["nsenter", "-t", str(self.anchors[i - 1].pid), "--net", "--uts", "--mount", "--"]

    def _must(self, *command: str) -> None:
        done = subprocess.run(command, env=self.environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120)
        if done.returncode != 0:
            raise RuntimeError(f"{' '.join(command)} ended with {done.returncode}: {done.stdout}{done.stderr}")

    @staticmethod
    def _end(pid_file: Path) -> None:
        """TERM, and KILL after five seconds; nobody but init reaps a daemon, so a zombie has ended."""
        try:
            pid = int(pid_file.read_text())
            os.kill(pid, signal.SIGTERM)
            for _ in range(50):
                if "(zombie)" in Path(f"/proc/{pid}/status").read_text():
                    return
                time.sleep(0.1)
            os.kill(pid, signal.SIGKILL)
        except (OSError, ValueError):
            pass

    @staticmethod
    def _empty_namespace(anchor: int) -> None:
        try:
            space = os.readlink(f"/proc/{anchor}/ns/net")
            if space == os.readlink("/proc/self/ns/net"):
                return
        except OSError:
            return
        for entry in Path("/proc").iterdir():
            try:
                if entry.name.isdigit() and int(entry.name) != anchor and os.readlink(entry / "ns/net") == space:
                    os.kill(int(entry.name), signal.SIGKILL)
            except OSError:
                continue


if __name__ == "__main__":
    if why_not():
        sys.exit(f"cluster: {why_not()}")
    with Cluster(nodes=int(sys.argv[1]) if len(sys.argv) > 1 else 2) as cluster:
        print(f"Slurm is up in {cluster.place}; 'exit' ends it", flush=True)
        subprocess.run([os.environ.get("SHELL", "/bin/bash")], env=cluster.environment)
