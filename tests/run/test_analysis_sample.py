"""Tests of `analysis` on images drawn by parallel tempering: samples.h5, made here by h5py in the layout
that the program writes.

Exit code 77 when a package is missing. SIMMER_TEST_FIGURES=DIR keeps the figures there.
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
from analysis.drawn import Drawn
from analysis.figures import FIGURES
from analysis.files import add_seal
from analysis.training import open_any
from support import SIMMER, run

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
        file.create_dataset("samples", data=images)
        file.create_dataset("free_energy", data=np.zeros(len(images)))
    add_seal(path)
    return path


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


class DrawnCase(ResultCase):
    """Draws the figure and looks into it."""

    def draw(self, path: Path, **selection: str) -> Figure:
        kind = next(k for k in FIGURES if k.name == "drawn_samples")
        drawn = open_any(path, selection)
        self.assertIsInstance(drawn, Drawn)
        self.assertIsNone(kind.needs(drawn))
        with plt.rc_context(style.SETTINGS), warnings.catch_warnings():
            warnings.simplefilter("error")
            figure = kind.draw(drawn)
            self.addCleanup(plt.close, figure)
            figure.canvas.draw()
        return figure

    def get_caption(self, figure: Figure) -> str:
        return figure.axes[0].get_title(loc="left").replace("\n", " ")


class Figures(DrawnCase):
    """What is drawn of which files."""

    def test_states(self) -> None:
        images = make_images(130)
        figure = self.draw(write_samples(self.folder / "samples.h5", images))
        shown = figure.axes[0].get_images()
        self.assertEqual(len(shown), 100)
        np.testing.assert_array_equal(shown[42].get_array(), images[42])
        self.assertEqual((shown[0].norm.vmin, shown[0].norm.vmax), (0, 1))
        self.assertEqual(self.get_caption(figure), f"100 of 130 samples; {TRUSTED}")
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
        self.assertEqual(
            self.get_caption(figure), f"8 samples, model = out/b, replicate = 0; {DOUBTED}"
        )
        _, _, text = self.run_program("plot", folder)
        self.assertIn("figures show model = out/a[hidden=3,replicate=0], replicate = 0", text)

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


TRAINED = """
name: trained
experiment: rbm
data: {source: bars-and-stripes, side: 3, binarize: none, holdout: 0}
rbm: {hidden: 4}
train: {batch: 7, steps: 200}
"""


@unittest.skipUnless(SIMMER.exists(), "simmer isn't built")
class RealFiles(DrawnCase):
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
        self.assertEqual(self.plot_path(self.folder / "out"), {"drawn_samples"})


if __name__ == "__main__":
    unittest.main()
