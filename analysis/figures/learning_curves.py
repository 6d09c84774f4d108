"""What was watched while an RBM was trained: small panels over steps, one line per setting."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from analysis import style
from analysis.figures.kind import FigureKind
from analysis.figures.steps import (
    StepAxis,
    describe_training,
    draw_group,
    make_handles,
    make_looks,
    pick_groups,
)
from analysis.training import Group, Training

COLUMNS = 3
SOLID: dict[str, Any] = {"linestyle": "-"}
DASHED: dict[str, Any] = {"linestyle": (0, (4, 2)), "marker": None}


@dataclass(frozen=True)
class Panel:
    """One quantity, or two of a kind: (name, look of the line)."""

    label: str
    lines: tuple[tuple[str, dict[str, Any]], ...]
    is_rate: bool = False  # may span decades

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(name for name, _ in self.lines)


LIKELIHOODS = Panel(
    "exact log-likelihood\n(nats per row)",
    (("log_likelihood_test", SOLID), ("log_likelihood_train", DASHED)),
)
PANELS = (
    LIKELIHOODS,
    Panel("pseudo-log-likelihood\n(nats per row)", (("pseudo_log_likelihood", SOLID),)),
    Panel("reconstruction error\n(mean square per unit)", (("reconstruction_error", SOLID),)),
    Panel("hidden activity\n(mean $p(h = 1 | v)$)", (("hidden_activity", SOLID),)),
    Panel(r"weight norm $\|W\|_F$", (("weight_norm", SOLID),)),
    Panel("learning rate", (("learning_rate", SOLID),), is_rate=True),
)
NAMES = tuple(name for panel in PANELS for name in panel.names)


def needs(training: Training) -> str | None:
    groups, _ = pick_groups(training, NAMES)
    if not groups:
        return "no metrics.h5 with any of its values"
    longest = max(len(g.get_median(n)[0]) for g in groups for n in NAMES)
    return "fewer than 2 measured steps" if longest < 2 else None


def draw(training: Training) -> Figure:
    """Medians over replicates, each replicate faint; test rows solid, training rows dashed."""
    groups, n_groups = pick_groups(training, NAMES)
    looks, axis = make_looks(groups), StepAxis(training)
    panels = [p for p in PANELS if any(g.has(n) for g in groups for n in p.names)]
    columns = min(COLUMNS, len(panels))
    rows = -(-len(panels) // columns)
    figure, all_axes = style.new_panels(
        "Learning curves",
        rows,
        columns,
        style.PAGE_WIDTH if columns > 1 else style.COLUMN_WIDTH,
        0.75 + 1.75 * rows,
    )
    for axes, panel in zip(all_axes, panels, strict=False):
        _draw_panel(axes, panel, groups, looks, axis)
    for axes in all_axes[len(panels) :]:
        axes.remove()
    lowest = all_axes[len(panels) - columns : len(panels)]
    axis.finish(lowest, all_axes[:columns], most=5 if columns < COLUMNS else 3)
    style.set_caption(
        all_axes[0], describe_training(training, groups, n_groups), 6.0 if columns > 1 else 2.7
    )
    handles = make_handles(looks)
    if LIKELIHOODS in panels and all(any(g.has(n) for g in groups) for n in LIKELIHOODS.names):
        handles += [
            Line2D([], [], color="0.2", label="test rows", **SOLID),
            Line2D([], [], color="0.2", label="training rows", linestyle=DASHED["linestyle"]),
        ]
    if handles:
        style.put_legend(figure, handles, columns=4)
    return figure


def _draw_panel(
    axes: Axes, panel: Panel, groups: list[Group], looks: list[style.Look], axis: StepAxis
) -> None:
    shown = []
    for group, look in zip(groups, looks, strict=True):
        for name, options in panel.lines:
            median, lines = axis.place(group, name)
            draw_group(axes, median, lines if options is SOLID else [], look, **options)
            shown.append(median[1])
    is_estimated = panel is LIKELIHOODS and any(g.has("log_z_stderr") for g in groups)
    axes.set_ylabel(panel.label.replace("exact", "estimated") if is_estimated else panel.label)
    values = np.concatenate(shown)
    positive = values[values > 0]
    if panel.is_rate and positive.size and positive.max() > 30 * positive.min():
        style.set_log_scale(axes, "y", positive)
    elif panel.is_rate:
        axes.set_ylim(bottom=0)


KIND = FigureKind(
    "learning_curves",
    "what was watched during training, over steps",
    needs,
    draw,
    experiment="rbm",
)
