"""What a figure module offers, and what several of them share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from analysis import style
from analysis.results import Result, Sweep, count_replicates, has_sizes, has_values, to_table

# Quantities as they are written on axes.
LABELS = {
    "estimation_error": r"estimation error $\|\hat w - w^*\|^2$",
    "test_mse": r"test error, mean squared (units of $y^2$)",
}


@dataclass(frozen=True)
class FigureKind:
    """One kind of figure.

    `needs` returns what a result lacks for it, None if nothing; `draw` is called only then.
    """

    name: str  # also the name of the file
    meaning: str
    needs: Callable[[Any], str | None]
    draw: Callable[[Any], Figure]
    experiment: str = "ridge"  # or "ladder"; that of what `needs` and `draw` are given


def find_missing(data: xr.Dataset, names: tuple[str, ...]) -> str | None:
    """What of sizes and variables is missing or has no number in it."""
    if not has_sizes(data):
        return "no N_i and N_f of the cells"
    lacking = [name for name in names if not has_values(data, name)]
    return f"no values of {', '.join(lacking)}" if lacking else None


def describe(result: Result, *parts: str) -> str:
    """The line of circumstances under the title."""
    replicates = count_replicates(result.data)
    texts = [p for p in parts if p]
    if replicates > 1:
        texts.append(f"{replicates} replicates")
    texts += result.fixed
    if result.unfinished:
        texts.append(f"{result.unfinished} of {result.units} units missing")
    return ", ".join(texts)


def describe_size(sweep: Sweep) -> str:
    """The size that stays the same over the sweep."""
    if "instances" in sweep.varied and "features" in sweep.varied:
        return ""
    name = "features" if "features" not in sweep.varied else "instances"
    symbol = "N_f" if name == "features" else "N_i"
    value = sweep.get_fixed(name)
    return f"${symbol} = {value}$" if value is not None and sweep.varied else ""


def describe_band(spread: xr.Dataset) -> str:
    """What the bands around lines are."""
    if bool(spread["stderr"].notnull().any()):
        has_medians = bool((spread["mean"].isnull() & spread["q25"].notnull()).any())
        return "bands: standard error" + (", quartiles where no mean exists" if has_medians else "")
    if bool(spread["mean"].notnull().any()):
        return ""
    return "medians, bands: quartiles" if bool(spread["q25"].notnull().any()) else "medians"


def make_median_handles(has_median: bool, has_mean: bool) -> list[Line2D]:
    """The legend's line on open markers, if there are any."""
    label = "median, no mean exists" if has_mean else "median"
    return [style.median_handle(label)] if has_median else []


def take_lambda(spread: xr.Dataset, index: int) -> dict[str, np.ndarray]:
    """Statistics along the cells at one lambda."""
    return {str(name): to_table(spread[name])[:, index] for name in spread.data_vars}
