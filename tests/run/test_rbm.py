"""Training RBMs: the same bits on any ranks and threads, after kills and stops; sweeps; bad input; divergence.

usage: test_rbm.py [number of kills]
"""
import gzip
import os
import random
import shutil
import signal
import struct
import sys
from pathlib import Path

from support import PATIENCE, check, checkpoints, descendants, finish, folder, kill_all, run, same, start, strike, table, wait_for

FILES = ("metrics.h5", "model.h5", "results.h5")
JOBS = {
    "pcd": """
name: pcd
experiment: rbm
data: {source: digits, count: 1500, test_count: 300, holdout: 0.2, binarize: sample}
rbm: {hidden: 12, negative_phase: pcd}
train: {batch: 120, epochs: 4, learning_rate: 0.3, momentum: 0.5, schedule: cosine, rate_final: 0.05}
monitor: {rows: 250, period: 10, spectrum_every: 2, samples: 6, sample_sweeps: 3}
""",
    "tempered": """
name: tempered
experiment: rbm
data: {source: bars-and-stripes, side: 4, binarize: none, holdout: 0}
rbm: {hidden: 12, negative_phase: tempered}
tempering: {chains: 20, observers: 10, window: 8, most_temperatures: 12, most_sweeps: 3}
train: {batch: 30, shard: 8, steps: 250, learning_rate: 3, momentum: 0.3}
monitor: {rows: 30, period: 25, samples: 6, sample_sweeps: 3}
""",
    "cd": """
name: cd
experiment: rbm
seed: 3
data: {source: bars-and-stripes, side: 6, binarize: none, holdout: 0}
rbm: {hidden: 25, negative_phase: cd, k: 2, k_final: 4, centred: false, sampled_statistics: true}
train: {batch: 33, shard: 8, steps: 90, learning_rate: 0.2, schedule: inverse_time, l2: 1e-4, l1: 1e-5, gradient_limit: 3}
monitor: {rows: 50, period: 30, samples: 5, sample_sweeps: 2}
""",
}
SLOW_LADDER = """
name: ladder
experiment: rbm
data: {source: digits, count: 2000, test_count: 100, holdout: 0.1, binarize: sample}
rbm: {hidden: 30, negative_phase: tempered}
tempering: {chains: 12, observers: 6, window: 8}
train: {batch: 64, epochs: 40, learning_rate: 0.2}
monitor: {rows: 100, period: 100, samples: 4, sample_sweeps: 2}
checkpoint: {period: 0.1}
run: {retries: 1000}
"""
LONG = """
name: long
experiment: rbm
data: {source: digits, count: 3000, test_count: 100, holdout: 0.1, binarize: sample}
rbm: {hidden: 40, negative_phase: pcd}
train: {batch: 128, epochs: 60, learning_rate: 0.05}
monitor: {rows: 100, period: 100, samples: 4, sample_sweeps: 2}
checkpoint: {period: 0.1}
run: {retries: 1000}
"""


def test_ranks(where: Path) -> None:
    for name, text in JOBS.items():
        job = where / f"{name}.yaml"
        job.write_text(text)
        for ranks, threads in [(1, 1), (2, 1), (3, 1), (4, 1), (1, 2), (2, 2)]:
            out = where / f"{name}-{ranks}-{threads}"
            done = run(["run", job, "-o", out, "-q"], ranks, threads, OMP_WAIT_POLICY="passive")
            check(done.returncode == 0, f"{name} on {ranks} ranks, {threads} threads: {done.returncode} {done.stderr}")
            for file in FILES:
                same(where / f"{name}-1-1" / file, out / file, f"{name}, {file}: {ranks} ranks x {threads} threads")
    reactions = [float(row["reactions"]) for row in table(where / "tempered-1-1" / "metrics.h5", "reactions")]
    check(reactions[-1] > 0, f"a rate too large for the ladder: {reactions[-1]} reactions")
    rows = table(where / "pcd-1-1" / "metrics.h5", "log_likelihood_test")
    values = [float(row["log_likelihood_test"]) for row in rows]
    check(values[-1] > values[0] + 5, f"the likelihood rises: {values[0]} to {values[-1]}")


