"""Tests of `analysis` on parallel tempering: samples.h5 and ladder.h5, made here by h5py in the layout that
the program writes.

Exit code 77 when a package is missing. SIMMER_TEST_FIGURES=DIR keeps the figures there.
"""

from __future__ import annotations

import re
import shutil
import sys
import unittest
import warnings
from math import erfc
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

# First: it ends this program with 77 where a package is missing.
from test_analysis import ResultCase  # isort: skip

import h5py
import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from matplotlib.patches import StepPatch

from analysis import style
from analysis.drawn import Drawn
from analysis.figures import FIGURES
from analysis.figures.energy_overlap import load as load_energies
from analysis.figures.replica_paths import find_paths, find_trips
from analysis.files import add_seal
from analysis.ladder import Ladders
from analysis.opening import open_any
from support import SIMMER, run

LADDER = {"ladder_swaps", "replica_paths", "energy_overlap", "chain_diagnostics"}
HEIGHT, WIDTH = 5, 3  # Not alike, so that a transposed image shows.
TRUSTED = "samples can be trusted: split R-hat 1.004"
DOUBTED = "samples can't be trusted: a chain made no round trip in 60 scans"


def make_images(n: int, is_probability: bool = False, seed: int = 0) -> np.ndarray:
    p = np.random.default_rng(seed).random((n, HEIGHT, WIDTH))
    return p.astype(np.float32) if is_probability else (p > 0.5).astype(np.uint8)


def write_samples(path: Path, images: np.ndarray, unit: str = "", verdict: str = TRUSTED) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w", track_order=True) as file:
        file.attrs.update({"experiment": "sample", "unit": unit, "verdict": verdict})
        file.attrs["is_trusted"] = [int(verdict == TRUSTED)]
        file.create_dataset("samples", data=images)
        file.create_dataset("free_energy", data=np.zeros(len(images)))
    add_seal(path)
    return path


