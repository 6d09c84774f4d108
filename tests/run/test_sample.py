"""Sampling trained models: exact distributions, verdicts, the same bits on any ranks and after kills and stops; names of models;
bad input.

usage: test_sample.py [number of kills]
"""
import math
import os
import random
import re
import shutil
import signal
import struct
import sys
import zlib
from pathlib import Path

from support import PATIENCE, check, checkpoints, descendants, finish, folder, kill_all, run, same, start, strike, table, wait_for

FILES = ("results.h5", "ladder.h5", "samples.h5")
# Two modes, up and down, that Gibbs sampling alone hardly leaves.
TRAINED = """
name: trained
experiment: rbm
data: {source: ising, side: 3, coupling: 0.6, count: 2000, binarize: none}
rbm: {hidden: 8, negative_phase: cd}
train: {batch: 100, epochs: 40, learning_rate: 0.1}
"""
SWEPT = """
name: swept
experiment: rbm
data: {source: bars-and-stripes, side: 2, binarize: none, holdout: 0}
train: {batch: 6, steps: 20}
sweep: {rbm.hidden: [2, 3], train.learning_rate: [0.05, 0.1], replicate: {count: 2}, exclude: [{rbm.hidden: 3, replicate: 1}]}
"""
SAMPLE = """
name: sample
experiment: sample
sample: {model: MODEL, count: 2000, chains: 40, scans: 2000, rounds: 7}
"""
LONG = """
name: long
experiment: sample
sample: {model: MODEL, count: 50, chains: 30, temperatures: 12, scans: 250, rounds: 5, sweeps: 2, values: probabilities}
checkpoint: {period: 0.1}
run: {retries: 1000}
"""


def values(path: Path, name: str) -> list[float]:
    return [float(row[name]) for row in table(path, name)]


def make(where: Path, text: str, name: str, model: str = "") -> Path:
    job = where / f"{name}.yaml"
    job.write_text(text.replace("MODEL", model))
    return job


# ---- what the model believes, by going through its states ----


def softplus(x: float) -> float:
    return max(x, 0) + math.log1p(math.exp(-abs(x)))


class Exact:
    """Probabilities and free energies of all visible states."""

    def __init__(self, model: Path):
        b, c, w = (values(model, name) for name in ("visible_bias", "hidden_bias", "W"))
        self.n = len(b)
        states = range(2**self.n)
        self.f = []
        for s in states:
            on = [i for i in range(self.n) if s >> i & 1]
            fields = [c[j] + sum(w[i * len(c) + j] for i in on) for j in range(len(c))]
            self.f.append(-sum(b[i] for i in on) - sum(map(softplus, fields)))
        least = min(self.f)
        weights = [math.exp(least - f) for f in self.f]
        self.p = [x / sum(weights) for x in weights]

    def mean(self, values_of_states) -> float:
        return sum(p * x for p, x in zip(self.p, values_of_states))


def read_states(path: Path, n: int) -> list[int]:
    pixels = [int(float(row["samples"])) for row in table(path, "samples")]
    return [sum(bit << i for i, bit in enumerate(pixels[k:k + n])) for k in range(0, len(pixels), n)]


