"""What figures over training steps share: looks of groups, lines of replicates, the step axis."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from analysis import style
from analysis.training import (
    Group,
    Training,
    describe_unfinished,
    get_groups,
    get_steps_per_epoch,
)

MOST_GROUPS = 6
MARKS = 7  # markers on one line
FAINT: dict[str, Any] = {"linewidth": 0.5, "alpha": 0.35, "zorder": 1.6}
Line = tuple[np.ndarray, np.ndarray]


def pick_groups(training: Training, names: Iterable[str]) -> tuple[list[Group], int]:
    """Up to six groups with any of these values, evenly spread, and how many there are."""
    groups = [g for g in get_groups(training) if any(g.has(name) for name in names)]
    n = len(groups)
    if n <= MOST_GROUPS:
        return groups, n
    return [groups[i] for i in np.unique(np.linspace(0, n - 1, MOST_GROUPS).round().astype(int))], n


def make_looks(groups: list[Group]) -> list[style.Look]:
    """Dark to light in the order of the groups."""
    if len(groups) == 1:
        return [style.Look(style.get_color(0.3), "", groups[0].label)]
    colors = style.ordered_colors(len(groups))
    return [
        style.Look(color, style.MARKERS[i], group.label, i)
        for i, (color, group) in enumerate(zip(colors, groups, strict=True))
    ]


def describe_training(training: Training, groups: list[Group], n_groups: int) -> list[str]:
    """The circumstances, for the caption."""
    texts = list(training.selected)
    if len(groups) == 1 and groups[0].label:
        texts.append(groups[0].label)
    replicates = max(len(g.units) for g in groups)
    if replicates > 1:
        texts.append(f"medians over up to {replicates} replicates, each faint")
    if len(groups) < n_groups:
        texts.append(f"{len(groups)} of {n_groups} settings shown")
    texts.append(describe_unfinished(training.sweep))
    return list(dict.fromkeys(texts))


def make_handles(looks: list[style.Look]) -> list[Line2D]:
    """Legend lines of the groups; none for a single one."""
    if len(looks) < 2:
        return []
    return [Line2D([], [], color=k.color, marker=k.marker, label=k.label) for k in looks]


def draw_group(
    axes: Axes, median: Line, lines: list[Line], look: style.Look, **options: Any
) -> None:
    """The median with a marker now and then, and every replicate faintly if there are several."""
    if len(lines) > 1:
        for steps, values in lines:
            axes.plot(steps, values, color=look.color, **FAINT)
    steps, values = median
    every = max(1, len(steps) // MARKS)
    axes.plot(
        steps,
        values,
        **{
            "color": look.color,
            "marker": look.marker or None,
            "markevery": (look.offset * every // MOST_GROUPS, every),
            "markeredgewidth": 0.6,
            "zorder": 2.5,
            **options,
        },
    )


class StepAxis:
    """Training steps, or epochs where units have steps of different sizes."""

    def __init__(self, training: Training) -> None:
        self.steps_per_epoch = get_steps_per_epoch(training)
        has_epochs = any(g.has("epoch") for g in get_groups(training))
        self.is_epoch = self.steps_per_epoch is None and has_epochs
        self.label = "epoch" if self.is_epoch else "step"

    def place(self, group: Group, name: str) -> tuple[Line, list[Line]]:
        """Median and single lines of a value with this axis's numbers."""
        if not self.is_epoch:
            return group.get_median(name), group.get_lines(name)
        median, lines = group.get_median(name), group.get_lines(name)
        epochs = {
            int(s): float(e)
            for line in group.get_lines("epoch")
            for s, e in zip(*line, strict=True)
        }

        def to_epochs(line: Line) -> Line:
            return np.array([epochs.get(int(s), np.nan) for s in line[0]]), line[1]

        return to_epochs(median), [to_epochs(line) for line in lines]

    def finish(self, below: Iterable[Axes], above: Iterable[Axes], most: int = 5) -> None:
        """Labels the lowest panels, and epochs over the highest ones where both are known."""
        for axes in below:
            axes.set_xlabel("epoch" if self.is_epoch else "training step")
            axes.tick_params(labelbottom=True)
            style.set_count_ticks(axes.xaxis, most)
        if self.is_epoch or self.steps_per_epoch is None:
            return
        ratio = self.steps_per_epoch
        to_epoch: tuple[Callable, Callable] = (lambda s: s / ratio, lambda e: e * ratio)
        for axes in above:
            top = axes.secondary_xaxis("top", functions=to_epoch)
            top.set_xlabel("epoch", fontsize=7, labelpad=3)
            span = axes.get_xlim()[1] / ratio
            if span >= 2:
                style.set_count_ticks(top.xaxis, most)
