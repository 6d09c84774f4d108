"""Fantasy particles: what the model itself believes in."""

from __future__ import annotations

from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from analysis import style
from analysis.figures.filters import get_image_model
from analysis.figures.kind import FigureKind
from analysis.figures.tiles import draw_tiles, put_bar
from analysis.training import Training

MOST = 100
CMAP = "Greys"  # Ink on paper.


def needs(training: Training) -> str | None:
    model = get_image_model(training)
    if isinstance(model, str):
        return model
    return None if "samples" in model.arrays else "model.h5 holds no samples"


def draw(training: Training) -> Figure:
    """Probabilities of the visible units."""
    model = training.shown.model
    samples = model.arrays["samples"]
    images = samples[:MOST].reshape(-1, model.height, model.width)
    norm = Normalize(0, 1)
    figure, axes = draw_tiles("Samples of the model", images, CMAP, norm)
    n = len(samples)
    texts = [f"{n} fantasy particles" if n <= MOST else f"{MOST} of {n} fantasy particles"]
    texts += [training.shown.label] if training.shown.label else []
    style.set_caption(axes, texts, figure.get_figwidth() - 0.4)
    put_bar(figure, axes, CMAP, norm, "$p(v = 1 | h)$", "neither")
    return figure


KIND = FigureKind("samples", "fantasy particles as images", needs, draw, experiment="rbm")
