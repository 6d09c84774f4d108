"""Swaps along a ladder of parallel tempering: acceptance of every edge, and the barrier up to it."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from analysis import style
from analysis.figures.kind import FigureKind
from analysis.ladder import Ladder, Ladders

FEWEST = 0.05  # accepted swaps, below which an edge is not to be trusted
TARGET = {**style.THEORY, "zorder": 3}


def needs(ladders: Ladders) -> str | None:
    ladder = ladders.shown
    if ladder.n_temperatures < 2:
        return "only one temperature"
    return ladder.find_missing(("rejection", "barrier"))


def draw(ladders: Ladders) -> Figure:
    """Above: accepted share of swaps, a bar over each edge, with the one that equal edges would have.
    Below: rejections summed from the hot end."""
    ladder = ladders.shown
    figure, (top, bottom) = style.new_panels(
        "Swaps along the ladder", 2, 1, style.COLUMN_WIDTH, 4.2
    )
    target = 1 - float(np.nanmean(ladder["rejection"]))
    is_bad = _draw_acceptance(top, ladder, target)
    _draw_barrier(bottom, ladder)
    bottom.set_xlim(ladder.beta[0] - 0.02, ladder.beta[-1] + 0.02)
    bottom.set_xlabel(r"inverse temperature $\beta$ (1: the model)")
    style.set_caption(top, _describe(ladder, target), 2.8)
    handles = [
        Line2D([], [], color=style.get_color(0.3), linewidth=2, label="one edge"),
        Line2D([], [], label="equal edges", **TARGET),
    ]
    if is_bad:
        handles.append(Line2D([], [], color=style.WARNING, linewidth=2, label="below 5 %"))
    style.put_legend(figure, handles)
    return figure


def _draw_acceptance(axes: Axes, ladder: Ladder, target: float) -> bool:
    """Returns whether any edge accepts too little."""
    accepted = 100 * (1 - ladder["rejection"])
    is_bad = accepted < 100 * FEWEST
    for chosen, color in ((~is_bad, style.get_color(0.3)), (is_bad, style.WARNING)):
        left, right = ladder.beta[:-1][chosen], ladder.beta[1:][chosen]
        axes.hlines(accepted[chosen], left, right, color=color, linewidth=2, zorder=4)
    axes.axhline(100 * target, **TARGET)
    high = float(np.nanmax(accepted))
    axes.set_ylim(0, 100 if high > 60 else min(100, 1.35 * high + 1))
    axes.set_ylabel("accepted swaps (%)")
    return bool(is_bad.any())


def _draw_barrier(axes: Axes, ladder: Ladder) -> None:
    axes.plot(
        ladder.beta, ladder["barrier"], color=style.get_color(0.3), marker="o", markeredgewidth=0.6
    )
    axes.set_ylim(bottom=0)
    axes.set_ylabel(r"barrier $\Lambda(\beta)$ (rejections)")


def _describe(ladder: Ladder, target: float) -> list[str]:
    accepted = 100 * (1 - ladder["rejection"])
    low, high = float(np.nanmin(accepted)), float(np.nanmax(accepted))
    return [
        f"{ladder.n_temperatures} temperatures",
        rf"$\Lambda$ = {ladder['barrier'][-1]:.3g}",
        f"accepted {low:.3g} to {high:.3g} %",
        f"equal edges {100 * target:.3g} %",
        ladder.label,
    ]


KIND = FigureKind(
    "ladder_swaps",
    "accepted swaps and the barrier along the ladder of temperatures",
    needs,
    draw,
    experiment="ladder",
)
