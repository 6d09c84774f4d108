"""Matching Z is not matching p: what a renormalized energy changes, and the trace condition before
and after training."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis import style
from analysis.cube import Cube, name_value
from analysis.figures.kind import FigureKind
from analysis.results import REPLICATE, get_spread

STAGES = ("before training", "after training")
ALONG = "hidden"


@dataclass(frozen=True)
class Panel:
    """One quantity: the change of sign that makes it positive, and what equality would give."""

    name: str
    label: str
    change: Callable[[xr.DataArray], xr.DataArray] = abs


PANELS = (
    Panel("kl", "same Z, other p:\nKL(p || p') (nats)"),
    Panel("total_variation", "same Z, other p:\ntotal variation of p, p'"),
    Panel("log_z_difference", "ln Z against the data's\n|ln Z - ln Z_data| (nats)"),
    Panel("tau_mean", "KL(p_data || p) (nats)\n= minus mean of tau"),
    Panel("tau_std", "trace condition:\nstandard deviation of tau"),
    Panel("tau_max", "trace condition:\nlargest |tau|"),
)


def needs(cube: Cube) -> str | None:
    lacking = [p.name for p in PANELS if p.name not in cube.data]
    if lacking:
        return f"no values of {', '.join(lacking)}"
    return None if bool(np.isfinite(cube.data["kl"]).any()) else "no finished unit"


def _choose_axis(cube: Cube) -> str | None:
    """Hidden units where they are swept, else the longest axis."""
    axes = [a for a in cube.axes if cube.data.sizes[a] > 1]
    if ALONG in axes:
        return ALONG
    return max(axes, key=lambda a: cube.data.sizes[a]) if axes else None


def draw(cube: Cube) -> Figure:
    """Six panels, two lines each."""
    data, along, fixed = cube.data, _choose_axis(cube), []
    for axis in cube.axes:
        if axis != along:
            # The last of a list of couplings is the critical one more often than the first.
            fixed.append(name_value(data, axis, data.sizes[axis] - 1))
            data = data.isel({axis: -1})
    figure, axes = style.new_panels(
        "Matching Z is not matching p", 2, 3, style.PAGE_WIDTH, 4.3
    )
    handles = []
    for panel, place in zip(PANELS, axes, strict=True):
        handles = _draw_panel(place, data, panel, along)
    for place in axes[3:]:
        place.set_xlabel("hidden units" if along == ALONG else along or "")
    same = float(abs(cube.data["log_z_change"]).max())
    mean = float(abs(cube.data["exp_tau_mean"] - 1).max())
    texts = [*cube.describe(), *fixed]
    style.set_caption(axes[0], texts, 2.0)
    style.set_caption(axes[1], [f"all units: |ln Z' - ln Z| < {_bound(same)}"], 3.0)
    style.set_caption(axes[4], [f"all units: |mean of e^tau - 1| < {_bound(mean)}"], 3.0)
    style.put_legend(figure, handles)
    return figure


def _bound(value: float) -> str:
    """The next power of ten."""
    exponent = int(np.ceil(np.log10(value))) if value > 0 else -16
    return rf"$10^{{{exponent}}}$"


def _draw_panel(axes: Axes, data: xr.Dataset, panel: Panel, along: str | None) -> list:
    values = panel.change(data[panel.name])
    keep = [REPLICATE] if REPLICATE in values.dims else []
    spread = get_spread(values.to_dataset(name=panel.name), panel.name)
    handles = []
    for stage, label in enumerate(STAGES):
        part = spread.isel(stage=stage)
        center = np.atleast_1d(part["center"].values)
        places = np.atleast_1d(_get_places(data, along))
        look = {"color": style.get_color(0.1 + 0.65 * stage), "marker": style.MARKERS[stage]}
        (line,) = axes.plot(places, center, label=label, **look)
        if keep:
            low, high = (np.atleast_1d(part[q].values) for q in ("q25", "q75"))
            style.draw_band(axes, places, low, high, look["color"])
        handles.append(line)
    axes.set_ylabel(panel.label)
    _set_scale(axes, values.values, _get_places(data, along))
    return handles


def _get_places(data: xr.Dataset, along: str | None) -> np.ndarray:
    if along is None:
        return np.zeros(1)
    values = data[along].values
    return values.astype(float) if values.dtype.kind in "fiu" else np.arange(float(len(values)))


def _set_scale(axes: Axes, values: np.ndarray, places: np.ndarray) -> None:
    """Logarithmic where the values are far apart; else from 0."""
    known = values[np.isfinite(values) & (values > 0)]
    if known.size and known.max() > 5 * known.min():
        style.set_log_scale(axes, "y", known, pad=0.08)
    else:
        axes.set_ylim(bottom=0)
    if places.size == 1:
        axes.set_xticks([])


KIND = FigureKind(
    "renormalize",
    "what equal Z leaves free, and the trace condition before and after training",
    needs,
    draw,
    experiment="renormalize",
)
