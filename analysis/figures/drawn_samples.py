"""Images drawn by parallel tempering, with the verdict on them."""

from __future__ import annotations

from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from analysis import style
from analysis.drawn import Drawn
from analysis.figures.kind import FigureKind
from analysis.figures.samples import CMAP, MOST
from analysis.figures.tiles import draw_tiles, put_bar


def needs(drawn: Drawn) -> str | None:
    is_image = drawn.shown.samples.ndim == 3
    return None if is_image else "the model doesn't say the height and width of its images"


def draw(drawn: Drawn) -> Figure:
    """The first images, and whether they can be trusted: a verdict that says no is red."""
    images = drawn.shown
    norm = Normalize(0, 1)
    n = len(images.samples)
    figure, axes = draw_tiles("Samples by parallel tempering", images.samples[:MOST], CMAP, norm)
    count = f"{n} samples" if n <= MOST else f"{MOST} of {n} samples"
    width = figure.get_figwidth() - 0.4
    style.set_caption(axes, [count, images.label], width)
    if images.verdict:
        note = style.fill(images.verdict[0].upper() + images.verdict[1:], width)
        is_bad = images.is_trusted is False
        look = {"color": style.WARNING, "weight": "bold"} if is_bad else {"color": "0.25"}
        axes.text(0, 0, note, transform=axes.transAxes, va="top", fontsize=7, gid="verdict", **look)
    label = "$p(v = 1 | h)$" if images.is_probability else "state $v$"
    put_bar(figure, axes, CMAP, norm, label, "neither")
    return figure


KIND = FigureKind(
    "drawn_samples",
    "images drawn by parallel tempering, with the verdict",
    needs,
    draw,
    experiment="sample",
)
