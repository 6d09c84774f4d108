"""The danger zone: error against N_f/N_i, one line per lambda, theory over it."""

from __future__ import annotations

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis import style
from analysis.figures.kind import (
    LABELS,
    FigureKind,
    describe,
    describe_band,
    find_missing,
    make_median_handles,
    take_lambda,
)
from analysis.results import (
    Result,
    get_lambdas,
    get_spread,
    get_sweep,
    get_theory,
    get_typical,
    pick_error,
    pick_lambdas,
    to_table,
)


def needs(result: Result) -> str | None:
    missing = find_missing(result.data, (pick_error(result.data),))
    if missing is None and len(np.unique(get_sweep(result.data).ratio)) < 2:
        return "only one value of N_f/N_i"
    return missing


def draw(result: Result) -> Figure:
    """Means with standard errors (medians with an interquartile band where no mean exists) at up
    to six lambdas, the asymptotic theory dashed and the exact ridgeless one dotted over them."""
    sweep = get_sweep(result.data)
    error = pick_error(sweep.data)
    spread = get_spread(sweep.data, error)
    lambdas = get_lambdas(sweep.data)
    with np.errstate(divide="ignore", invalid="ignore"):
        chosen = pick_lambdas(np.log10(get_typical(spread)), lambdas)
    figure, (axes,) = style.new_figure("Danger zone: error against $N_f/N_i$", height=3.55)
    handles, has_median = _draw_lines(axes, sweep.ratio, spread, chosen, lambdas)
    lines = [style.get_drawn(take_lambda(spread, index)) for index in chosen]
    style.set_log_scale(axes, "y", np.array(lines))
    if error == "estimation_error":
        handles += _draw_theory(axes, sweep.ratio, sweep.data, chosen)
    style.set_ratio_axis(
        axes, sweep.ratio, sweep.get_fixed("instances"), sweep.get_fixed("features")
    )
    axes.set_ylabel(LABELS[error])
    axes.set_title(describe(result, describe_band(spread)))
    handles += make_median_handles(has_median, bool(spread["mean"].notnull().any()))
    style.put_legend(figure, handles)
    return figure


def _draw_lines(
    axes: Axes, ratio: np.ndarray, spread: xr.Dataset, chosen: list[int], lambdas: np.ndarray
) -> tuple[list, bool]:
    colors, handles, has_median = style.ordered_colors(len(chosen)), [], False
    for i, index in enumerate(chosen):
        look = style.Look(colors[i], style.MARKERS[i], style.format_lambda(lambdas[index]), i)
        line, is_median = style.draw_points(axes, ratio, take_lambda(spread, index), look)
        handles.append(line)
        has_median |= is_median
    return handles, has_median


def _draw_theory(axes: Axes, ratio: np.ndarray, data: xr.Dataset, chosen: list[int]) -> list:
    handles = []
    curves = (
        ("theory_risk", style.THEORY, style.theory_handle),
        ("theory_risk_exact", style.EXACT, style.exact_handle),
    )
    for name, look, make_handle in curves:
        theory = get_theory(data, name)
        table = to_table(theory)[:, chosen] if theory is not None else np.full((1, 1), np.nan)
        if np.isfinite(table).any():
            axes.plot(ratio, table, **look)
            handles.append(make_handle())
    return handles


KIND = FigureKind("danger_zone", "error against N_f/N_i, one line per lambda", needs, draw)
