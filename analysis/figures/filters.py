"""Receptive fields: columns of W as images, the strongest first."""

from __future__ import annotations

import numpy as np
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from analysis import style
from analysis.figures.kind import FigureKind
from analysis.figures.tiles import draw_tiles, put_bar
from analysis.model import Model
from analysis.results import ResultError
from analysis.training import Training

MOST = 100
CMAP = "RdBu_r"  # Diverging, legible to the colour-blind; white is 0.
SHARE = 0.995  # of the weights lie within the colour scale


def get_image_model(training: Training) -> Model | str:
    """The model that figures of one model show, or what is missing."""
    if training.shown is None or training.shown.model_path is None:
        return "no model.h5 yet"
    try:
        model = training.shown.model
    except ResultError as error:
        return str(error)
    if not model.is_image:
        return "model.h5 doesn't say the height and width of the images"
    return model


def needs(training: Training) -> str | None:
    model = get_image_model(training)
    return model if isinstance(model, str) else None


def sort_filters(weights: np.ndarray, most: int = MOST) -> np.ndarray:
    """Indices of the hidden units with the largest weights by norm."""
    norms = np.linalg.norm(weights.astype(float), axis=0)
    return np.argsort(-norms, kind="stable")[:most]


def draw(training: Training) -> Figure:
    """One symmetric colour scale for all; the few weights beyond it take its ends."""
    model = training.shown.model
    chosen = sort_filters(model.weights)
    images = model.weights[:, chosen].T.astype(float).reshape(-1, model.height, model.width)
    limit = float(np.quantile(np.abs(images), SHARE)) or 1.0
    is_beyond = bool((np.abs(images) > limit).any())
    norm = Normalize(-limit, limit)
    clipped = np.clip(images, -limit, limit)
    figure, axes = draw_tiles("Receptive fields: columns of $W$", clipped, CMAP, norm)
    n = model.weights.shape[1]
    texts = [f"{n} hidden units" if len(chosen) == n else f"{len(chosen)} of {n} hidden units"]
    texts += ["largest norm first"]
    texts += [training.shown.label] if training.shown.label else []
    style.set_caption(axes, texts, figure.get_figwidth() - 0.4)
    put_bar(figure, axes, CMAP, norm, "weight $W_{ij}$", "both" if is_beyond else "neither")
    return figure


KIND = FigureKind("filters", "columns of W as images", needs, draw, experiment="rbm")
