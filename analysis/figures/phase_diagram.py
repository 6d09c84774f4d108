"""The phase diagram: error over the plane of N_f/N_i and lambda with theory's contours, the best lambda and the L-curve's choice."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patheffects import Normal, Stroke

from analysis import style
from analysis.figures.kind import FigureKind, describe, find_missing
from analysis.figures.risk_map import FEWEST, find_best, find_edges
from analysis.results import (
    REPLICATE,
    Result,
    get_lambdas,
    get_spread,
    get_sweep,
    get_theory,
    has_values,
    to_table,
)

# Errors that a theory stands beside, the better one first: that on test rows counts what of the
# truth is not fitted too.
ERRORS = (("test_mse", "theory_test_mse", "test error"), ("estimation_error", "theory_risk", "risk"))
BEST_LAMBDA, CORNER, CORNER_STATUS = "theory_lambda", "lambda_lcurve", "status_lcurve"
INTERIOR = 0  # the status of a choice inside the grid
LOW, HIGH, HIGHEST = 0.003, 10.0, 1e4  # of the colours: from LOW to HIGH or more
LEVELS = np.array([0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10, 30, 100, 300, 1000, 3000])  # of contours
OUTLINE = [Stroke(linewidth=2.2, foreground="black"), Normal()]


@dataclass(frozen=True)
class Plane:
    """Error [cell, lambda] in the order of lambda, without lambda = 0."""

    ratio: np.ndarray
    lambdas: np.ndarray
    error: np.ndarray
    theory: np.ndarray

    @property
    def excess(self) -> np.ndarray:
        return self.error / np.nanmin(self.error) - 1

    @property
    def high(self) -> float:
        """The decade in which nine of ten values end."""
        usual = np.nanquantile(self.excess, 0.9)
        return float(np.clip(10 ** np.ceil(np.log10(max(usual, LOW))), HIGH, HIGHEST))

    @property
    def levels(self) -> np.ndarray:
        return LEVELS[LEVELS < self.high]


def needs(result: Result) -> str | None:
    names = _pick_names(result.data)
    if names is None:
        return "no theory of the error, or no best lambda"
    missing = find_missing(result.data, names[:1])
    if missing is not None:
        return missing
    if len(np.unique(get_sweep(result.data).ratio)) < FEWEST:
        return f"fewer than {FEWEST} values of N_f/N_i"
    if (get_lambdas(result.data) > 0).sum() < FEWEST:
        return f"fewer than {FEWEST} positive values of lambda"
    return None if has_values(result.data, CORNER) else "no choices of the L-curve"


def _pick_names(data: xr.Dataset) -> tuple[str, str, str] | None:
    if get_theory(data, BEST_LAMBDA) is None:
        return None
    for name, theory, label in ERRORS:
        if has_values(data, name) and get_theory(data, theory) is not None:
            return name, theory, label
    return None


def draw(result: Result) -> Figure:
    """Colour: simulated error above its least. Contours: the same by asymptotic theory. Stars: the
    least over the plane. The L-curve's corner is drawn where most replicates have one inside the
    grid, with quartiles."""
    sweep = get_sweep(result.data)
    name, theory, label = _pick_names(result.data)
    lambdas = get_lambdas(sweep.data)
    order = np.argsort(lambdas)
    order = order[lambdas[order] > 0]
    plane = Plane(
        sweep.ratio,
        lambdas[order],
        to_table(get_spread(sweep.data, name)["center"])[:, order],
        to_table(get_theory(sweep.data, theory))[:, order],
    )
    figure, (axes,) = style.new_figure(r"Phase diagram: where regularization is best", height=4.5)
    mesh = _draw_map(axes, plane)
    handles = _draw_lines(axes, plane, get_theory(sweep.data, BEST_LAMBDA))
    handles += _draw_corner(axes, sweep.data)
    handles += [*_draw_stars(axes, plane), _make_contour_handle(plane)]
    style.set_ratio_axis(
        axes, sweep.ratio, sweep.get_fixed("instances"), sweep.get_fixed("features")
    )
    style.set_lambda_axis(axes, plane.lambdas, which="y")
    edges = mesh.get_coordinates()
    axes.set_xlim(edges[..., 0].min(), edges[..., 0].max())
    axes.set_ylim(edges[..., 1].min(), edges[..., 1].max())
    axes.axvline(1.0, color="white", linewidth=0.6, alpha=0.7)
    axes.grid(False)
    axes.set_title(describe(result))
    bar = figure.colorbar(mesh, ax=axes, pad=0.02, aspect=30, extend="both")
    bar.set_label(f"{label} above its least, as a share of it", fontsize=7.5)
    style.set_log_ticks(bar.ax.yaxis, LOW, plane.high)
    style.put_legend(figure, handles, columns=2)
    return figure


def _draw_map(axes: Axes, plane: Plane):
    axes.set_facecolor("0.8")  # Cells without a value.
    mesh = axes.pcolormesh(
        find_edges(plane.ratio),
        find_edges(plane.lambdas),
        np.maximum(plane.excess, LOW / 2).T,
        norm=LogNorm(LOW, plane.high),
        cmap="viridis",
        rasterized=True,
    )
    axes.contour(
        plane.ratio,
        plane.lambdas,
        (plane.theory / np.nanmin(plane.theory) - 1).T,
        levels=plane.levels,
        colors="white",
        linewidths=0.7,
        linestyles="dashed",
    )
    return mesh


def _make_contour_handle(plane: Plane) -> Line2D:
    shares = ", ".join(f"{100 * level:g}" for level in plane.levels)
    if len(plane.levels) > 6:
        shares = f"1, 3, 10, …, {100 * plane.levels[-1]:g}"
    return Line2D(
        [],
        [],
        color="white",
        linewidth=0.9,
        linestyle="dashed",
        path_effects=OUTLINE,
        label=f"theory: {shares} % above its least",
    )


def _draw_lines(axes: Axes, plane: Plane, best: xr.DataArray) -> list[Line2D]:
    lines = axes.plot(
        plane.ratio,
        find_best(plane.lambdas, plane.error),
        color="white",
        marker="o",
        markeredgecolor="black",
        markeredgewidth=0.3,
        markersize=2.6,
        markevery=style.pick_marks(plane.ratio),
        label=r"best $\lambda$, simulated",
        path_effects=OUTLINE,
    )
    label = r"best $\lambda$, theory: $\sigma^2 N_f/\|w^*\|^2$"
    return lines + axes.plot(
        plane.ratio, best.transpose("cell").values, **style.THEORY, label=label
    )


def _draw_corner(axes: Axes, data: xr.Dataset) -> list[Line2D]:
    """Median and quartiles over replicates with a corner inside the grid."""
    corner = data[CORNER]
    if CORNER_STATUS in data:
        corner = corner.where(data[CORNER_STATUS] == INTERIOR)
    if REPLICATE not in corner.dims:
        corner = corner.expand_dims(REPLICATE)
    values = corner.transpose("cell", REPLICATE).values
    is_usual = np.isfinite(values).mean(axis=1) >= 0.5
    quartiles = np.full((3, len(values)), np.nan)
    if is_usual.any():
        quartiles[:, is_usual] = np.nanquantile(values[is_usual], [0.25, 0.5, 0.75], axis=1)
    ratio = data["ratio"].values
    axes.vlines(ratio, quartiles[0], quartiles[2], color=style.DOWN, linewidth=1.0)
    return axes.plot(
        ratio,
        quartiles[1],
        linestyle="none",
        marker="D",
        color=style.DOWN,
        markeredgecolor="white",
        markeredgewidth=0.4,
        label="L-curve's corner: median, quartiles",
    )


def _draw_stars(axes: Axes, plane: Plane) -> list[Line2D]:
    handles = []
    for values, face, size, label in (
        (plane.theory, "black", 11, "least error, theory"),
        (plane.error, "white", 7.5, "least error, simulated"),
    ):
        cell, at = np.unravel_index(np.nanargmin(values), values.shape)
        handles += axes.plot(
            plane.ratio[cell],
            plane.lambdas[at],
            linestyle="none",
            marker="*",
            markersize=size,
            markerfacecolor=face,
            markeredgecolor="black",
            markeredgewidth=0.6,
            zorder=8,
            label=label,
        )
    return handles


KIND = FigureKind(
    "phase_diagram", "error over N_f/N_i and lambda, theory, best lambda, L-curve", needs, draw
)