def test_distribution(where: Path, exact: Exact) -> None:
    job, out = make(where, SAMPLE, "sample", str(where / "trained")), where / "sample"
    done = run(["run", job, "-o", out], 2)
    check(done.returncode == 0, f"sampling: {done.returncode} {done.stderr}")
    check("samples can be trusted: split R-hat" in done.stderr, f"a verdict is told: {done.stderr}")
    results = out / "results.h5"
    check(values(results, "is_trusted") == [1] and values(results, "distrust") == [0], "a good ladder is trusted")
    states = read_states(out / "samples.h5", exact.n)
    check(len(states) == 2000, f"{len(states)} samples")
    # Images of a chain are more than twice the autocorrelation time apart: nearly independent.
    times = values(results, "autocorrelation_time")
    check(max(times) < 15 and values(results, "spacing") == [30], f"times {times}, spacing {values(results, 'spacing')}")
    counts = [0] * len(exact.p)
    for s in states:
        counts[s] += 1
    cells = [(c, p * len(states)) for c, p in zip(counts, exact.p) if p * len(states) >= 8]
    rare = (len(states) - sum(c for c, _ in cells), len(states) - sum(e for _, e in cells))
    cells += [rare] if rare[1] > 1 else []
    chi2, dof = sum((c - e) ** 2 / e for c, e in cells), len(cells) - 1
    # Five standard deviations of chi-square.
    check(dof >= 10 and chi2 < dof + 5 * math.sqrt(2 * dof), f"chi-square {chi2} of {dof} degrees of freedom")
    up = exact.mean([bin(s).count("1") / exact.n for s in range(len(exact.p))])
    free = exact.mean(exact.f)
    for name, expected, spread in (("activity", up, 0.5 / math.sqrt(2000)),
                                   ("free_energy", free, values(results, "free_energy_stderr")[0])):
        found = values(results, name)[0]
        check(abs(found - expected) < 5 * spread, f"{name}: {found}, exactly {expected}, error {spread}")
    # Free energies are sums of some ten single-precision numbers of order 10.
    wrong = [f for s, f in zip(states, values(out / "samples.h5", "free_energy")) if abs(f - exact.f[s]) > 1e-4]
    check(not wrong, f"free energies of {len(wrong)} samples aren't those of their states: {wrong[:3]}")


def test_ladder(where: Path) -> None:
    """ladder.h5 agrees with itself and with results.h5."""
    ladder, results = where / "sample" / "ladder.h5", where / "sample" / "results.h5"
    beta, rejection, barrier = (values(ladder, name) for name in ("beta", "rejection", "barrier"))
    check(beta[0] == 0 and beta[-1] == 1 and beta == sorted(beta), f"ladder {beta}")
    check(abs(sum(rejection) - barrier[-1]) < 1e-12 and barrier[-1] == values(results, "barrier")[0], "barrier")
    check(sum(values(ladder, "round_trips")) == values(results, "round_trips")[0], "round trips of chains add up")
    ideal = 1 / (2 + 2 * sum(r / (1 - r) for r in rejection))
    check(abs(values(ladder, "ideal_round_trip_rate")[0] - ideal) < 1e-12, "ideal rate of round trips")
    check(0.3 * ideal < values(ladder, "round_trip_rate")[0] < 1.2 * ideal, "rate of round trips")
    n_kept = values(ladder, "n_scans")[0] - values(ladder, "n_left_out")[0]
    totals: dict[str, float] = {}
    for row in table(ladder, "energy_histogram"):
        totals[row["temperature"]] = totals.get(row["temperature"], 0) + float(row["energy_histogram"])
    check(set(totals.values()) == {40 * n_kept} and len(totals) == len(beta), f"histograms {totals}")
    at = {(row["history_scan"], row["history_chain"]): [] for row in table(ladder, "replica")}
    check(len(at) == 1000 * 4, f"history of {len(at)} scans and chains")
    for row in table(ladder, "replica"):
        at[row["history_scan"], row["history_chain"]].append(int(row["replica"]))
    check(all(sorted(r) == list(range(len(beta))) for r in at.values()), "every scan of the history is a permutation")
    scans = sorted({int(scan) for scan, _ in at})
    check(scans == list(range(1, 2001, 2)), f"scans of the history {scans[:4]}")


def test_distrust(where: Path) -> None:
    """Without a ladder chains stay where they began, and it is said."""
    job = make(where, SAMPLE, "sample", str(where / "trained"))
    for betas, piece, bits in (("1", "split R-hat", 1 | 2 | 16), ("0 1", "round trip", 0)):
        out = where / f"distrust-{len(betas)}"
        done = run(["run", job, "-o", out, "-s", f"sample.betas='{betas}'", "-s", "sample.rounds=0", "-s", "sample.scans=60",
                    "-s", "sample.count=40"])
        check(done.returncode == 0, f"ladder {betas}: {done.returncode} {done.stderr}")
        found = int(values(out / "results.h5", "distrust")[0])
        check("can't be trusted" in done.stderr and piece in done.stderr, f"ladder {betas}: {done.stderr}")
        check(found & bits == bits and found > 0, f"ladder {betas}: distrust {found}")
        check(values(out / "results.h5", "is_trusted") == [0], f"ladder {betas} isn't trusted")


