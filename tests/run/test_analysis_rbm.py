"""Tests of `analysis` on what trained RBMs leave: metrics.h5, model.h5 and results.h5, made here by
h5py in the layout that the program writes.

Run by `python -m unittest tests/run/test_analysis_rbm.py`, or as a program; exit code 77 when a
package is missing. SIMMER_TEST_FIGURES=DIR keeps the figures there.
"""

from __future__ import annotations

import sys
import unittest
import warnings
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

# First: it ends this program with 77 where a package is missing.
from test_analysis import ResultCase  # isort: skip

import h5py
import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from analysis import style
from analysis.figures import FIGURES
from analysis.figures.filters import sort_filters
from analysis.figures.free_energy_gap import find_onset
from analysis.files import add_seal
from analysis.opening import open_any
from analysis.training import Training, get_groups
from analysis.units import UNIT_VALUE

METRICS = {
    "epoch": "epochs",
    "learning_rate": "1",
    "gradient_norm": "1",
    "free_energy_train": "nat",
    "free_energy_valid": "nat",
    "free_energy_gap": "nat",
    "free_energy_gap_stderr": "nat",
    "reconstruction_error": "1",
    "pseudo_log_likelihood": "nat",
    "weight_norm": "1",
    "hidden_activity": "1",
    "log_z": "nat",
    "log_likelihood_train": "nat",
    "log_likelihood_test": "nat",
    "seconds": "s",
}
TRAINED = {"learning_curves", "free_energy_gap", "singular_values"}
PICTURED = {"filters", "samples"}
LADDER = {
    "log_z_stderr": "nat",
    "log_z_ladder": "nat",
    "log_z_ladder_stderr": "nat",
    "ladder_temperatures": "1",
    "ladder_barrier": "1",
    "swap_acceptance": "1",
    "effective_share": "1",
    "fresh_samples": "1",
    "round_trip_rate": "1",
    "sweeps": "sweeps",
    "rate_factor": "1",
    "reactions": "1",
}
RATES = (0.01, 0.03, 0.1)
HEIGHT, WIDTH, HIDDEN = 6, 4, 9  # No two alike, so that a transposed array shows.
PLAIN_SCALE = "This is a netCDF dimension but not a netCDF variable.%10d"


# ---- files as the program writes them ----


def make_history(rate: float, seed: int, n: int = 12, every: int = 100) -> dict[str, np.ndarray]:
    """Plausible curves: the larger the rate, the faster it learns and overfits. The free-energy gap
    passes three standard errors (0.6) where 30 rate t > 0.6."""
    rng = np.random.default_rng(seed)
    step = np.arange(n, dtype=np.int64) * every
    t = step / (every * (n - 1))
    learned = 1 - np.exp(-60 * rate * t)
    noise = 0.01 * rng.standard_normal((len(METRICS), n))
    values = {
        "epoch": step / 50,
        "learning_rate": rate * 0.01**t,
        "gradient_norm": 2 - learned,
        "free_energy_train": -80 - 40 * learned,
        "free_energy_gap": 30 * rate * t,
        "free_energy_gap_stderr": np.full(n, 0.2),
        "reconstruction_error": 0.1 - 0.05 * learned,
        "pseudo_log_likelihood": -200 + 100 * learned,
        "weight_norm": 2 + 10 * learned,
        "hidden_activity": 0.5 - 0.2 * learned,
        "log_z": np.where(np.arange(n) % 2 == 0, 50 + 100 * learned, np.nan),
        "log_likelihood_train": np.where(np.arange(n) % 2 == 0, -200 + 60 * learned, np.nan),
        "log_likelihood_test": np.where(np.arange(n) % 2 == 0, -201 + 58 * learned, np.nan),
        "seconds": step * 1e-3,
    }
    for i, name in enumerate(("reconstruction_error", "pseudo_log_likelihood", "hidden_activity")):
        values[name] = values[name] * (1 + noise[i])
    values["free_energy_valid"] = values["free_energy_train"] + values["free_energy_gap"]
    spectra = 0.3 * (1 + 40 * learned[:, None] / np.arange(1, 9) ** 2)
    spectra[1::3] = np.nan
    return {"step": step, "singular_value": spectra, **values}


