"""z-scores: how far the simulated errors are from theory, in standard errors."""

from __future__ import annotations

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis import style
from analysis.figures.kind import FigureKind, describe
from analysis.results import Result, has_sizes, with_sizes

Z_MAX = 8.0  # what lies beyond is drawn at the edge as a triangle
KINDS = (
    ("estimation_error_z", r"against exact theory ($\lambda=0$)"),
    ("estimation_error_z_asymptotic", "against asymptotic theory"),
)


def needs(result: Result) -> str | None:
    if not has_sizes(result.data):
        return "no N_i and N_f of the cells"
    return None if _find_kinds(result.data) else "no z-scores"


def _find_kinds(data: xr.Dataset) -> list[tuple[str, str]]:
    return [(n, t) for n, t in KINDS if n in data and np.isfinite(data[n].values).any()]


def draw(result: Result) -> Figure:
    """For each theory a row: z of every cell along N_f/N_i with the band of 3 standard errors, and
    beside it their histogram with the standard normal density."""
    kinds = _find_kinds(result.data)
    figure, grid = style.new_grid(
        "z-scores: simulation against theory",
        rows=len(kinds),
        width_ratios=(3, 1),
        height=0.75 + 1.75 * len(kinds),
    )
    for row, (name, text) in zip(grid, kinds, strict=True):
        ratio, z = _flatten(result.data, name)
        _draw_cells(row[0], ratio, z)
        _draw_histogram(row[1], z)
        note = ", finite sizes differ from it" if "asymptotic" in name else ""
        row[0].set_title(f"{describe(result, text + note)}\n{_count_within(z)}")
        row[0].set_ylabel("z (standard errors)")
    grid[-1][0].set_xlabel(r"features per training row $N_f/N_i$")
    grid[-1][1].set_xlabel("density")
    return figure


def _flatten(data: xr.Dataset, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Ratio and z of all cells that have a z, over every lambda."""
    data = with_sizes(data)
    z, ratio = xr.broadcast(data[name], data["features"] / data["instances"])
    is_number = np.isfinite(z.values)
    return ratio.transpose(*z.dims).values[is_number], z.values[is_number]


def _count_within(z: np.ndarray) -> str:
    shares = [f"|z| < {limit}: {100 * np.mean(np.abs(z) < limit):.1f} %" for limit in (3, 5)]
    return f"{', '.join(shares)} of {z.size} cells"


def _draw_cells(axes: Axes, ratio: np.ndarray, z: np.ndarray) -> None:
    axes.axhspan(-3, 3, color="0.92", zorder=0.5, linewidth=0)
    axes.axhline(0, color="0.35", linewidth=0.7)
    inside = np.abs(z) <= Z_MAX
    color, size = style.get_color(0.25), 7 if z.size < 400 else 2.5
    axes.scatter(ratio[inside], z[inside], s=size, color=color, linewidth=0, alpha=0.8)
    for sign, marker in ((1, "^"), (-1, "v")):
        beyond = sign * z > Z_MAX
        axes.scatter(
            ratio[beyond],
            np.full(beyond.sum(), sign * Z_MAX * 0.97),
            s=14,
            marker=marker,
            color="black",
            linewidth=0,
        )
    style.set_log_scale(axes, "x", ratio)
    axes.axvline(1.0, **style.TRANSITION)
    axes.set_ylim(-Z_MAX, Z_MAX)
    axes.set_yticks([-5, -3, 0, 3, 5])


def _draw_histogram(axes: Axes, z: np.ndarray) -> None:
    width = 0.5 if z.size >= 100 else 1.0
    edges = np.arange(-Z_MAX, Z_MAX + width, width)
    axes.hist(
        np.clip(z, -Z_MAX, Z_MAX),
        bins=edges,
        density=True,
        orientation="horizontal",
        color=style.get_color(0.55),
        alpha=0.75,
        linewidth=0,
    )
    grid = np.linspace(-Z_MAX, Z_MAX, 200)
    axes.plot(np.exp(-(grid**2) / 2) / np.sqrt(2 * np.pi), grid, **style.THEORY)
    axes.tick_params(labelleft=False)
    axes.set_title("dashed N(0, 1)")


KIND = FigureKind("z_scores", "z-scores: simulation against theory", needs, draw)
