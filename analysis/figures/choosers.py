"""Choosers of lambda side by side: how far from the best lambda, and at what cost; ranks of truncated SVD."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from analysis import style
from analysis.figures.choices import (
    CHOOSERS,
    DECADES,
    find_choosers,
    get_quantiles,
    label_cell,
    pick_cells,
)
from analysis.figures.kind import FigureKind, describe, find_missing
from analysis.results import Result, Sweep, get_sweep, has_values

ROOM = 0.8  # of a chooser's line of boxes
DECADES_SHOWN = 4.0  # of regrets below the largest


def needs(result: Result) -> str | None:
    missing = find_missing(result.data, ())
    if missing is None and not find_choosers(result.data, "regret_"):
        return "no choosers of lambda (ridge.choosers)"
    return missing


def draw(result: Result) -> Figure:
    """Boxes: quartiles and median over replicates; whiskers: 5 and 95 %. Truncated SVD is a panel of
    its own, where ranks were chosen."""
    sweep = get_sweep(result.data)
    names = find_choosers(result.data, "regret_")
    cells = pick_cells(sweep, f"regret_{names[0]}")
    colors = style.ordered_colors(len(cells))
    ranks = find_choosers(result.data, "tsvd_regret_")
    figure, (left, right, *third) = style.new_figure(
        r"Ways to choose $\lambda$" + (" and the rank of truncated SVD" if ranks else ""),
        columns=3 if ranks else 2,
        height=max(2.6, 1.1 + 0.36 * len(names)),
    )
    shown = [n for n in names if has_values(result.data, f"decades_{n}")]
    _draw_boxes(left, sweep, "decades_", names, shown, (cells, colors))
    _draw_boxes(right, sweep, "regret_", names, names, (cells, colors))
    left.axvline(0.0, **style.TRANSITION)
    left.set_xlabel(DECADES)
    right.set_xlabel("regret: risk there minus the least risk")
    right.set_yticklabels([])
    _set_regret_scale(right, sweep, "regret_", names, cells)
    for axes in third:
        _draw_boxes(axes, sweep, "tsvd_regret_", names, ranks, (cells, colors))
        axes.set_xlabel("regret against the best rank")
        axes.set_yticklabels([])
        axes.set_title("truncated SVD")
        _set_regret_scale(axes, sweep, "tsvd_regret_", ranks, cells)
    left.set_title(describe(result))
    note = "boxes: quartiles, whiskers: 5 and 95 %"
    right.set_title(note if ranks else f"{note}, none: no choice")
    handles = [
        Line2D([], [], color=c, linewidth=5, label=label_cell(sweep, cell))
        for cell, c in zip(cells, colors, strict=True)
    ]
    style.put_legend(figure, handles)
    return figure


def _draw_boxes(
    axes: Axes, sweep: Sweep, prefix: str, names: list[str], shown: list[str], looks: tuple
) -> None:
    cells, colors = looks
    height = ROOM / len(cells)
    for row, name in enumerate(names):
        quantiles = get_quantiles(sweep.data, prefix + name) if name in shown else {}
        for i, (cell, color) in enumerate(zip(cells, colors, strict=True)):
            if not quantiles or not np.isfinite(quantiles["median"][cell]):
                continue
            at = {s: float(v[cell]) for s, v in quantiles.items()}
            y = row + (i - (len(cells) - 1) / 2) * height
            axes.plot([at["q05"], at["q95"]], [y, y], color=color, linewidth=0.8, zorder=2)
            axes.barh(
                y,
                at["q75"] - at["q25"],
                0.75 * height,
                left=at["q25"],
                color=color,
                alpha=0.45,
                zorder=2,
            )
            axes.plot(
                at["median"], y, marker="|", markersize=6, color=color, markeredgewidth=1.4, zorder=3
            )
    axes.set_yticks(range(len(names)), [CHOOSERS[n] for n in names])
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.grid(axis="y", visible=False)


def _set_regret_scale(
    axes: Axes, sweep: Sweep, prefix: str, names: list[str], cells: list[int]
) -> None:
    """Logarithmic; what is less than the fourth decade below the largest counts as nothing."""
    found = [get_quantiles(sweep.data, prefix + n) for n in names]
    values = np.array([[q[s][cells] for s in ("q25", "median", "q95")] for q in found])
    positive = values[np.isfinite(values) & (values > 0)]
    if positive.size:
        low = max(positive.min(), positive.max() * 10.0**-DECADES_SHOWN)
        style.set_log_scale(axes, "x", np.array([low, positive.max()]), pad=0.06)


KIND = FigureKind("choosers", "distance from the best lambda and regret of each chooser", needs, draw)
