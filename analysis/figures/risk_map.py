"""Risk over the plane of N_f/N_i and lambda, with the best lambda for each ratio."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.patheffects import Normal, Stroke

from analysis import style
from analysis.figures.kind import LABELS, FigureKind, describe, find_missing
from analysis.results import (
    Result,
    get_lambdas,
    get_spread,
    get_sweep,
    get_theory,
    pick_error,
    to_table,
)

FEWEST = 5  # values along each axis


def needs(result: Result) -> str | None:
    missing = find_missing(result.data, (pick_error(result.data),))
    if missing is not None:
        return missing
    if len(np.unique(get_sweep(result.data).ratio)) < FEWEST:
        return f"fewer than {FEWEST} values of N_f/N_i"
    if (get_lambdas(result.data) > 0).sum() < FEWEST:
        return f"fewer than {FEWEST} positive values of lambda"
    return None


def draw(result: Result) -> Figure:
    """Mean error (median where no mean exists) as colour, with contours at the bar's ticks. White:
    the lambda of least error; black and dashed: the same by asymptotic theory. lambda = 0 has no
    place on the axis."""
    sweep = get_sweep(result.data)
    error = pick_error(sweep.data)
    lambdas = get_lambdas(sweep.data)
    order = np.argsort(lambdas)
    order = order[lambdas[order] > 0]
    risk = to_table(get_spread(sweep.data, error)["center"])[:, order]
    figure, (axes,) = style.new_figure(r"Error over $N_f/N_i$ and $\lambda$", height=3.5)
    mesh = _draw_map(axes, sweep.ratio, lambdas[order], risk)
    handles = [_draw_best(axes, sweep.ratio, lambdas[order], risk)]
    theory = get_theory(sweep.data, "theory_risk")
    if theory is not None and error == "estimation_error":
        handles.append(_draw_theory(axes, sweep.ratio, lambdas[order], to_table(theory)[:, order]))
    style.set_ratio_axis(
        axes, sweep.ratio, sweep.get_fixed("instances"), sweep.get_fixed("features")
    )
    style.set_lambda_axis(axes, lambdas[order], which="y")
    edges = mesh.get_coordinates()
    axes.set_xlim(edges[..., 0].min(), edges[..., 0].max())
    axes.set_ylim(edges[..., 1].min(), edges[..., 1].max())
    axes.axvline(1.0, color="white", linewidth=0.6, alpha=0.7)
    axes.grid(False)
    axes.set_title(describe(result))
    bar = figure.colorbar(mesh, ax=axes, pad=0.02, aspect=30)
    bar.set_label(LABELS[error], fontsize=7.5)
    style.set_log_ticks(bar.ax.yaxis, mesh.norm.vmin, mesh.norm.vmax)
    style.put_legend(figure, handles)
    return figure


def find_edges(values: np.ndarray) -> np.ndarray:
    """Borders of the cells around values on a logarithmic axis."""
    logs = np.log(values)
    middles = (logs[1:] + logs[:-1]) / 2
    return np.exp(
        np.concatenate([[2 * logs[0] - middles[0]], middles, [2 * logs[-1] - middles[-1]]])
    )


def _draw_map(axes: Axes, ratio: np.ndarray, lambdas: np.ndarray, risk: np.ndarray):
    positive = risk[np.isfinite(risk) & (risk > 0)]
    low, high = positive.min(), max(np.quantile(positive, 0.995), positive.min() * 1.01)
    top = min(high, low * 1e4)
    axes.set_facecolor("0.8")  # Cells without a value.
    mesh = axes.pcolormesh(
        find_edges(ratio),
        find_edges(lambdas),
        risk.T,
        norm=LogNorm(low, top),
        cmap="viridis",
        rasterized=True,
    )
    levels = style.pick_ticks(low, top)
    axes.contour(ratio, lambdas, risk.T, levels=levels, colors="white", linewidths=0.4, alpha=0.7)
    return mesh


def find_best(lambdas: np.ndarray, risk: np.ndarray) -> np.ndarray:
    """The lambda of least risk in each row; NaN where a row has no value."""
    is_known = np.isfinite(risk).any(axis=1)
    best = np.argmin(np.where(np.isfinite(risk), risk, np.inf), axis=1)
    return np.where(is_known, lambdas[best], np.nan)


def _draw_best(axes: Axes, ratio: np.ndarray, lambdas: np.ndarray, risk: np.ndarray):
    (line,) = axes.plot(
        ratio,
        find_best(lambdas, risk),
        color="white",
        marker="o",
        markeredgecolor="black",
        markeredgewidth=0.3,
        markersize=2.6,
        markevery=style.pick_marks(ratio),
        label=r"best $\lambda$, simulated",
        path_effects=[Stroke(linewidth=1.8, foreground="black"), Normal()],
    )
    return line


def _draw_theory(axes: Axes, ratio: np.ndarray, lambdas: np.ndarray, risk: np.ndarray):
    (line,) = axes.plot(
        ratio, find_best(lambdas, risk), label=r"best $\lambda$, asymptotic theory", **style.THEORY
    )
    return line


KIND = FigureKind("risk_map", "error over N_f/N_i and lambda", needs, draw)
