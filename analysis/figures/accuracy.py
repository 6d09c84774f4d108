"""Accuracy on test rows against the number of training rows, one line per lambda."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis import style
from analysis.figures.kind import (
    FigureKind,
    describe,
    describe_band,
    describe_size,
    find_missing,
    make_median_handles,
    take_lambda,
)
from analysis.results import (
    Result,
    get_lambdas,
    get_spread,
    get_sweep,
    get_typical,
    pick_lambdas,
)


def needs(result: Result) -> str | None:
    missing = find_missing(result.data, ("test_accuracy",))
    if missing is None and _count_sizes(result) < 2:
        return "only one value of N_i"
    return missing


def _count_sizes(result: Result) -> int:
    return len(np.unique(result.data["instances"])) if "instances" in result.data else 1


def draw(result: Result) -> Figure:
    """Share of test rows predicted right, in percent, with N_i = N_f marked."""
    sweep = get_sweep(result.data, vary="instances")
    instances = sweep.data["instances"].values.astype(float)
    spread = get_spread(sweep.data, "test_accuracy")
    lambdas = get_lambdas(sweep.data)
    chosen = pick_lambdas(get_typical(spread), lambdas)
    figure, (axes,) = style.new_figure("Accuracy against training rows", height=3.3)
    colors, handles, has_median = style.ordered_colors(len(chosen)), [], False
    for i, index in enumerate(chosen):
        values = {name: 100 * v for name, v in take_lambda(spread, index).items()}
        look = style.Look(colors[i], style.MARKERS[i], style.format_lambda(lambdas[index]), i)
        line, is_median = style.draw_points(axes, instances, values, look)
        handles.append(line)
        has_median |= is_median
    style.set_log_scale(axes, "x", instances)
    _mark_transition(axes, sweep.get_fixed("features"))
    axes.set_xlabel("training rows $N_i$")
    axes.set_ylabel("test accuracy (% of rows)")
    axes.set_title(describe(result, describe_size(sweep), describe_band(spread)))
    handles += make_median_handles(has_median, bool(spread["mean"].notnull().any()))
    style.put_legend(figure, handles)
    return figure


def _mark_transition(axes: Axes, features: int | None) -> None:
    low, high = axes.get_xlim()
    if features is None or not low < features < high:
        return
    axes.axvline(features, **style.TRANSITION)
    style.write_beside(axes, features, "$N_i = N_f$")


KIND = FigureKind("accuracy", "test accuracy against N_i, one line per lambda", needs, draw)
