"""The jobs of the project: each plans; the danger zone meets theory; Spambase dips where it must; docs are in step."""
import os
import re
import sys
from pathlib import Path

from support import SOURCE, check, finish, folder, run, skip, table

# Test accuracy on the rows left out, lambda = 1e-6, labels +-1, mean of 30 random subsets, by an independent computation
# with NumPy's SVD; standard errors near .01.
SIZES = [10, 20, 30, 40, 50, 55, 57, 58, 60, 65, 75, 100, 150, 300, 1000, 3000]
DIP = {
    "raw": [.637, .648, .632, .570, .540, .569, .572, .578, .607, .644, .677, .760, .816, .855, .888, .890],
    "standardized": [.722, .743, .709, .654, .623, .590, .587, .584, .622, .654, .711, .786, .840, .874, .886, .885],
}


def test_plans() -> None:
    for job in sorted((SOURCE / "jobs").glob("*.yaml")):
        done = run(["plan", job])
        model = re.search(r"model: (out/[\w-]+)", job.read_text())
        if model and not Path(model[1]).is_dir():
            # Takes the model of another job of ours, which has to be run first.
            check(done.returncode == 2 and f"there is no model {model[1]}" in done.stderr, f"plan {job.name}: {done.stderr}")
            check((SOURCE / "jobs" / f"{Path(model[1]).name}.yaml").exists(), f"{job.name} takes {model[1]}, which no job makes")
            continue
        needs_data = any(f"source: {kind}" in job.read_text() for kind in ("csv", "idx", "infimnist"))
        has_data = not needs_data or os.environ.get("SIMMER_DATA")
        if "- out/" in job.read_text():  # reads the models of another job, which hasn't run here
            check(done.returncode == 2 and "out/" in done.stderr, f"plan {job.name} without its models: {done.returncode} {done.stderr}")
            continue
        check(done.returncode == 0 or not has_data, f"plan {job.name}: {done.returncode} {done.stderr}")


def test_docs() -> None:
    done = run(["keys", "--markdown"])
    check(done.stdout == (SOURCE / "docs" / "job-file.md").read_text(),
          "docs/job-file.md is out of step; make it by: simmer keys --markdown > docs/job-file.md")


def test_danger_zone(where: Path) -> None:
    """A thinned danger-zone.yaml: z-scores where they exist, and the peak at N_i = N_f."""
    out = where / "zone"
    done = run(["run", SOURCE / "jobs" / "danger-zone.yaml", "-o", out, "-q", "-s", "sweep.data.instances=[20, 40, 54, 56, 58, 60, 62, 64, 66, 80, 120, 200]",
                "-s", "sweep.replicate={count: 100}", "-s", "ridge.lambda=[0, 1e-6, 0.1, 10]"], 2, timeout=300)
    check(done.returncode == 0, f"danger-zone: {done.returncode} {done.stderr}")
    exact = [float(row["estimation_error_z"]) for row in table(out / "results.h5", "estimation_error_z")
             if row["estimation_error_z"] not in ("", "nan")]
    check(len(exact) == 9, f"{len(exact)} exact z-scores, expected one for each |N_f - N_i| >= 4")
    check(all(abs(z) < 5 for z in exact), f"exact z-scores {exact}")
    medians = {int(row["instances"]): float(row["estimation_error_median"])
               for row in table(out / "results.h5", "estimation_error_median") if float(row["lambda"]) == 0}
    check(max(medians, key=medians.get) == 60, f"the peak is at N_i = {max(medians, key=medians.get)}: {medians}")


