"""Many small images in one panel, with thin gaps and one colour scale."""

from __future__ import annotations

import math

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from analysis import style

GAP = 0.06  # of the side of an image


def get_columns(n: int, height: int, width: int) -> int:
    """Columns that make the whole about as wide as high."""
    return max(1, min(n, round(math.sqrt(n * height / width))))


def draw_tiles(title: str, images: np.ndarray, cmap: str, norm: Normalize) -> tuple[Figure, Axes]:
    """Images [n x height x width], row after row, each framed by a thin line."""
    n, height, width = images.shape
    columns = get_columns(n, height, width)
    rows = -(-n // columns)
    gap = GAP * math.sqrt(height * width)
    step_x, step_y = width + gap, height + gap
    total_x, total_y = columns * step_x - gap, rows * step_y - gap
    panel = style.COLUMN_WIDTH * (1.0 if n <= 36 else 1.35)
    figure, (axes,) = style.new_figure(
        title, height=min(max(0.86 * panel * total_y / total_x, 0.6) + 0.75, 9.0), width=panel
    )
    for i, image in enumerate(images):
        x, y = (i % columns) * step_x, (i // columns) * step_y
        axes.imshow(
            image,
            extent=(x, x + width, y + height, y),
            cmap=cmap,
            norm=norm,
            interpolation="nearest",
            zorder=1,
        )
        axes.plot(
            [x, x + width, x + width, x, x],
            [y, y, y + height, y + height, y],
            color="0.75",
            linewidth=0.25,
            zorder=2,
        )
    axes.set_xlim(-gap, total_x + gap)
    axes.set_ylim(total_y + gap, -gap)
    axes.set_axis_off()
    return figure, axes


def put_bar(
    figure: Figure, axes: Axes, cmap: str, norm: Normalize, label: str, extend: str
) -> None:
    """The colour scale, below."""
    bar = figure.colorbar(
        ScalarMappable(norm, cmap),
        ax=axes,
        orientation="horizontal",
        extend=extend,
        pad=0.02,
        aspect=40,
        shrink=0.8,
    )
    bar.set_label(label, fontsize=7.5)
