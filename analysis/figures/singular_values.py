"""Leading singular values of W over training steps: how many directions have been learned."""

from __future__ import annotations

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import ListedColormap, Normalize
from matplotlib.figure import Figure

from analysis import style
from analysis.figures.kind import FigureKind
from analysis.figures.steps import StepAxis
from analysis.training import SPECTRUM, Training, Unit

DECADES = 1.0  # of the values, from which on the axis is logarithmic
MOST_IN_LEGEND = 6


def find_unit(training: Training) -> Unit | None:
    """The unit shown by figures of one model if it has singular values, else the first that has."""
    candidates = [u for u in (training.shown, *training.units) if u is not None]
    return next((u for u in candidates if _get_spectra(u) is not None), None)


def _get_spectra(unit: Unit) -> xr.DataArray | None:
    """Values [step, mode] at the steps where they were taken."""
    if unit.metrics is None or SPECTRUM not in unit.metrics:
        return None
    values = unit.metrics[SPECTRUM]
    if values.ndim != 2:
        return None
    values = values.dropna("step", how="all").dropna(values.dims[1], how="all")
    return values if values.size else None


def needs(training: Training) -> str | None:
    unit = find_unit(training)
    if unit is None:
        return "no metrics.h5 with singular values; monitor.singular_values takes them"
    return "singular values of 1 step only" if len(_get_spectra(unit)["step"]) < 2 else None


def draw(training: Training) -> Figure:
    """One line per singular value, the largest dark."""
    unit = find_unit(training)
    spectra = _get_spectra(unit)
    steps, values = spectra["step"].values, spectra.values
    figure, (axes,) = style.new_figure("Singular values of $W$", height=3.2)
    n = values.shape[1]
    colors = style.ordered_colors(n)
    for mode in range(n - 1, -1, -1):
        axes.plot(steps, values[:, mode], color=colors[mode], label=_name_mode(mode + 1))
    _set_height(axes, values)
    axes.set_ylabel(r"singular value $s_k$")
    style.set_caption(axes, [unit.label if len(training.units) > 1 else ""], 3.0)
    StepAxis(Training(training.path, (unit,))).finish([axes], [axes])
    if n <= MOST_IN_LEGEND:
        style.put_legend(figure, axes.get_lines()[::-1], columns=n)
    else:
        bar = figure.colorbar(
            ScalarMappable(Normalize(0.5, n + 0.5), ListedColormap(colors)),
            ax=axes,
            pad=0.02,
            aspect=30,
        )
        bar.set_label("$k$, from the largest", fontsize=7.5)
        bar.ax.invert_yaxis()
        style.set_count_ticks(bar.ax.yaxis, most=8)
    return figure


def _name_mode(mode: int) -> str:
    return f"$s_{{{mode}}}$"


def _set_height(axes: Axes, values: np.ndarray) -> None:
    positive = values[np.isfinite(values) & (values > 0)]
    if positive.size and np.log10(positive.max() / positive.min()) > DECADES:
        style.set_log_scale(axes, "y", positive)
    else:
        axes.set_ylim(bottom=0)


KIND = FigureKind(
    "singular_values",
    "leading singular values of W, over steps",
    needs,
    draw,
    experiment="rbm",
)
