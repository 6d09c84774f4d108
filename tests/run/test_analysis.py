"""Tests of the Python package `analysis` on result files made here by NumPy.

Run by `python -m unittest tests/run/test_analysis.py`, or as a program; exit code 77 when a package
is missing. The generator solves small teacher problems for real, so that theory and simulation in
the figures can be compared by eye; SIMMER_TEST_FIGURES=DIR keeps the figures there.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import gzip
import hashlib
import http.server
import io
import os
import re
import sys
import tempfile
import threading
import unittest
import warnings
import zipfile
from pathlib import Path
from unittest import mock

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

try:
    import h5netcdf  # noqa: F401
    import h5py
    import matplotlib  # noqa: F401
    import numpy as np
    import xarray as xr
except ImportError as error:
    reason = f"skipped: {error} (pip install -r analysis/requirements.txt)"
    if "discover" in sys.argv:
        raise unittest.SkipTest(reason) from error
    print(reason)
    sys.exit(77)

from analysis import __main__ as command_line
from analysis import fetch_data, style
from analysis.figures import FIGURES, chosen_lambda, phase_diagram, survival
from analysis.report import make_report
from analysis.results import (
    ResultError,
    find_cell,
    get_spread,
    get_sweep,
    get_theory,
    open_result,
    pick_lambdas,
)

SIGNAL, NOISE, TEST_ROWS = 1.0, 0.5, 200
CHOOSER_FIGURES = {"choosers", "picard", "l_curve_choices", "chosen_lambda"}
OWN_FIGURES = {"phase_diagram", "survival"}  # they want more than the danger zone has
ALL_FIGURES = {kind.name for kind in FIGURES if kind.experiment == "ridge"}
ALL_FIGURES -= CHOOSER_FIGURES | OWN_FIGURES
SUMMARISED = (
    "test_mse",
    "train_mse",
    "test_accuracy",
    "estimation_error",
    "bias2",
    "variance",
    "solution_norm",
    "residual_norm",
    "effective_dof",
)
TAILED = ("test_mse", "estimation_error", "variance", "solution_norm")
QUANTILES = {"q05": 0.05, "q25": 0.25, "median": 0.5, "q75": 0.75, "q95": 0.95}
JOB = "name: test\nexperiment: ridge\ndata: {source: teacher, instances: %d, noise: 0.5}\n"


# ---- theory, by the formulas of Belkin, Hsu, Xu and of Hastie et al. ----


def exact_risk(n: int, p: int) -> float:
    if p <= n - 2:
        return NOISE**2 * p / (n - p - 1)
    return SIGNAL**2 * (1 - n / p) + NOISE**2 * n / (p - n - 1) if p >= n + 2 else np.inf


def asymptotic(n: int, p: int, penalty: float) -> tuple[float, float]:
    """Bias^2 and variance; gamma k m^2 + (1 - gamma + k) m = 1 gives m and its derivative."""
    gamma, k = p / n, max(penalty / n, 1e-9)
    b = 1 - gamma + k
    root = np.sqrt(b * b + 4 * gamma * k)
    m = 2 / (b + root) if b > 0 else (root - b) / (2 * gamma * k)
    slope = (gamma * m * m + m) / root
    return SIGNAL**2 * k**2 * slope, NOISE**2 * gamma * (m - k * slope)


# ---- one replicate ----


def solve(rng, n: int, p: int, lambdas: np.ndarray, classify: bool) -> dict[str, np.ndarray]:
    """All outputs over lambda of one teacher problem."""
    truth = rng.standard_normal(p)
    truth *= SIGNAL / np.linalg.norm(truth)
    x, x_test = rng.standard_normal((n, p)), rng.standard_normal((TEST_ROWS, p))
    y = x @ truth + NOISE * rng.standard_normal(n)
    y_test = x_test @ truth + NOISE * rng.standard_normal(TEST_ROWS)
    if classify:
        y, y_test = np.sign(y), np.sign(y_test)
    u, s, vt = np.linalg.svd(x, full_matrices=False)
    beta, modes = u.T @ y, vt @ truth
    null = max(SIGNAL**2 - modes @ modes, 0.0)
    filters = s**2 / (s**2 + lambdas[:, None])
    weights = (filters * beta / s) @ vt
    residuals = y - weights @ x.T
    predictions = weights @ x_test.T
    nan = np.full(len(lambdas), np.nan)
    theory = np.array([asymptotic(n, p, v) for v in lambdas])
    return {
        "train_mse": (residuals**2).mean(1),
        "test_mse": ((predictions - y_test) ** 2).mean(1),
        "test_accuracy": (np.sign(predictions) == y_test).mean(1) if classify else nan,
        "solution_norm": np.linalg.norm(weights, axis=1),
        "residual_norm": np.linalg.norm(residuals, axis=1),
        "effective_dof": filters.sum(1),
        "estimation_error": ((weights - truth) ** 2).sum(1),
        "bias2": (((1 - filters) * modes) ** 2).sum(1) + null,
        "variance": NOISE**2 * ((filters / s) ** 2).sum(1),
        "theory_bias2": theory[:, 0],
        "theory_variance": theory[:, 1],
        "theory_risk": theory.sum(1),
        "theory_risk_exact": np.where(lambdas == 0, exact_risk(n, p), np.nan),
        "singular_value": s,
        "picard_coefficient": np.abs(beta),
    }


def make_cube(instances, features, lambdas, replicates: int, classify: bool = False) -> xr.Dataset:
    """The whole result without summaries, over [instances, replicate, features, lambda or mode]."""
    rng = np.random.default_rng(7)
    lambdas, modes = np.asarray(lambdas, float), max(features)
    shape = (len(instances), replicates, len(features))
    cube: dict[str, np.ndarray] = {}
    for i, n in enumerate(instances):
        for r in range(replicates):
            for f, p in enumerate(features):
                for name, values in solve(rng, n, p, lambdas, classify).items():
                    is_mode = name in ("singular_value", "picard_coefficient")
                    length = modes if is_mode else len(lambdas)
                    target = cube.setdefault(name, np.full((*shape, length), np.nan))
                    target[i, r, f, : len(values)] = values
    outer = ("instances", "replicate")
    data = xr.Dataset(
        {
            name: ((*outer, "features", "mode" if v.shape[-1] != len(lambdas) else "lambda"), v)
            for name, v in cube.items()
        },
        coords={
            "instances": list(instances),
            "features": list(features),
            "lambda": lambdas,
            "replicate": np.arange(replicates),
            "mode": np.arange(1, modes + 1),
        },
        attrs={
            "title": "Ridge regression",
            "experiment": "ridge",
            "seed": "1",
            "job": JOB % instances[0],
        },
    )
    data["status"] = (outer, np.ones(shape[:2], np.uint8))
    data["status"].attrs["flag_meanings"] = "pending done failed quarantined excluded"
    data["seconds"] = (outer, np.full(shape[:2], 0.1), {"units": "s"})
    return data


def summarize(data: xr.Dataset) -> xr.Dataset:
    """Adds the summaries over replicates, with means only where they exist."""
    data = data.copy()
    tail = (abs(data["features"] - data["instances"]) + 1) / 2
    for name in SUMMARISED:
        values, factor = data[name], 2 if name == "solution_norm" else 1
        is_tailed = (data["lambda"] == 0) & (name in TAILED)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)
            count = values.notnull().sum("replicate")
            mean = values.mean("replicate")
            error = values.std("replicate", ddof=1) / np.sqrt(count)
            for suffix, share in QUANTILES.items():
                data[f"{name}_{suffix}"] = values.quantile(share, "replicate").drop_vars("quantile")
        data[f"{name}_mean"] = mean.where(~is_tailed | (factor * tail > 1))
        data[f"{name}_stderr"] = error.where(~is_tailed | (factor * tail > 2))
    mean, error = data["estimation_error_mean"], data["estimation_error_stderr"]
    for suffix, theory in (("", "theory_risk_exact"), ("_asymptotic", "theory_risk")):
        expected = data[theory].mean("replicate")
        z = (mean - expected) / error
        data[f"estimation_error_z{suffix}"] = z.where(np.isfinite(z))
    data["estimation_error_tail_index_theory"] = tail
    return data


@functools.lru_cache(maxsize=1)
def danger_zone() -> xr.Dataset:
    """N_f = 30 against many N_i; lambda from 0."""
    instances = [
        8,
        10,
        12,
        15,
        18,
        20,
        22,
        24,
        25,
        26,
        27,
        28,
        29,
        30,
        31,
        32,
        33,
        34,
        35,
        36,
        38,
        40,
        44,
        48,
        55,
        65,
        80,
        100,
        120,
    ]
    lambdas = [0.0, *np.logspace(-6, 4, 31)]
    return summarize(make_cube(instances, [30], lambdas, 60))


@functools.lru_cache(maxsize=1)
def classification() -> xr.Dataset:
    """Signs, without the columns that need a truth: what a CSV file gives."""
    data = make_cube(
        [10, 15, 20, 25, 30, 35, 45, 60, 90, 150, 300],
        [30],
        np.logspace(-6, 4, 11),
        20,
        classify=True,
    )
    for name in data.data_vars:
        if name.startswith(("theory", "bias2", "variance", "estimation")):
            data[name] = xr.full_like(data[name], np.nan)
    return summarize(data)


def logistic() -> xr.Dataset:
    """What the logistic experiment adds; at the smallest lambda small sets have no finite norm."""
    data = classification().copy()
    data.attrs["experiment"] = "logistic"
    size = data["instances"]
    is_infinite = (data["lambda"] == data["lambda"][0]) & (size < 45)
    for name in [str(n) for n in data.data_vars if str(n).startswith("solution_norm")]:
        data[name] = data[name].where(~is_infinite, np.inf)
    like = data["test_accuracy"].isel({"lambda": 0}, drop=True)
    data["separable"] = xr.where(size < 45, 1.0, 0.0) + 0 * like
    data["quasi_separable"] = xr.where((size >= 45) & (size < 90), 1.0, 0.0) + 0 * like
    data["separable_share"] = data["separable"].mean("replicate")
    data["quasi_separable_share"] = data["quasi_separable"].mean("replicate")
    data["separable_theory"] = data["separable_share"].copy()
    return data


@functools.lru_cache(maxsize=1)
def small() -> xr.Dataset:
    """A grid of N_i and N_f, without summaries."""
    return make_cube([10, 15, 20, 40], [10, 20, 30], np.logspace(-4, 2, 7), 5)


@functools.lru_cache(maxsize=1)
def chosen() -> xr.Dataset:
    """GCV and the L-curve's lack of a corner beside the best lambda, and what Picard says."""
    data = make_cube([15, 30, 60], [30], np.logspace(-4, 3, 29), 12)
    lambdas, error = data["lambda"], data["estimation_error"]
    n, dof = data["instances"], data["effective_dof"]
    data["gcv"] = n * data["residual_norm"] ** 2 / (n - dof) ** 2
    best = error.argmin("lambda")
    data["lambda_oracle"] = lambdas.isel({"lambda": best}).drop_vars("lambda")
    for name, at in (("gcv", data["gcv"].argmin("lambda")), ("loo", (best + 2).clip(max=28))):
        data[f"lambda_{name}"] = lambdas.isel({"lambda": at}).drop_vars("lambda")
        data[f"decades_{name}"] = np.log10(data[f"lambda_{name}"] / data["lambda_oracle"])
        chosen_error = error.isel({"lambda": at}).drop_vars("lambda")
        data[f"regret_{name}"] = chosen_error - error.min("lambda")
        data[f"tsvd_regret_{name}"] = 1.5 * data[f"regret_{name}"]
    for name in ("lambda_lcurve", "decades_lcurve", "regret_lcurve", "tsvd_regret_lcurve"):
        data[name] = xr.full_like(data["lambda_oracle"], np.nan)
    data["picard_noise"] = xr.full_like(data["lambda_oracle"], NOISE)
    data["picard_level"] = data["singular_value"].count("mode").astype(float) - 4
    data["picard_verdict"] = xr.full_like(data["lambda_oracle"], 2.0)
    return data


