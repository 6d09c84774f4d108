"""Trained RBMs: reads and writes model.h5, and NumPy's .npz with the names of scikit-learn.

All numbers are float32, so that nothing is lost on the way from one to the other.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from analysis.files import add_seal, find_damage, write_whole
from analysis.results import ResultError

# Name in both kinds of files -> dimensions in model.h5, unit, meaning. The first three are needed.
ARRAYS = {
    "W": (("visible", "hidden"), "weights"),
    "visible_bias": (("visible",), "biases b of the visible units"),
    "hidden_bias": (("hidden",), "biases c of the hidden units"),
    "visible_offset": (("visible",), "offsets of the visible units (centring)"),
    "hidden_offset": (("hidden",), "offsets of the hidden units (centring)"),
    "visible_mean": (("visible",), "mean of the training data"),
    "samples": (("sample", "visible"), "fantasy particles: probabilities p(v = 1)"),
}
REQUIRED = ("W", "visible_bias", "hidden_bias")
# scikit-learn's names of the first three; its matrix is the transpose.
SKLEARN = {
    "W": "components_",
    "visible_bias": "intercept_visible_",
    "hidden_bias": "intercept_hidden_",
}
# Of the visible units as an image: attributes of model.h5, arrays of .npz; the short ones are read
# from both.
SIZES = ("image_height", "image_width")
SHORT_SIZES = {"height": "image_height", "width": "image_width"}


@dataclass(frozen=True)
class Model:
    """An RBM with E(v,h) = -v'Wh - b'v - c'h, W [visible x hidden]."""

    arrays: dict[str, np.ndarray]  # by the names of ARRAYS, float32, C order
    height: int = 0  # of the visible units as an image; 0 is unknown
    width: int = 0
    attributes: dict[str, Any] = field(default_factory=dict)  # where it comes from
    n_rounded: int = 0  # numbers that did not fit float32

    @property
    def weights(self) -> np.ndarray:
        return self.arrays["W"]

    @property
    def is_image(self) -> bool:
        return self.height > 0 and self.width > 0


# ---- checks ----


def make_model(
    arrays: Mapping[str, np.ndarray], height: int, width: int, attributes: Mapping[str, Any]
) -> Model:
    """A model of arrays that agree in their shapes and are finite; says what is wrong if not."""
    missing = [name for name in REQUIRED if name not in arrays]
    if missing:
        raise ResultError(f"no {missing[0]}; a model has W, visible_bias and hidden_bias")
    checked, sizes, n_rounded = {}, {}, 0
    for name, (dimensions, _) in ARRAYS.items():
        if name in arrays:
            array = np.asarray(arrays[name])
            _check_shape(name, array, dimensions, sizes)
            checked[name], n = _narrow(name, array)
            n_rounded += n
    _check_image(height, width, sizes["visible"])
    return Model(checked, height, width, dict(attributes), n_rounded)


def _check_shape(
    name: str, array: np.ndarray, dimensions: tuple[str, ...], sizes: dict[str, int]
) -> None:
    if array.dtype.kind not in "fiu":
        raise ResultError(f"{name} does not hold numbers but {array.dtype}")
    if array.ndim != len(dimensions):
        wanted = " x ".join(dimensions)
        raise ResultError(f"{name} has the shape {array.shape}, expected [{wanted}]")
    for dimension, n in zip(dimensions, array.shape, strict=True):
        if n == 0:
            raise ResultError(f"{name} is empty: its shape is {array.shape}")
        if sizes.setdefault(dimension, n) != n:
            raise ResultError(
                f"{name} has {n} values along {dimension}, W has {sizes[dimension]}; "
                "W is [visible x hidden]"
            )


def _narrow(name: str, array: np.ndarray) -> tuple[np.ndarray, int]:
    with np.errstate(over="ignore"):
        narrow = np.ascontiguousarray(array, dtype=np.float32)
    n_bad = int(np.count_nonzero(~np.isfinite(narrow)))
    if n_bad:
        raise ResultError(f"{name}: {n_bad} of {narrow.size} values are not finite as float32")
    return narrow, int(np.count_nonzero(narrow.astype(np.float64) != array))


def _check_image(height: int, width: int, n_visible: int) -> None:
    if height < 0 or width < 0 or (height > 0) != (width > 0):
        raise ResultError(f"images of {height} x {width} pixels cannot be")
    if height and height * width != n_visible:
        raise ResultError(f"images of {height} x {width} pixels are not {n_visible} visible units")


# ---- model.h5 ----


def read_model(path: Path) -> Model:
    """A model.h5, checked."""
    import h5py

    damage = find_damage(path)
    if damage is not None:
        raise ResultError(f"{path}: {damage}")
    try:
        with h5py.File(path, "r") as file:
            arrays = {n: file[n][()] for n in ARRAYS if isinstance(file.get(n), h5py.Dataset)}
            attributes = {str(k): _simplify(v) for k, v in file.attrs.items()}
            attributes = {k: v for k, v in attributes.items() if isinstance(v, (str, int, float))}
    except (OSError, RuntimeError, KeyError, ValueError, TypeError, MemoryError) as error:
        raise ResultError(f"{path}: not a readable model ({_first_line(error)})") from error
    return _finish(path, arrays, attributes)


