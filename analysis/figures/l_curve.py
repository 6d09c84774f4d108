"""L-curve: norm of the solution against norm of the residual along lambda."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from analysis import style
from analysis.figures.kind import FigureKind, describe, find_missing
from analysis.results import (
    Result,
    Sweep,
    find_cell,
    get_lambdas,
    get_spread,
    get_sweep,
    get_typical,
)

RATIOS = (0.5, 1.0, 2.0)  # below, at and above the transition
LINE_SIZE, MARK_SIZE, CHARACTER_WIDTH = 0.008, 0.016, 0.02  # shares of the axes
DECADES_SHOWN = 3.5  # of the residual; with N_f > N_i it goes to 0, where nothing happens


@dataclass(frozen=True)
class Box:
    """What a piece of a line or a number covers, in shares of the axes."""

    x: float
    y: float
    width: float
    height: float

    def overlaps(self, other: Box) -> bool:
        is_beside = abs(self.x - other.x) >= (self.width + other.width) / 2
        return not is_beside and abs(self.y - other.y) < (self.height + other.height) / 2

    @property
    def is_inside(self) -> bool:
        x, y = self.width / 2, self.height / 2
        return x < self.x < 1 - x and y < self.y < 1 - y


def needs(result: Result) -> str | None:
    missing = find_missing(result.data, ("solution_norm", "residual_norm"))
    if missing is None and (get_lambdas(result.data) > 0).sum() < 3:
        return "fewer than three positive values of lambda"
    return missing


def draw(result: Result) -> Figure:
    """Medians over replicates for cells below, at and above the transition; penalties are written
    beside every other decade."""
    sweep = get_sweep(result.data)
    curves = {
        name: get_typical(get_spread(sweep.data, name))
        for name in ("residual_norm", "solution_norm")
    }
    lambdas = get_lambdas(sweep.data)
    is_known = np.isfinite(curves["residual_norm"]).any(axis=1)
    cells = sorted({find_cell(sweep, ratio, is_known) for ratio in RATIOS})
    figure, (axes,) = style.new_figure("L-curve: solution norm against residual norm", height=3.3)
    shown, penalties, handles = [], [], []
    colors = style.ordered_colors(len(cells))
    for i, cell in enumerate(cells):
        x, y = curves["residual_norm"][cell], curves["solution_norm"][cell]
        is_shown = (lambdas > 0) & (x > 0) & (y > 0)
        shown.append(np.stack([x, y])[:, is_shown])
        penalties.append(lambdas[is_shown])
        look = style.Look(colors[i], style.MARKERS[i], _label_cell(sweep, cell))
        handles.append(_draw_curve(axes, shown[-1], penalties[-1], look))
    _set_scales(axes, np.concatenate(shown, axis=1))
    _write_penalties(axes, shown, penalties)
    axes.set_xlabel(r"residual norm $\|X\hat w - y\|$ (units of $y$)")
    axes.set_ylabel(r"solution norm $\|\hat w\|$")
    axes.set_title(describe(result, r"numbers are $\lambda$"))
    style.put_legend(figure, handles)
    return figure


def _label_cell(sweep: Sweep, cell: int) -> str:
    chosen = sweep.data.isel(cell=cell)
    return (
        rf"$N_f/N_i = {float(chosen['ratio']):.3g}$"
        "\n"
        rf"$({int(chosen['features'])}/{int(chosen['instances'])})$"
    )


def _set_scales(axes: Axes, points: np.ndarray) -> None:
    residual, norm = points
    kept = residual > residual.max() * 10.0**-DECADES_SHOWN
    style.set_log_scale(axes, "x", residual[kept], pad=0.07)
    low = max(norm[kept].min(), norm[kept].max() * 1e-4)
    style.set_log_scale(axes, "y", np.array([low, norm[kept].max()]), pad=0.08)


def _find_decades(lambdas: np.ndarray) -> dict[int, int]:
    """For each power of ten in the range the index of the nearest lambda."""
    exponents = np.log10(lambdas)
    low, high = int(np.ceil(exponents.min() - 1e-6)), int(np.floor(exponents.max() + 1e-6))
    nearest = {d: int(np.argmin(np.abs(exponents - d))) for d in range(low, high + 1)}
    return {d: i for d, i in nearest.items() if abs(exponents[i] - d) < 0.01}


def _draw_curve(axes: Axes, points: np.ndarray, lambdas: np.ndarray, look: style.Look) -> Line2D:
    """The curve, with markers at whole decades of lambda."""
    marks = sorted(_find_decades(lambdas).values()) or list(range(len(lambdas)))
    (line,) = axes.plot(
        *points, color=look.color, marker=look.marker, markevery=marks, label=look.label
    )
    return line


def _write_penalties(axes: Axes, curves: list[np.ndarray], penalties: list[np.ndarray]) -> None:
    """The penalty beside every other mark, on a side where it covers no line and no number."""
    to_axes = axes.transData + axes.transAxes.inverted()
    decades = [_find_decades(p) for p in penalties]
    taken = [box for curve in curves for box in _cover_line(to_axes.transform(curve.T))]
    for curve, found in zip(curves, decades, strict=True):
        for decade in [d for d in found if d % 2 == 0]:
            x, y = curve[:, found[decade]]
            text = style.format_number(10.0**decade)
            boxes = {side: _place_text(*to_axes.transform((x, y)), text, side) for side in (1, -1)}
            free = [s for s, b in boxes.items() if b.is_inside and not any(map(b.overlaps, taken))]
            if not free:
                continue
            taken.append(boxes[free[0]])
            axes.annotate(
                text,
                (x, y),
                xytext=(3 * free[0], 2.5 * free[0]),
                textcoords="offset points",
                fontsize=6,
                color="0.15",
                ha="left" if free[0] > 0 else "right",
                va="bottom" if free[0] > 0 else "top",
            )


def _cover_line(points: np.ndarray) -> list[Box]:
    """Small boxes along a line through points [n, 2]."""
    n = len(points)
    steps = np.linspace(0, n - 1, 20 * n)
    x, y = (np.interp(steps, np.arange(n), points[:, d]) for d in (0, 1))
    return [Box(a, b, LINE_SIZE, LINE_SIZE) for a, b in zip(x, y, strict=True)]


def _place_text(x: float, y: float, text: str, side: int) -> Box:
    """About where a number stands: right above its mark, or (side -1) left below."""
    n = len(text) if "$" not in text else len(text.translate(str.maketrans("", "", "${}^"))) - 0.5
    width = CHARACTER_WIDTH * n
    return Box(x + side * (MARK_SIZE + width / 2), y + side * 0.03, width, 0.035)


KIND = FigureKind("l_curve", "solution norm against residual norm along lambda", needs, draw)