@functools.lru_cache(maxsize=1)
def tails() -> xr.Dataset:
    """Exact quantiles of Pareto laws at N_i = 12; N_f = 17 has a light tail."""
    features, n = np.array([12, 11, 13, 14, 17]), 2000
    index = (abs(features - 12) + 1) / 2
    share = ((np.arange(n) + 0.5) / n)[:, None, None]
    dims = ("features", "lambda")
    return xr.Dataset(
        {
            "estimation_error": (("replicate", *dims), share ** (-1 / index[:, None])),
            "estimation_error_tail_index": (dims, index[:, None] + 0.01),
            "estimation_error_tail_index_stderr": (dims, index[:, None] / 10),
            "estimation_error_tail_index_theory": ("features", index),
        },
        coords={"replicate": np.arange(n), "features": features, "lambda": [0.0]},
        attrs={"title": "t", "experiment": "ridge", "seed": "1", "job": JOB % 12},
    )


def zipped_cases() -> xr.Dataset:
    """Three cases of two axes on one dimension."""
    rng, shape = np.random.default_rng(3), (3, 40, 1)
    dims = ("design", "replicate", "features")
    return xr.Dataset(
        {
            "lambda_oracle": (dims, 10.0 ** rng.normal(0, 0.2, shape)),
            "lambda_gcv": (dims, 10.0 ** rng.normal([[[-5]], [[0]], [[0]]], 0.2, shape)),
            "lambda_ncp": (dims, np.zeros(shape)),
            "cv_verdict": (dims, np.zeros(shape)),
        },
        coords={
            "design": ["smooth", "smooth", "gaussian"],
            "noise_model": ("design", ["ar1", "iid", "ar1"]),
            "replicate": np.arange(40),
            "features": [10],
        },
        attrs={"title": "t", "experiment": "ridge", "seed": "1", "job": JOB % 20},
    )


