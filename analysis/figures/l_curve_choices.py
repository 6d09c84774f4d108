"""L-curves of one replicate, with what every chooser takes marked on them."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from analysis import style
from analysis.figures.choices import (
    CHOOSERS,
    ORACLE,
    find_choosers,
    label_panels,
    pick_cells,
    take_replicate,
)
from analysis.figures.kind import FigureKind, find_missing
from analysis.results import Result, Sweep, get_lambdas

MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<")
CORNERS = ((0.46, 0.42), (0.04, 0.06))  # lower left ends of an inset, in parts of the panel
INSET = (0.51, 0.54)  # its width and height
CROWDED = 0.15  # choices within this part of the panel are drawn once more, larger
DECADES_SHOWN = 3.5  # of the residual; with N_f > N_i it goes to 0, where nothing happens


def needs(result: Result) -> str | None:
    missing = find_missing(result.data, ("solution_norm", "residual_norm"))
    if missing is None and (get_lambdas(result.data) > 0).sum() < 3:
        return "fewer than three positive values of lambda"
    if missing is None and (
        not find_choosers(result.data) or take_replicate(result, "lambda_gcv") is None
    ):
        return "no choosers of lambda (ridge.choosers)"
    return missing


def draw(result: Result) -> Figure:
    """Cells below, at and above the transition; the best lambda is a star."""
    sweep = take_replicate(result, "lambda_gcv")
    names = find_choosers(result.data)
    cells = pick_cells(sweep, "lambda_gcv")
    figure, all_axes = style.new_figure(
        r"L-curve and the choices of $\lambda$", columns=len(cells), height=3.2
    )
    labels = label_panels(result, sweep, cells)
    for axes, cell, label in zip(all_axes, cells, labels, strict=True):
        _draw_cell(axes, sweep, cell, names)
        axes.set_xlabel(r"residual norm $\|X\hat w - y\|$")
        axes.set_title(label)
    all_axes[0].set_ylabel(r"solution norm $\|\hat w\|$")
    handles = [_make_handle(i, CHOOSERS[name]) for i, name in enumerate(names)]
    handles.append(Line2D([], [], **_star(), label=ORACLE))
    style.put_legend(figure, handles, columns=5)
    return figure


def _star() -> dict:
    return {"color": "black", "marker": "*", "markersize": 8, "linestyle": "none", "zorder": 4}


def _make_handle(i: int, label: str) -> Line2D:
    return Line2D([], [], **_mark(i), label=label)


def _mark(i: int) -> dict:
    """Open marks, so that equal choices stay visible over each other."""
    return {
        "color": style.get_color((i % 4) / 3),
        "marker": MARKERS[i],
        "markersize": 5 + 0.8 * (i % 3),
        "markerfacecolor": "none",
        "linestyle": "none",
        "zorder": 5,
    }


def _draw_cell(axes: Axes, sweep: Sweep, cell: int, names: list[str]) -> None:
    data, lambdas = sweep.data.isel(cell=cell), get_lambdas(sweep.data)
    order = np.argsort(lambdas)
    order = order[lambdas[order] > 0]
    places = np.log(lambdas[order])
    curve = [
        np.log(np.maximum(data[name].values[order], 1e-300))
        for name in ("residual_norm", "solution_norm")
    ]
    axes.plot(np.exp(curve[0]), np.exp(curve[1]), color="0.55", zorder=2)
    marks = []
    for i, name in enumerate([*names, "oracle"]):
        chosen = float(data[f"lambda_{name}"]) if f"lambda_{name}" in data else np.nan
        if chosen > 0:
            point = [np.exp(np.interp(np.log(chosen), places, c)) for c in curve]
            marks.append((point, _star() if name == "oracle" else _mark(i)))
    _draw_marks(axes, marks)
    residual, norm = np.exp(curve[0]), np.exp(curve[1])
    kept = residual > residual.max() * 10.0**-DECADES_SHOWN
    style.set_log_scale(axes, "x", residual[kept], pad=0.07)
    style.set_log_scale(
        axes, "y", np.array([max(norm.min(), norm.max() * 1e-4), norm.max()]), pad=0.08
    )
    _magnify(axes, np.array([residual, norm]), marks)


def _draw_marks(axes: Axes, marks: list[tuple[list[float], dict]]) -> None:
    for point, look in marks:
        axes.plot(*point, **look)


def _magnify(axes: Axes, curve: np.ndarray, marks: list[tuple[list[float], dict]]) -> None:
    """Choices that are crowded once more, in a corner that the curve leaves empty."""
    if len(marks) < 2:
        return
    to_panel = axes.transScale + axes.transLimits
    points = to_panel.transform([point for point, _ in marks])
    low, high = points.min(axis=0), points.max(axis=0)
    corner = _find_corner(to_panel.transform(curve.T), points)
    if not 1e-3 < (high - low).max() < CROWDED or corner is None:
        return
    inset = axes.inset_axes((*corner, *INSET), xscale="log", yscale="log")
    inset.plot(*curve, color="0.55", zorder=2)
    _draw_marks(inset, marks)
    room = np.maximum(0.25 * (high - low), 0.01)
    ends = to_panel.inverted().transform([low - room, high + room])
    inset.set_xlim(ends[:, 0])
    inset.set_ylim(ends[:, 1])
    inset.grid(visible=False)
    for axis in (inset.xaxis, inset.yaxis):
        axis.set_ticks([])
        axis.set_ticks([], minor=True)
    axes.indicate_inset_zoom(inset, edgecolor="0.2", linewidth=0.6, linestyle=":")


def _find_corner(curve: np.ndarray, points: np.ndarray) -> tuple[float, float] | None:
    """Of an inset, in parts of the panel, that neither curve nor choices run through."""
    places = np.linspace(0, len(curve) - 1, 400)
    dense = [np.interp(places, np.arange(len(curve)), column) for column in curve.T]
    taken = np.concatenate([np.transpose(dense), points])
    for corner in CORNERS:
        low, high = np.array(corner) - 0.03, np.array(corner) + INSET + 0.03
        if not np.all((taken > low) & (taken < high), axis=1).any():
            return corner
    return None


KIND = FigureKind("l_curve_choices", "the choices of all choosers on the L-curve", needs, draw)
