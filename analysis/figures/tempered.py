"""Training under tempering: what the ladder says of ln Z against the truth, whether its chains keep
up, and what was done where they did not."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from analysis import style
from analysis.figures.kind import FigureKind
from analysis.figures.steps import (
    Line,
    StepAxis,
    describe_training,
    draw_group,
    make_handles,
    make_looks,
    pick_groups,
)
from analysis.training import Group, Training

NAMES = ("log_z_ladder",)


def needs(training: Training) -> str | None:
    groups, _ = pick_groups(training, NAMES)
    if not groups:
        return "no metrics.h5 of a tempered negative phase"
    longest = max(len(g.get_median(NAMES[0])[0]) for g in groups)
    return "fewer than 2 measured steps" if longest < 2 else None


def draw(training: Training) -> Figure:
    """Medians over replicates. What comes from the ladder's ln Z has a band of one standard error;
    where equilibrium was lost it has none, and isn't shown."""
    groups, n_groups = pick_groups(training, NAMES)
    looks, axis = make_looks(groups), StepAxis(training)
    figure, panels = style.new_panels("Training under tempering", 3, 2, style.PAGE_WIDTH, 6.6)
    has_exact = False
    for group, look in zip(groups, looks, strict=True):
        has_exact |= _draw_log_z(panels[0], panels[1], group, look, axis)
        for axes, name in ((panels[2], "swap_acceptance"), (panels[3], "effective_share")):
            draw_group(axes, *axis.place(group, name), look)
        for axes, name in ((panels[4], "sweeps"), (panels[5], "rate_factor")):
            median, _ = axis.place(group, name)
            draw_group(axes, median, [], look, drawstyle="steps-post", marker=None)
    _label(panels, groups, has_exact)
    texts = [*describe_training(training, groups, n_groups)]
    texts.append(_mark_reactions(panels[4], groups, looks, axis))
    style.set_caption(panels[0], texts, 3.0)
    axis.finish(panels[4:], panels[:2])
    handles = make_handles(looks)
    handles.append(Line2D([], [], color="0.2", linestyle="none", marker="v", label="reactions"))
    if has_exact:
        handles += [Line2D([], [], color="0.2", label="by the ladder"), style.exact_handle("exact")]
    style.put_legend(figure, handles, columns=4)
    return figure


def _label(panels: list[Axes], groups: list[Group], has_exact: bool) -> None:
    labels = (
        f"log-likelihood,\n{_choose_rows(groups)[1]} rows (nats)",
        r"$\ln Z$ by the ladder $-$ exact" + "\n(nats)" if has_exact else "standard error\nof $\\ln Z$ (nats)",
        "swap acceptance\n(worst edge)",
        "effective share\nof samples",
        "scans of an update",
        "factor of the\nlearning rate",
    )
    for axes, label in zip(panels, labels, strict=True):
        axes.set_ylabel(label)
    for axes in (panels[2], panels[3], panels[5]):
        axes.set_ylim(0, 1.05)
    panels[4].set_ylim(bottom=0)
    panels[1].axhline(0, **style.TRANSITION)


def _choose_rows(groups: list[Group]) -> tuple[str, str]:
    """Whose likelihood: name of the value, and in words."""
    if all(g.has("log_likelihood_test") for g in groups):
        return "log_likelihood_test", "test"
    return "log_likelihood_train", "training"


def _align(line: Line, steps: np.ndarray) -> np.ndarray:
    """Values at `steps`, NaN where there are none."""
    known = dict(zip(*line, strict=True))
    return np.array([known.get(s, np.nan) for s in steps])


def _draw_log_z(
    above: Axes, beside: Axes, group: Group, look: style.Look, axis: StepAxis
) -> bool:
    """The likelihood with the ladder's ln Z, and that less the exact one. ln p = -F - ln Z: the
    difference of both ln Z takes one likelihood to the other. Returns whether it was exact."""
    (places, likelihood), _ = axis.place(group, _choose_rows([group])[0])
    names = ("log_z", "log_z_ladder", "log_z_ladder_stderr")
    log_z, ladder, stderr = (_align(axis.place(group, n)[0], places) for n in names)
    is_exact = not group.has("log_z_stderr")
    error = np.where(np.isfinite(stderr), ladder - log_z, np.nan)
    for axes, values in ((above, likelihood - error), (beside, error)):
        draw_group(axes, (places, values), [], look, marker=None)
        band = (values - stderr, values + stderr)
        style.draw_band(axes, places, *band, look.color, is_log=False, alpha=0.3)
    if is_exact:
        above.plot(places, likelihood, **style.EXACT)
    return is_exact


def _mark_reactions(
    axes: Axes, groups: list[Group], looks: list[style.Look], axis: StepAxis
) -> str:
    """A mark below where the count has grown since the measurement before; returns it in words."""
    totals = []
    for i, (group, look) in enumerate(zip(groups, looks, strict=True)):
        (places, counts), _ = axis.place(group, "reactions")
        grown = places[1:][np.diff(counts) > 0]
        axes.plot(
            grown,
            np.full(len(grown), 0.02 + 0.05 * i),
            "v",
            color=look.color,
            markersize=3,
            transform=axes.get_xaxis_transform(),
        )
        totals.append(f"{counts[-1]:.0f}")
    return f"reactions: {', '.join(totals)}"


KIND = FigureKind(
    "tempered_training",
    "the ladder of a tempered training: likelihood against the exact one, acceptance, reactions",
    needs,
    draw,
    experiment="rbm",
)