@functools.lru_cache(maxsize=1)
def phases() -> xr.Dataset:
    """The plane of a well-specified teacher, with made-up corners of the L-curve."""
    data = make_cube([20, 25, 30, 40, 60], [30], np.logspace(-2, 3, 11), 8)
    data["theory_test_mse"] = data["theory_risk"] + NOISE**2
    one = xr.ones_like(data["estimation_error"].isel({"lambda": 0}, drop=True))
    data["theory_lambda"] = NOISE**2 * data["features"] * one
    at_edge = data["instances"].isin([20, 60])
    is_lost = (data["instances"] == 25) & (data["replicate"] < 5)
    data["lambda_lcurve"] = (0.3 * one).where(~is_lost)
    data["status_lcurve"] = xr.where(at_edge, 1.0, 0.0) * one
    return data


# ---- running the program ----


class ResultCase(unittest.TestCase):
    """Gives a folder, and ways to write a result into it and to run the command line."""

    def setUp(self) -> None:
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.folder = Path(temporary.name)

    def write(self, data: xr.Dataset) -> Path:
        path = self.folder / "results.h5"
        path.unlink(missing_ok=True)  # an earlier one may still be open
        data.to_netcdf(path, engine="h5netcdf")
        return path

    def run_program(self, *arguments: object) -> tuple[int, list[str], str]:
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            try:
                code = command_line.main([str(a) for a in arguments])
            except SystemExit as exit_:
                code = exit_.code
        return code, out.getvalue().split(), err.getvalue()

    def plot(self, data: xr.Dataset, *options: str) -> set[str]:
        """Draws what `plot_path` does, from a result file."""
        return self.plot_path(self.write(data), *options)

    def plot_path(self, path: Path, *options: str) -> set[str]:
        """Draws without a warning, checks that each file is a picture, and returns the names of the
        figures."""
        keep = os.environ.get("SIMMER_TEST_FIGURES")
        if not keep:  # Coarse pictures are drawn faster.
            patch = mock.patch.dict(style.SETTINGS, {"savefig.dpi": 120})
            patch.start()
            self.addCleanup(patch.stop)
        folder = Path(keep) / self._testMethodName if keep else self.folder / "figures"
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            code, paths, text = self.run_program("plot", path, "-o", folder, *options)
        self.assertEqual(code, 0, text)
        for path in paths:
            picture = matplotlib.image.imread(path)
            self.assertGreaterEqual(min(picture.shape[:2]), 300)
            self.assertGreater(picture[..., :3].std(), 0.02, f"{path} is empty")
        self.assertEqual(
            sorted(p.name for p in folder.iterdir()), sorted(Path(p).name for p in paths)
        )
        return {Path(path).stem for path in paths}

    def draw(self, name: str, data: xr.Dataset, **selection: str) -> matplotlib.figure.Figure:
        """One figure with its texts as they are before captions are wrapped."""
        (kind,) = [kind for kind in FIGURES if kind.name == name]
        with contextlib.closing(open_result(self.write(data), selection)) as result:
            self.assertIsNone(kind.needs(result))
            figure = kind.draw(result)
        self.addCleanup(matplotlib.pyplot.close, figure)
        return figure

    def expect_error(self, pattern: str, *arguments: object, command: str = "plot") -> None:
        """One clear line and exit code 2."""
        code, out, text = self.run_program(command, *arguments)
        self.assertEqual(code, 2)
        self.assertEqual(out, [])
        last = text.strip().splitlines()[-1]
        self.assertRegex(last, f"^analysis: error: .*{pattern}")
        self.assertNotIn("Traceback", text)


