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
    for i, name in enumerate([*names, "oracle"]):
        chosen = float(data[f"lambda_{name}"]) if f"lambda_{name}" in data else np.nan
        if not chosen > 0:
            continue
        point = [np.exp(np.interp(np.log(chosen), places, c)) for c in curve]
        axes.plot(*point, **(_star() if name == "oracle" else _mark(i)))
    residual, norm = np.exp(curve[0]), np.exp(curve[1])
    kept = residual > residual.max() * 10.0**-DECADES_SHOWN
    style.set_log_scale(axes, "x", residual[kept], pad=0.07)
    style.set_log_scale(
        axes, "y", np.array([max(norm.min(), norm.max() * 1e-4), norm.max()]), pad=0.08
    )


KIND = FigureKind("l_curve_choices", "the choices of all choosers on the L-curve", needs, draw)
