"""Final values of a sweep of trainings against the swept keys."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis import style
from analysis.figures.kind import FigureKind
from analysis.results import REPLICATE, get_spread, has_values
from analysis.training import Training, describe_unfinished

# Name in results.h5 -> label; the first four that have values are shown.
METRICS = {
    "log_likelihood_test": "test log-likelihood\n(nats per row)",
    "free_energy_gap": "free-energy gap (nats)",
    "pseudo_log_likelihood": "pseudo-log-likelihood\n(nats per row)",
    "reconstruction_error": "reconstruction error\n(mean square per unit)",
    "weight_norm": r"weight norm $\|W\|_F$",
    "hidden_activity": "hidden activity",
}
MOST_PANELS, MOST_LINES = 4, 6
FACTOR = 5  # between the ends of an axis, from which on it is logarithmic


@dataclass(frozen=True)
class Layout:
    """Which axis runs along x, which one makes lines, and the data with all others fixed."""

    data: xr.Dataset
    x: str
    line: str | None
    fixed: tuple[str, ...]


def needs(training: Training) -> str | None:
    if training.sweep is None:
        return "no results.h5"
    if not _get_axes(training.sweep):
        return "no axis but the replicate with 2 values or more"
    return None if _get_metrics(training.sweep) else "no final values"


def _get_axes(data: xr.Dataset) -> list[str]:
    """Swept axes, the longest of numbers first."""
    names = [str(d) for d in data.dims if d in data.coords and d not in (REPLICATE, "mode", "step")]
    names = [n for n in names if data.sizes[n] > 1]
    return sorted(names, key=lambda n: (data[n].dtype.kind not in "fiu", -data.sizes[n]))


def _get_metrics(data: xr.Dataset) -> list[str]:
    # Each alone: free_energy_gap_stderr is a value of its own, no summary of free_energy_gap.
    names = [name for name in METRICS if name in data and has_values(data[[name]], name)]
    return names[:MOST_PANELS]


def _make_layout(data: xr.Dataset) -> Layout:
    names = _get_axes(data)
    fixed = []
    for name in [str(d) for d in data.dims if d in data.coords]:
        if name not in names[:2] and name != REPLICATE and name != "mode":
            fixed.append(f"{name} = {data[name].values[0]}")
            data = data.isel({name: 0})
    return Layout(data, names[0], names[1] if len(names) > 1 else None, tuple(fixed))


def draw(training: Training) -> Figure:
    """Medians over replicates with quartiles."""
    layout = _make_layout(training.sweep)
    metrics = _get_metrics(training.sweep)
    columns = 2 if len(metrics) in (2, 4) else len(metrics)
    rows = -(-len(metrics) // columns)
    figure, all_axes = style.new_panels(
        f"Final values against {layout.x}",
        rows,
        columns,
        style.PAGE_WIDTH if columns > 1 else style.COLUMN_WIDTH,
        0.8 + 1.9 * rows,
    )
    handles = []
    for axes, name in zip(all_axes, metrics, strict=False):
        handles = _draw_metric(axes, layout, name, columns)
    for axes in all_axes[len(metrics) :]:
        axes.remove()
    for axes in all_axes[len(metrics) - columns : len(metrics)]:
        axes.tick_params(labelbottom=True)
        axes.set_xlabel(_name_axis(layout))
    replicates = layout.data.sizes.get(REPLICATE, 1)
    texts = [*training.selected, *layout.fixed]
    if replicates > 1:
        texts.append(f"medians and quartiles of {replicates} replicates")
    texts.append(describe_unfinished(training.sweep))
    style.set_caption(all_axes[0], texts, 6.2 if columns > 1 else 2.8)
    if layout.line is not None:
        style.put_legend(figure, handles, columns=4)
    return figure


def _name_axis(layout: Layout) -> str:
    unit = str(layout.data[layout.x].attrs.get("units", ""))
    return f"{layout.x} ({unit})" if unit not in ("", "1") else layout.x


def _draw_metric(axes: Axes, layout: Layout, name: str, columns: int) -> list:
    spread = get_spread(layout.data[[name]], name)
    x = layout.data[layout.x].values
    is_number = x.dtype.kind in "fiu"
    places = x.astype(float) if is_number else np.arange(len(x), dtype=float)
    order = np.argsort(places)
    handles = []
    indices = _pick_lines(layout)
    colors = style.ordered_colors(len(indices)) if len(indices) > 1 else [style.get_color(0.3)]
    alpha = 0.25 if len(indices) <= 2 else 0.12
    for i, index in enumerate(indices):
        part = spread.isel({layout.line: index}) if layout.line else spread
        values = {s: part[s].transpose(layout.x).values[order] for s in ("center", "q25", "q75")}
        label = f"{layout.line} = {layout.data[layout.line].values[index]}" if layout.line else ""
        is_known = np.isfinite(values["center"])
        (line,) = axes.plot(
            places[order][is_known],
            values["center"][is_known],
            color=colors[i],
            marker=style.MARKERS[i],
            label=label,
        )
        _draw_replicates(axes, layout, name, index, places, colors[i])
        style.draw_band(
            axes, places[order], values["q25"], values["q75"], colors[i], is_log=False, alpha=alpha
        )
        handles.append(line)
    _set_axis(axes, places, x, columns)
    axes.set_ylabel(METRICS[name])
    if name == "free_energy_gap":
        axes.axhline(0, **style.TRANSITION)
    return handles


def _draw_replicates(
    axes: Axes, layout: Layout, name: str, index: int, places: np.ndarray, color: tuple
) -> None:
    """A faint point for each."""
    values = layout.data[name]
    if REPLICATE not in values.dims:
        return
    values = values.isel({layout.line: index}) if layout.line else values
    table = values.transpose(layout.x, REPLICATE).values
    axes.plot(
        np.repeat(places, table.shape[1]),
        table.ravel(),
        linestyle="none",
        marker=".",
        markersize=2.5,
        color=color,
        alpha=0.5,
        zorder=1.8,
    )


def _pick_lines(layout: Layout) -> list[int]:
    """Indices along the second axis, evenly spread if there are many."""
    n = layout.data.sizes[layout.line] if layout.line is not None else 1
    return [int(i) for i in np.unique(np.linspace(0, n - 1, min(n, MOST_LINES)).round())]


def _set_axis(axes: Axes, places: np.ndarray, x: np.ndarray, columns: int) -> None:
    if x.dtype.kind not in "fiu":
        axes.set_xticks(places, [str(v) for v in x])
        axes.set_xlim(-0.4, len(x) - 0.6)
    elif places.min() > 0 and places.max() >= FACTOR * places.min():
        style.set_log_scale(axes, "x", places)
        style.set_log_ticks(axes.xaxis, *axes.get_xlim(), most=7 if columns < 3 else 5)


KIND = FigureKind(
    "rbm_sweep",
    "final values against the swept keys",
    needs,
    draw,
    experiment="rbm",
)
