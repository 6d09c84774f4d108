"""L-curve: norm of the solution against norm of the residual along lambda."""

from __future__ import annotations

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
LABEL_OFFSET = np.array([0.06, 0.04])  # from a mark to the middle of its number, shares of the axes
DECADES_SHOWN = 3.5  # of the residual; with N_f > N_i it goes to 0, where nothing happens


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
    """The penalty beside every other mark, on a side where it covers no mark and no number."""
    to_axes = axes.transData + axes.transAxes.inverted()
    decades = [_find_decades(p) for p in penalties]
    marks = [c[:, list(d.values())].T for c, d in zip(curves, decades, strict=True) if d]
    taken = list(to_axes.transform(np.concatenate(marks))) if marks else []
    for curve, found in zip(curves, decades, strict=True):
        for decade in [d for d in found if d % 2 == 0]:
            point = curve[:, found[decade]]
            place = to_axes.transform(point)
            side = next((s for s in (1, -1) if _is_free(place + s * LABEL_OFFSET, taken)), None)
            if side is None:
                continue
            taken.append(place + side * LABEL_OFFSET)
            axes.annotate(
                style.format_number(10.0**decade),
                (point[0], point[1]),
                xytext=(3 * side, 2.5 * side),
                textcoords="offset points",
                fontsize=6,
                color="0.15",
                ha="left" if side > 0 else "right",
                va="bottom" if side > 0 else "top",
            )


def _is_free(middle: np.ndarray, taken: list[np.ndarray]) -> bool:
    is_inside = 0.04 < middle[0] < 0.96 and 0.03 < middle[1] < 0.97
    return is_inside and all(
        abs(middle[0] - x) > 0.07 or abs(middle[1] - y) > 0.035 for x, y in taken
    )


KIND = FigureKind("l_curve", "solution norm against residual norm along lambda", needs, draw)