def test_heavy_tails(where: Path) -> None:
    """heavy-tails.yaml with a fifth of its replicates: Hill's index against (|N_f - N_i| + 1)/2 with k = 20 values."""
    out = where / "tails"
    done = run(["run", SOURCE / "jobs" / "heavy-tails.yaml", "-o", out, "-q", "-s", "sweep.replicate={count: 4000}"], 2, timeout=300)
    check(done.returncode == 0, f"heavy-tails: {done.returncode} {done.stderr}")
    name = "estimation_error_tail_index"
    found = {what: {int(row["features"]): float(row[f"{name}{what}"] or "nan") for row in table(out / "results.h5", f"{name}{what}")
                    if float(row.get("lambda", 0)) == 0} for what in ("", "_stderr", "_theory", "_z")}
    for features, expected in {9: 2, 10: 1.5, 11: 1, 12: .5, 13: 1, 14: 1.5, 15: 2}.items():
        index, error, theory, z = (found[what][features] for what in found)
        check(theory == expected, f"N_f = {features}: tail index {theory} in theory, expected {expected}")
        check(abs(error - index / 20**.5) < 1e-12 * index, f"N_f = {features}: {index} +- {error}")
        check(abs(z) < 3 and abs(index - expected) < 3 * error, f"N_f = {features}: Hill's index {index} +- {error}, expected {expected}")
    for row in table(out / "results.h5", "estimation_error_mean"):
        is_known = row["estimation_error_mean"] not in ("", "nan")
        exists = float(row["lambda"]) > 0 or abs(int(row["features"]) - 12) >= 2
        check(is_known == exists, f"a mean at N_f = {row['features']}, lambda = {row['lambda']}: {is_known}")


def test_exact_likelihood(where: Path) -> None:
    """rbm-16-exact.yaml for three epochs: centred, inverted images are learned as well as the others; not centred, they aren't."""
    if not (Path(os.environ.get("SIMMER_DATA", "")) / "mnist/train-images-idx3-ubyte.gz").exists():
        print("the MNIST test is skipped: SIMMER_DATA/mnist is missing ('python -m analysis.fetch_data mnist')")
        return
    done = run(["run", SOURCE / "jobs" / "rbm-16-exact.yaml", "-o", where / "exact", "-q", "-s", "train.epochs=3",
                "-s", "sweep.replicate=[0]", "-s", "monitor.period=1800"], 2, timeout=300)
    check(done.returncode == 0, f"rbm-16-exact: {done.returncode} {done.stderr}")
    found = {(row["invert"], row["centred"]): float(row["log_likelihood_test"])
             for row in table(where / "exact" / "results.h5", "log_likelihood_test")}
    # Three seeds were at -160 +- 2 after three epochs, and at -170 +- 4 where inverted and not centred.
    straight, inverted, lost = (found.get(key, float("nan")) for key in (("false", "true"), ("true", "true"), ("true", "false")))
    check(straight > -168 and inverted > -168 and abs(straight - inverted) < 5, f"centred: {found}")
    check(lost < inverted - 3, f"not centred, inverted: {found}")


def test_spambase(where: Path) -> None:
    if not os.environ.get("SIMMER_DATA") or not (Path(os.environ["SIMMER_DATA"]) / "spambase/spambase.data").exists():
        print("the Spambase test is skipped: SIMMER_DATA/spambase/spambase.data is missing "
              "('python -m analysis.fetch_data spambase')")
        return
    for kind, expected in DIP.items():
        yes = "true" if kind == "standardized" else "false"
        out = where / kind
        done = run(["run", SOURCE / "jobs" / "spambase-dip.yaml", "-o", out, "-q", "-s", f"sweep.data.instances={SIZES}",
                    "-s", "ridge.lambda=[1e-6]", "-s", f"ridge.standardize={yes}", "-s", f"ridge.intercept={yes}"], 2, timeout=300)
        check(done.returncode == 0, f"spambase {kind}: {done.returncode} {done.stderr}")
        means = {int(row["instances"]): float(row["test_accuracy_mean"]) for row in table(out / "results.h5", "test_accuracy_mean")}
        for size, value in zip(SIZES, expected):
            # The reference means of 30 subsets have standard errors near .01.
            check(abs(means[size] - value) < 0.03, f"spambase {kind}, N_i = {size}: accuracy {means[size]:.3f}, expected {value}")


with folder() as name:
    test_plans()
    test_docs()
    test_danger_zone(Path(name))
    test_heavy_tails(Path(name))
    test_spambase(Path(name))
    test_exact_likelihood(Path(name))
finish()