def test_kills(where: Path, name: str, text: str, kills: int) -> None:
    """Slowed down, a training takes twelve seconds, of which a kill lets pass half a one."""
    random.seed(30)
    job, out = where / f"{name}.yaml", where / f"{name}-killed"
    job.write_text(text)
    done = run(["run", job, "-o", where / f"{name}-whole", "-q", "-s", "checkpoint.period=1000"], 2)
    check(done.returncode == 0, f"undisturbed training {name}: {done.returncode} {done.stderr}")
    for _ in range(kills):
        process, seen = start(["run", job, "-o", out, "-q"], random.choice([1, 2, 3, 4]), SIMMER_DELAY="run.look:10"), checkpoints(out)[-1:]
        strike(process, lambda: checkpoints(out)[-1:] > seen, name)
    check(bool(checkpoints(out)) and not (out / "results.h5").exists(), f"{name} wasn't killed midway")
    done = run(["run", job, "-o", out, "-q"], 3)
    check(done.returncode == 0, f"{name} after the kills: {done.returncode} {done.stderr}")
    for file in FILES:
        same(where / f"{name}-whole" / file, out / file, f"{name}, {file} after kills")


def test_modes(where: Path) -> None:
    """Bars and stripes are islands: tempered chains find them all, persistent ones stay where they are.

    Five seeds were at -3.62 +- 0.03 (exact) for tempered and between -4.8 and -8.3 for persistent chains; a model can't
    be better than the data's entropy, ln 30 = 3.40. Twelve sweeps an update bring persistent chains to -4.0 +- 0.3.
    """
    job = where / "modes.yaml"
    job.write_text("name: modes\nexperiment: rbm\ndata: {source: bars-and-stripes, side: 4, binarize: none, holdout: 0}\n"
                   "rbm: {hidden: 16}\ntrain: {batch: 30, steps: 8000, learning_rate: 0.05}\nmonitor: {period: 4000}\n"
                   "sweep: {rbm.negative_phase: [pcd, tempered], replicate: {count: 5}}\n")
    done = run(["run", job, "-o", where / "modes", "-q"], 2, timeout=300)
    check(done.returncode == 0, f"modes: {done.returncode} {done.stderr}")
    found = {(row["negative_phase"], row["replicate"]): float(row["log_likelihood_train"])
             for row in table(where / "modes" / "results.h5", "log_likelihood_train")}
    for seed in map(str, range(5)):
        tempered, persistent = found["tempered", seed], found["pcd", seed]
        check(tempered > persistent + 0.5, f"seed {seed}: tempered {tempered}, persistent {persistent}")
        check(-3.9 < tempered < -3.40, f"seed {seed}: tempered {tempered}")


def test_stops(where: Path) -> None:
    job = where / "long.yaml"
    for number in (signal.SIGTERM, signal.SIGUSR1):
        out = where / f"stop-{number}"
        process = start(["run", job, "-o", out, "-q", "-s", "checkpoint.period=1000"], 2, SIMMER_DELAY="run.look:10")
        check(wait_for((out / "metrics.h5").exists, process), f"signal {number}: the training isn't midway")
        for pid in descendants(process.pid) if number == signal.SIGUSR1 else [process.pid]:
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                pass
        process.wait(PATIENCE)
        expected = (75,) if number == signal.SIGUSR1 else (75, 143, 128 + number, -number, 1)
        check(process.returncode in expected, f"signal {number}: exit code {process.returncode}")
        kill_all(process)
        if process.returncode == 75:
            check(len(checkpoints(out)) == 1, f"signal {number}: a checkpoint is there")
        done = run(["run", job, "-o", out, "-q"], 3)
        check(done.returncode == 0, f"after signal {number}: {done.returncode} {done.stderr}")
        for file in FILES:
            same(where / "long-whole" / file, out / file, f"{file} after signal {number}")
    # Of the seven seconds, two are kept for the end; the others are for the data and a first step.
    endless = ["run", job, "-o", where / "limit", "-q", "-s", "train.epochs=100000", "--time-limit", "0:0:07"]
    for ranks in (2, 1):
        done = run(endless, ranks)
        check(done.returncode == 75, f"--time-limit: {done.returncode} {done.stderr}")
        check(bool(checkpoints(where / "limit")), "--time-limit: no checkpoint")


def test_sweep(where: Path) -> None:
    job = where / "pcd.yaml"
    axes = ["-s", "sweep.train.learning_rate=[0.01, 0.1]", "-s", "sweep.rbm.hidden=[3, 5, 8]",
            "-s", "sweep.replicate={count: 2}", "-s", "train.epochs=1"]
    for ranks, per_unit in ((1, "auto"), (4, "2"), (3, "auto")):
        out = where / f"sweep-{ranks}"
        done = run(["run", job, "-o", out, "-q", *axes, "-s", f"run.ranks_per_unit={per_unit}"], ranks)
        check(done.returncode == 0, f"sweep on {ranks} ranks: {done.returncode} {done.stderr}")
        same(where / "sweep-1" / "results.h5", out / "results.h5", f"sweep on {ranks} ranks")
        check(len(list(out.glob("units/*/model.h5"))) == 12, "every unit has its model")
    rows = table(where / "sweep-1" / "results.h5", "log_likelihood_test_mean")
    check(len(rows) == 6, f"means over replicates: {len(rows)} rows")


