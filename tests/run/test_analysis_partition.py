"""Tests of `analysis` on results of the partition and renormalize experiments, made here in the
layout that the program writes.

Run by `python -m unittest tests/run/test_analysis_partition.py`, or as a program; exit code 77 when a
package is missing. SIMMER_TEST_FIGURES=DIR keeps the figures there.
"""

from __future__ import annotations

import contextlib
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

# First: it ends this program with 77 where a package is missing.
from test_analysis import ResultCase  # isort: skip

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr

from analysis import style
from analysis.figures import FIGURES
from analysis.figures.renormalize import PANELS
from analysis.opening import open_any

METHODS = ["exact", "ais", "reverse_ais", "stepping_forward", "stepping_backward"]
METHODS += ["bennett", "integration", "mean_field", "tap"]
COUPLINGS = [0.408, 0.4406867935097715]


def make_partition(
    sides: tuple[int, ...] = (4, 8), replicates: int = 0, has_exact: bool = True
) -> xr.Dataset:
    """ln Z of 10 L, with errors of L / 100, of which estimates are 0, 1, 2, ... away."""
    shape = (len(sides), len(COUPLINGS), *([replicates] if replicates else []))
    dims = ("side", "coupling", *(["replicate"] if replicates else []))
    exact = 10.0 * np.array(sides).reshape(-1, *[1] * (len(shape) - 1)) * np.ones(shape)
    error = np.repeat(exact[..., np.newaxis] / 1000, len(METHODS), axis=-1)
    error[..., [0, 7, 8]] = np.nan
    z = np.random.default_rng(3).normal(size=error.shape) + np.where(np.isnan(error), np.nan, 0)
    log_z = exact[..., np.newaxis] + np.where(np.isnan(error), 0, z * error)
    log_z[..., 7] -= 5
    log_z[..., 8] += 5
    nothing = np.full_like(exact, np.nan)
    if not has_exact:
        z = np.full_like(z, np.nan)
        log_z[..., 0] = np.nan
    return xr.Dataset(
        {
            "log_z": ((*dims, "method"), log_z),
            "log_z_stderr": ((*dims, "method"), error),
            "z_score": ((*dims, "method"), z),
            "log_z_exact": (dims, exact if has_exact else nothing),
            "status": (dims, np.ones(shape, np.uint8)),
        },
        coords={"side": list(sides), "coupling": COUPLINGS, "method": METHODS},
        attrs={"experiment": "partition"},
    )


def make_renormalize(replicates: int = 3) -> xr.Dataset:
    shape = (2, 4, replicates, 2)
    dims = ("coupling", "hidden", "replicate", "stage")
    rng = np.random.default_rng(5)
    data = {p.name: (dims, rng.uniform(0.1, 2, shape)) for p in PANELS}
    data["tau_mean"] = (dims, -data["tau_mean"][1])
    data["log_z_change"] = (dims, np.full(shape, 4e-16))
    data["exp_tau_mean"] = (dims, 1 + np.full(shape, 3e-15))
    data["status"] = (dims[:-1], np.ones(shape[:-1], np.uint8))
    coords = {"coupling": COUPLINGS, "hidden": [1, 3, 9, 14], "stage": [1, 2]}
    return xr.Dataset(data, coords=coords, attrs={"experiment": "renormalize"})


class PlottedCase(ResultCase):
    """Draws one figure and gives it."""

    def draw(self, data: xr.Dataset, name: str, selection: dict | None = None) -> plt.Figure:
        cube = open_any(self.write(data), selection)
        self.addCleanup(cube.close)
        kind = next(k for k in FIGURES if k.name == name)
        self.assertIsNone(kind.needs(cube))
        with plt.rc_context(style.SETTINGS):
            figure = kind.draw(cube)
        self.addCleanup(plt.close, figure)
        return figure


