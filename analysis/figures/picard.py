"""Discrete Picard condition: do the coefficients fall faster than the singular values?"""

from __future__ import annotations

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis import style
from analysis.figures.choices import label_panels, pick_cells, take_replicate
from analysis.figures.kind import FigureKind, find_missing
from analysis.results import Result

VERDICTS = ("holds", "violated", "undecided")
LEAST = 1e-18  # of the largest value: below is rounding


def needs(result: Result) -> str | None:
    missing = find_missing(result.data, ())
    if missing is None and take_replicate(result, "picard_level") is None:
        return "no Picard condition (ridge.choosers)"
    return missing


def draw(result: Result) -> Figure:
    """One replicate of a cell below, at and above the transition."""
    sweep = take_replicate(result, "picard_level")
    cells = pick_cells(sweep, "picard_level")
    figure, all_axes = style.new_figure("Picard condition", columns=len(cells), height=2.9)
    labels = label_panels(result, sweep, cells)
    for axes, cell, label in zip(all_axes, cells, labels, strict=True):
        handles = _draw_cell(axes, sweep.data.isel(cell=cell))
        verdict = VERDICTS[int(sweep.data["picard_verdict"].values[cell])]
        axes.set_title(f"{label}: {verdict}")
    all_axes[0].set_ylabel("size (units of $y$; quotient: of $w$)")
    style.put_legend(figure, handles, columns=5 if len(cells) > 1 else 2)
    return figure


def _draw_cell(axes: Axes, data: xr.Dataset) -> list:
    s, beta = data["singular_value"].values, data["picard_coefficient"].values
    n = int(np.isfinite(s).sum())
    s, beta, modes = s[:n], beta[:n], np.arange(1, n + 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        quotient = np.where(s > 0, beta / s, np.nan)
    handles = [
        *axes.plot(modes, s, color=style.get_color(0.0), label="singular value $s_i$"),
        *axes.plot(
            modes,
            beta,
            color=style.get_color(0.5),
            marker="x",
            linestyle="none",
            label=r"coefficient $|\beta_i| = |u_i^T y|$",
        ),
        *axes.plot(
            modes,
            quotient,
            color=style.get_color(1.0),
            marker="o",
            linestyle="none",
            markerfacecolor="white",
            label=r"quotient $|\beta_i|/s_i$",
        ),
    ]
    sigma, level = float(data["picard_noise"]), float(data["picard_level"])
    if sigma > 0:
        handles.append(axes.axhline(sigma, **style.THEORY, label=r"noise $\sigma$"))
    handles.append(axes.axvline(level + 0.5, **style.TRANSITION, label="levelled off"))
    values = np.concatenate([s, beta, quotient])
    positive = values[np.isfinite(values) & (values > 0)]
    style.set_log_scale(axes, "y", positive[positive > positive.max() * LEAST], pad=0.05)
    style.set_count_ticks(axes.xaxis)
    axes.set_xlabel("mode $i$")
    return handles


KIND = FigureKind("picard", "singular values and coefficients along the modes", needs, draw)