def make_ladder(n: int = 5, n_scans: int = 40, seed: int = 0) -> dict[str, np.ndarray]:
    """Whatever the program would have measured; replicas by swaps of even and odd neighbours."""
    rng = np.random.default_rng(seed)
    rejection = rng.uniform(0.3, 0.6, n - 1)
    replica = np.empty((n_scans, 2, n), np.int32)
    row = np.tile(np.arange(n, dtype=np.int32), (2, 1))
    for scan in range(n_scans):
        replica[scan] = row
        for left in range(scan % 2, n - 1, 2):
            is_swapped = rng.random(2) > rejection[left]
            row[is_swapped, left : left + 2] = row[is_swapped, left : left + 2][:, ::-1]
    energy = np.sort(rng.normal(-30 * np.arange(n)[:, None], 12, (n, 4000)), axis=1)
    edges = np.linspace(energy[:, 0], energy[:, -1], 65, axis=1)
    counts = [np.histogram(e, bins=b)[0] for e, b in zip(energy, edges, strict=True)]
    return {
        "beta": np.linspace(0, 1, n) ** 1.5,
        "barrier": np.concatenate([[0], np.cumsum(rejection)]),
        "rejection": rejection,
        "observable": np.array([b"energy", b"activity", b"mode"]),
        "autocorrelation_time": rng.uniform(1, 30, (3, n)),
        "effective_samples": rng.uniform(50, 5000, (3, n)),
        "split_r_hat": rng.uniform(1, 1.08, (3, n)),
        "energy_histogram": np.array(counts),
        "energy_edge": edges,
        "round_trips": np.array([3, 1, 2]),
        "round_trip_rate": np.float64(0.05),
        "ideal_round_trip_rate": np.float64(1 / (2 + 2 * np.sum(rejection / (1 - rejection)))),
        "history_scan": np.arange(1, n_scans + 1),
        "history_chain": np.arange(2),
        "replica": replica,
        "n_scans": np.int64(n_scans),
        "n_left_out": np.int64(n_scans // 4),
    }


def write_ladder(path: Path, arrays: dict[str, np.ndarray], unit: str = "") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w", track_order=True) as file:
        file.attrs.update({"experiment": "sample", "unit": unit, "verdict": TRUSTED})
        file.attrs["is_trusted"] = [1]
        for name, array in arrays.items():
            file.create_dataset(name, data=array)
    add_seal(path)
    return path


def make_partition(folder: Path) -> Path:
    """Two sides in the order 16, 8, so that an order of texts shows, and the results of both."""
    for i, side in enumerate((16, 8)):
        path = folder / "units" / f"c0ffee{i}" / "ladder.h5"
        write_ladder(path, make_ladder(5 + i, seed=i), f"side={side} replicate=0")
    axes = ("side", "replicate")
    methods = ["ais", "reverse_ais", "stepping_forward", "stepping_backward", "bennett", "integration", "mean_field", "tap"]
    values = np.linspace(1, 2, 16).reshape(2, 1, 8)
    data = xr.Dataset(
        {"log_z": ((*axes, "method"), values), "log_z_stderr": ((*axes, "method"), values / 100)},
        coords={"side": [8, 16], "replicate": [0], "method": methods},
        attrs={"title": "ln Z", "experiment": "partition", "job": "name: x\n", "seed": "1"},
    )
    data["log_z_exact"] = (axes, np.array([[1.0], [2.0]]))
    data["status"] = (axes, np.ones((2, 1), np.uint8))
    data.to_netcdf(folder / "results.h5", engine="h5netcdf")
    return folder


def make_sweep(folder: Path) -> Path:
    """Two models, the second not to be trusted, and the results of both."""
    models = ("out/a[hidden=3,replicate=0]", "out/b")
    for i, model in enumerate(models):
        path = folder / "units" / f"c0ffee{i}" / "samples.h5"
        verdict = DOUBTED if i else TRUSTED
        write_samples(path, make_images(7 + i, seed=i), f"model={model} replicate=0", verdict)
    data = xr.Dataset(
        {"is_trusted": (("model", "replicate"), np.ones((2, 1)))},
        coords={"model": list(models), "replicate": [0]},
        attrs={"title": "Samples", "experiment": "sample", "job": "name: x\n", "seed": "1"},
    )
    data["status"] = (("model", "replicate"), np.ones((2, 1), np.uint8))
    data.to_netcdf(folder / "results.h5", engine="h5netcdf")
    return folder


class TemperedCase(ResultCase):
    """Draws one figure and looks into it."""

    def draw(self, path: Path, name: str = "drawn_samples", **selection: str) -> Figure:
        kind = next(k for k in FIGURES if k.name == name)
        opened = open_any(path, selection)
        self.assertIsInstance(opened, Drawn if name == "drawn_samples" else Ladders)
        self.assertIsNone(kind.needs(opened))
        with plt.rc_context(style.SETTINGS), warnings.catch_warnings():
            warnings.simplefilter("error")
            figure = kind.draw(opened)
            self.addCleanup(plt.close, figure)
            figure.canvas.draw()
        return figure

    def get_caption(self, figure: Figure) -> str:
        return figure.axes[0].get_title(loc="left").replace("\n", " ")

    def get_verdict(self, figure: Figure) -> tuple[str, str]:
        """The words, and their colour."""
        (text,) = figure.findobj(lambda a: a.get_gid() == "verdict")
        return text.get_text().replace("\n", " "), text.get_color()


class DrawnImages(TemperedCase):
    """Images and the verdict on them."""

    def test_states(self) -> None:
        images = make_images(130)
        figure = self.draw(write_samples(self.folder / "samples.h5", images))
        shown = figure.axes[0].get_images()
        self.assertEqual(len(shown), 100)
        np.testing.assert_array_equal(shown[42].get_array(), images[42])
        self.assertEqual((shown[0].norm.vmin, shown[0].norm.vmax), (0, 1))
        self.assertEqual(self.get_caption(figure), "100 of 130 samples")
        words, color = self.get_verdict(figure)
        self.assertEqual(words.lower(), TRUSTED.lower())
        self.assertNotEqual(color, style.WARNING)
        self.assertEqual(figure.axes[1].get_xlabel(), "state $v$")

    def test_probabilities(self) -> None:
        images = make_images(9, is_probability=True)
        figure = self.draw(write_samples(self.folder / "samples.h5", images))
        shown = figure.axes[0].get_images()[8].get_array()
        np.testing.assert_array_equal(shown, images[8])
        self.assertEqual(figure.axes[1].get_xlabel(), "$p(v = 1 | h)$")

    def test_sweep(self) -> None:
        folder = make_sweep(self.folder / "run")
        self.assertEqual(self.plot_path(folder), {"drawn_samples"})
        self.assertEqual(self.plot_path(folder / "results.h5"), {"drawn_samples"})
        self.assertEqual(len(self.draw(folder).axes[0].get_images()), 7)
        figure = self.draw(folder, model="out/b")
        self.assertEqual(len(figure.axes[0].get_images()), 8)
        self.assertEqual(self.get_caption(figure), "8 samples, model = out/b, replicate = 0")
        words, color = self.get_verdict(figure)
        self.assertEqual((words.lower(), color), (DOUBTED.lower(), style.WARNING))
        _, _, text = self.run_program("plot", folder)
        self.assertIn("figures of one unit show model = out/a[hidden=3,replicate=0], replicate = 0", text)

    def test_no_such_unit(self) -> None:
        folder = make_sweep(self.folder / "run")
        for selection, pattern in (("hidden=3", "the axes are model, replicate"), ("model=c", "no value c")):
            code, _, text = self.run_program("plot", folder, "--select", selection)
            self.assertEqual((code, text.count("error:")), (2, 1), text)
            self.assertIn(pattern, text)

    def test_no_images(self) -> None:
        path = write_samples(self.folder / "samples.h5", make_images(4).reshape(4, -1))
        code, _, text = self.run_program("plot", path)
        self.assertEqual(code, 2)
        self.assertIn("left out drawn_samples (the model doesn't say the height and width", text)

    def test_bad_files(self) -> None:
        path = write_samples(self.folder / "samples.h5", make_images(4))
        content = bytearray(path.read_bytes())
        content[len(content) * 2 // 3] ^= 4
        path.write_bytes(content)
        self.expect_error("samples.h5: damaged: its checksum is wrong", path)
        write_samples(path, make_images(4)[:0])
        self.expect_error("samples of shape", path)
        folder = make_sweep(self.folder / "run")
        for file in folder.glob("units/*/samples.h5"):
            file.unlink()
        self.expect_error("no unit has drawn samples yet", folder)


class LadderFigures(TemperedCase):
    """Values that are drawn are those of the file."""

    def setUp(self) -> None:
        super().setUp()
        self.arrays = make_ladder()
        self.path = write_ladder(self.folder / "ladder.h5", self.arrays)

    def test_file_alone(self) -> None:
        self.assertEqual(self.plot_path(self.path), LADDER)
        self.path.rename(self.folder / "other.h5")
        self.assertEqual(self.plot_path(self.folder / "other.h5"), LADDER)

    def test_swaps(self) -> None:
        self.arrays["rejection"][2] = 0.97
        write_ladder(self.path, self.arrays)
        figure = self.draw(self.path, "ladder_swaps")
        accepted = {}
        for lines in figure.axes[0].collections:
            for (left, y), (right, same) in lines.get_segments():
                self.assertEqual(y, same)
                accepted[left, right] = y
                is_bad = y < 5
                self.assertEqual(np.allclose(lines.get_color(), to_rgba(style.WARNING)), is_bad)
        beta, rejection = self.arrays["beta"], self.arrays["rejection"]
        edges = zip(beta[:-1], beta[1:], 100 * (1 - rejection), strict=True)
        self.assertEqual(accepted, {(a, b): y for a, b, y in edges})
        (target,) = figure.axes[0].get_lines()
        np.testing.assert_allclose(target.get_ydata(), 100 * (1 - rejection.mean()))
        drawn = figure.axes[1].get_lines()[0].get_xydata()
        np.testing.assert_array_equal(drawn, np.column_stack([beta, self.arrays["barrier"]]))
        entries = [t.get_text() for t in figure.legends[0].get_texts()]
        self.assertEqual(entries, ["one edge", "equal edges", "below 5 %"])

    def test_paths(self) -> None:
        figure = self.draw(self.path, "replica_paths")
        self.assertIn("6 round trips, 0.05 a scan and chain (ideal 0.", figure.get_suptitle())
        self.assertIn("1 to 3 round trips in each chain", self.get_caption(figure))
        chain = int(re.search(r"chain (\d)", self.get_caption(figure)).group(1))
        place = find_paths(self.arrays["replica"][:, chain])
        direction, is_trip = find_trips(place, 5)
        self.assertGreater(is_trip.sum(), 0)
        for axes in figure.axes:
            replica = int(re.search(r"replica (\d)", axes.get_title(loc="left")).group(1))
            (pieces,) = axes.collections
            drawn = np.array([piece[0] for piece in pieces.get_segments()])
            np.testing.assert_array_equal(drawn[:, 0], self.arrays["history_scan"][:-1])
            np.testing.assert_array_equal(drawn[:, 1], place[:-1, replica])
            is_up = np.all(np.isclose(pieces.get_color(), to_rgba(style.UP)), axis=1)
            np.testing.assert_array_equal(is_up, direction[:-1, replica] == 1)
            marks = [x for x in axes.get_lines() if x.get_marker() == "v"]
            found = marks[0].get_xdata().tolist() if marks else []
            self.assertEqual(found, (np.flatnonzero(is_trip[:, replica]) + 1).tolist())

    def test_round_trips_by_hand(self) -> None:
        place = np.array([[1, 0, 1, 2, 1, 0, 0, 1, 2, 2, 0, 2]]).T
        direction, is_trip = find_trips(place, 3)
        self.assertEqual(direction[:, 0].tolist(), [0, 1, 1, -1, -1, 1, 1, 1, -1, -1, 1, -1])
        self.assertEqual(np.flatnonzero(is_trip).tolist(), [5, 10])
        # Cold to hot alone is half a trip.
        _, is_trip = find_trips(place[3:6], 3)
        self.assertFalse(is_trip.any())

    def test_thinned_history(self) -> None:
        self.arrays["history_scan"] = 3 * self.arrays["history_scan"] - 2
        write_ladder(self.path, self.arrays)
        figure = self.draw(self.path, "replica_paths")
        self.assertIn("1 of 3 scans kept", self.get_caption(figure))

    def test_long_history(self) -> None:
        write_ladder(self.path, make_ladder(n_scans=900))
        figure = self.draw(self.path, "replica_paths")
        self.assertIn("scans 226 to 725 of 900", self.get_caption(figure))
        self.assertEqual(figure.axes[-1].get_xlim(), (226, 725))

    def test_energies(self) -> None:
        figure = self.draw(self.path, "energy_overlap")
        counts, edges = self.arrays["energy_histogram"], self.arrays["energy_edge"]
        ridges = [p for p in figure.axes[0].patches if isinstance(p, StepPatch) and not p.get_fill()]
        self.assertEqual(len(ridges), 5)
        for i, ridge in enumerate(ridges):
            height, places, base = ridge.get_data()
            self.assertEqual(base, i)
            merged = counts[i].reshape(len(height), -1).sum(axis=1)
            np.testing.assert_array_equal(places, edges[i][:: 64 // len(height)])
            np.testing.assert_allclose((i - height) / (i - height).max(), merged / merged.max())
        shared = figure.axes[1].get_lines()[0].get_xdata()
        # Two normal densities 2.5 standard deviations apart share 2 Phi(-1.25); 4000 samples
        # in bins of about a tenth of a deviation give it within 2 %.
        np.testing.assert_allclose(shared, 100 * erfc(1.25 / np.sqrt(2)), atol=2)

    def test_energies_on_a_grid(self) -> None:
        self.arrays["energy_histogram"][:, 1::2] = 0
        write_ladder(self.path, self.arrays)
        density = load_energies(open_any(self.path).shown).density
        self.assertLessEqual(density.shape[1], 32)
        self.assertGreater(density[:, density.shape[1] // 2].min(), 0)

    def test_diagnostics(self) -> None:
        figure = self.draw(self.path, "chain_diagnostics")
        names = ("autocorrelation_time", "effective_samples", "split_r_hat")
        for axes, name in zip(figure.axes, names, strict=True):
            for line, values in zip(axes.get_lines()[:3], self.arrays[name], strict=True):
                np.testing.assert_array_equal(line.get_xdata(), self.arrays["beta"])
                np.testing.assert_array_equal(line.get_ydata(), values)
        entries = [t.get_text() for t in figure.legends[0].get_texts()]
        self.assertEqual(entries, ["energy", "activity", "mode"])
        self.assertIn("30 of 40 measured scans", self.get_caption(figure))

    def test_what_never_changed(self) -> None:
        self.arrays["split_r_hat"][2] = np.nan
        self.arrays["effective_samples"][:] = np.nan
        write_ladder(self.path, self.arrays)
        self.assertEqual(len(self.draw(self.path, "chain_diagnostics").axes), 2)

    def test_missing_variables_are_named(self) -> None:
        cases = {
            "ladder_swaps": ("rejection", "barrier"),
            "replica_paths": ("replica", "history_scan"),
            "energy_overlap": ("energy_histogram", "energy_edge"),
            "chain_diagnostics": ("autocorrelation_time", "effective_samples", "split_r_hat"),
        }
        for figure, names in cases.items():
            write_ladder(self.path, {k: v for k, v in self.arrays.items() if k not in names})
            _, paths, text = self.run_program("plot", self.path)
            self.assertEqual({Path(p).stem for p in paths}, LADDER - {figure})
            self.assertIn(f"left out {figure} (no values of {', '.join(names)})", text)

    def test_one_temperature(self) -> None:
        write_ladder(self.path, make_ladder(1))
        _, paths, text = self.run_program("plot", self.path)
        self.assertEqual({Path(p).stem for p in paths}, {"energy_overlap", "chain_diagnostics"})
        self.assertIn("left out replica_paths (only one temperature)", text)


class Folders(TemperedCase):
    """Folders of both experiments have ladders beside their own figures."""

    def test_sample(self) -> None:
        folder = make_sweep(self.folder / "run")
        for i, model in enumerate(("out/a[hidden=3,replicate=0]", "out/b")):
            path = folder / "units" / f"c0ffee{i}" / "ladder.h5"
            write_ladder(path, make_ladder(5 + i), f"model={model} replicate=0")
        self.assertEqual(self.plot_path(folder), {"drawn_samples"} | LADDER)
        (ladders,) = open_any(folder, {"model": "out/b"}).parts
        self.assertEqual([u.n_temperatures for u in ladders.units], [6])
        _, _, text = self.run_program("plot", folder, "--only", "replica_paths")
        self.assertEqual(text.count("figures of one unit show"), 1)
        path.write_bytes(path.read_bytes()[:2000])
        code, paths, text = self.run_program("plot", folder, "--only", "ladder_swaps")
        self.assertEqual((code, len(paths)), (0, 1))
        self.assertIn("left out a unit", text)

    def test_partition(self) -> None:
        folder = make_partition(self.folder / "run")
        self.assertLessEqual(LADDER | {"log_z"}, self.plot_path(folder))
        (ladders,) = open_any(folder).parts
        self.assertEqual([u.values["side"] for u in ladders.units], ["8", "16"])
        (ladders,) = open_any(folder, {"side": "16"}).parts
        self.assertEqual([u.n_temperatures for u in ladders.units], [5])

    def test_before_there_are_results(self) -> None:
        folder = make_partition(self.folder / "run")
        (folder / "results.h5").unlink()
        self.assertEqual(self.plot_path(folder), LADDER)

    def test_units_of_another_grid(self) -> None:
        folder = make_partition(self.folder / "run")
        write_ladder(folder / "units" / "old" / "ladder.h5", make_ladder(), "side=4 replicate=0")
        (ladders,) = open_any(folder).parts
        self.assertEqual(len(ladders.units), 2)

    def test_results_without_units(self) -> None:
        folder = make_partition(self.folder / "run")
        shutil.rmtree(folder / "units")
        _, paths, text = self.run_program("plot", folder, "--only", "log_z")
        self.assertEqual((len(paths), text), (1, ""))
        self.expect_error("nothing that a figure could show", folder, "--only", "ladder_swaps")


class BadLadders(TemperedCase):
    """Damaged files: one clear line."""

    def test_cut_off_and_flipped(self) -> None:
        path = write_ladder(self.folder / "ladder.h5", make_ladder())
        content = path.read_bytes()
        path.write_bytes(content[: len(content) // 2])
        self.expect_error("ladder.h5: cut off", path)
        flipped = bytearray(content)
        flipped[len(content) // 2] ^= 1
        path.write_bytes(flipped)
        self.expect_error("ladder.h5: damaged: its checksum is wrong", path)
        path.write_bytes(b"")
        self.expect_error("ladder.h5: not an HDF5 file", path)

    def test_what_cannot_be(self) -> None:
        arrays = make_ladder()
        replica = arrays["replica"].copy()
        replica[3, 1, 0] = replica[3, 1, 1]
        cases = {
            "no 'beta'": {"beta": None},
            "inverse temperatures don't rise": {"beta": arrays["beta"][::-1]},
            "barrier has 4 values along temperature, others have 5": {"barrier": np.ones(4)},
            "3 values along edge, not 4": {"rejection": np.ones(3)},
            "64 values along energy_bin_edge, not 65": {"energy_edge": np.ones((5, 64))},
            "split_r_hat has the shape": {"split_r_hat": np.ones(5)},
            "beta has the shape": {"beta": np.array([b"a"] * 5)},
            "not one replica at every temperature": {"replica": replica},
        }
        for pattern, change in cases.items():
            changed = {k: v for k, v in {**arrays, **change}.items() if v is not None}
            self.expect_error(pattern, write_ladder(self.folder / "ladder.h5", changed))


class Captions(TemperedCase):
    """What stands over a panel stays in the figure."""

    def test_long_captions_are_wrapped(self) -> None:
        with plt.rc_context(style.SETTINGS):
            figure, (left, right) = style.new_figure("x", columns=2)
            self.addCleanup(plt.close, figure)
            text = ", ".join(f"circumstance {i} = 0.5" for i in range(9)) + f", {'words ' * 15}end"
            left.set_title(text)
            right.set_title(f"short\n{text}")
            right.set_xlabel("a label that reaches under the panel beside it, " * 3)
            style.fit_captions(figure)
            figure.draw_without_rendering()
        # Panels are as wide as without it: half of the figure each, less labels and gaps.
        self.assertGreater(min(left.bbox.width, right.bbox.width), 0.4 * figure.bbox.width)
        for axes, limit in ((left, right.bbox.x0), (right, figure.bbox.x1)):
            lines = axes.get_title(loc="left")
            self.assertLessEqual(axes._left_title.get_window_extent().x1, limit)
            self.assertEqual(lines.replace("\n", " ").removeprefix("short "), text)
        self.assertTrue(right.get_title(loc="left").startswith("short\n"))


TRAINED = """
name: trained
experiment: rbm
data: {source: bars-and-stripes, side: 3, binarize: none, holdout: 0}
rbm: {hidden: 4}
train: {batch: 7, steps: 200}
"""


@unittest.skipUnless(SIMMER.exists(), "simmer isn't built")
class RealFiles(TemperedCase):
    """What the program itself writes is open to xarray."""

    def setUp(self) -> None:
        super().setUp()
        job = self.folder / "trained.yaml"
        job.write_text(TRAINED)
        self.run_simmer(job, "trained")
        job.write_text(
            f"name: s\nexperiment: sample\nsample: {{model: {self.folder}/trained, count: 9, chains: 5, "
            "temperatures: 3, rounds: 2, scans: 40, history_chains: 2, history_scans: 20}\n"
        )
        self.run_simmer(job, "out")

    def run_simmer(self, job: Path, name: str) -> None:
        done = run(["run", job, "-o", self.folder / name, "-q"])
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_xarray(self) -> None:
        with xr.open_dataset(self.folder / "out" / "ladder.h5", engine="h5netcdf") as ladder:
            energy = ladder.split_r_hat.sel(observable="energy")
            self.assertEqual(energy.sizes, {"temperature": 3})
            self.assertEqual(ladder.replica.dims, ("history_scan", "history_chain", "temperature"))
            self.assertEqual(ladder.history_scan.values.tolist(), list(range(1, 41, 2)))
            self.assertEqual(ladder.energy_histogram.sum("energy_bin").values.tolist(), [150] * 3)
            self.assertEqual(ladder.round_trips.sizes, {"chain": 5})
            np.testing.assert_allclose(np.diff(ladder.barrier), ladder.rejection, atol=1e-15)
            self.assertIn("verdict", ladder.attrs)
            self.assertEqual(ladder.trace.sizes, {"observable": 3, "history_scan": 20, "history_chain": 2})
        with xr.open_dataset(self.folder / "out" / "samples.h5", engine="h5netcdf") as samples:
            self.assertEqual(samples.samples.sizes, {"sample": 9, "height": 3, "width": 3})
            self.assertEqual(samples.scan.values.tolist(), [25] * 5 + [40] * 4)
            self.assertEqual(samples.chain.values.tolist(), [0, 1, 2, 3, 4, 0, 1, 2, 3])

    def test_figure(self) -> None:
        self.assertEqual(self.plot_path(self.folder / "out"), {"drawn_samples"} | LADDER)


if __name__ == "__main__":
    unittest.main()
