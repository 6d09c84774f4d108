"""Tests of `python -m analysis convert`: models between model.h5, NumPy and scikit-learn.

Run by `python -m unittest tests/run/test_analysis_convert.py`, or as a program; exit code 77 when a
package is missing. What needs scikit-learn is skipped without it.
"""

from __future__ import annotations

import os
import subprocess
import sys
import unittest
import warnings
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

# First: it ends this program with 77 where a package is missing.
from test_analysis_rbm import (  # isort: skip
    HEIGHT,
    HIDDEN,
    PICTURED,
    WIDTH,
    TrainedCase,
    make_arrays,
    make_single,
    make_weights_with_nan,
    write_raw_model,
)

import h5py
import numpy as np
import xarray as xr

from analysis.files import find_damage
from analysis.model import get_free_energy, make_model, read_model, read_npz, write_model
from analysis.results import ResultError

try:
    from sklearn.neural_network import BernoulliRBM
except ImportError:
    BernoulliRBM = None

SIMMER = Path(os.environ.get("SIMMER_BUILD", "build")) / "bin" / "simmer"


class Convert(TrainedCase):
    """model.h5 and .npz."""

    def setUp(self) -> None:
        super().setUp()
        self.model, self.npz = self.folder / "model.h5", self.folder / "model.npz"

    def convert(self, *arguments: object) -> str:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            code, out, text = self.run_program("convert", *arguments)
        self.assertEqual((code, out), (0, [str(arguments[1])]), text)
        return text

    def expect_refusal(self, pattern: str, *arguments: object) -> None:
        self.expect_error(pattern, *arguments, command="convert")

    def test_round_trip_keeps_bits(self) -> None:
        arrays = make_arrays()
        arrays["W"].ravel()[:4] = (-0.0, 1e-45, -1e-40, 3.4e38)
        write_raw_model(self.model, arrays, "replicate=3")
        self.assertEqual(self.convert(self.model, self.npz), "")
        back = self.folder / "back.h5"
        self.assertEqual(self.convert(self.npz, back), "")
        self.convert(back, self.folder / "again.npz")
        self.assertEqual(self.npz.read_bytes(), (self.folder / "again.npz").read_bytes())
        first, second = read_model(self.model), read_model(back)
        self.assertEqual(set(second.arrays), set(arrays))
        for name, array in arrays.items():
            self.assertEqual(second.arrays[name].tobytes(), array.tobytes())
        self.assertEqual((second.height, second.width), (HEIGHT, WIDTH))
        self.assertEqual(second.attributes, first.attributes)
        self.assertEqual(second.attributes["unit"], "replicate=3")
        self.assertEqual(self.plot_path(back), PICTURED)

    def test_layouts(self) -> None:
        arrays = make_arrays()
        write_raw_model(self.model, arrays)
        self.convert(self.model, self.npz)
        with np.load(self.npz, allow_pickle=False) as data:
            np.testing.assert_array_equal(data["components_"], arrays["W"].T)
            self.assertTrue(data["components_"].flags.c_contiguous)
            np.testing.assert_array_equal(data["intercept_visible_"], arrays["visible_bias"])
            np.testing.assert_array_equal(data["intercept_hidden_"], arrays["hidden_bias"])
            self.assertTrue(all(data[n].dtype == np.float32 for n in arrays if n in data))
        self.convert(self.npz, self.model, "--force")
        with h5py.File(self.model, "r") as file:
            self.assertEqual((file["W"].dtype, file["W"].shape), (np.float32, (24, HIDDEN)))
            self.assertIsNone(file["W"].chunks)
            for name, dimensions in (
                ("W", ["visible", "hidden"]),
                ("hidden_bias", ["hidden"]),
                ("samples", ["sample", "visible"]),
            ):
                scales = [d[0].name.strip("/") for d in file[name].dims]
                self.assertEqual(scales, dimensions)
            self.assertEqual(int(file.attrs["image_height"].item()), HEIGHT)
        with xr.open_dataset(self.model, engine="h5netcdf") as opened:
            self.assertEqual(opened["W"].dims, ("visible", "hidden"))

    def test_written_models_are_sealed(self) -> None:
        write_model(self.model, make_model(make_arrays(), HEIGHT, WIDTH, {}))
        self.assertIsNone(find_damage(self.model))
        content = bytearray(self.model.read_bytes())
        self.assertEqual(content[-16:-8], b"simmer\x1a\n")
        for place in (500, len(content) // 2, len(content) - 7):
            content[place] ^= 1
            self.model.write_bytes(content)
            self.assertRegex(find_damage(self.model), "checksum")
            content[place] ^= 1

    @unittest.skipUnless(SIMMER.is_file(), f"no {SIMMER}")
    def test_simmer_shows_it(self) -> None:
        write_model(self.model, make_model(make_arrays(), HEIGHT, WIDTH, {"seed": "7"}))
        shown = subprocess.run(
            [SIMMER, "show", self.model], capture_output=True, text=True, timeout=60, check=False
        )
        self.assertEqual((shown.returncode, shown.stderr), (0, ""))
        self.assertRegex(shown.stdout, r"W +float32 +visible: 24, hidden: 9")
        self.assertRegex(shown.stdout, r"image_height +6\n")

    def test_plain_names(self) -> None:
        arrays = make_arrays()
        np.savez(self.npz, **{n: arrays[n] for n in ("W", "visible_bias", "hidden_bias")})
        self.assertEqual(self.convert(self.npz, self.model, "--shape", "6x4"), "")
        model = read_model(self.model)
        np.testing.assert_array_equal(model.weights, arrays["W"])
        self.assertEqual((model.height, model.width), (6, 4))

    def test_numbers_in_double_precision(self) -> None:
        arrays = {k: v.astype(np.float64) for k, v in make_arrays().items()}
        np.savez(self.npz, **arrays)
        self.assertEqual(self.convert(self.npz, self.model), "")  # All are floats.
        arrays["W"][0, :2] = 0.1
        np.savez(self.npz, **arrays)
        text = self.convert(self.npz, self.model, "--force")
        self.assertEqual(text, "analysis: 2 numbers were rounded to float32\n")
        self.assertEqual(read_model(self.model).weights[0, 0], np.float32(0.1))

    def test_bad_archives(self) -> None:
        arrays = make_arrays()
        cases = {
            "no hidden_bias": {"W": arrays["W"], "visible_bias": arrays["visible_bias"]},
            "both W and components_": {**arrays, "components_": arrays["W"].T},
            r"hidden_bias has 24 values along hidden.*visible x hidden": {
                **arrays,
                "hidden_bias": arrays["visible_bias"],
            },
            "not finite": {**arrays, "W": make_weights_with_nan()},
            "visible_bias: 24 of 24 values are not finite as float32": {
                **arrays,
                "visible_bias": np.full(24, 1e39),
            },
            "neither components_": {"x": arrays["W"]},
            "empty": {**arrays, "W": np.zeros((0, HIDDEN))},
            "not a readable .npz .*pickle": {**arrays, "W": np.array([{"a": 1}], object)},
            "attributes are not JSON": {**arrays, "attributes": np.array("{")},
            "attribute x is neither text nor a number": {
                **arrays,
                "attributes": np.array('{"x": [1]}'),
            },
            "not whole numbers": {**arrays, "image_height": np.array("six")},
            "images of 7 x 4": {**arrays, "height": np.array(7), "width": np.array(4)},
        }
        for pattern, content in cases.items():
            np.savez(self.npz, **content)
            self.expect_refusal(pattern, self.npz, self.model)
            self.assertFalse(self.model.exists())
        for content in (b"", b"PK\x03\x04 and no more", b"text"):
            self.npz.write_bytes(content)
            self.expect_refusal("not a readable .npz", self.npz, self.model)
        with self.npz.open("wb") as file:
            np.save(file, arrays["W"])
        self.expect_refusal("one array", self.npz, self.model)
        self.assertEqual([p.name for p in self.folder.iterdir()], ["model.npz"])

    def test_bad_options(self) -> None:
        write_raw_model(self.model, make_arrays())
        self.expect_refusal("no such file", self.folder / "none.npz", self.npz)
        self.expect_refusal("names end in .h5 or .npz", self.model, self.folder / "model.pkl")
        self.expect_refusal("exists already", self.model, self.model)
        self.expect_refusal("such as 28x28", self.model, self.npz, "--shape", "28")
        self.expect_refusal("5 x 5 pixels are not 24", self.model, self.npz, "--shape", "5x5")
        self.assertFalse(self.npz.exists())
        code, _, text = self.run_program("convert", self.model, self.folder / "no" / "model.npz")
        self.assertEqual((code, text.count("\n")), (1, 1))

    def test_folder_as_source(self) -> None:
        folder = make_single(self.folder / "run")
        self.convert(folder, self.npz)
        self.assertEqual(read_npz(self.npz).arrays.keys(), make_arrays().keys())

    def test_errors_name_the_file(self) -> None:
        np.savez(self.npz, W=np.zeros((2, 2)))
        with self.assertRaisesRegex(ResultError, "model.npz: no visible_bias"):
            read_npz(self.npz)


@unittest.skipIf(BernoulliRBM is None, "scikit-learn is not installed")
class ScikitLearn(TrainedCase):
    """The way to a BernoulliRBM that `convert --help` describes."""

    def setUp(self) -> None:
        super().setUp()
        write_raw_model(self.folder / "model.h5", make_arrays())
        self.run_program("convert", self.folder / "model.h5", self.folder / "model.npz")
        self.model = read_model(self.folder / "model.h5")
        data = np.load(self.folder / "model.npz")
        self.rbm = BernoulliRBM(n_components=len(data["components_"]), random_state=5)
        for name in ("components_", "intercept_hidden_", "intercept_visible_"):
            setattr(self.rbm, name, data[name])
        self.rbm.n_features_in_ = data["components_"].shape[1]
        self.v = (np.random.default_rng(1).random((50, HEIGHT * WIDTH)) < 0.4).astype(np.float64)

    def test_score(self) -> None:
        """score_samples flips one unit of each row, by this generator, and compares energies."""
        flipped = self.v.copy()
        rows = np.arange(len(self.v))
        units = np.random.RandomState(5).randint(0, self.v.shape[1], len(self.v))
        flipped[rows, units] = 1 - flipped[rows, units]
        difference = get_free_energy(self.model, flipped) - get_free_energy(self.model, self.v)
        expected = -self.v.shape[1] * np.logaddexp(0, -difference)
        # scikit-learn may add in float32: 24 terms of about 1, times 24.
        np.testing.assert_allclose(self.rbm.score_samples(self.v), expected, rtol=1e-4, atol=1e-3)

    def test_hidden_probabilities(self) -> None:
        w, c = self.model.weights.astype(float), self.model.arrays["hidden_bias"].astype(float)
        expected = 1 / (1 + np.exp(-(self.v @ w + c)))
        np.testing.assert_allclose(self.rbm.transform(self.v), expected, atol=1e-5)  # float32

    def test_goes_on_training(self) -> None:
        self.rbm.h_samples_ = np.zeros((len(self.v), self.rbm.n_components))
        before = self.rbm.components_.copy()
        self.rbm.partial_fit(self.v)
        self.assertTrue(np.isfinite(self.rbm.components_).all())
        self.assertFalse(np.array_equal(self.rbm.components_, before))

    def test_fitted_there(self) -> None:
        rbm = BernoulliRBM(n_components=7, n_iter=2, random_state=0).fit(self.v)
        path = self.folder / "fitted.npz"
        np.savez(
            path,
            components_=rbm.components_,
            intercept_hidden_=rbm.intercept_hidden_,
            intercept_visible_=rbm.intercept_visible_,
        )
        code, _, _ = self.run_program("convert", path, self.folder / "fitted.h5", "--shape", "6x4")
        self.assertEqual(code, 0)
        model = read_model(self.folder / "fitted.h5")
        np.testing.assert_array_equal(model.weights, rbm.components_.T.astype(np.float32))


if __name__ == "__main__":
    unittest.main()