def _simplify(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    if isinstance(value, np.ndarray):
        return value.item() if value.size == 1 else value.tolist()
    return value.item() if isinstance(value, np.generic) else value


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]


def _finish(path: Path, arrays: dict[str, np.ndarray], attributes: dict[str, Any]) -> Model:
    for short, name in SHORT_SIZES.items():
        if short in attributes:
            attributes.setdefault(name, attributes.pop(short))
    try:
        height, width = (int(attributes.pop(name, 0)) for name in SIZES)
    except (TypeError, ValueError):
        raise ResultError(f"{path}: height and width are not whole numbers") from None
    attributes = {k: v for k, v in attributes.items() if not k.startswith("_")}
    try:
        return make_model(arrays, height, width, attributes)
    except ResultError as error:
        raise ResultError(f"{path}: {error}") from None


def write_model(path: Path, model: Model) -> None:
    """A model.h5 like simmer's own: named dimensions, attributes, a seal."""
    import h5netcdf

    def write(temporary: Path) -> None:
        with h5netcdf.File(temporary, "w") as file:
            for name, value in {**model.attributes, **_get_sizes(model)}.items():
                file.attrs[name] = value
            for name, array in model.arrays.items():
                dimensions, meaning = ARRAYS[name]
                for dimension, n in zip(dimensions, array.shape, strict=True):
                    if dimension not in file.dimensions:
                        file.dimensions[dimension] = n
                variable = file.create_variable(name, dimensions, np.float32, data=array)
                variable.attrs["units"], variable.attrs["long_name"] = "1", meaning
        add_seal(temporary)

    write_whole(path, write)


def _get_sizes(model: Model) -> dict[str, int]:
    return dict(zip(SIZES, (model.height, model.width), strict=True))


# ---- npz ----


def read_npz(path: Path) -> Model:
    """An .npz with scikit-learn's names, or with W, visible_bias and hidden_bias."""
    try:
        with path.open("rb") as opened:
            file = np.load(opened, allow_pickle=False)
            if isinstance(file, np.ndarray):
                raise ResultError(f"{path}: one array (.npy), not an .npz with several")
            known = {*ARRAYS, *SKLEARN.values(), *SIZES, *SHORT_SIZES, "attributes"}
            arrays = {name: file[name] for name in file.files if name in known}
    except (OSError, ValueError, EOFError, KeyError, MemoryError, zipfile.BadZipFile) as error:
        if isinstance(error, FileNotFoundError):
            raise ResultError(f"{path}: no such file") from error
        raise ResultError(f"{path}: not a readable .npz ({_first_line(error)})") from error
    attributes = _read_attributes(path, arrays.pop("attributes", None))
    sizes = [name for name in (*SIZES, *SHORT_SIZES) if name in arrays]
    attributes |= {name: _simplify(arrays.pop(name)) for name in sizes}
    for name, other in SKLEARN.items():
        if other in arrays and name in arrays:
            raise ResultError(f"{path}: holds both {name} and {other}")
        if other in arrays:
            array = arrays.pop(other)
            arrays[name] = array.T if name == "W" else array
    if not arrays:
        raise ResultError(
            f"{path}: holds neither components_, intercept_visible_ and intercept_hidden_ "
            "nor W, visible_bias and hidden_bias"
        )
    return _finish(path, arrays, attributes)


def _read_attributes(path: Path, text: np.ndarray | None) -> dict[str, Any]:
    if text is None:
        return {}
    try:
        attributes = json.loads(str(text))
    except ValueError as error:
        raise ResultError(f"{path}: attributes are not JSON ({error})") from error
    if not isinstance(attributes, dict):
        raise ResultError(f"{path}: attributes are no JSON object")
    for name, value in attributes.items():
        if isinstance(value, bool) or not isinstance(value, (str, int, float)):
            raise ResultError(f"{path}: attribute {name} is neither text nor a number")
    return attributes


def write_npz(path: Path, model: Model) -> None:
    """An .npz with scikit-learn's names: components_ [hidden x visible] and the intercepts."""
    arrays: dict[str, np.ndarray] = {}
    for name, array in model.arrays.items():
        arrays[SKLEARN.get(name, name)] = np.ascontiguousarray(array.T) if name == "W" else array
    arrays |= {name: np.int64(value) for name, value in _get_sizes(model).items()}
    arrays["attributes"] = np.array(json.dumps(model.attributes))

    def write(temporary: Path) -> None:
        with temporary.open("wb") as file:  # An open file keeps NumPy from adding .npz to the name.
            np.savez(file, **arrays)

    write_whole(path, write)


# ---- free energy ----


def get_free_energy(model: Model, v: np.ndarray) -> np.ndarray:
    """F(v) = -b'v - sum_j log(1 + exp(c_j + (v'W)_j)) of each row, in float64."""
    w, b, c = (model.arrays[name].astype(np.float64) for name in REQUIRED)
    return -v @ b - np.logaddexp(0, v @ w + c).sum(axis=1)
