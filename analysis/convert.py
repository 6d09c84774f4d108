"""Converts trained RBMs between model.h5 and NumPy's .npz, without loss."""

from __future__ import annotations

import dataclasses
import re
import sys
from collections.abc import Callable
from pathlib import Path

from analysis.model import Model, make_model, read_model, read_npz, write_model, write_npz
from analysis.results import ResultError

HELP = """\
Converts a trained RBM: model.h5 -> FILE.npz, or FILE.npz -> model.h5. Names end in .h5 (or .hdf5)
and .npz. All numbers are float32; model.h5 -> .npz -> model.h5 gives the same bits.

An .npz holds, by scikit-learn's names and layout,
  components_ [hidden x visible], intercept_hidden_ [hidden], intercept_visible_ [visible]
and what else model.h5 has: visible_offset, hidden_offset, visible_mean, samples, image_height,
image_width, and attributes (JSON: job, seed, ...). Nothing is pickled. W [visible x hidden],
visible_bias and hidden_bias are read too."""

EXAMPLE = """\
A fitted sklearn.neural_network.BernoulliRBM from the .npz:
  data = numpy.load("model.npz")
  rbm = BernoulliRBM(n_components=len(data["components_"]))
  for name in ("components_", "intercept_hidden_", "intercept_visible_"):
      setattr(rbm, name, data[name])
  rbm.n_features_in_ = data["components_"].shape[1]
  rbm.transform(v)             # p(h = 1 | v)
To train it further by partial_fit(v), give it chains first, one for each row of v:
  rbm.h_samples_ = numpy.zeros((len(v), rbm.n_components))

A model for simmer from a fitted BernoulliRBM:
  numpy.savez("model.npz", components_=rbm.components_,
              intercept_hidden_=rbm.intercept_hidden_,
              intercept_visible_=rbm.intercept_visible_)
  python -m analysis convert model.npz model.h5 --shape 28x28"""

READERS: dict[str, Callable[[Path], Model]] = {
    ".h5": read_model,
    ".hdf5": read_model,
    ".npz": read_npz,
}
WRITERS: dict[str, Callable[[Path, Model], None]] = {
    ".h5": write_model,
    ".hdf5": write_model,
    ".npz": write_npz,
}


def parse_shape(text: str) -> tuple[int, int]:
    """Height and width from "28x28"."""
    match = re.fullmatch(r"([1-9][0-9]{0,8})x([1-9][0-9]{0,8})", text)
    if match is None:
        raise ResultError(f"--shape takes HEIGHTxWIDTH, such as 28x28, not '{text}'")
    return int(match.group(1)), int(match.group(2))


def convert(source: Path, target: Path, shape: str | None, is_forced: bool) -> Path:
    """Reads `source`, checks it, writes `target` and returns it; says when numbers were rounded."""
    if source.is_dir():
        source = source / "model.h5"
    for path in (source, target):
        if path.suffix.lower() not in READERS:
            raise ResultError(f"{path}: names end in .h5 or .npz, so that its format is known")
    if not source.is_file():
        raise ResultError(f"{source}: no such file")
    if target.exists() and not is_forced:
        raise ResultError(f"{target}: exists already; --force replaces it")
    model = READERS[source.suffix.lower()](source)
    if shape is not None:
        model = _set_shape(model, *parse_shape(shape))
    WRITERS[target.suffix.lower()](target, model)
    if model.n_rounded:
        print(f"analysis: {model.n_rounded} numbers were rounded to float32", file=sys.stderr)
    return target


def _set_shape(model: Model, height: int, width: int) -> Model:
    checked = make_model(model.arrays, height, width, model.attributes)
    return dataclasses.replace(checked, n_rounded=model.n_rounded)