class Figures(ResultCase):
    """Which figures come out of which files."""

    def test_danger_zone(self) -> None:
        self.assertEqual(self.plot(danger_zone()), ALL_FIGURES - {"accuracy"})

    def test_choosers(self) -> None:
        basic = {"danger_zone", "l_curve", "bias_variance"}
        self.assertEqual(self.plot(chosen()), basic | CHOOSER_FIGURES)

    def test_choosers_summarized(self) -> None:
        """Boxes come from the summaries where there are any; without ranks there is no third panel."""
        data = chosen().copy()
        for name in ("decades_gcv", "regret_gcv", "decades_loo", "regret_loo"):
            for suffix, share in QUANTILES.items():
                data[f"{name}_{suffix}"] = data[name].quantile(share, "replicate", skipna=True)
            data = data.drop_vars(name)
        data = data.drop_vars([n for n in data if str(n).startswith("tsvd_")])
        self.assertIn("choosers", self.plot(data.drop_vars("quantile")))

    def test_choosers_once(self) -> None:
        data = chosen().isel(replicate=0, features=0, drop=True).assign_coords(features=30)
        self.assertLessEqual(CHOOSER_FIGURES - {"chosen_lambda"}, self.plot(data))

    def test_classification(self) -> None:
        self.assertEqual(
            self.plot(classification()), {"danger_zone", "accuracy", "l_curve", "risk_map"}
        )

    def test_logistic(self) -> None:
        """Alone, beside ridge, and without summaries; ridge takes nothing beside it."""
        names = [n for n in logistic().data_vars if not str(n).endswith(("_share", "_theory"))]
        plain = [n for n in names if not re.search("_(mean|stderr|median|q[0-9]+)$", str(n))]
        files = {"ridge": classification(), "full": logistic(), "plain": logistic()[plain]}
        paths = {name: self.folder / f"{name}.h5" for name in files}
        for name, data in files.items():
            data.to_netcdf(paths[name], engine="h5netcdf")
        self.assertEqual(self.plot_path(paths["full"]), {"logistic"})
        self.assertEqual(self.plot_path(paths["full"], "--with", str(paths["ridge"])), {"logistic"})
        self.assertEqual(self.plot_path(paths["plain"]), {"logistic"})
        self.expect_error("logistic", paths["ridge"], "--with", paths["ridge"])

    def test_grid(self) -> None:
        self.assertEqual(self.plot(small()), {"danger_zone", "l_curve", "bias_variance"})

    def test_features_axis(self) -> None:
        data = summarize(
            make_cube(
                [40],
                [5, 10, 20, 30, 35, 38, 42, 45, 60, 80, 120],
                [0.0, *np.logspace(-3, 3, 13)],
                20,
            )
        )
        self.assertEqual(self.plot(data), ALL_FIGURES - {"accuracy"})

    def test_chosen_lambda(self) -> None:
        """Cases on a zipped axis are panels of one figure; choosers without a value leave a gap."""
        data = zipped_cases()
        data["cv_verdict"][0, :10], data["cv_verdict"][0, 10:20], data["cv_verdict"][1, :3] = 1, 3, 2
        self.assertEqual(self.plot(data), {"chosen_lambda"})
        with contextlib.closing(open_result(self.folder / "results.h5")) as result:
            figure = chosen_lambda.draw(result)
            few = dataclasses.replace(result, data=result.data.isel(replicate=slice(0, 3)))
            self.assertIn("replicates", chosen_lambda.needs(few))
        titles = [axes.get_title().splitlines() for axes in figure.axes]
        labels = [["smooth, ar1"], ["smooth, iid"], ["gaussian, ar1"]]
        shares = ["40 runs, CV looks fooled in 50 %", *["40 runs, CV looks fooled in 0 %"] * 2]
        self.assertEqual(titles, [[*a, b] for a, b in zip(labels, shares, strict=True)])
        words = [text.get_text() for text in figure.legends[0].get_texts()]
        self.assertEqual((words[0], words[-1]), ("quartiles, median", "5 to 95 % of runs"))
        matplotlib.pyplot.close(figure)
        figure = self.draw("chosen_lambda", data, design="smooth")
        self.assertEqual(len(figure.axes), 2)

    def test_chosen_lambda_says_what_it_leaves_out(self) -> None:
        """Six cases in four panels; all that are asked for in as many need no word."""
        data = xr.concat([zipped_cases()] * 2, "design")
        self.assertEqual(self.plot(data), {"chosen_lambda"})
        figure = self.draw("chosen_lambda", data)
        self.assertEqual(len(figure.axes), 4)
        self.assertIn("the first 4 of 6 cases", figure._suptitle.get_text())
        figure = self.draw("chosen_lambda", data, design="smooth")
        self.assertEqual(len(figure.axes), 4)
        self.assertNotIn("cases", figure._suptitle.get_text())

    def test_choosers_have_one_name(self) -> None:
        """In all figures, and a row or mark for what was asked for only."""
        data = chosen()
        for name in ("cv_interleaved", "cv_block"):
            for output in ("lambda", "decades", "regret"):
                data = data.assign({f"{output}_{name}": data[f"{output}_gcv"]})
        asked = ["GCV", "leave-one-out", "$k$-fold, interleaved", "$k$-fold, blocks"]
        oracle = r"\lambda_{\mathrm{oracle}}"
        boxes = self.draw("choosers", data).axes[0]
        decades = self.draw("chosen_lambda", data).axes[0]
        self.assertIn("runs of all sizes", decades.get_title())
        for axes, names in ((boxes, asked), (decades, [*asked, "L-curve"])):
            self.assertEqual([text.get_text() for text in axes.get_yticklabels()], names)
            self.assertEqual(axes.get_xlabel(), rf"$\log_{{10}}(\lambda/{oracle})$")
        (legend,) = self.draw("l_curve_choices", data).legends
        marks = [text.get_text() for text in legend.get_texts()]
        self.assertEqual(marks, [*asked, f"${oracle}$"])

    def test_crowded_choices_are_magnified(self) -> None:
        """On an L-curve, within a tenth of its panel, in the corner that it leaves empty; neither
        choices far apart nor one and the same."""
        lambdas = np.logspace(-8, 8, 65)
        dims = ("instances", "features", "lambda")
        outputs = {
            "residual_norm": (dims, np.sqrt(0.01 + 1 / (1 + 10 / lambdas) ** 2)[None, None]),
            "solution_norm": (dims, (1 + 1e-3 / np.sqrt(lambdas))[None, None]),
        }
        cases = ((0.2, 0.4, 0.8), True), ((1e-7, 0.4, 1e4), False), ((0.4,) * 3, False)
        for chosen_ones, is_crowded in cases:
            names = ("lambda_gcv", "lambda_loo", "lambda_oracle")
            choices = zip(names, chosen_ones, strict=True)
            data = xr.Dataset(
                outputs | {name: (dims[:2], [[value]]) for name, value in choices},
                coords={"instances": [20], "features": [20], "lambda": lambdas},
                attrs={"title": "t", "experiment": "ridge", "seed": "1", "job": JOB % 20},
            )
            (axes,) = self.draw("l_curve_choices", data).axes
            insets = [child for child in axes.child_axes if child.get_lines()]
            self.assertEqual(len(insets), int(is_crowded), str(chosen_ones))
            for inset in insets:
                self.assertEqual(len(inset.get_lines()), len(axes.get_lines()))
                for line in inset.get_lines()[1:]:
                    at, ends = float(line.get_xdata()[0]), inset.get_xlim()
                    self.assertTrue(ends[0] < at < ends[1])

    def test_norms_keep_their_quartiles(self) -> None:
        """In the figure of logistic regression, at penalties above 0."""
        data = logistic().copy(deep=True)
        data["solution_norm"][{"lambda": -1}] *= xr.where(data["replicate"] % 2 == 0, 1.0, 50.0)
        summaries = [n for n in data.data_vars if str(n).startswith("solution_norm_")]
        norms = self.draw("logistic", data.drop_vars(summaries)).axes[1]
        high = max(float(band.get_datalim(norms.transData).y1) for band in norms.collections)
        self.assertGreaterEqual(norms.get_ylim()[1], high)

    def test_one_replicate_is_named(self) -> None:
        """The first with values, in figures of one; beside the values that are fixed."""
        data = chosen().copy(deep=True).expand_dims(noise=[0.5])
        data["lambda_gcv"][:, :, 0] = np.nan
        for name, replicate, tail in (("l_curve_choices", 1, ""), ("picard", 0, ": undecided")):
            label = f"$N_f = 30$, $N_i = %d$, replicate {replicate}{tail}"
            titles = [axes.get_title() for axes in self.draw(name, data).axes]
            self.assertEqual(titles[:2], [f"noise = 0.5\n{label % 60}", label % 30])
        data = chosen().isel(replicate=0, features=0, drop=True).assign_coords(features=30)
        self.assertNotIn("replicate", self.draw("picard", data).axes[0].get_title())

    def test_small_regrets_are_drawn(self) -> None:
        """Beside one of 1e8; what is nothing beside the least risk is a mark at the edge."""
        regrets = {"gcv": 1e8, "loo": 1e-12, "cv_block": 0.5, "ncp": 0.0, "lcurve": np.nan}
        share = np.linspace(0.5, 1.5, 40)[:, np.newaxis]
        dims = ("replicate", "features")
        outputs = {f"regret_{name}": (dims, value * share) for name, value in regrets.items()}
        data = xr.Dataset(
            {**outputs, "risk_oracle": (dims, 2 + 0 * share)},
            coords={"replicate": np.arange(40), "features": [10]},
            attrs={"title": "t", "experiment": "ridge", "seed": "1", "job": JOB % 20},
        )
        figure = self.draw("choosers", data)
        axes = figure.axes[1]
        edge = axes.get_xlim()[0]
        self.assertTrue(0.1 < edge < 0.5 * 0.75)
        marks = [line for line in axes.get_lines() if line.get_marker() == "<"]
        places = [(line.get_xdata()[0], line.get_ydata()[0]) for line in marks]
        self.assertEqual(places, [(edge, 1.0), (edge, 3.0)])  # leave-one-out and NCP
        self.assertIn("below", figure.legends[0].get_texts()[-1].get_text())

    def test_bias_variance_holds_the_crossing(self) -> None:
        """With a variance of 1e13 at the smallest lambda."""
        lambdas = np.logspace(-12, 4, 33)
        bias, variance = 60 * lambdas**0.02, 10 / lambdas / (1 + lambdas / 100) ** 2
        data = xr.Dataset(
            {"bias2": ("lambda", bias), "variance": ("lambda", variance)},
            coords={"features": 10, "lambda": lambdas},
            attrs={"title": "t", "experiment": "ridge", "seed": "1", "job": JOB % 20},
        )
        (axes,) = self.draw("bias_variance", data).axes
        low, high = axes.get_ylim()
        self.assertLess(low, 0.1)
        self.assertTrue(1e4 < high < 1e8)
        for line in axes.get_lines():
            if line.get_label() == "bias$^2$":
                self.assertTrue(((line.get_ydata() > low) & (line.get_ydata() < high)).all())
        # A peak over N_f/N_i is whole.
        peak = danger_zone().copy()
        peak["variance_mean"] = peak["variance_mean"].where(peak["instances"] != 30, 1e9)
        axes = self.draw("bias_variance", peak).axes[0]
        self.assertGreater(axes.get_ylim()[1], 1e9)

    def test_quartiles_are_on_the_axis(self) -> None:
        data = danger_zone().copy()
        q75 = data["estimation_error_q75"].sel({"lambda": 0})
        data["estimation_error_q75"] = data["estimation_error_q75"].where(q75 != q75.max(), 1e7)
        (axes, *_) = self.draw("danger_zone", data).axes
        self.assertGreater(axes.get_ylim()[1], 1e7)
        bands = data["variance_q75"].where(data["instances"] != 30, 1e7)
        figure = self.draw("bias_variance", data.sel({"lambda": [0]}).assign(variance_q75=bands))
        self.assertGreater(figure.axes[0].get_ylim()[1], 1e7)

    def test_survival(self) -> None:
        """Pareto laws of known index: the legend has what the file says."""
        data = tails()
        self.assertEqual(self.plot(data, "--only", "survival"), {"survival"})
        with_penalty = data.reindex({"lambda": [0.0, 0.1]}, fill_value=1.0)
        self.assertEqual(self.plot(with_penalty, "--only", "survival"), {"survival"})
        with contextlib.closing(open_result(self.folder / "results.h5")) as result:
            figure = survival.draw(result)
            few = result.data.isel(replicate=slice(0, 900))
            bare = result.data.drop_vars("estimation_error_tail_index")
            light = result.data.isel(features=[-1])  # index 3: all is well there
            penalised = result.data.isel({"lambda": [1]})
            for lacking, reason in (
                (few, "replicates"),
                (bare, "tail index"),
                (light, "no cell"),
                (penalised, "lambda = 0"),
            ):
                self.assertIn(reason, survival.needs(dataclasses.replace(result, data=lacking)))
        texts = [text.get_text() for text in figure.legends[0].get_texts()]
        self.assertIn(r"$N_f - N_i = 0$: $0.51 \pm 0.05$ (0.5)", texts)
        self.assertIn(r"$N_f - N_i = +2$: $1.51 \pm 0.15$ (1.5)", texts)
        self.assertEqual(sum("N_i = " in text for text in texts), 4 + 1)
        matplotlib.pyplot.close(figure)

    def test_survival_of_unfinished_cells(self) -> None:
        """A cell is drawn when enough of its own replicates are finished, however long the axis."""
        data = tails().reindex({"lambda": [0.0, 0.1]}, fill_value=1.0)
        error = data["estimation_error"] = data["estimation_error"].copy(deep=True)
        error[:, 0] = np.nan  # N_f = N_i, not begun
        error[999:, 1] = np.nan  # N_f = 11, one short
        error[1000:, 2] = np.nan  # N_f = 13
        error[999:, 2, 1] = np.nan  # where the penalty's curve would come from
        self.assertEqual(self.plot(data, "--only", "survival"), {"survival"})
        figure = self.draw("survival", data)
        texts = [text.get_text() for text in figure.legends[0].get_texts()]
        shown = [text.partition(":")[0] for text in texts if "N_i = " in text]
        self.assertEqual(shown, ["$N_f - N_i = +1$", "$N_f - N_i = +2$"])
        error[:, 2:4] = np.nan
        with contextlib.closing(open_result(self.write(data))) as result:
            self.assertIn("1000 finished", survival.needs(result))

    def test_survival_of_pareto(self) -> None:
        x, share = survival.make_survival(tails()["estimation_error"].values[:, 0, 0])
        np.testing.assert_allclose((share[0], share[-1]), (0.5, 1 / 2000))
        # Quantiles at (i + 1/2)/n against ranks (i + 1)/n: half a rank off.
        np.testing.assert_allclose(x**-0.5, share - 0.5 / 2000, rtol=1e-12)

    def test_phase_diagram(self) -> None:
        """With the test error where its theory is known, else with the risk; the corner where most
        replicates have one inside the grid."""
        data = phases()
        bare = data.drop_vars("theory_test_mse")
        for each in (bare, data):
            self.assertEqual(self.plot(each, "--only", "phase_diagram"), {"phase_diagram"})
        with contextlib.closing(open_result(self.folder / "results.h5")) as result:
            figure = phase_diagram.draw(result)
            for name in ("theory_lambda", "lambda_lcurve"):
                less = dataclasses.replace(result, data=result.data.drop_vars(name))
                self.assertIsNotNone(phase_diagram.needs(less))
        lines = {line.get_label(): line for line in figure.axes[0].get_lines()}
        (corner,) = [line for label, line in lines.items() if "corner" in label]
        shown = {float(x): float(y) for x, y in zip(*corner.get_data(), strict=True)}
        # At 20 and 60 rows the corner is at an edge of the grid, at 25 most replicates have none.
        found = {x: y for x, y in shown.items() if np.isfinite(y)}
        self.assertEqual(found, {30 / 40: 0.3, 1.0: 0.3})
        theory = data["theory_test_mse"].mean("replicate").squeeze()
        cell, at = np.unravel_index(int(theory.values.argmin()), theory.shape)
        star = lines["least error, theory"]
        np.testing.assert_allclose(star.get_xdata(), 30 / data["instances"].values[cell])
        np.testing.assert_allclose(star.get_ydata(), data["lambda"].values[at])
        matplotlib.pyplot.close(figure)

    def test_no_replicates(self) -> None:
        data = small().isel(replicate=0, features=0, drop=True).assign_coords(features=10)
        self.assertEqual(self.plot(data), {"danger_zone", "l_curve", "bias_variance"})

    def test_one_lambda(self) -> None:
        self.assertEqual(
            self.plot(danger_zone().isel({"lambda": [4]})),
            {"danger_zone", "bias_variance", "z_scores"},
        )

    def test_ridgeless_alone(self) -> None:
        self.assertEqual(
            self.plot(danger_zone().isel({"lambda": [0]})),
            {"danger_zone", "bias_variance", "z_scores"},
        )

    def test_one_size(self) -> None:
        self.assertEqual(
            self.plot(danger_zone().isel(instances=[25])), {"l_curve", "bias_variance", "z_scores"}
        )

    def test_size_in_job_text(self) -> None:
        data = small().isel(instances=0, drop=True)
        self.assertEqual(self.plot(data), {"danger_zone", "l_curve", "bias_variance"})

    def test_missing_cells(self) -> None:
        data = small().copy(deep=True)
        data["status"][1, :] = 4
        data["status"][2, 0] = 2
        for name in data.data_vars:
            if "replicate" in data[name].dims and name != "status":
                data[name] = data[name].where(data["status"] == 1)
        self.assertEqual(
            self.plot(summarize(data)), {"danger_zone", "l_curve", "bias_variance", "z_scores"}
        )

    def test_zipped_sizes(self) -> None:
        parts = [
            small().sel(instances=n, features=p, drop=True)
            for n, p in ((15, 10), (20, 20), (40, 30))
        ]
        data = xr.concat(parts, dim="instances").assign_coords(instances=[15, 20, 40])
        data["features"] = ("instances", [10, 20, 30])
        self.assertEqual(self.plot(data), {"danger_zone", "l_curve", "bias_variance"})

    def test_zipped_lambda(self) -> None:
        parts = [
            small().sel(instances=n, features=20, drop=True).isel({"lambda": i}, drop=True)
            for i, n in enumerate((15, 20, 40))
        ]
        data = xr.concat(parts, dim="instances").assign_coords(instances=[15, 20, 40], features=20)
        data["lambda"] = ("instances", [0.1, 0.2, 0.3])
        self.assertEqual(self.plot(data), {"danger_zone", "bias_variance"})

    def test_other_axis(self) -> None:
        data = xr.concat([small(), 2 * small()], dim="noise", data_vars="all", coords="minimal")
        data = data.assign_coords(noise=[0.5, 1.0])
        self.assertIn("danger_zone", self.plot(data, "--select", "noise=1"))

    def test_vector_formats(self) -> None:
        path = self.write(danger_zone())
        for name, start in (("pdf", b"%PDF"), ("svg", b"<?xml")):
            code, paths, _ = self.run_program(
                "plot", path, "--format", name, "--only", "danger_zone"
            )
            self.assertEqual((code, len(paths)), (0, 1))
            first = Path(paths[0]).read_bytes()
            self.assertTrue(first.startswith(start))
            self.run_program("plot", path, "--format", name, "--only", "danger_zone")
            self.assertEqual(first, Path(paths[0]).read_bytes())