def make_ladder(seed: int, n: int = 12, has_exact: bool = True) -> dict[str, np.ndarray]:
    """A history with a ladder, 0.3 off the exact ln Z. Equilibrium is lost at the fourth and fifth
    measurement: two reactions."""
    history = make_history(0.1, seed, n)
    t = np.arange(n)
    is_lost = (t == 3) | (t == 4)
    for name in ("log_z", "log_likelihood_train", "log_likelihood_test"):
        history[name] = np.linspace(-100, -50, n) * (-1 if name == "log_z" else 1)
    stderr = np.where(is_lost, np.nan, 0.2)
    history |= {
        "log_z_stderr": np.full(n, np.nan) if has_exact else stderr,
        "log_z_ladder": history["log_z"] + (0.3 if has_exact else 0),
        "log_z_ladder_stderr": stderr,
        "ladder_temperatures": 5.0 + t,
        "ladder_barrier": 2 + t / 2,
        "swap_acceptance": np.where(is_lost, 0.1, 0.5 + 0.01 * seed),
        "effective_share": np.where(is_lost, 0.2, 0.9),
        "fresh_samples": np.full(n, 12.0),
        "round_trip_rate": np.full(n, 0.05),
        "sweeps": np.where(t >= 3, 4.0, 1.0),
        "rate_factor": np.where(t >= 4, 0.5, 1.0),
        "reactions": np.clip(t - 2.0, 0, 2),
    }
    return history


def attach(file: h5py.File, dataset: h5py.Dataset, dimensions: tuple[str, ...]) -> None:
    """Named dimensions, as scales without coordinates where there are none."""
    for i, (name, n) in enumerate(zip(dimensions, dataset.shape, strict=True)):
        if name not in file:
            scale = file.create_dataset(name, shape=(n,), dtype=">f4")
            scale.make_scale(PLAIN_SCALE % n)
        dataset.dims[i].attach_scale(file[name])


def write_metrics(path: Path, history: dict[str, np.ndarray], unit: str = "") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w", track_order=True) as file:
        file.attrs.update(
            {"title": "RBM", "experiment": "rbm", "job": "name: x\n", "seed": "1", "unit": unit}
        )
        file.create_dataset("step", data=history["step"]).make_scale("step")
        for name, unit_name in (METRICS | LADDER).items():
            if name not in history:
                continue
            dataset = file.create_dataset(name, data=history[name])
            dataset.attrs["units"], dataset.attrs["long_name"] = unit_name, name
            attach(file, dataset, ("step",))
        dataset = file.create_dataset("singular_value", data=history["singular_value"])
        attach(file, dataset, ("step", "mode"))
    add_seal(path)
    return path


def make_arrays(seed: int = 0, n_samples: int = 8) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    n = HEIGHT * WIDTH
    arrays = {
        "W": rng.standard_normal((n, HIDDEN)),
        "visible_bias": rng.standard_normal(n),
        "hidden_bias": rng.standard_normal(HIDDEN),
        "visible_offset": rng.random(n),
        "hidden_offset": rng.random(HIDDEN),
        "visible_mean": rng.random(n),
        "samples": rng.random((n_samples, n)),
    }
    return {name: array.astype(np.float32) for name, array in arrays.items()}


def make_weights_with_nan() -> np.ndarray:
    weights = make_arrays()["W"]
    weights[3, 2] = np.nan
    return weights


