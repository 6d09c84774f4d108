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
NOTHING = 1e-6  # of the least risk: a regret of less counts as none
OFF = {"marker": "<", "markersize": 4, "linestyle": "none"}  # of a box that is off the axis


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
    is_off = _draw_regrets(right, sweep, "", names, names, (cells, colors))
    left.axvline(0.0, **style.TRANSITION)
    left.set_xlabel(DECADES)
    right.set_xlabel("regret: risk there minus the least risk")
    for axes in third:
        is_off |= _draw_regrets(axes, sweep, "tsvd_", names, ranks, (cells, colors))
        axes.set_xlabel("regret against the best rank")
        axes.set_title("truncated SVD")
    left.set_title(describe(result))
    right.set_title("boxes: quartiles, whiskers: 5 and 95 %, none: no choice")
    handles = [
        Line2D([], [], color=c, linewidth=5, label=label_cell(sweep, cell))
        for cell, c in zip(cells, colors, strict=True)
    ]
    if is_off:
        handles.append(Line2D([], [], color="0.3", **OFF, label="median below the axis"))
    style.put_legend(figure, handles)
    return figure


def _place(row: int, i: int, n: int) -> float:
    """Where the box of the i-th of n cells lies."""
    return row + (i - (n - 1) / 2) * ROOM / n


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
            y = _place(row, i, len(cells))
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


def _draw_regrets(
    axes: Axes, sweep: Sweep, prefix: str, names: list[str], shown: list[str], looks: tuple
) -> bool:
    """Boxes on a logarithmic axis that holds all of them, down to what counts as none. Returns
    whether a median is less than that, or 0; a mark at the edge stands for it."""
    cells, colors = looks
    _draw_boxes(axes, sweep, f"{prefix}regret_", names, shown, looks)
    axes.set_yticklabels([])
    found = {n: get_quantiles(sweep.data, f"{prefix}regret_{n}") for n in shown}
    values = np.array([[q[s][cells] for s in ("q25", "median", "q75", "q95")] for q in found.values()])
    positive = values[np.isfinite(values) & (values > 0)]
    if not positive.size:
        return False
    kept = positive[positive >= min(_find_least(sweep, prefix, cells), positive.max())]
    style.set_log_scale(axes, "x", kept, pad=0.06)
    edge, is_off = axes.get_xlim()[0], False
    for name, quantiles in found.items():
        for i, (cell, color) in enumerate(zip(cells, colors, strict=True)):
            if quantiles["median"][cell] < edge:
                y = _place(names.index(name), i, len(cells))
                axes.plot(edge, y, color=color, clip_on=False, zorder=4, **OFF)
                is_off = True
    return is_off


def _find_least(sweep: Sweep, prefix: str, cells: list[int]) -> float:
    """The regret that counts as none; 0 where the least risk isn't known."""
    name = f"{prefix}risk_oracle"
    if not has_values(sweep.data, name):
        return 0.0
    risks = get_quantiles(sweep.data, name)["median"][cells]
    return NOTHING * float(np.nanmin(risks)) if np.isfinite(risks).any() else 0.0


KIND = FigureKind("choosers", "distance from the best lambda and regret of each chooser", needs, draw)