class Values(ResultCase):
    """What the figures are drawn from."""

    def test_sweep_is_ordered(self) -> None:
        sweep = get_sweep(danger_zone())
        self.assertEqual(sweep.varied, ("instances",))
        self.assertTrue((np.diff(sweep.ratio) > 0).all())
        self.assertEqual((sweep.get_fixed("features"), sweep.get_fixed("instances")), (30, None))
        np.testing.assert_allclose(sweep.ratio[0], 30 / 120)

    def test_sweep_balances_the_fixed_size(self) -> None:
        sweep = get_sweep(small())
        self.assertEqual(sweep.varied, ("instances",))
        self.assertEqual(sweep.get_fixed("features"), 20)
        self.assertEqual(get_sweep(small(), "features").get_fixed("instances"), 20)

    def test_sweep_keeps_values_beside_sizes(self) -> None:
        data = small()
        sweep = get_sweep(data)
        for i, n in enumerate(sweep.data["instances"].values):
            np.testing.assert_array_equal(
                sweep.data["variance"].isel(cell=i).transpose("replicate", "lambda").values,
                data["variance"].sel(instances=n, features=20).values,
            )

    def test_excluded_cells_are_left_out(self) -> None:
        data = small().copy(deep=True)
        data["status"][1, :] = 4
        data["status"][2, :] = 2
        self.assertEqual(get_sweep(data).data["instances"].values.tolist(), [40, 20, 10])

    def test_cell_nearest_to_a_ratio(self) -> None:
        sweep = get_sweep(small())
        known = np.ones(4, bool)
        self.assertEqual(sweep.data["instances"].values[find_cell(sweep, 1.0, known)], 20)
        known[find_cell(sweep, 1.0, known)] = False
        self.assertEqual(sweep.data["instances"].values[find_cell(sweep, 1.0, known)], 15)

    def test_center_is_the_median_where_no_mean_exists(self) -> None:
        data = danger_zone().sel({"lambda": 0, "instances": 30, "features": 30})
        spread = get_spread(data, "estimation_error")
        self.assertTrue(np.isnan(spread["mean"]))
        self.assertEqual(float(spread["center"]), float(np.median(data["estimation_error"])))
        data = danger_zone().sel({"lambda": 0, "instances": 100, "features": 30})
        spread = get_spread(data, "estimation_error")
        self.assertEqual(float(spread["center"]), float(data["estimation_error_mean"]))

    def test_replicates_without_summaries(self) -> None:
        data = small()
        spread = get_spread(data, "estimation_error")
        self.assertTrue(np.isnan(spread["mean"].values).all())
        np.testing.assert_array_equal(
            spread["center"].values, np.median(data["estimation_error"].values, axis=1)
        )

    def test_infinite_theory_is_a_gap(self) -> None:
        theory = get_theory(danger_zone(), "theory_risk_exact").sel({"lambda": 0}).squeeze()
        self.assertTrue(np.isnan(theory.sel(instances=[29, 30, 31])).all())
        self.assertAlmostEqual(float(theory.sel(instances=100)), 0.25 * 30 / 69)
        self.assertIsNone(get_theory(classification(), "theory_risk"))

    def test_generator_agrees_with_theory(self) -> None:
        z = danger_zone()["estimation_error_z"].values
        z = z[np.isfinite(z)]
        self.assertGreater(z.size, 15)
        self.assertGreater(np.mean(np.abs(z) < 5), 0.9)

    def test_picked_lambdas(self) -> None:
        lambdas = np.array([1.0, 0.0, 10.0, 100.0, 1000.0, 3.0])
        table = np.array([[1.0, 0.0, 2.0, 3.0, 3.0, 1.5], [1.0, 0.0, 2.0, 3.0, 3.0, 1.5]])
        # 3 is no power of ten; 100 and 1000 draw the same line.
        self.assertEqual(pick_lambdas(table, lambdas), [1, 0, 2, 3])
        table[:, 1] = np.nan
        self.assertNotIn(1, pick_lambdas(table, lambdas))
        self.assertEqual(len(pick_lambdas(np.arange(40.0)[None], np.logspace(-9.75, 0, 40))), 6)

    def test_selection(self) -> None:
        path = self.write(small())
        result = open_result(path, {"features": "30"})
        self.assertEqual(result.data["features"].values.tolist(), [30])
        result.close()
        with self.assertRaisesRegex(ResultError, "no value 31; it has 10, 20, 30"):
            open_result(path, {"features": "31"})
        with self.assertRaisesRegex(ResultError, "no axis 'x'"):
            open_result(path, {"x": "31"})

    def test_selection_on_zipped_axes(self) -> None:
        """By any of the axes on a dimension, and by several; what is shown is named by all."""
        path = self.write(zipped_cases())
        gcv = zipped_cases()["lambda_gcv"].values
        first = ", the first of 2 that match"
        for selection, case, text, remark in (
            ({}, 0, "design = smooth, noise_model = ar1", ""),
            ({"design": "smooth"}, 0, "design = smooth, noise_model = ar1", first),
            ({"noise_model": "ar1"}, 0, "design = smooth, noise_model = ar1", first),
            ({"noise_model": "iid"}, 1, "design = smooth, noise_model = iid", ""),
            ({"design": "smooth", "noise_model": "iid"}, 1, "design = smooth, noise_model = iid", ""),
            ({"noise_model": "ar1", "design": "gaussian"}, 2, "design = gaussian, noise_model = ar1", ""),
        ):
            with contextlib.closing(open_result(path, selection)) as result:
                self.assertEqual(result.fixed, (text,))
                self.assertEqual(result.notes, (f"shown at {text}{remark}",))
                np.testing.assert_array_equal(result.data["lambda_gcv"].values, gcv[case])
        for selection, words in (
            ({"noise_model": "student"}, "axis 'noise_model' has no value student; it has ar1, iid$"),
            ({"design": "gaussian", "noise_model": "iid"}, "it has ar1 where design = gaussian$"),
            ({"noise": "1"}, "the axes are design, noise_model, replicate, features$"),
        ):
            with self.assertRaisesRegex(ResultError, words):
                open_result(path, selection)

    def test_selection_of_several_sizes(self) -> None:
        """An axis that figures run along keeps all that match."""
        data = small().assign_coords(noise=("instances", [1.0, 0.5, 1.0, 0.5]))
        with contextlib.closing(open_result(self.write(data), {"noise": "0.5"})) as result:
            self.assertEqual(result.fixed, ("noise = 0.5",))
            self.assertEqual(result.data["instances"].values.tolist(), [15, 40])

    def test_report_names_zipped_axes(self) -> None:
        page = make_report([self.write(zipped_cases())], self.folder / "report.html").read_text()
        for row in ("design</td><td", "noise_model, zipped with design</td><td", ">ar1, iid, ar1<"):
            self.assertIn(row, page)

    def test_report_promises_no_panel(self) -> None:
        """The caption fits where only one of both theories has z-scores."""
        data = danger_zone().isel(instances=[0, 13, -1]).drop_vars("estimation_error_z")
        page = make_report([self.write(data)], self.folder / "report.html").read_text()
        self.assertIn("<figcaption>z-scores: simulation against theory</figcaption>", page)

    def test_sizes_zipped_with_another_axis(self) -> None:
        data = small().rename_dims(instances="noise").assign_coords(noise=("noise", [1, 2, 3, 4]))
        data = data.reset_index("instances") if "instances" in data.xindexes else data
        result = open_result(self.write(data))
        self.assertEqual(result.fixed, ())
        sweep = get_sweep(result.data)
        self.assertEqual(sweep.varied, ("instances",))
        self.assertEqual(sweep.data["instances"].values.tolist(), [40, 20, 15, 10])
        self.assertEqual(sweep.data["noise"].values.tolist(), [4, 3, 2, 1])
        result.close()

    def test_unfinished_units_are_counted(self) -> None:
        data = small().copy(deep=True)
        data["status"][1, :] = 4
        data["status"][2, 0], data["status"][3, 1] = 2, 0
        result = open_result(self.write(data))
        self.assertEqual((result.units, result.unfinished), (15, 2))
        result.close()