def test_ranks(where: Path) -> None:
    for kind in ("states", "probabilities"):
        job = make(where, SAMPLE, kind, str(where / "trained"))
        extra = ["-s", f"sample.values={kind}", "-s", "sample.scans=120", "-s", "sample.count=130", "-s", "sample.sweeps=2"]
        for ranks, threads in [(1, 1), (2, 1), (3, 1), (4, 1), (1, 2), (2, 2)]:
            out = where / f"{kind}-{ranks}-{threads}"
            done = run(["run", job, "-o", out, "-q", *extra], ranks, threads, OMP_WAIT_POLICY="passive")
            check(done.returncode == 0, f"{kind} on {ranks} x {threads}: {done.returncode} {done.stderr}")
            for file in FILES:
                same(where / f"{kind}-1-1" / file, out / file, f"{kind}, {file}: {ranks} ranks x {threads} threads")
    probabilities = values(where / "probabilities-1-1" / "samples.h5", "samples")
    check(all(0 < p < 1 for p in probabilities) and len(probabilities) == 130 * 9, "probabilities are between 0 and 1")


def test_kills(where: Path, kills: int) -> None:
    """It looks sixty times whether to stop; slowed down, it makes a checkpoint each time."""
    random.seed(40)
    job, out = make(where, LONG, "long", str(where / "digits")), where / "killed"
    done = run(["run", job, "-o", where / "whole", "-q", "-s", "checkpoint.period=1000"], 2)
    check(done.returncode == 0, f"undisturbed sampling: {done.returncode} {done.stderr}")
    for _ in range(kills):
        process, seen = start(["run", job, "-o", out, "-q"], random.choice([1, 2, 3, 4]), SIMMER_DELAY="run.look:200"), checkpoints(out)[-1:]
        strike(process, lambda: checkpoints(out)[-1:] > seen, "sample")
    check(bool(checkpoints(out)) and not (out / "results.h5").exists(), "sampling wasn't killed midway")
    done = run(["run", job, "-o", out, "-q"], 3)
    check(done.returncode == 0, f"after the kills: {done.returncode} {done.stderr}")
    for file in FILES:
        same(where / "whole" / file, out / file, f"{file} after kills")


def get_share(out: Path) -> float:
    """How far the run is by its heartbeat, in per cent."""
    found = [re.search(r"^now ([0-9.]+)%", p.read_text(errors="replace"), re.MULTILINE) for p in out.glob("claims/*.beat")]
    return max((float(f[1]) for f in found if f), default=0)


def test_stop(where: Path) -> None:
    """A signal: exit 75 with a checkpoint, then on with another number of ranks."""
    job, out = where / "long.yaml", where / "stopped"
    process = start(["run", job, "-o", out, "-q", "-s", "checkpoint.period=1000"], 2, SIMMER_DELAY="run.look:200")
    check(wait_for(lambda: get_share(out) > 0, process), "SIGUSR1: the run isn't midway")
    for pid in descendants(process.pid):
        os.kill(pid, signal.SIGUSR1)
    process.wait(PATIENCE)
    check(process.returncode == 75, f"SIGUSR1: {process.returncode} {process.stderr.read()}")
    check(len(checkpoints(out)) == 1, "SIGUSR1: a checkpoint is there")
    kill_all(process)
    done = run(["run", job, "-o", out, "-q"], 3)
    check(done.returncode == 0, f"after SIGUSR1: {done.returncode} {done.stderr}")
    for file in FILES:
        same(where / "whole" / file, out / file, f"{file} after SIGUSR1")
    next(out.glob("units/*/samples.h5")).unlink()
    done = run(["run", job, "-o", out], 1)
    check(done.returncode == 0 and "lost files" in done.stderr, f"lost samples: {done.returncode} {done.stderr}")
    same(where / "whole" / "samples.h5", out / "samples.h5", "lost samples")


# ---- names of models ----


