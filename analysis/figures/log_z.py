"""Estimates of ln Z with their errors around the exact value; and how far they are from it."""

from __future__ import annotations

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from analysis import style
from analysis.cube import Cube
from analysis.figures.kind import FigureKind

# As in the file -> as on the axis, from the top.
METHODS = {
    "ais": "annealing (AIS)",
    "reverse_ais": "annealing in reverse",
    "stepping_forward": "stepping stone, hot",
    "stepping_backward": "stepping stone, cold",
    "bennett": "Bennett's ratio",
    "integration": "integration",
    "mean_field": "mean field",
    "tap": "TAP",
}
MOST_CELLS, COLUMNS = 12, 3
Z_MAX = 6.0  # what lies beyond is drawn at the edge as a triangle


def needs(cube: Cube) -> str | None:
    if "log_z" not in cube.data or "method" not in cube.data.dims:
        return "no ln Z by method"
    return None if _get_methods(cube) else "no finished unit"


def needs_scores(cube: Cube) -> str | None:
    if "z_score" not in cube.data:
        return "no z-scores"
    return None if any(_flatten(cube, m).size for m in _get_methods(cube)) else "no exact ln Z"


def _get_methods(cube: Cube) -> list[str]:
    """Those with a value somewhere, in the order of the axis."""
    known = [str(m) for m in cube.data["method"].values]
    values = cube.data["log_z"]
    return [
        m for m in METHODS if m in known and bool(np.isfinite(values.sel({"method": m})).any())
    ]


def _get_estimate(cell: xr.Dataset, method: str) -> tuple[float, float]:
    """ln Z and its standard error: of the mean, where there are replicates."""
    values = np.atleast_1d(cell["log_z"].sel({"method": method}).values)
    errors = np.atleast_1d(cell["log_z_stderr"].sel({"method": method}).values)
    values, errors = values[np.isfinite(values)], errors[np.isfinite(errors)]
    if values.size == 0:
        return np.nan, np.nan
    if values.size == 1 or errors.size == 0:
        return float(values.mean()), float(errors[0]) if errors.size else np.nan
    return float(values.mean()), float(values.std(ddof=1) / np.sqrt(values.size))


def _get_exact(cell: xr.Dataset) -> float:
    values = np.atleast_1d(cell["log_z_exact"].values)
    values = values[np.isfinite(values)]
    return float(values[0]) if values.size else np.nan


