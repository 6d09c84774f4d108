"""Hinton's overfitting monitor: the free energy of held-out rows against that of training rows."""

from __future__ import annotations

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

NAMES = ("free_energy_gap",)
LIMIT = 3.0  # standard errors
DASHED = (0, (4, 2))


def needs(training: Training) -> str | None:
    groups, _ = pick_groups(training, NAMES)
    if not groups:
        return "no metrics.h5 with a free-energy gap; data.holdout keeps rows for it"
    longest = max(len(g.get_median(NAMES[0])[0]) for g in groups)
    return "fewer than 2 measured steps" if longest < 2 else None


def find_onset(gap: np.ndarray, stderr: np.ndarray) -> int | None:
    """Index from which on the gap stays above three standard errors to the end; None if it does
    not."""
    is_within = ~(gap > LIMIT * stderr)
    if is_within[-1]:
        return None
    return int(np.flatnonzero(is_within)[-1]) + 1 if is_within.any() else 0


def draw(training: Training) -> Figure:
    """Above: mean free energies of the rows (medians over replicates). Below: their difference with
    a band of one standard error, which is that of the rows, not of replicates."""
    groups, n_groups = pick_groups(training, NAMES)
    looks, axis = make_looks(groups), StepAxis(training)
    has_energies = all(g.has("free_energy_train") and g.has("free_energy_valid") for g in groups)
    figure, all_axes = style.new_panels(
        "Free-energy gap: the overfitting monitor",
        1 + has_energies,
        1,
        style.COLUMN_WIDTH,
        3.0 + 1.3 * has_energies + 0.12 * len(groups),
    )
    handles = make_handles(looks)
    if has_energies:
        _draw_energies(all_axes[0], groups, looks, axis)
        handles += [
            Line2D([], [], color="0.2", label=r"$F_{\mathrm{valid}}$, held-out rows"),
            Line2D(
                [], [], color="0.2", linestyle=DASHED, label=r"$F_{\mathrm{train}}$, training rows"
            ),
        ]
    verdicts = _draw_gaps(all_axes[-1], groups, looks, axis)
    style.set_caption(all_axes[0], describe_training(training, groups, n_groups), 2.8)
    all_axes[-1].set_title(_summarize(verdicts, axis.label))
    axis.finish(all_axes[-1:], all_axes[:1])
    if handles:
        style.put_legend(figure, handles, columns=2)
    return figure


def _draw_energies(
    axes: Axes, groups: list[Group], looks: list[style.Look], axis: StepAxis
) -> None:
    for group, look in zip(groups, looks, strict=True):
        draw_group(axes, *axis.place(group, "free_energy_valid"), look)
        median, _ = axis.place(group, "free_energy_train")
        draw_group(axes, median, [], look, linestyle=DASHED, marker=None)
    axes.set_ylabel("mean free energy $F(v)$\n(nats)")


def _draw_gaps(
    axes: Axes, groups: list[Group], looks: list[style.Look], axis: StepAxis
) -> list[tuple[str, float | None]]:
    """Draws; returns each group's label and where its gap leaves three standard errors."""
    verdicts, alpha = [], 0.25 if len(groups) == 1 else 0.12
    for group, look in zip(groups, looks, strict=True):
        median, lines = axis.place(group, "free_energy_gap")
        draw_group(axes, median, lines, look)
        (places, gap), onset = median, None
        (error_places, stderr), _ = axis.place(group, "free_energy_gap_stderr")
        if np.array_equal(places, error_places):
            style.draw_band(
                axes, places, gap - stderr, gap + stderr, look.color, is_log=False, alpha=alpha
            )
            onset = find_onset(gap, stderr)
        if onset is not None:
            axes.plot(
                places[onset], gap[onset], "o", color="white", markeredgecolor="black", zorder=6
            )
        verdicts.append((group.label, float(places[onset]) if onset is not None else None))
    axes.axhline(0, **style.TRANSITION)
    axes.set_ylabel(
        r"$F_{\mathrm{valid}} - F_{\mathrm{train}}$ (nats)" + "\nband: ±1 standard error"
    )
    return verdicts


def _summarize(verdicts: list[tuple[str, float | None]], unit: str) -> str:
    """The finding in words."""
    over = [(label, place) for label, place in verdicts if place is not None]
    if not over:
        return f"within {LIMIT:.0f} standard errors of 0: no overfitting seen"
    if len(verdicts) == 1:
        return f"beyond {LIMIT:.0f} standard errors from {unit} {over[0][1]:,.0f} on: overfitting"
    return (
        f"overfitting from the circles on ({len(over)} of {len(verdicts)}): gap > {LIMIT:.0f} s.e."
    )


KIND = FigureKind(
    "free_energy_gap",
    "free energy of held-out and training rows, over steps",
    needs,
    draw,
    experiment="rbm",
)