class Style(unittest.TestCase):
    """Numbers and axes."""

    def test_numbers(self) -> None:
        cases = {
            0: "0",
            1: "1",
            0.25: "0.25",
            1e-6: "$10^{-6}$",
            2.5e-8: "$2.5\\times10^{-8}$",
            12000: "12000",
            1e4: "$10^{4}$",
            1000: "1000",
            1e7: "$10^{7}$",
        }
        for value, text in cases.items():
            self.assertEqual(style.format_number(value), text)

    def test_ticks_are_inside_and_few(self) -> None:
        for low, high in ((0.3, 6.0), (0.66, 1.0), (1e-8, 1e4), (0.9, 1.2), (5, 4000), (1, 1.0001)):
            ticks = style.pick_ticks(low, high)
            self.assertLessEqual(len(ticks), 7)
            self.assertTrue(all(low * 0.999 <= t <= high * 1.001 for t in ticks))
        self.assertIn(1.0, style.pick_ticks(0.3, 6.0))
        self.assertEqual(style.pick_ticks(8.8, 15.3), [9, 10, 11, 12, 13, 14, 15])

    def test_marks_are_spread_out(self) -> None:
        x = 60 / np.arange(10.0, 201.0, 2.0)
        marks = style.pick_marks(x)
        self.assertLessEqual(len(marks), style.MOST_MARKERS + 1)
        self.assertGreater(len(marks), 15)
        self.assertEqual(style.pick_marks(np.array([1.0, 2.0, 4.0])), [0, 1, 2])
        self.assertEqual(style.pick_marks(np.array([1.0])), [0])

    def test_zero_has_a_place(self) -> None:
        places = style.place_lambdas(np.array([0.0, 1e-3, 1.0]))
        self.assertTrue(0 < places[0] < 1e-3)
        self.assertEqual(places[1:].tolist(), [1e-3, 1.0])


