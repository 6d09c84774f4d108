"""Bias and variance of the estimate: along N_f/N_i at one lambda, and along lambda at N_f = N_i."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis import style
from analysis.figures.kind import (
    FigureKind,
    describe,
    describe_size,
    find_missing,
    make_median_handles,
)
from analysis.results import (
    Result,
    Sweep,
    find_cell,
    get_lambdas,
    get_spread,
    get_sweep,
    get_theory,
    to_table,
)

# Name, theory's name, look. The sum comes first, wide and pale, so that it covers nothing.
PARTS = (
    ("sum", "theory_risk", style.Look("0.78", "", "sum")),
    ("variance", "theory_variance", style.Look(style.get_color(0.3), "^", "variance")),
    ("bias2", "theory_bias2", style.Look(style.get_color(0.75), "s", "bias$^2$", 1)),
)


BELOW, ABOVE = 1e-3, 1e5  # of the least sum: what is shown of the parts


@dataclass(frozen=True)
class Table:
    """Statistics and theory of the three parts, each [cell, lambda]."""

    spread: dict[str, dict[str, np.ndarray]]
    theory: dict[str, np.ndarray]


def needs(result: Result) -> str | None:
    missing = find_missing(result.data, ("bias2", "variance"))
    if missing is None and not _pick_panels(result):
        return "only one value of N_f/N_i and of lambda"
    return missing


def _pick_panels(result: Result) -> list[str]:
    panels = []
    if len(np.unique(get_sweep(result.data).ratio)) >= 2:
        panels.append("ratio")
    if len(get_lambdas(result.data)) >= 2:
        panels.append("lambda")
    return panels


def draw(result: Result) -> Figure:
    """Means with standard errors (medians where no mean exists), theory dashed over them. The left
    panel's lambda is a small one that still bounds the peak; a line in the right panel marks it."""
    sweep, panels = get_sweep(result.data), _pick_panels(result)
    lambdas, table = get_lambdas(sweep.data), _load(sweep)
    is_known = np.isfinite(table.spread["variance"]["center"]).any(axis=1)
    cell = find_cell(sweep, 1.0, is_known)
    index = _pick_lambda(table.spread["sum"]["center"][cell], lambdas)
    figure, all_axes = style.new_figure("Bias and variance", columns=len(panels), height=2.9)
    for panel, axes in zip(panels, all_axes, strict=True):
        if panel == "ratio":
            where = (slice(None), index)
            handles = _draw_parts(axes, sweep.ratio, table, where)
            fixed = (sweep.get_fixed("instances"), sweep.get_fixed("features"))
            style.set_ratio_axis(axes, sweep.ratio, *fixed)
            axes.set_title(
                describe(result, describe_size(sweep), style.format_lambda(lambdas[index]))
            )
        else:
            places = style.place_lambdas(lambdas)
            where = (cell, slice(None))
            handles = _draw_parts(axes, places, table, where)
            style.set_lambda_axis(axes, lambdas)
            axes.set_title(describe(result, _label_cell(sweep, cell)))
            if "ratio" in panels:
                axes.axvline(places[index], **style.TRANSITION)
                style.write_beside(axes, places[index], "left panel")
        axes.set_ylabel(r"contribution to $\|\hat w - w^*\|^2$")
        _set_height(axes, table, where, is_cut=panel == "lambda")
    style.put_legend(figure, handles, columns=5 if len(panels) == 2 else 3)
    return figure


def _load(sweep: Sweep) -> Table:
    spread = {}
    for name in ("bias2", "variance"):
        loaded = get_spread(sweep.data, name)
        spread[name] = {str(s): to_table(loaded[s]) for s in loaded.data_vars}
    # Means add; medians don't, so the sum has none.
    total = spread["bias2"]["mean"] + spread["variance"]["mean"]
    nothing = np.full_like(total, np.nan)
    spread["sum"] = {s: nothing for s in spread["bias2"]} | {"mean": total, "center": total}
    theory = {}
    for name, theory_name, _ in PARTS:
        values = get_theory(sweep.data, theory_name)
        theory[name] = to_table(values) if values is not None else nothing
    return Table(spread, theory)


def _pick_lambda(total: np.ndarray, lambdas: np.ndarray) -> int:
    """A thousandth of the best lambda at the transition, or the nearest there is."""
    if not np.isfinite(total).any():
        return int(np.argmin(lambdas))
    places = style.place_lambdas(lambdas)
    best = places[np.nanargmin(total)]
    return int(np.argmin(np.abs(np.log(places / (best / 1000)))))


def _draw_parts(axes: Axes, x: np.ndarray, table: Table, where: tuple) -> list:
    handles, has_median, has_theory = [], False, False
    for name, _, look in PARTS:
        spread = {s: v[where] for s, v in table.spread[name].items()}
        line, is_median = style.draw_points(axes, x, spread, look)
        if name == "sum":
            line.set_linewidth(3.5)
        theory = table.theory[name][where]
        theory = np.where(theory > 0, theory, np.nan)  # A bias of 0 has no place on the axis.
        if np.isfinite(theory).any():
            axes.plot(x, theory, **style.THEORY)
            has_theory = True
        handles.append(line)
        has_median |= is_median
    handles += [style.theory_handle()] if has_theory else []
    has_mean = bool(np.isfinite(table.spread["variance"]["mean"]).any())
    handles += make_median_handles(has_median, has_mean)
    return handles


def _label_cell(sweep: Sweep, cell: int) -> str:
    chosen = sweep.data.isel(cell=cell)
    return rf"$N_f = {int(chosen['features'])}$, $N_i = {int(chosen['instances'])}$"


def _set_height(axes: Axes, table: Table, where: tuple, *, is_cut: bool) -> None:
    """Around the least sum of bias and variance, near which they cross: a bias of 1e-16 says no more
    than one of a thousandth of it. A peak over N_f/N_i is shown whole; the variance at a tiny lambda
    is cut, where it would press all else together."""
    spread = {name: {s: v[where] for s, v in table.spread[name].items()} for name in table.spread}
    data = np.array([style.get_drawn(part) for part in spread.values()])
    total = spread["bias2"]["center"] + spread["variance"]["center"]
    total = total[np.isfinite(total) & (total > 0)]
    positive = data[np.isfinite(data) & (data > 0)]
    if not positive.size:
        return
    least = total.min() if total.size else positive.max()
    high = min(positive.max(), ABOVE * least) if is_cut else positive.max()
    theory = np.array([v[where] for v in table.theory.values()])
    values = np.concatenate([positive, theory[np.isfinite(theory)]])
    values = values[(values >= BELOW * least) & (values <= high)]
    style.set_log_scale(axes, "y", np.append(values, high), pad=0.04)


KIND = FigureKind("bias_variance", "bias and variance against N_f/N_i and lambda", needs, draw)