def test_names(where: Path) -> None:
    job, sweep = make(where, SWEPT, "swept"), where / "swept"
    done = run(["run", job, "-o", sweep, "-q"], 2)
    check(done.returncode == 0, f"a sweep of models: {done.returncode} {done.stderr}")
    sample = make(where, SAMPLE, "named", "nothing")
    args = ["run", sample, "-q", "-s", "sample.scans=20", "-s", "sample.rounds=2", "-s", "sample.count=20"]
    good = ["hidden=2,learning_rate=0.1,replicate=1", " rbm.hidden=3, train.learning_rate=0.050, replicate=0 "]
    for i, unit in enumerate(good):
        out = where / f"named-{i}"
        done = run([*args, "-o", out, "-s", f"sample.model='{sweep}[{unit}]'"], 2)
        check(done.returncode == 0, f"[{unit}]: {done.returncode} {done.stderr}")
        planned = run(["plan", sample, "-s", f"sample.model='{sweep}[{unit}]'"])
        check(planned.returncode == 0, f"plan [{unit}]: {planned.stderr}")
    axes = [f"-ssweep.sample.model=['{sweep}[hidden=2,learning_rate=0.1,replicate=0]', "
            f"'{sweep}[hidden=2,learning_rate=0.1,replicate=1]']"]
    done = run([*args, "-o", where / "both", *axes], 2)
    check(done.returncode == 0 and len(list(where.glob("both/units/*/samples.h5"))) == 2, f"a sweep over models: {done.stderr}")
    both = values(where / "both" / "results.h5", "free_energy")
    check(values(where / "named-0" / "results.h5", "free_energy")[0] == both[1], "a unit of a sweep is that unit's model")
    bad = {
        f"{sweep}": ["6 units", "hidden: 2, 3", "replicate: 0, 1"],
        f"{sweep}[hidden=2]": ["4 units", "learning_rate: 0.05, 0.1"],
        f"{sweep}[hidden=4]": ["hidden = 4", "hidden: 2, 3"],
        f"{sweep}[hiden=2]": ["hiden", "no axis", "hidden: 2, 3"],
        f"{sweep}[hidden]": ["'hidden' isn't key=value"],
        f"{sweep}[hidden=3,learning_rate=0.1,replicate=1]": ["together"],
        f"{where}/none[hidden=3]": ["no such folder", "none"],
        f"{where}/none": ["none", "no such file"],
        f"{where / 'sample'}": ["sample", "no models"],
        "": ["empty"],
    }
    for name, pieces in bad.items():
        for ranks in (1, 3):
            done = run([*args, "-o", where / "bad", "-s", f"sample.model='{name}'"], ranks)
            expect(done, 2, ["sample.model", *pieces], f"model '{name}' on {ranks}")
    for path in sweep.glob("units/*/model.h5"):
        path.rename(path.with_suffix(".away"))
    done = run([*args, "-o", where / "bad", "-s", f"sample.model='{sweep}[hidden=2,learning_rate=0.1,replicate=0]'"])
    expect(done, 2, ["isn't finished", "hidden=2", "simmer run"], "a model that isn't finished")


# ---- bad input ----


def expect(done, code: int, pieces: list[str], what: str) -> None:
    check(done.returncode == code, f"{what}: exit code {done.returncode}, not {code}: {done.stderr}")
    missing = [piece for piece in pieces if piece not in done.stderr]
    check(not missing, f"{what}: the message lacks {missing}: {done.stderr}")
    check(done.stderr.count("simmer: error:") == 1, f"{what}: one error line: {done.stderr}")


def patch(source: Path, target: Path, value: float) -> None:
    """A copy with another first visible bias, sealed anew."""
    data = bytearray(source.read_bytes())
    needle = b"".join(struct.pack("<f", b) for b in values(source, "visible_bias"))
    check(data.count(needle) == 1, "the biases are found in the file")
    at = data.index(needle)
    data[at:at + 4] = struct.pack("<f", value)
    data[-8:-4] = struct.pack("<I", zlib.crc32(bytes(data[:-16])))
    target.write_bytes(bytes(data))