class BadInput(ResultCase):
    """Files and options that are no good."""

    def test_missing(self) -> None:
        self.expect_error("no such file", self.folder / "none.h5")
        self.expect_error("no results.h5 in this folder", self.folder)

    def test_not_hdf5(self) -> None:
        path = self.folder / "results.h5"
        for content in (b"", b"text", b"\x89HDF\r\n\x1a\n" + b"\0" * 100):
            path.write_bytes(content)
            self.expect_error("not a readable result file", self.folder)

    def test_foreign_hdf5(self) -> None:
        path = self.folder / "results.h5"
        with h5py.File(path, "w") as file:
            file["x"] = np.arange(3)
        self.expect_error("not a", path)

    def test_cut_off(self) -> None:
        path = self.write(small())
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
        self.expect_error("not a readable result file", path)

    def test_nothing_to_draw(self) -> None:
        data = small()[["seconds", "status"]]
        self.expect_error("nothing that a figure could show", self.write(data))
        self.assertFalse((self.folder / "figures").exists())

    def test_bad_options(self) -> None:
        path = self.write(small())
        self.expect_error("no figure 'x'", path, "--only", "x")
        self.expect_error("AXIS=VALUE", path, "--select", "noise")

    def test_unwritable_folder(self) -> None:
        path = self.write(small())
        (self.folder / "file").write_text("")
        code, _, text = self.run_program("plot", path, "-o", self.folder / "file")
        self.assertEqual(code, 1)
        self.assertIn("analysis: error:", text)


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


