"""Partition functions: every estimator against exact values, the same bits on any ranks, models from files, bad input."""
from pathlib import Path

from support import check, finish, folder, run, same, table

ISING = """
name: ising
experiment: partition
seed: 2
partition: {flat_base: true, annealing_runs: 40, annealing_steps: 500, chains: 16, scans: 800, rounds: 7, exact_units: 16}
sweep: {partition.side: [4, 8], partition.coupling: [0.408, 0.4406867935097715]}
"""
# ln Z of the RBM of the 8 x 8 Ising model, by Kaufman's formula.
KAUFMAN = {"0.408": 11.788691, "0.4406867935097715": 9.615452}
TRAINED = """
name: trained
experiment: rbm
data: {source: bars-and-stripes, side: 3, binarize: none, holdout: 0}
rbm: {hidden: 6, negative_phase: pcd}
train: {batch: 14, steps: 400, learning_rate: 0.1}
monitor: {period: 400}
"""


def column(path: Path, name: str) -> list[dict]:
    return [row for row in table(path, name) if row[name] not in ("", "nan")]


def test_ising(where: Path) -> None:
    job = where / "ising.yaml"
    job.write_text(ISING)
    for ranks, threads in ((1, 1), (2, 1), (3, 1), (1, 2)):
        out = where / f"ising-{ranks}-{threads}"
        done = run(["run", job, "-o", out, "-q"], ranks, threads, OMP_WAIT_POLICY="passive")
        check(done.returncode == 0, f"ising on {ranks} x {threads}: {done.returncode} {done.stderr}")
        same(where / "ising-1-1" / "results.h5", out / "results.h5", f"ising on {ranks} ranks x {threads} threads")
    results = where / "ising-1-1" / "results.h5"
    for row in column(results, "log_z_exact"):
        if row["side"] == "8":
            check(abs(float(row["log_z_exact"]) - KAUFMAN[row["coupling"]]) < 1e-6, f"exact ln Z: {row}")
    scores = column(results, "z_score")
    # Six estimators with errors in four cells. A jackknife over 16 chains leaves 15 degrees of freedom: beyond 6 lies a share
    # of 2.4e-5 of Student's t, 6e-4 for all together.
    check(len(scores) == 24 and all(abs(float(row["z_score"])) < 6 for row in scores), f"z-scores: {scores}")
    enumerated = [row for row in column(results, "log_z") if row["method"] == "1" and row["side"] == "4"]
    for row, exact in zip(enumerated, column(results, "log_z_exact")):
        check(abs(float(row["log_z"]) - float(exact["log_z_exact"])) < 1e-12, f"enumeration: {row} {exact}")


def test_model(where: Path) -> None:
    job, model = where / "trained.yaml", where / "trained" / "model.h5"
    job.write_text(TRAINED)
    done = run(["run", job, "-o", where / "trained", "-q"], 2)
    check(done.returncode == 0, f"training: {done.returncode} {done.stderr}")
    (where / "of.yaml").write_text("name: of\nexperiment: partition\npartition: {annealing_runs: 64, annealing_steps: 400, chains: 64, "
                                   f"scans: 600, model: {model}}}\n")
    done = run(["run", where / "of.yaml", "-o", where / "of", "-q"], 2)
    check(done.returncode == 0, f"ln Z of a model: {done.returncode} {done.stderr}")
    trained = float(column(where / "trained" / "metrics.h5", "log_z")[-1]["log_z"])
    values = {row["method"]: float(row["log_z"]) for row in column(where / "of" / "results.h5", "log_z")}
    check(abs(values["1"] - trained) < 1e-9, f"enumeration: {values['1']} against {trained} while training")
    scores = column(where / "of" / "results.h5", "z_score")
    check(len(scores) == 6 and all(abs(float(row["z_score"])) < 6 for row in scores), f"z-scores of a trained model: {scores}")
    for ranks in (1, 3):
        done = run(["run", where / "of.yaml", "-o", where / "bad", "-s", f"partition.model={where}/nowhere.h5"], ranks)
        check(done.returncode == 2 and "nowhere.h5" in done.stderr, f"a missing model: {done.returncode} {done.stderr}")


with folder() as name:
    test_ising(Path(name))
    test_model(Path(name))
finish()