def damage(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0x10
    path.write_bytes(bytes(data))


def train_on(args: list, out: Path, ranks: int = 1) -> tuple[int, str]:
    """Trains until there is a newer checkpoint, and stops: exit code and errors."""
    process, seen = start(args, ranks), checkpoints(out)[-1:]
    check(wait_for(lambda: checkpoints(out)[-1:] > seen, process), f"no new checkpoint in {out.name}")
    process.send_signal(signal.SIGUSR1)
    _, errors = process.communicate(timeout=PATIENCE)
    return process.returncode, errors


def test_checkpoints(where: Path) -> None:
    """Damaged ones are passed over; foreign ones are refused."""
    job, out = where / "long.yaml", where / "limit"
    endless = ["run", job, "-o", out, "-s", "train.epochs=100000"]
    while len(checkpoints(out)) < 2:
        code, errors = train_on(endless, out)
        check(code == 75, f"an endless training: {code} {errors}")
    damage(checkpoints(out)[-1])
    code, errors = train_on(endless, out, 2)
    check(code == 75, f"with a damaged checkpoint: {code} {errors}")
    check("warning" in errors and "step-" in errors, f"the damaged checkpoint is named: {errors}")
    foreign = where / "foreign"
    train_on(["run", job, "-o", foreign, "-q", "-s", "train.epochs=100001"], foreign)
    for path in checkpoints(foreign):
        path.unlink()
    target = next(foreign.glob("units/*/checkpoints"))
    shutil.copy(checkpoints(out)[-1], target)
    for ranks in (1, 3):
        done = run(["run", job, "-o", foreign, "-q", "-s", "train.epochs=100001"], ranks)
        check(done.returncode in (1, 3), f"a foreign checkpoint: {done.returncode} {done.stderr}")
        check("step-" in done.stderr, f"a foreign checkpoint is named: {done.stderr}")
        check(len(checkpoints(foreign)) == 1, "a foreign checkpoint is left alone")


def idx(magic: int, *sizes: int, fill: int = 7, cut: int = 0) -> bytes:
    n = 1
    for size in sizes:
        n *= size
    data = struct.pack(f">{1 + len(sizes)}i", magic, *sizes) + bytes((fill * i) % 251 for i in range(n))
    return data[:len(data) - cut]


def test_bad_input(where: Path) -> None:
    (where / "good").write_bytes(idx(2051, 40, 5, 4))
    (where / "labels").write_bytes(idx(2049, 40, fill=1))
    (where / "few").write_bytes(idx(2049, 39, fill=1))
    (where / "magic").write_bytes(idx(2052, 40, 5, 4))
    (where / "short").write_bytes(idx(2051, 40, 5, 4, cut=1))
    (where / "short.gz").write_bytes(gzip.compress(idx(2051, 40, 5, 4))[:-9])
    (where / "other").write_bytes(idx(2051, 40, 5, 5))
    base = "name: bad\nexperiment: rbm\ndata: {source: idx, file: good, holdout: 0}\nrbm: {hidden: 3}\ntrain: {batch: 20, epochs: 2}\n"
    job = where / "bad.yaml"
    job.write_text(base)
    done = run(["run", job, "-o", where / "good-out", "-q", "--data", where, "-s", "data.labels=labels"])
    check(done.returncode == 0, f"a good IDX file: {done.returncode} {done.stderr}")
    bad = {
        "missing": (["data.file=nowhere"], 2, ["nowhere"]),
        "no file": (["data.file=''"], 2, ["data.file"]),
        "magic": (["data.file=magic"], 2, ["magic"]),
        "short": (["data.file=short"], 2, ["short"]),
        "short.gz": (["data.file=short.gz"], 2, ["short.gz"]),
        "labels": (["data.labels=few"], 2, ["few", "39", "40"]),
        "test sizes": (["data.test_file=other"], 2, ["other"]),
        "batch": (["train.batch=41"], 2, ["train.batch", "41", "40"]),
        "start": (["rbm.start=nowhere.h5"], 2, ["nowhere.h5"]),
        "start sizes": ([f"rbm.start={where}/good-out/model.h5", "rbm.hidden=4"], 2, ["20", "3", "4"]),
        "ladder": (["tempering.temperatures=9"], 2, ["tempering.temperatures", "rbm.negative_phase", "tempered"]),
        "ladder bound": (["rbm.negative_phase=tempered", "tempering.temperatures=9", "tempering.most_temperatures=20"], 2,
                         ["tempering.most_temperatures", "9"]),
        "window": (["rbm.negative_phase=tempered", "tempering.window=3"], 2, ["tempering.window", "4"]),
        "ladder memory": (["rbm.negative_phase=tempered", "tempering.chains=1000000"], 1, ["GiB"]),
        "memory": (["rbm.hidden=9000000", "data.source=digits"], 1, ["GiB"]),
    }
    for name, (overrides, code, pieces) in bad.items():
        for ranks in (1, 3):
            out = where / f"bad-{name}-{ranks}"
            extra = [word for o in overrides for word in ("-s", o)]
            done = run(["run", job, "-o", out, "-q", "--data", where, *extra], ranks)
            check(done.returncode == code, f"{name} on {ranks}: exit code {done.returncode}: {done.stderr}")
            check(all(piece in done.stderr for piece in pieces), f"{name}: the message lacks one of {pieces}: {done.stderr}")
            check(done.stderr.count("simmer: error:") == 1, f"{name} on {ranks}: one error line: {done.stderr}")
            check(not out.exists(), f"{name}: nothing is written")
    done = run(["run", job, "-o", where / "from", "-q", "--data", where, "-s", f"rbm.start={where}/good-out/model.h5"], 2)
    check(done.returncode == 0, f"a training that starts from a model: {done.returncode} {done.stderr}")


def test_lost_files(where: Path) -> None:
    """A finished unit whose model is gone is trained again, to the same bits."""
    out = where / "pcd-1-1"
    next(out.glob("units/*/model.h5")).unlink()
    done = run(["run", where / "pcd.yaml", "-o", out], 2)
    check(done.returncode == 0 and "lost files" in done.stderr, f"a lost model: {done.returncode} {done.stderr}")
    same(where / "pcd-2-1" / "model.h5", out / "model.h5", "a lost model")


def test_takeover(where: Path) -> None:
    """A process that stood still for longer than the lease steps back, and harms nobody."""
    job, out = where / "long.yaml", where / "takeover"
    args = ["run", job, "-o", out, "-s", "run.lease=1", "-s", "monitor.period=50"]
    first = start(args, SIMMER_DELAY="run.look:4")
    check(wait_for(lambda: checkpoints(out), first), "the first process isn't midway")
    os.kill(first.pid, signal.SIGSTOP)
    second, newest = start(args, SIMMER_DELAY="run.look:4"), checkpoints(out)[-1:]
    check(wait_for(lambda: checkpoints(out)[-1:] > newest, second), "the second process doesn't take over midway")
    os.kill(first.pid, signal.SIGCONT)
    for process in (first, second):
        _, errors = process.communicate(timeout=PATIENCE)
        check(process.returncode == 0, f"after a takeover: {process.returncode} {errors}")
        check(process is second or "steps back" in errors, f"the first process doesn't step back: {errors}")
    done = run([*args[:3], where / "no-takeover", "-q", *args[4:]], 2)
    check(done.returncode == 0, f"without a takeover: {done.returncode} {done.stderr}")
    for file in FILES:
        same(where / "no-takeover" / file, out / file, f"{file} after a takeover")


def test_short_limit(where: Path) -> None:
    """A time limit in which nothing can be started is an error, not a promise."""
    done = run(["run", where / "long.yaml", "-o", where / "short-limit", "--time-limit", "0:0:01"])
    check(done.returncode == 1 and "more time" in done.stderr, f"a time limit of a second: {done.returncode} {done.stderr}")


def test_divergence(where: Path) -> None:
    job = where / "pcd.yaml"
    for ranks in (1, 3):
        out = where / f"diverged-{ranks}"
        done = run(["run", job, "-o", out, "-q", "-s", "train.learning_rate=1e30"], ranks)
        check(done.returncode == 3, f"divergence: exit code {done.returncode}: {done.stderr}")
        check("step" in done.stderr and "learning_rate" in done.stderr, f"divergence: {done.stderr}")


with folder() as name:
    where = Path(name)
    test_ranks(where)
    kills = int(sys.argv[1]) if len(sys.argv) > 1 else 10
    test_kills(where, "long", LONG, kills)
    test_kills(where, "ladder", SLOW_LADDER, kills // 2)
    test_modes(where)
    test_stops(where)
    test_sweep(where)
    test_checkpoints(where)
    test_bad_input(where)
    test_lost_files(where)
    test_takeover(where)
    test_short_limit(where)
    test_divergence(where)
finish()
