"""What the benchmarks share: running simmer and fresh Python interpreters, and the table of ratios."""
import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SIMMER = ROOT / "build" / "bin" / "simmer"


def simmer(args: list, ranks: int) -> str:
    env = {**os.environ, "OMP_NUM_THREADS": "1", "OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
           "OMPI_MCA_mpi_yield_when_idle": "1", "OMPI_MCA_hwloc_base_binding_policy": "none", "OMPI_MCA_rmaps_base_oversubscribe": "1"}
    done = subprocess.run(["mpirun", "-q", "-n", str(ranks), SIMMER, *map(str, args)], env=env, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"bench: error: simmer {' '.join(map(str, args))} ended with {done.returncode}: {done.stderr}")
    return done.stdout + done.stderr


def bench_seconds(name: str, ranks: int) -> dict[str, dict]:
    return {row["name"]: row for row in json.loads(simmer(["bench", name, "--json"], ranks))}


def python(code: str, threads: int) -> float:
    """Seconds that `code` prints, in a fresh interpreter with a fixed number of BLAS threads."""
    env = {**os.environ, "OMP_NUM_THREADS": str(threads), "OPENBLAS_NUM_THREADS": str(threads), "MKL_NUM_THREADS": str(threads)}
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"bench: error: {done.stderr}")
    return float(done.stdout.split()[-1])


def header() -> None:
    print(f"{'what':58s} {'simmer':>22s} {'other':>26s} {'ratio':>9s} {'target':>8s}")


def add(what: str, ours: str, theirs: str, ratio: float, target: float) -> None:
    print(f"{what:58s} {ours:>22s} {theirs:>26s} {ratio:9.2f} {target:8.2f}  {'reached' if ratio >= target else 'SHORT'}", flush=True)
