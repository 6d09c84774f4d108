"""The tail of the ridgeless error near the transition: how many replicates lie beyond x, on logarithmic axes, with the slope that
theory gives."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from analysis import style
from analysis.figures.kind import LABELS, FigureKind, describe, describe_size
from analysis.results import (
    REPLICATE,
    Result,
    Sweep,
    count_replicates,
    get_lambdas,
    get_sweep,
    has_sizes,
)

ERROR, INDEX = "estimation_error", "estimation_error_tail_index"
THEORY = "estimation_error_tail_index_theory"
FEWEST = 1000  # finished replicates of a cell, and of the whole axis
HEAVIEST = 2.0  # the largest tail index that is drawn: the mean has an error above it
POINTS = 40  # of one line
TAIL_SHARE = 0.005  # of the replicates, what Hill's index is taken from


def needs(result: Result) -> str | None:
    if not has_sizes(result.data):
        return "no N_i and N_f of the cells"
    if count_replicates(result.data) < FEWEST or REPLICATE not in result.data.dims:
        return f"fewer than {FEWEST} replicates"
    if not {ERROR, INDEX, THEORY} <= set(result.data.data_vars):
        return f"no {ERROR} with its tail index"
    if not (get_lambdas(result.data) == 0).any():
        return "no lambda = 0"
    if _find_cells(get_sweep(result.data)):
        return None
    return f"no cell near N_f = N_i with {FEWEST} finished replicates"


def _find_cells(sweep: Sweep) -> list[int]:
    """Those with a heavy tail and enough finished replicates to see it, the heaviest first, then in
    the order of N_f/N_i."""
    index = sweep.data[THEORY].transpose("cell").values
    at_zero = int(np.flatnonzero(get_lambdas(sweep.data) == 0)[0])
    is_wanted = (index <= HEAVIEST) & (_count_finished(sweep, at_zero) >= FEWEST)
    return sorted(np.flatnonzero(is_wanted), key=lambda cell: (index[cell], cell))


def _count_finished(sweep: Sweep, at: int) -> np.ndarray:
    """Replicates of each cell with a finite error at the lambda of this index."""
    errors = sweep.data[ERROR].isel({"lambda": at}).transpose("cell", REPLICATE).values
    return np.isfinite(errors).sum(axis=1)


def draw(result: Result) -> Figure:
    """Filled: N_f below N_i, open: above. Dashed: power laws of the theoretical index through the
    point where Hill's tail begins. Grey: the heaviest tail with a penalty, which cuts it off."""
    sweep = get_sweep(result.data)
    at_zero = int(np.flatnonzero(get_lambdas(sweep.data) == 0)[0])
    cells = _find_cells(sweep)
    figure, (axes,) = style.new_figure("Tail of the error at the transition", height=4.6)
    steps = sorted({float(sweep.data[THEORY].isel(cell=c)) for c in cells})
    handles = [Line2D([], [], linestyle="none", label="Hill's tail index (theory):")]
    largest = 1.0
    for cell in cells:
        data = sweep.data.isel({"cell": cell, "lambda": at_zero})
        x, share = make_survival(data[ERROR].values)
        theory = float(data[THEORY])
        offset = int(data["features"]) - int(data["instances"])
        rank = steps.index(theory)
        look = {
            "color": style.get_color(rank / max(len(steps) - 1, 1)),
            "marker": style.MARKERS[rank % len(style.MARKERS)],
            "linestyle": "none",
            "markerfacecolor": "white" if offset > 0 else None,
            "markeredgewidth": 0.7,
        }
        axes.plot(x, share, **look)
        _draw_slope(axes, x, share, theory)
        label = _label(offset, float(data[INDEX]), float(data[f"{INDEX}_stderr"]), theory)
        handles.append(Line2D([], [], label=label, **look))
        largest = max(largest, x[-1])
    handles += _draw_cut(axes, sweep, cells[0])
    handles.append(style.theory_handle("slope of theory"))
    axes.set_xscale("log")
    axes.set_yscale("log")
    style.set_log_scale(axes, "x", np.array([axes.get_xlim()[0], largest]), pad=0.02)
    style.set_log_scale(axes, "y", np.array([1.0 / count_replicates(result.data), 0.5]))
    axes.set_xlabel(LABELS[ERROR].replace("estimation error", r"estimation error $x$ ="))
    axes.set_ylabel(r"share of replicates with an error $\geq x$")
    axes.set_title(describe(result, describe_size(sweep)))
    style.put_legend(figure, handles, columns=2)
    return figure


def make_survival(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """x and P(X >= x) from the median to the largest value, evenly spread over the logarithm of the
    rank."""
    ordered = np.sort(values[np.isfinite(values)])
    ranks = np.unique(np.round(np.geomspace(1, max(len(ordered) // 2, 1), POINTS)).astype(int))
    ranks = ranks[::-1]
    return ordered[len(ordered) - ranks], ranks / len(ordered)


def _label(offset: int, index: float, error: float, theory: float) -> str:
    sign = "+" if offset > 0 else ""
    return rf"$N_f - N_i = {sign}{offset}$: ${index:.2f} \pm {error:.2f}$ ({theory:g})"


def _draw_slope(axes: Axes, x: np.ndarray, share: np.ndarray, index: float) -> None:
    start = int(np.argmin(np.abs(np.log(share / TAIL_SHARE))))
    line = x[start] * np.array([0.3 ** (1 / index), (share[start] / share[-1]) ** (1 / index)])
    axes.plot(line, share[start] * (line / x[start]) ** -index, **style.THEORY)


def _draw_cut(axes: Axes, sweep: Sweep, cell: int) -> list[Line2D]:
    """The same cell with the smallest penalty there is."""
    lambdas = get_lambdas(sweep.data)
    if not (lambdas > 0).any():
        return []
    at = int(np.argmin(np.where(lambdas > 0, lambdas, np.inf)))
    if _count_finished(sweep, at)[cell] < FEWEST:
        return []
    x, share = make_survival(sweep.data[ERROR].isel({"cell": cell, "lambda": at}).values)
    data = sweep.data.isel(cell=cell)
    offset = int(data["features"]) - int(data["instances"])
    label = f"$N_f - N_i = {offset}$, {style.format_lambda(lambdas[at])}"
    return axes.plot(x, share, color="0.6", linewidth=1.4, zorder=1.5, label=label)


KIND = FigureKind("survival", "tail of the ridgeless error with the slope of theory", needs, draw)