def draw(cube: Cube) -> Figure:
    """A panel for each cell: a row for each method, bars of one and three standard errors."""
    methods = _get_methods(cube)
    cells = list(cube.get_cells())
    shown = cells[:MOST_CELLS]
    columns = min(COLUMNS, len(shown))
    rows = -(-len(shown) // columns)
    figure, axes = style.plt.subplots(
        rows,
        columns,
        figsize=(
            style.COLUMN_WIDTH if columns == 1 else style.PAGE_WIDTH,
            0.75 + rows * (0.55 + 0.16 * len(methods)),
        ),
        layout="constrained",
        squeeze=False,
        sharey=True,
    )
    figure.suptitle("Estimates of ln Z", x=0.01, ha="left")
    color = [style.get_color(0.15 + 0.7 * i / max(len(methods) - 1, 1)) for i in range(len(methods))]
    for panel, (label, cell) in zip(axes.ravel(), shown, strict=False):
        _draw_cell(panel, cell, methods, color)
        parts = [label, *cube.describe()]
        if len(cells) > len(shown) and panel is axes[0][0]:
            parts.append(f"{len(shown)} of {len(cells)} cells")
        style.set_caption(panel, parts, 6.0 / columns if columns > 1 else 2.4)
    for panel in axes.ravel()[len(shown) :]:
        panel.remove()
    axes[0][0].set_yticks(range(len(methods)), [METHODS[m] for m in methods])
    axes[0][0].set_ylim(len(methods) - 0.5, -0.5)
    style.put_legend(figure, _make_handles(cells))
    return figure


def _make_handles(cells: list[tuple[str, xr.Dataset]]) -> list[Line2D]:
    handles = [
        Line2D([], [], color="0.3", marker="o", linewidth=2, label="1 standard error"),
        Line2D([], [], color="0.3", linewidth=0.8, label="3 standard errors"),
    ]
    if any(np.isfinite(_get_exact(cell)) for _, cell in cells):
        handles.append(Line2D([], [], label="exact", **style.EXACT))
    return handles


def _draw_cell(axes: Axes, cell: xr.Dataset, methods: list[str], colors: list) -> None:
    estimates = [_get_estimate(cell, m) for m in methods]
    exact = _get_exact(cell)
    low, high = _find_range(estimates, exact)
    if np.isfinite(exact):
        axes.axvline(exact, **style.EXACT)
    for i, (value, error) in enumerate(estimates):
        if not np.isfinite(value):
            continue
        if not low <= value <= high:
            marker = "<" if value < low else ">"
            axes.plot(low if value < low else high, i, marker=marker, color="black", clip_on=False)
            continue
        has_error = np.isfinite(error)
        if has_error:
            axes.plot([value - 3 * error, value + 3 * error], [i, i], color=colors[i], linewidth=0.8)
            axes.plot([value - error, value + error], [i, i], color=colors[i], linewidth=2.4)
        face = colors[i] if has_error else "white"
        axes.plot(value, i, marker="o", color=colors[i], markerfacecolor=face)
    axes.set_xlim(low, high)
    axes.set_xlabel("ln Z (nats)")
    axes.xaxis.set_major_locator(style.MaxNLocator(4))
    axes.tick_params(axis="x", labelbottom=True)
    axes.ticklabel_format(axis="x", useOffset=False, style="plain")
    axes.grid(axis="y", visible=False)


def _find_range(estimates: list[tuple[float, float]], exact: float) -> tuple[float, float]:
    """All bars and the exact value; values without errors may lie outside."""
    ends = [v + s * e for v, e in estimates for s in (-3.2, 3.2) if np.isfinite(v + e)]
    ends += [exact] if np.isfinite(exact) else []
    ends = ends or [v for v, _ in estimates if np.isfinite(v)] or [0.0]
    low, high = min(ends), max(ends)
    room = 0.04 * (high - low) if high > low else 0.5
    return low - room, high + room


def draw_scores(cube: Cube) -> Figure:
    """z of every unit by method, with the band of 3 standard errors and their root mean square."""
    known = _get_methods(cube)
    scores = {m: _flatten(cube, m) for m in known}
    scores = {m: z for m, z in scores.items() if z.size > 0}
    figure, (axes,) = style.new_figure("ln Z: z-scores against the exact value", height=2.9)
    axes.axhspan(-3, 3, color="0.92", zorder=0.5, linewidth=0)
    axes.axhline(0, **style.EXACT)
    for i, (method, z) in enumerate(scores.items()):
        _draw_scores(axes, i, z, style.get_color(0.15 + 0.7 * i / max(len(scores) - 1, 1)))
        rms = np.sqrt(np.mean(z**2))
        axes.annotate(
            f"rms\n{rms:.2f}", (i, 0.01), xycoords=("data", "axes fraction"), ha="center", va="bottom",
            fontsize=6.5,
        )  # fmt: skip
    names = [METHODS[m].replace(" ", "\n", 1) for m in scores]
    axes.set_xticks(range(len(scores)), names, fontsize=6, rotation=40)
    axes.set_xlim(-0.6, len(scores) - 0.4)
    axes.set_ylim(-Z_MAX - 1.4, Z_MAX)
    axes.set_ylabel("z (standard errors)")
    axes.grid(axis="x", visible=False)
    count = max(z.size for z in scores.values())
    parts = [f"{count} unit{'s' if count != 1 else ''}", *cube.describe(), "band: 3 of them"]
    style.set_caption(axes, parts, 2.8)
    return figure


def _flatten(cube: Cube, method: str) -> np.ndarray:
    z = cube.data["z_score"].sel({"method": method}).values.ravel()
    return z[np.isfinite(z)]


def _draw_scores(axes: Axes, place: int, z: np.ndarray, color: tuple) -> None:
    inside = np.abs(z) <= Z_MAX
    # Side by side in the order of the units, so that points don't cover each other.
    x = place + (np.linspace(-0.28, 0.28, z.size) if z.size > 1 else np.zeros(1))
    size = 9 if z.size < 30 else 4
    axes.scatter(x[inside], z[inside], s=size, color=color, linewidth=0)
    for sign, marker in ((1, "^"), (-1, "v")):
        beyond = sign * z > Z_MAX
        edge = np.full(beyond.sum(), sign * Z_MAX * 0.97)
        axes.scatter(x[beyond], edge, s=14, marker=marker, color="black", linewidth=0)


KIND = FigureKind(
    "log_z", "estimates of ln Z around the exact value", needs, draw, experiment="partition"
)
SCORES = FigureKind(
    "log_z_scores",
    "z-scores of estimates of ln Z",
    needs_scores,
    draw_scores,
    experiment="partition",
)
