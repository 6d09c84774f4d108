"""Logistic regression through the danger zone: accuracy beside ridge's, the norm that diverges, and
the share of separable training sets."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from analysis import style
from analysis.figures.kind import (
    FigureKind,
    describe,
    describe_size,
    find_missing,
    take_lambda,
)
from analysis.results import (
    REPLICATE,
    Result,
    Sweep,
    get_lambdas,
    get_spread,
    get_sweep,
    get_theory,
    has_values,
)

RIDGE_COLOR = "#c44e52"
MOST_LAMBDAS = 4
FEWEST_POINTS = 3  # of a line at lambda = 0, where most norms are infinite


def needs(result: Result) -> str | None:
    missing = find_missing(result.data, ("test_accuracy", "solution_norm"))
    if missing is None and len(np.unique(result.data.get("instances", np.zeros(1)))) < 2:
        return "only one value of N_i"
    return missing


def draw(result: Result) -> Figure:
    """Accuracy, norm and separability against N_i; ridge's accuracy where there is one."""
    sweep = get_sweep(result.data, vary="instances")
    instances = sweep.data["instances"].values.astype(float)
    figure, panels = style.new_figure("Logistic regression in the danger zone", 3, height=2.9)
    handles = _draw_accuracy(panels[0], result, sweep, instances)
    handles += _draw_norms(panels[1], sweep, instances)
    handles += _draw_shares(panels[2], sweep, instances)
    for axes in panels:
        style.set_log_scale(axes, "x", instances)
        axes.set_xlabel("training rows $N_i$")
        _mark(axes, sweep.get_fixed("features"), has_text=axes is panels[0])
    panels[0].set_title(describe(result, describe_size(sweep)))
    style.put_legend(figure, handles, columns=4)
    return figure


def _draw_accuracy(axes: Axes, result: Result, sweep: Sweep, instances: np.ndarray) -> list[Line2D]:
    """Both at their smallest positive lambda; bands are standard errors."""
    handles = [_draw_line(axes, sweep, instances, ("logistic", "black", "o"))]
    if result.beside is not None and has_values(result.beside.data, "test_accuracy"):
        other = get_sweep(result.beside.data, vary="instances")
        sizes = other.data["instances"].values.astype(float)
        handles.append(_draw_line(axes, other, sizes, ("ridge", RIDGE_COLOR, "s")))
    axes.set_ylabel("test accuracy (% of rows)")
    return handles


def _draw_line(axes: Axes, sweep: Sweep, sizes: np.ndarray, look: tuple[str, str, str]) -> Line2D:
    name, color, marker = look
    lambdas = get_lambdas(sweep.data)
    index = _order(lambdas)[0]
    spread = get_spread(sweep.data, "test_accuracy")
    values = {n: 100 * v for n, v in take_lambda(spread, index).items()}
    label = f"{name}, {style.format_lambda(lambdas[index])}"
    return style.draw_points(axes, sizes, values, style.Look(color, marker, label))[0]


def _order(lambdas: np.ndarray) -> list[int]:
    """Indices of the positive lambdas from the smallest up; all of them if there is none."""
    order = [int(i) for i in np.argsort(lambdas, kind="stable")]
    return [i for i in order if lambdas[i] > 0] or order


def _draw_norms(axes: Axes, sweep: Sweep, instances: np.ndarray) -> list[Line2D]:
    """Medians with quartiles, one line a lambda; lambda = 0 where it is finite."""
    lambdas = get_lambdas(sweep.data)
    order = _order(lambdas)
    picks = np.unique(np.linspace(0, len(order) - 1, MOST_LAMBDAS).round().astype(int))
    chosen = [order[i] for i in picks]
    chosen = [i for i in range(len(lambdas)) if lambdas[i] == 0] + chosen
    spread = get_spread(sweep.data, "solution_norm")
    colors, handles, shown = style.ordered_colors(len(chosen)), [], []
    for i, index in enumerate(chosen):
        values = take_lambda(spread, index)
        # A norm has no mean where it diverges; without summaries the mean is the value itself.
        center = np.where(np.isfinite(values["median"]), values["median"], values["mean"])
        if np.isfinite(center).sum() < FEWEST_POINTS:
            continue
        line = {**values, "mean": center, "stderr": np.full_like(center, np.nan)}
        look = style.Look(colors[i], style.MARKERS[i], style.format_lambda(lambdas[index]), i)
        handles.append(style.draw_points(axes, instances, line, look)[0])
        style.draw_band(axes, instances, values["q25"], values["q75"], colors[i])
        shown.append(center)
        if lambdas[index] > 0:  # where all quartiles are finite
            shown += [values["q25"], values["q75"]]
    style.set_log_scale(axes, "y", np.concatenate(shown) if shown else np.ones(1))
    axes.set_ylabel(r"norm $\|w\|$, median and quartiles")
    return handles


def _draw_shares(axes: Axes, sweep: Sweep, instances: np.ndarray) -> list[Line2D]:
    """Shares of replicates that are separable, and without any maximum of the likelihood."""
    handles = []
    total = np.zeros(len(instances))
    for name, label, color, marker in (
        ("separable", "separable", "0.25", "D"),
        ("quasi_separable", "separable or quasi-separable", "0.55", "v"),
    ):
        values = _get_share(sweep, name)
        if values is None:
            continue
        total = total + 100 * values
        handles += axes.plot(
            instances,
            total,
            color=color,
            marker=marker,
            label=label,
            markevery=style.pick_marks(instances),
        )
    theory = get_theory(sweep.data, "separable_theory")
    if theory is not None:
        handles += axes.plot(
            instances, 100 * theory.values, label="separable, exact (Cover)", **style.THEORY
        )
    axes.set_ylabel("share of training sets (%)")
    axes.set_ylim(-4, 104)
    return handles


def _get_share(sweep: Sweep, name: str) -> np.ndarray | None:
    """The share over replicates [cell]; without summaries from the verdicts themselves."""
    if f"{name}_share" in sweep.data:
        return sweep.data[f"{name}_share"].values.astype(float)
    if name not in sweep.data:
        return None
    verdicts = sweep.data[name]
    if REPLICATE in verdicts.dims:
        verdicts = verdicts.mean(REPLICATE)
    return verdicts.values.astype(float)


def _mark(axes: Axes, features: int | None, has_text: bool) -> None:
    low, high = axes.get_xlim()
    if features is None or not low < features < high:
        return
    axes.axvline(features, **style.TRANSITION)
    if has_text:
        style.write_beside(axes, features, "$N_i = N_f$")


KIND = FigureKind(
    "logistic",
    "logistic regression against N_i: accuracy beside ridge's, norm, share of separable sets",
    needs,
    draw,
    "logistic",
)