def test_bad_input(where: Path) -> None:
    model = where / "trained" / "model.h5"
    patch(model, where / "nan.h5", math.nan)
    (where / "cut.h5").write_bytes(model.read_bytes()[:-100])
    job = make(where, SAMPLE, "good", str(model))
    cases = {
        "missing": (["sample.model=nowhere.h5"], ["sample.model", "nowhere.h5"]),
        "nan": ([f"sample.model={where}/nan.h5"], ["sample.model", "nan.h5", "visible_bias", "[0, 0]"]),
        "cut": ([f"sample.model={where}/cut.h5"], ["sample.model", "cut.h5"]),
        "no model": ([f"sample.model={where}/sample/results.h5"], ["results.h5", "W"]),
        "text": ([f"sample.model={job}"], ["good.yaml", "HDF5"]),
        "falling": (["sample.betas='0, 0.5, 0.4, 1'"], ["sample.betas", "3", "0.4", "0.5"]),
        "above 1": (["sample.betas='0 0.5 1.5'"], ["sample.betas", "1.5", "from 0 to 1"]),
        "below 0": (["sample.betas='-0.1 0.5 1'"], ["sample.betas", "-0.1", "from 0 to 1"]),
        "no end": (["sample.betas='0 0.5'"], ["sample.betas", "to 1"]),
        "words": (["sample.betas='0 half 1'"], ["sample.betas", "half"]),
        "both": (["sample.betas='0 0.5 1'", "sample.temperatures=4"], ["sample.betas", "3", "4"]),
        "count": (["sample.scans=100", "sample.count=3001"], ["sample.count", "3001", "40", "75"]),
        "memory": (["sample.scans=100000000", "sample.chains=100000"], ["GiB"]),
    }
    for name, (overrides, pieces) in cases.items():
        for ranks in (1, 3):
            extra = [word for o in overrides for word in ("-s", o)]
            done = run(["run", job, "-o", where / "bad", "-q", *extra], ranks)
            expect(done, 1 if name == "memory" else 2, pieces, f"{name} on {ranks}")
            check(not (where / "bad").exists(), f"{name}: nothing is written")
    done = run(["plan", make(where, SAMPLE, "places", "nowhere.h5")])
    expect(done, 2, ["places.yaml:4:10"], "the place of a missing model")


def test_changed_model(where: Path) -> None:
    """A folder is held to the model that it was begun with; trained again to the same bits it is the same."""
    model, other = where / "changing.h5", where / "other.h5"
    shutil.copy(where / "trained" / "model.h5", model)
    job, out = make(where, SAMPLE, "changing", str(model)), where / "changing-out"
    args = ["run", job, "-o", out, "-q", "-s", "sample.scans=20", "-s", "sample.count=20"]
    check(run(args).returncode == 0, "a model that will change")
    patch(model, other, 0.25)
    shutil.copy(other, model)
    for ranks in (1, 3):
        expect(run(args, ranks), 2, ["changing.h5", "--fresh"], f"a changed model on {ranks}")
    done = run(["run", where / "trained.yaml", "-o", where / "again", "-q"], 3)
    check(done.returncode == 0, f"training again: {done.stderr}")
    shutil.copy(where / "again" / "model.h5", model)
    done = run(args, 2)
    check(done.returncode == 0, f"the same model again: {done.returncode} {done.stderr}")


with folder() as name:
    where = Path(name)
    done = run(["run", make(where, TRAINED, "trained"), "-o", where / "trained", "-q"], 2)
    check(done.returncode == 0, f"training: {done.returncode} {done.stderr}")
    digits = make(where, "name: digits\nexperiment: rbm\ndata: {count: 600, test_count: 0}\nrbm: {hidden: 60}\n"
                         "train: {batch: 60, epochs: 3}\n", "digits")
    done = run(["run", digits, "-o", where / "digits", "-q"], 2)
    check(done.returncode == 0, f"training on digits: {done.returncode} {done.stderr}")
    test_distribution(where, Exact(where / "trained" / "model.h5"))
    test_ladder(where)
    test_distrust(where)
    test_ranks(where)
    test_kills(where, int(sys.argv[1]) if len(sys.argv) > 1 else 6)
    test_stop(where)
    test_names(where)
    test_bad_input(where)
    test_changed_model(where)
finish()