class Partition(PlottedCase):
    """Figures of ln Z."""

    def test_figures(self) -> None:
        self.assertEqual(self.plot(make_partition()), {"log_z", "log_z_scores"})

    def test_replicates_and_sizes(self) -> None:
        self.assertEqual(self.plot(make_partition((4, 8, 16), 20)), {"log_z", "log_z_scores"})

    def test_many_cells(self) -> None:
        self.assertEqual(self.plot(make_partition(tuple(range(2, 12)))), {"log_z", "log_z_scores"})

    def test_without_exact(self) -> None:
        self.assertEqual(self.plot(make_partition(has_exact=False)), {"log_z"})

    def test_selection(self) -> None:
        figure = self.draw(make_partition(), "log_z", {"side": "8"})
        self.assertEqual(len(figure.axes), 2)
        self.expect_error(
            "no axis 'size'", self.folder / "results.h5", "--select", "size=8"
        )
        self.expect_error("has no value 9", self.folder / "results.h5", "--select", "side=9")

    def test_selection_on_zipped_axes(self) -> None:
        """One that leaves several cells keeps them, and tells them apart."""
        data = make_partition((8, 8, 16)).assign_coords(chains=("side", [32, 64, 32]))
        path = self.write(data)
        with contextlib.closing(open_any(path, {"side": "8", "chains": "64"})) as cube:
            self.assertEqual((cube.axes, cube.selected), (("coupling",), ("side = 8", "chains = 64")))
        with contextlib.closing(open_any(path, {"side": "8"})) as cube:
            labels = [label for label, _ in cube.get_cells()]
            self.assertEqual(cube.axes, ("side", "coupling"))
            self.assertEqual(labels[0].split(", ")[:2], ["side = 8", "chains = 32"])
            self.assertEqual(len(labels), len(set(labels)))

    def test_values(self) -> None:
        """Points, bars of one and three errors, and the exact line are where the file says."""
        data = make_partition()
        figure = self.draw(data, "log_z")
        self.assertEqual(len(figure.axes), 4)
        for axes, (side, coupling) in zip(
            figure.axes, [(s, c) for s in (4, 8) for c in COUPLINGS], strict=True
        ):
            cell = data.sel(side=side, coupling=coupling)
            lines = [line.get_xdata() for line in axes.get_lines()]
            self.assertEqual(list(lines[0]), [10.0 * side] * 2)
            ends = [np.ptp(x) for x in lines[1:] if len(x) == 2]
            np.testing.assert_allclose(ends, [6 * side / 100, 2 * side / 100] * 6, rtol=1e-9)
            points = [x[0] for x in lines if len(x) == 1]
            values = cell["log_z"].values[1:7]
            np.testing.assert_allclose(points[:6], values, rtol=1e-12)
            # Mean field and TAP lie outside, at the edges.
            self.assertEqual([line.get_marker() for line in axes.get_lines()[-2:]], ["<", ">"])

    def test_scores(self) -> None:
        data = make_partition(replicates=20)
        axes = self.draw(data, "log_z_scores").axes[0]
        notes = [t.get_text() for t in axes.texts]
        for i, note in enumerate(notes):
            z = data["z_score"].values[..., 1 + i]
            self.assertEqual(note, f"rms\n{np.sqrt(np.mean(z**2)):.2f}")
        self.assertEqual(len(notes), 6)

    def test_unfinished(self) -> None:
        data = make_partition()
        for name in data.data_vars:
            if name != "status":
                data[name] = xr.full_like(data[name], np.nan)
        data["status"] = xr.zeros_like(data["status"])
        self.expect_error("nothing that a figure could show", self.write(data))


class Renormalize(PlottedCase):
    """The figure of equal Z and other p."""

    def test_figures(self) -> None:
        self.assertEqual(self.plot(make_renormalize()), {"renormalize"})

    def test_single_values(self) -> None:
        data = make_renormalize(1).isel(replicate=0, hidden=[2], coupling=[1])
        self.assertEqual(self.plot(data), {"renormalize"})

    def test_values(self) -> None:
        """Medians of both stages at the last coupling."""
        data = make_renormalize()
        figure = self.draw(data, "renormalize")
        self.assertEqual(len(figure.axes), 6)
        for axes, panel in zip(figure.axes, PANELS, strict=True):
            median = abs(data[panel.name]).isel(coupling=-1).median("replicate")
            for stage, line in enumerate(axes.get_lines()[:2]):
                np.testing.assert_allclose(line.get_ydata(), median.isel(stage=stage), rtol=1e-12)

    def test_selection(self) -> None:
        data = make_renormalize()
        axes = self.draw(data, "renormalize", {"coupling": "0.408"}).axes[0]
        median = data["kl"].isel(coupling=0).median("replicate")
        np.testing.assert_allclose(axes.get_lines()[0].get_ydata(), median.isel(stage=0), rtol=1e-12)


if __name__ == "__main__":
    unittest.main()
