"""How far chains have come at each temperature: autocorrelation, effective samples, split R-hat."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis import style
from analysis.figures.kind import FigureKind
from analysis.ladder import Ladder, Ladders

WORST_R_HAT, WORST_R_HAT_LADDER, FEWEST_SAMPLES = 1.05, 1.1, 100
LIMIT = {"color": style.WARNING, "linestyle": (0, (4, 2)), "linewidth": 0.9, "zorder": 3}


@dataclass(frozen=True)
class Panel:
    """One diagnosis: its name in the file, its label, and what a trusted value is beyond."""

    name: str
    label: str
    limits: tuple[tuple[float, str], ...] = ()


PANELS = (
    Panel("autocorrelation_time", "autocorrelation\ntime (scans)"),
    Panel(
        "effective_samples",
        "effective samples",
        ((FEWEST_SAMPLES, "at least 100 at $\\beta=1$"),),
    ),
    Panel(
        "split_r_hat",
        r"split $\hat R$",
        (
            (WORST_R_HAT_LADDER, "at most 1.1 anywhere"),
            (WORST_R_HAT, "at most 1.05 at $\\beta=1$"),
        ),
    ),
)


def needs(ladders: Ladders) -> str | None:
    ladder = ladders.shown
    lacking = [ladder.find_missing((p.name,)) for p in PANELS]
    return ladder.find_missing(tuple(p.name for p in PANELS)) if all(lacking) else None


def draw(ladders: Ladders) -> Figure:
    """A line for each observable, over the inverse temperature."""
    ladder = ladders.shown
    panels = [p for p in PANELS if ladder.find_missing((p.name,)) is None]
    figure, all_axes = style.new_panels(
        "Chains along the ladder", len(panels), 1, style.COLUMN_WIDTH, 1.0 + 1.35 * len(panels)
    )
    for axes, panel in zip(all_axes, panels, strict=True):
        handles = _draw_panel(axes, panel, ladder)
    all_axes[-1].set_xlabel(r"inverse temperature $\beta$ (1: the model)")
    texts = [ladder.label]
    if ladder.find_missing(("n_scans", "n_left_out")) is None:
        used = int(ladder["n_scans"]) - int(ladder["n_left_out"])
        texts.append(f"{used:,} of {int(ladder['n_scans']):,} measured scans")
    style.set_caption(all_axes[0], texts, 2.8)
    style.put_legend(figure, handles)
    return figure


def _draw_panel(axes: Axes, panel: Panel, ladder: Ladder) -> list:
    values, handles = ladder[panel.name], []
    names = ladder.arrays.get("observable", np.arange(1, len(values) + 1).astype(str))
    colors = style.ordered_colors(len(values))
    for i, (name, row) in enumerate(zip(names, values, strict=True)):
        # Smaller ones over larger ones: two observables may agree everywhere.
        look = {"marker": style.MARKERS[i % len(style.MARKERS)], "markersize": max(5.2 - 1.3 * i, 2)}
        handles += axes.plot(ladder.beta, row, color=colors[i], label=str(name), **look)
    axes.set_ylabel(panel.label)
    if panel.name == "split_r_hat":
        low, high = axes.get_ylim()
        axes.set_ylim(min(low, 0.995), max(high, 1.12))
    else:
        limits = [limit for limit, _ in panel.limits]
        style.set_log_scale(axes, "y", np.append(values.ravel(), limits), pad=0.08)
    for limit, text in panel.limits:
        _draw_limit(axes, limit, text)
    return handles


def _draw_limit(axes: Axes, limit: float, text: str) -> None:
    axes.axhline(limit, **LIMIT)
    axes.annotate(
        text,
        (0.01, limit),
        xycoords=("axes fraction", "data"),
        xytext=(0, 1.5),
        textcoords="offset points",
        fontsize=6.5,
        color=style.WARNING,
        va="bottom",
        zorder=6,
    )


KIND = FigureKind(
    "chain_diagnostics",
    "autocorrelation times, effective samples and split R-hat along the ladder",
    needs,
    draw,
    experiment="ladder",
)