def write_raw_model(
    path: Path,
    arrays: dict[str, np.ndarray],
    unit: str = "",
    sizes: tuple[int, int] = (HEIGHT, WIDTH),
    names: tuple[str, str] = ("image_height", "image_width"),
) -> Path:
    """By h5py alone, with whatever is in `arrays`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w", track_order=True) as file:
        file.attrs.update({"title": "RBM", "experiment": "rbm", "seed": "1", "unit": unit})
        for name, size in zip(names, sizes, strict=True):
            file.attrs[name] = np.int64(size)
        for name, array in arrays.items():
            file.create_dataset(name, data=array)
    add_seal(path)
    return path


def make_sweep(folder: Path, replicates: int = 3) -> Path:
    """Rates x replicates, with results.h5 that holds the last values."""
    final = {name: np.full((len(RATES), replicates), np.nan) for name in METRICS}
    for i, rate in enumerate(RATES):
        for r in range(replicates):
            unit, history = f"learning_rate={rate:g} replicate={r}", make_history(rate, r)
            path = folder / "units" / f"{9 - i}{r}c0ffee"
            write_metrics(path / "metrics.h5", history, unit)
            write_raw_model(path / "model.h5", make_arrays(10 * i + r), unit)
            for name in METRICS:
                final[name][i, r] = history[name][np.isfinite(history[name])][-1]
    axes = ("learning_rate", "replicate")
    data = xr.Dataset(
        {name: (axes, values) for name, values in final.items() if name not in axes},
        coords={"learning_rate": list(RATES), "replicate": np.arange(replicates)},
        attrs={"title": "RBM", "experiment": "rbm", "job": "name: x\n", "seed": "1"},
    )
    data["status"] = (axes, np.ones((len(RATES), replicates), np.uint8))
    data.to_netcdf(folder / "results.h5", engine="h5netcdf")
    return folder


def make_single(folder: Path) -> Path:
    """One unit, with links to its files."""
    unit = folder / "units" / "c0ffee"
    write_metrics(unit / "metrics.h5", make_history(0.1, 0), "replicate=0")
    write_raw_model(unit / "model.h5", make_arrays(), "replicate=0")
    for name in ("metrics.h5", "model.h5"):
        (folder / name).symlink_to(f"units/c0ffee/{name}")
    return folder


class TrainedCase(ResultCase):
    """Draws single figures and looks into them."""

    def open(self, path: Path, **selection: str) -> Training:
        training = open_any(path, selection)
        self.assertIsInstance(training, Training)
        self.addCleanup(training.close)
        return training

    def draw(self, name: str, path: Path, **selection: str) -> Figure:
        kind = next(k for k in FIGURES if k.name == name)
        training = self.open(path, **selection)
        self.assertIsNone(kind.needs(training))
        with plt.rc_context(style.SETTINGS), warnings.catch_warnings():
            warnings.simplefilter("error")
            figure = kind.draw(training)
            self.addCleanup(plt.close, figure)
            figure.canvas.draw()
        return figure

    def get_texts(self, figure: Figure) -> str:
        """Everything that is written, one text a line."""
        texts = [t.get_text() for t in figure.findobj(lambda a: hasattr(a, "get_text"))]
        return "\n".join(t for t in texts if t)

    def find_axes(self, figure: Figure, label: str):
        return next(a for a in figure.axes if label in a.get_ylabel())

    def find_line(self, axes, color) -> np.ndarray:
        """Data of the one full-width line of a colour that is solid."""
        lines = [
            line
            for line in axes.get_lines()
            if line.get_color() == color and line.get_linewidth() > 0.7
            if line.get_linestyle() == "-"
        ]
        self.assertEqual(len(lines), 1)
        return lines[0].get_xydata()


class Figures(TrainedCase):
    """Which figures come out of which files, and what is in them."""

    def test_one_unit(self) -> None:
        self.assertEqual(self.plot_path(make_single(self.folder / "run")), TRAINED | PICTURED)

    def test_single_files(self) -> None:
        folder = make_single(self.folder / "run")
        self.assertEqual(self.plot_path(folder / "metrics.h5"), TRAINED)

    def test_model_alone(self) -> None:
        folder = make_single(self.folder / "run")
        self.assertEqual(self.plot_path(folder / "model.h5"), PICTURED)

    def test_sweep(self) -> None:
        folder = make_sweep(self.folder / "run")
        everything = TRAINED | PICTURED | {"rbm_sweep"}
        self.assertEqual(self.plot_path(folder), everything)
        known = {k.name for k in FIGURES if k.experiment == "rbm"}
        self.assertEqual(everything | {"tempered_training"}, known)

    def test_results_file_of_a_sweep(self) -> None:
        folder = make_sweep(self.folder / "run", replicates=1)
        self.assertEqual(self.plot_path(folder / "results.h5"), TRAINED | PICTURED | {"rbm_sweep"})

    def test_results_without_units(self) -> None:
        folder = make_sweep(self.folder / "run")
        (self.folder / "alone").mkdir()
        (folder / "results.h5").rename(self.folder / "alone" / "results.h5")
        self.assertEqual(self.plot_path(self.folder / "alone"), {"rbm_sweep"})

    def test_still_running(self) -> None:
        folder = make_single(self.folder / "run")
        (folder / "units" / "c0ffee" / "model.h5").unlink()
        self.assertEqual(self.plot_path(folder), TRAINED)

    def test_other_experiments_are_not_mentioned(self) -> None:
        folder = make_single(self.folder / "run")
        code, _, text = self.run_program("plot", folder, "--only", "samples")
        self.assertEqual((code, text), (0, ""))
        _, _, text = self.run_program("plot", folder)
        self.assertEqual(
            text.splitlines(),
            [
                "analysis: left out rbm_sweep (no results.h5)",
                "analysis: left out tempered_training (no metrics.h5 of a tempered negative phase)",
            ],
        )
        self.expect_error("nothing that a figure could show", folder, "--only", "danger_zone")

    def test_selection(self) -> None:
        folder = make_sweep(self.folder / "run")
        code, _, text = self.run_program("plot", folder, "--only", "filters")
        self.assertEqual(code, 0)
        self.assertIn("show learning_rate = 0.01, replicate = 0 (--select", text)
        training = self.open(folder, learning_rate="0.03", replicate="1.0")
        self.assertEqual([u.label for u in training.units], ["learning_rate = 0.03, replicate = 1"])
        self.expect_error(
            "no value 7; it has 0.01, 0.03, 0.1", folder, "--select", "learning_rate=7"
        )
        self.expect_error("no axis 'x' .*learning_rate, replicate", folder, "--select", "x=7")

    def test_selection_on_zipped_axes(self) -> None:
        """Final values keep all that match, and one cell where several selections leave one."""
        folder = make_sweep(self.folder / "run")
        with xr.open_dataset(folder / "results.h5", engine="h5netcdf") as file:
            data = file.load().assign_coords(batch=("learning_rate", [10, 20, 20]))
        (folder / "results.h5").unlink()
        data.to_netcdf(folder / "results.h5", engine="h5netcdf")
        kept = self.open(folder, batch="20").sweep
        np.testing.assert_allclose(kept["learning_rate"], RATES[1:])
        rate = f"{RATES[2]:g}"
        for selection in ({"batch": "20", "learning_rate": rate}, {"learning_rate": rate, "batch": "20"}):
            one = self.open(folder, **selection).sweep
            np.testing.assert_allclose(one["learning_rate"], RATES[2])

    def test_learning_curves(self) -> None:
        folder = make_sweep(self.folder / "run")
        figure = self.draw("learning_curves", folder)
        labels = [a.get_ylabel() for a in figure.axes if a.get_ylabel()]
        self.assertEqual(len(labels), 6)
        for axes in figure.axes[3:6]:
            self.assertEqual(axes.get_xlabel(), "training step")
        entries = [t.get_text() for t in figure.legends[0].get_texts()]
        self.assertEqual(
            entries,
            [*(f"learning_rate = {r:g}" for r in RATES), "test rows", "training rows"],
        )
        error = self.find_axes(figure, "reconstruction error")
        for rate, color in zip(RATES, style.ordered_colors(3), strict=True):
            drawn = self.find_line(error, color)
            rows = [make_history(rate, r)["reconstruction_error"] for r in range(3)]
            np.testing.assert_array_equal(drawn[:, 0], np.arange(12) * 100)
            np.testing.assert_allclose(drawn[:, 1], np.median(rows, axis=0), rtol=1e-12)
        faint = [x for x in error.get_lines() if x.get_linewidth() < 0.7]
        self.assertEqual(len(faint), 9)
        rate_axes = self.find_axes(figure, "learning rate")
        self.assertEqual((rate_axes.get_yscale(), error.get_yscale()), ("log", "linear"))

    def test_only_measured_quantities_get_a_panel(self) -> None:
        history = make_history(0.1, 0)
        for name in ("log_z", "log_likelihood_train", "log_likelihood_test", "free_energy_gap"):
            history[name][:] = np.nan
        path = write_metrics(self.folder / "metrics.h5", history)
        figure = self.draw("learning_curves", path)
        labels = [a.get_ylabel() for a in figure.axes if a.get_ylabel()]
        self.assertEqual(len(labels), 5)
        self.assertNotIn("likelihood (", " ".join(x for x in labels if "pseudo" not in x))
        self.assertEqual(figure.legends, [])
        self.assertEqual(self.plot_path(path), {"learning_curves", "singular_values"})

    def test_gaps_between_measurements_are_bridged(self) -> None:
        path = write_metrics(self.folder / "metrics.h5", make_history(0.1, 0))
        axes = self.find_axes(self.draw("learning_curves", path), "exact log-likelihood")
        drawn = self.find_line(axes, style.get_color(0.3))
        self.assertEqual(drawn[:, 0].tolist(), [0, 200, 400, 600, 800, 1000])
        self.assertTrue(np.isfinite(drawn).all())

    def test_epochs_where_steps_differ(self) -> None:
        for i, every in enumerate((100, 25)):
            history = make_history(0.1, 0, every=every)
            history["epoch"] = history["step"] / (every / 2)
            write_metrics(
                self.folder / "units" / f"u{i}" / "metrics.h5", history, f"batch_rows={i}"
            )
        figure = self.draw("learning_curves", self.folder)
        self.assertEqual({a.get_xlabel() for a in figure.axes} - {""}, {"epoch"})
        axes = self.find_axes(figure, "weight norm")
        ends = [line.get_xdata()[-1] for line in axes.get_lines()]
        self.assertEqual(ends, [22.0, 22.0])

    def test_many_settings(self) -> None:
        for i in range(20):
            path = self.folder / "units" / f"u{i}" / "metrics.h5"
            write_metrics(path, make_history(0.01, i), f"hidden={i + 1}")
        figure = self.draw("learning_curves", self.folder)
        self.assertIn("6 of 20 settings shown", self.get_texts(figure))
        shown = [t.get_text() for t in figure.legends[0].get_texts()]
        self.assertEqual((shown[0], shown[5]), ("hidden = 1", "hidden = 20"))

    def test_overfitting_is_said(self) -> None:
        path = write_metrics(self.folder / "metrics.h5", make_history(0.1, 0))
        figure = self.draw("free_energy_gap", path)
        # 3 t > 0.6 holds from the fourth of 12 measurements on, t = 3 / 11.
        self.assertIn(
            "beyond 3 standard errors from step 300 on: overfitting", self.get_texts(figure)
        )
        axes = self.find_axes(figure, "F_{\\mathrm{valid}}")
        (band,) = axes.collections
        edges = band.get_paths()[0].vertices
        last = edges[edges[:, 0] == 1100][:, 1]
        np.testing.assert_allclose([last.min(), last.max()], [2.8, 3.2])
        self.assertIn("(nats)", axes.get_ylabel())

    def test_no_overfitting_is_said(self) -> None:
        path = write_metrics(self.folder / "metrics.h5", make_history(0.01, 0))
        self.assertIn("no overfitting seen", self.get_texts(self.draw("free_energy_gap", path)))

    def test_gap_of_a_sweep(self) -> None:
        figure = self.draw("free_energy_gap", make_sweep(self.folder / "run"))
        self.assertIn("from the circles on (2 of 3)", self.get_texts(figure))
        circles = [x for x in figure.axes[1].get_lines() if x.get_markeredgecolor() == "black"]
        self.assertEqual([x.get_xdata()[0] for x in circles], [800, 300])

    def test_onset(self) -> None:
        gap, stderr = np.array([0.0, 4.0, 1.0, 4.0, 5.0]), np.ones(5)
        self.assertEqual(find_onset(gap, stderr), 3)
        self.assertIsNone(find_onset(gap[:3], stderr[:3]))
        self.assertEqual(find_onset(gap + 4, stderr), 0)
        self.assertIsNone(find_onset(gap, np.full(5, np.nan)))
        self.assertIsNone(find_onset(-gap, stderr))

    def get_bands(self, axes) -> np.ndarray:
        """Corners of all filled areas, without repeats."""
        paths = [p for c in axes.collections for p in c.get_paths()]
        return np.unique(np.concatenate([p.vertices for p in paths]).round(9), axis=0)

    def test_tempered_training(self) -> None:
        history = make_ladder(0)
        figure = self.draw("tempered_training", write_metrics(self.folder / "metrics.h5", history))
        color = style.get_color(0.3)
        is_known = np.isfinite(history["log_z_ladder_stderr"])
        above = self.find_axes(figure, "test rows")
        tracked = self.find_line(above, color)
        np.testing.assert_array_equal(np.isfinite(tracked[:, 1]), is_known)
        expected = history["log_likelihood_test"] - 0.3
        np.testing.assert_allclose(tracked[is_known, 1], expected[is_known])
        (exact,) = [x for x in above.get_lines() if x.get_color() == "black"]
        np.testing.assert_array_equal(exact.get_ydata(), history["log_likelihood_test"])
        beside = self.find_axes(figure, "by the ladder")
        band = self.get_bands(beside)
        self.assertEqual(sorted(set(band[:, 1])), [0.1, 0.5])
        self.assertFalse(set(band[:, 0]) & {300.0, 400.0})
        swaps = self.find_line(self.find_axes(figure, "swap acceptance"), color)
        np.testing.assert_array_equal(swaps[:, 1], history["swap_acceptance"])
        shares = self.find_line(self.find_axes(figure, "effective share"), color)
        np.testing.assert_array_equal(shares[:, 1], history["effective_share"])
        scans = self.find_axes(figure, "scans of an update")
        marks = [x for x in scans.get_lines() if x.get_marker() == "v"]
        self.assertEqual([m.get_xdata().tolist() for m in marks], [[300, 400]])
        self.assertIn("reactions: 2", self.get_texts(figure))
        factors = self.find_line(self.find_axes(figure, "factor of the"), color)
        np.testing.assert_array_equal(factors[:, 1], history["rate_factor"])

    def test_tempered_training_without_exact_values(self) -> None:
        history = make_ladder(0, has_exact=False)
        history["log_likelihood_test"][:] = np.nan
        path = write_metrics(self.folder / "metrics.h5", history)
        figure = self.draw("tempered_training", path)
        above = self.find_axes(figure, "training rows")
        self.assertEqual([x for x in above.get_lines() if x.get_color() == "black"], [])
        self.assertNotIn("exact", self.get_texts(figure))
        curves = self.draw("learning_curves", path)
        self.assertIn("estimated log-likelihood", self.get_texts(curves))
        self.assertEqual(self.plot_path(path), TRAINED | {"tempered_training"})

    def test_tempered_beside_others(self) -> None:
        for r in range(3):
            path = self.folder / "units" / f"u{r}" / "metrics.h5"
            write_metrics(path, make_ladder(r), f"negative_phase=tempered replicate={r}")
        path = self.folder / "units" / "u9" / "metrics.h5"
        write_metrics(path, make_history(0.1, 0), "negative_phase=pcd replicate=0")
        figure = self.draw("tempered_training", self.folder)
        axes = self.find_axes(figure, "swap acceptance")
        drawn = self.find_line(axes, style.get_color(0.3))
        np.testing.assert_allclose(drawn[0, 1], 0.51)
        self.assertEqual(len([x for x in axes.get_lines() if x.get_linewidth() < 0.7]), 3)
        self.assertIn("negative_phase = tempered", self.get_texts(figure))

    def test_singular_values(self) -> None:
        history = make_history(0.1, 0)
        figure = self.draw("singular_values", write_metrics(self.folder / "metrics.h5", history))
        axes = figure.axes[0]
        self.assertEqual((len(axes.get_lines()), axes.get_yscale()), (8, "log"))
        largest = max(axes.get_lines(), key=lambda line: line.get_ydata()[-1])
        taken = np.isfinite(history["singular_value"][:, 0])
        np.testing.assert_array_equal(largest.get_xdata(), history["step"][taken])
        np.testing.assert_array_equal(largest.get_ydata(), history["singular_value"][taken, 0])
        self.assertEqual(largest.get_color(), style.get_color(0))

    def test_as_many_modes_as_steps(self) -> None:
        history = {k: v[:8] for k, v in make_history(0.1, 0).items()}
        path = write_metrics(self.folder / "metrics.h5", history)
        with h5py.File(path, "a") as file:
            file["mode"][...] = np.arange(1, 9)
        add_seal(path)
        self.assertEqual(self.plot_path(path), TRAINED)

    def test_few_singular_values(self) -> None:
        history = make_history(0.1, 0)
        history["singular_value"] = 5 + 0.01 * history["singular_value"][:, :3]
        path = write_metrics(self.folder / "metrics.h5", history)
        figure = self.draw("singular_values", path)
        self.assertEqual(figure.axes[0].get_yscale(), "linear")
        entries = [t.get_text() for t in figure.legends[0].get_texts()]
        self.assertEqual(entries, ["$s_{1}$", "$s_{2}$", "$s_{3}$"])

    def test_filters(self) -> None:
        arrays = make_arrays()
        arrays["W"] *= np.linspace(0.5, 3, HIDDEN)[None, ::-1]
        figure = self.draw("filters", write_raw_model(self.folder / "model.h5", arrays))
        images = figure.axes[0].get_images()
        self.assertEqual(len(images), HIDDEN)
        norms = np.linalg.norm(arrays["W"], axis=0)
        for image, unit in zip(images, np.argsort(-norms), strict=True):
            expected = arrays["W"][:, unit].astype(float).reshape(HEIGHT, WIDTH)
            limit = image.norm.vmax
            np.testing.assert_array_equal(image.get_array(), np.clip(expected, -limit, limit))
            self.assertEqual(image.norm.vmin, -limit)
        self.assertEqual(len({image.norm.vmax for image in images}), 1)
        self.assertIn("9 hidden units", self.get_texts(figure))
        self.assertEqual(figure.axes[1].get_xlabel(), "weight $W_{ij}$")

    def test_strongest_filters(self) -> None:
        weights = np.zeros((4, 300), np.float32)
        weights[1] = np.arange(300) % 150
        chosen = sort_filters(weights)
        self.assertEqual((len(chosen), chosen[:4].tolist()), (100, [149, 299, 148, 298]))

    def test_dead_filters(self) -> None:
        arrays = make_arrays()
        arrays["W"][:] = 0
        path = write_raw_model(self.folder / "model.h5", arrays)
        self.assertEqual(len(self.draw("filters", path).axes[0].get_images()), HIDDEN)

    def test_samples(self) -> None:
        arrays = make_arrays(n_samples=130)
        figure = self.draw("samples", write_raw_model(self.folder / "model.h5", arrays))
        images = figure.axes[0].get_images()
        self.assertEqual(len(images), 100)
        np.testing.assert_array_equal(
            images[99].get_array(), arrays["samples"][99].reshape(HEIGHT, WIDTH)
        )
        self.assertEqual((images[0].norm.vmin, images[0].norm.vmax), (0, 1))
        self.assertIn("100 of 130 fantasy particles", self.get_texts(figure))

    def test_models_without_images(self) -> None:
        path = write_raw_model(self.folder / "model.h5", make_arrays(), sizes=(0, 0))
        code, _, text = self.run_program("plot", path)
        self.assertEqual(code, 2)
        self.assertIn("left out filters (model.h5 doesn't say the height and width", text)

    def test_short_names_of_sizes(self) -> None:
        path = write_raw_model(self.folder / "model.h5", make_arrays(), names=("height", "width"))
        self.assertEqual(self.plot_path(path), PICTURED)

    def test_sweep_values(self) -> None:
        figure = self.draw("rbm_sweep", make_sweep(self.folder / "run"))
        labels = [a.get_ylabel() for a in figure.axes]
        self.assertEqual(len(labels), 4)
        # Its standard error is a value of its own, and must not pass for a summary.
        axes = self.find_axes(figure, "free-energy gap")
        drawn = self.find_line(axes, style.get_color(0.3))
        np.testing.assert_allclose(drawn, [[r, 30 * r] for r in RATES])
        self.assertEqual({a.get_xscale() for a in figure.axes}, {"log"})
        self.assertEqual([a.get_xlabel() for a in figure.axes], ["", "", *2 * ["learning_rate"]])

    def test_sweep_over_words(self) -> None:
        values = np.arange(12.0).reshape(2, 3, 2)
        data = xr.Dataset(
            {"pseudo_log_likelihood": (("negative_phase", "centring", "k"), values)},
            coords={"negative_phase": ["cd", "pcd"], "centring": ["a", "b", "c"], "k": [1, 5]},
            attrs={"experiment": "rbm"},
        )
        path = self.write(data)
        figure = self.draw("rbm_sweep", path)
        self.assertEqual(figure.axes[0].get_xlabel(), "k")
        self.assertIn("negative_phase = cd", self.get_texts(figure))
        lines = [line.get_ydata().tolist() for line in figure.axes[0].get_lines()]
        self.assertEqual(lines, [[0, 1], [2, 3], [4, 5]])
        figure = self.draw("rbm_sweep", path, k="5", negative_phase="pcd")
        ticks = [t.get_text() for t in figure.axes[0].get_xticklabels()]
        self.assertEqual(ticks, ["a", "b", "c"])
        self.assertEqual(figure.axes[0].get_lines()[0].get_ydata().tolist(), [7, 9, 11])

    def test_unfinished_sweep(self) -> None:
        folder = make_sweep(self.folder / "run")
        with xr.open_dataset(folder / "results.h5", engine="h5netcdf") as opened:
            data = opened.load()
        data["status"][0, 0] = 0
        for name in METRICS:
            if name in data.data_vars:
                data[name][0, :] = np.nan
        data.to_netcdf(folder / "results.h5", engine="h5netcdf")
        figure = self.draw("rbm_sweep", folder)
        self.assertIn("1 of 9 units missing", self.get_texts(figure))
        self.assertEqual(len(self.find_line(figure.axes[0], style.get_color(0.3))), 2)


class Units(TrainedCase):
    """How units are found, named and grouped."""

    def test_values_of_a_unit(self) -> None:
        cases = {
            "learning_rate=0.01 replicate=2": {"learning_rate": "0.01", "replicate": "2"},
            "file=my digits.gz data.seed=3": {"file": "my digits.gz", "data.seed": "3"},
            "invert=false centred=true": {"invert": "false", "centred": "true"},
            "the only unit": {},
            "": {},
        }
        for text, values in cases.items():
            self.assertEqual(dict(UNIT_VALUE.findall(text)), values)

    def test_order_is_that_of_numbers(self) -> None:
        for i, hidden in enumerate((100, 9, 20)):
            path = self.folder / "units" / f"u{i}" / "metrics.h5"
            write_metrics(path, make_history(0.1, 0), f"hidden={hidden} replicate=0")
        groups = get_groups(self.open(self.folder))
        self.assertEqual([g.label for g in groups], ["hidden = 9", "hidden = 20", "hidden = 100"])

    def test_units_outside_the_grid_are_left_out(self) -> None:
        folder = make_sweep(self.folder / "run")
        for value in ("0.5", "0.03"):
            path = folder / "units" / f"old{value}" / "metrics.h5"
            write_metrics(path, make_history(0.1, 0), f"learning_rate={value} replicate=0")
        training = self.open(folder)
        self.assertEqual(len(training.units), 10)
        self.assertNotIn("0.5", {u.values["learning_rate"] for u in training.units})

    def test_axes_of_words_and_zips(self) -> None:
        data = xr.Dataset(
            {"weight_norm": (("invert", "hidden"), np.arange(4.0).reshape(2, 2))},
            coords={
                "invert": ["false", "true"],
                "hidden": [16, 32],
                "train.learning_rate": ("hidden", [0.1, 1 / 3]),
            },
            attrs={"experiment": "rbm"},
        )
        path = self.write(data)
        for i, invert in enumerate(("false", "true")):
            for hidden, rate in ((16, "0.1"), (32, "0.3333333333333333")):
                unit = f"invert={invert} hidden={hidden} train.learning_rate={rate}"
                folder = self.folder / "units" / f"{i}{hidden}"
                write_metrics(folder / "metrics.h5", make_history(0.1, 0), unit)
        training = self.open(path)
        self.assertEqual(len(training.units), 4)
        self.assertEqual(training.varied, ["invert", "hidden", "train.learning_rate"])
        training = self.open(path, **{"train.learning_rate": "0.1", "invert": "true"})
        self.assertEqual([u.values["hidden"] for u in training.units], ["16"])
        self.assertEqual(float(training.sweep["weight_norm"]), 2)

    def test_median_where_all_have_come(self) -> None:
        for r, n in enumerate((12, 7, 9)):
            history = {k: v[:n] for k, v in make_history(0.1, r).items()}
            path = self.folder / "units" / f"u{r}" / "metrics.h5"
            write_metrics(path, history, f"replicate={r}")
        (group,) = get_groups(self.open(self.folder))
        steps, values = group.get_median("pseudo_log_likelihood")
        self.assertEqual(steps.tolist(), [100 * i for i in range(7)])
        rows = [make_history(0.1, r)["pseudo_log_likelihood"][:7] for r in range(3)]
        np.testing.assert_allclose(values, np.median(rows, axis=0), rtol=1e-12)


class BadInput(TrainedCase):
    """Damaged files: one clear line."""

    def test_cut_off(self) -> None:
        folder = make_single(self.folder / "run")
        for name in ("metrics.h5", "model.h5"):
            path = self.folder / name
            path.write_bytes((folder / name).read_bytes()[:3000])
            self.expect_error(f"{name}: ", path)
            path.write_bytes((folder / name).read_bytes()[:-200])
            self.expect_error(f"{name}: ", path)

    def test_flipped_bit(self) -> None:
        folder = make_single(self.folder / "run")
        for name in ("metrics.h5", "model.h5"):
            content = bytearray((folder / name).read_bytes())
            content[len(content) * 2 // 3] ^= 4
            path = self.folder / name
            path.write_bytes(content)
            self.expect_error(f"{name}: damaged: its checksum is wrong", path)

    def test_every_cut(self) -> None:
        content = write_metrics(self.folder / "whole.h5", make_history(0.1, 0)).read_bytes()
        path = self.folder / "metrics.h5"
        for n in range(0, len(content) - 17, 997):
            path.write_bytes(content[:n])
            code, _, text = self.run_program("plot", path)
            self.assertEqual((code, text.count("\n"), text.count("error:")), (2, 1, 1), text)

    def test_history_without_steps(self) -> None:
        history = {k: v[:0] for k, v in make_history(0.1, 0).items()}
        self.expect_error(
            "no step was measured yet", write_metrics(self.folder / "metrics.h5", history)
        )

    def test_steps_that_do_not_grow(self) -> None:
        history = make_history(0.1, 0)
        history["step"][5] = history["step"][4]
        path = write_metrics(self.folder / "metrics.h5", history)
        self.expect_error("steps do not grow", path)

    def test_one_step(self) -> None:
        history = {k: v[:1] for k, v in make_history(0.1, 0).items()}
        path = write_metrics(self.folder / "metrics.h5", history)
        self.expect_error("nothing that a figure could show", path)

    def test_foreign_steps(self) -> None:
        path = self.folder / "metrics.h5"
        with h5py.File(path, "w") as file:
            file.attrs["experiment"] = "rbm"
            file.create_group("step")
        self.expect_error("metrics.h5: ", path)

    def test_models_that_cannot_be(self) -> None:
        cases = {
            "no hidden_bias": {"hidden_bias": None},
            "W has the shape": {"W": np.zeros(3, np.float32)},
            "visible_bias has 23 values along visible": {"visible_bias": np.zeros(23)},
            "samples has 5 values along visible": {"samples": np.zeros((3, 5))},
            "W: 1 of 216 values are not finite": {"W": make_weights_with_nan()},
            "hidden_bias does not hold numbers": {"hidden_bias": np.array([b"a"] * HIDDEN)},
        }
        for pattern, change in cases.items():
            arrays = {k: v for k, v in {**make_arrays(), **change}.items() if v is not None}
            path = write_raw_model(self.folder / "model.h5", arrays)
            self.expect_error(pattern, path)
        path = write_raw_model(self.folder / "model.h5", make_arrays(), sizes=(5, 5))
        self.expect_error("images of 5 x 5 pixels are not 24 visible units", path)

    def test_damaged_unit_of_a_sweep(self) -> None:
        folder = make_sweep(self.folder / "run")
        path = next((folder / "units").glob("*/metrics.h5"))
        path.write_bytes(b"nothing")
        code, paths, text = self.run_program("plot", folder, "--only", "learning_curves")
        self.assertEqual((code, len(paths)), (0, 1))
        self.assertIn(f"left out a unit ({path}: not an HDF5 file)", text)
        self.assertEqual(len(self.open(folder).units), 8)

    def test_damaged_model_of_a_run(self) -> None:
        folder = make_single(self.folder / "run")
        path = folder / "units" / "c0ffee" / "model.h5"
        path.write_bytes(path.read_bytes()[:1000])
        self.assertEqual(self.plot_path(folder), TRAINED)

    def test_damaged_single_run(self) -> None:
        folder = make_single(self.folder / "run")
        (folder / "units" / "c0ffee" / "metrics.h5").write_bytes(b"")
        code, _, text = self.run_program("plot", folder)
        self.assertEqual(code, 2)
        self.assertRegex(text.splitlines()[-1], "^analysis: error: .*metrics.h5: not an HDF5 file")


if __name__ == "__main__":
    unittest.main()