class FetchCase(ResultCase):
    """A data folder, and a server of our own with the folder `site`."""

    DATASET = ""

    def setUp(self) -> None:
        super().setUp()
        self.site, self.data = self.folder / "site", self.folder / "data"
        self.site.mkdir()
        handler = functools.partial(Quiet, directory=str(self.site))
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        self.addCleanup(thread.join)
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        self.url = f"http://127.0.0.1:{server.server_port}/"

    def change_files(self, *files: fetch_data.File) -> None:
        """Other files for the dataset, while this test runs."""
        changed = dataclasses.replace(fetch_data.DATASETS[self.DATASET], files=files)
        patch = mock.patch.dict(fetch_data.DATASETS, {self.DATASET: changed})
        patch.start()
        self.addCleanup(patch.stop)

    def fetch(self, *options: str) -> tuple[int, list[str], str]:
        """Exit code, paths and messages; from our server unless told otherwise."""
        out, err = io.StringIO(), io.StringIO()
        urls = () if "--url" in options else ("--url", self.url)
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = fetch_data.main([self.DATASET, "--data", str(self.data), *urls, *options])
        return code, out.getvalue().splitlines(), err.getvalue()


class FetchSpambase(FetchCase):
    """A file of a zip archive."""

    DATASET = "spambase"
    CONTENT = b"0,1,2\n3,4,5\n"

    def setUp(self) -> None:
        super().setUp()
        (original,) = fetch_data.DATASETS["spambase"].files
        right = hashlib.sha256(self.CONTENT).hexdigest()
        self.change_files(dataclasses.replace(original, sha256=right))
        self.path = self.data / "spambase" / "spambase.data"

    def serve(self, content: bytes, member: str = "spambase.data") -> None:
        with zipfile.ZipFile(self.site / "spambase.zip", "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(member, content)

    def test_downloads_then_skips(self) -> None:
        self.serve(self.CONTENT)
        self.assertEqual(self.fetch()[:2], (0, [str(self.path)]))
        self.assertEqual(self.path.read_bytes(), self.CONTENT)
        self.assertEqual([p.name for p in self.path.parent.iterdir()], ["spambase.data"])
        (self.site / "spambase.zip").unlink()
        code, out, err = self.fetch()
        self.assertEqual((code, out), (0, [str(self.path)]))
        self.assertIn("is there and right", err)

    def test_replaces_a_wrong_file(self) -> None:
        self.serve(self.CONTENT)
        self.path.parent.mkdir(parents=True)
        self.path.write_bytes(b"half a fi")
        self.assertEqual(self.fetch()[0], 0)
        self.assertEqual(self.path.read_bytes(), self.CONTENT)

    def test_wrong_checksum_leaves_nothing(self) -> None:
        self.serve(b"something else")
        code, out, err = self.fetch()
        self.assertEqual((code, out), (1, []))
        self.assertIn("expected", err)
        self.assertFalse(self.data.exists())

    def test_bad_archives(self) -> None:
        code, _, err = self.fetch()
        self.assertEqual(code, 1)
        self.assertRegex(err, "error: cannot download .*(404|[Nn]ot [Ff]ound)")
        (self.site / "spambase.zip").write_bytes(b"<html>")
        self.assertIn("not a zip archive", self.fetch()[2])
        self.serve(self.CONTENT, member="other")
        self.assertIn("holds no spambase.data", self.fetch()[2])

    def test_no_server(self) -> None:
        code, _, err = self.fetch("--url", "http://127.0.0.1:9/x")
        self.assertEqual(code, 1)
        self.assertRegex(err, "error: cannot download http://127.0.0.1:9/x/spambase.zip: ")


class FetchMnist(FetchCase):
    """Four files, each packed by gzip."""

    DATASET = "mnist"

    def setUp(self) -> None:
        super().setUp()
        self.contents = {
            file.name: f"{file.name} {'x' * 500}".encode()
            for file in fetch_data.DATASETS["mnist"].files
        }
        self.change_files(
            *(
                dataclasses.replace(
                    file, sha256=hashlib.sha256(self.contents[file.name]).hexdigest()
                )
                for file in fetch_data.DATASETS["mnist"].files
            )
        )
        for name, content in self.contents.items():
            (self.site / name).write_bytes(gzip.compress(content))

    def check(self) -> None:
        found = {p.name: gzip.decompress(p.read_bytes()) for p in (self.data / "mnist").iterdir()}
        self.assertEqual(found, self.contents)

    def test_downloads_then_skips(self) -> None:
        code, out, _ = self.fetch()
        self.assertEqual((code, len(out)), (0, 4))
        self.assertIn(str(self.data / "mnist" / "train-images-idx3-ubyte.gz"), out)
        self.check()
        code, again, err = self.fetch("--url", "http://127.0.0.1:9/")
        self.assertEqual((code, again, err.count("is there and right")), (0, out, 4))

    def test_however_it_is_packed(self) -> None:
        for name, content in self.contents.items():
            (self.site / name).write_bytes(gzip.compress(content, compresslevel=1, mtime=7))
        self.assertEqual(self.fetch()[0], 0)
        self.check()

    def test_replaces_damaged_files(self) -> None:
        self.fetch()
        paths = sorted((self.data / "mnist").iterdir())
        whole = paths[0].read_bytes()
        paths[0].write_bytes(whole[: len(whole) // 2])
        paths[1].write_bytes(b"<html>not found</html>")
        flipped = bytearray(paths[2].read_bytes())
        flipped[-6] ^= 1  # in the CRC
        paths[2].write_bytes(flipped)
        paths[3].write_bytes(gzip.compress(b"something else"))
        code, _, err = self.fetch()
        self.assertEqual((code, err.count("is damaged and is replaced")), (0, 4))
        self.check()

    def test_tries_the_next_server(self) -> None:
        damaged = self.folder / "damaged"
        damaged.mkdir()
        for name in self.contents:
            (damaged / name).write_bytes(b"\x1f\x8b")
        code, _, err = self.fetch("--url", damaged.as_uri(), "--url", self.site.as_uri())
        self.assertEqual((code, err.count("trying the next server")), (0, 4))
        self.check()

    def test_keeps_what_is_right_when_one_fails(self) -> None:
        (self.site / "t10k-images-idx3-ubyte.gz").unlink()
        code, out, err = self.fetch()
        self.assertEqual((code, out), (1, []))
        self.assertRegex(err.splitlines()[-1], "^fetch_data: error: cannot download .*t10k-images")
        self.assertEqual(len(list((self.data / "mnist").iterdir())), 2)

    def test_help_says_where_files_go(self) -> None:
        out = io.StringIO()
        with contextlib.redirect_stdout(out), self.assertRaises(SystemExit) as stopped:
            fetch_data.main(["--help"])
        self.assertEqual(stopped.exception.code, 0)
        self.assertIn("DIR/mnist/t10k-labels-idx1-ubyte.gz", out.getvalue())


if __name__ == "__main__":
    unittest.main()
