"""How simmer's figures look: column width, legible in print, in grey, and to the colour-blind.

Ordered quantities take colours from viridis (its lightness rises steadily) and a marker of their
own. Theory is black and dashed, over the points. Logarithmic axes have plain numbers.
"""

from __future__ import annotations

import math
import re
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib

matplotlib.use("Agg")  # Figures go to files; a login node has no display.

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.text import Text
from matplotlib.ticker import (
    FixedLocator,
    FuncFormatter,
    MaxNLocator,
    NullFormatter,
    NullLocator,
)

COLUMN_WIDTH, PAGE_WIDTH = 3.5, 7.0  # inches
MARKERS = ("o", "s", "^", "D", "v", "P")
THEORY: dict[str, Any] = {"color": "black", "linestyle": (0, (4, 2)), "linewidth": 0.9, "zorder": 5}
EXACT: dict[str, Any] = {"color": "black", "linestyle": (0, (1, 1)), "linewidth": 1.3, "zorder": 6}
TRANSITION: dict[str, Any] = {"color": "0.35", "linestyle": "-", "linewidth": 0.7, "zorder": 0.9}
FINE_FACTORS = (1, 1.1, 1.2, 1.3, 1.4, 1.5, 1.6, 1.8, 2, 2.5, 3, 3.5, 4, 4.5, 5, 5.5, 6, 7, 8, 9)
TICK_FACTORS = (FINE_FACTORS, (1, 1.5, 2, 3, 4, 5, 6, 8), (1, 2, 3, 5), (1, 2, 5), (1, 3))
MOST_MARKERS = 28  # on one line
CAPTION_LETTERS = 16.5  # of a caption, an inch
WARNING = "#b42318"  # of what is said or drawn as bad; never without words or a marker
UP, DOWN = "#0072b2", "#d55e00"  # of two directions (Okabe and Ito's palette)

SETTINGS: dict[Any, Any] = {
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "mathtext.fontset": "dejavusans",
    "font.size": 7.5,
    "axes.labelsize": 8,
    "axes.titlesize": 7,
    "axes.titlelocation": "left",
    "axes.titlecolor": "0.25",
    "axes.linewidth": 0.6,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "0.88",
    "grid.linewidth": 0.5,
    "figure.constrained_layout.h_pad": 0.03,
    "figure.constrained_layout.w_pad": 0.03,
    "figure.titlesize": 8.5,
    "figure.titleweight": "bold",
    "legend.fontsize": 7,
    "legend.frameon": False,
    "legend.handlelength": 2.2,
    "lines.linewidth": 1.0,
    "lines.markersize": 3.2,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "xtick.direction": "out",
    "ytick.direction": "out",
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "xtick.minor.width": 0.4,
    "ytick.minor.width": 0.4,
    "savefig.dpi": 300,
    "svg.hashsalt": "simmer",
    "svg.fonttype": "none",
    "pdf.fonttype": 42,
}


def new_figure(
    title: str, columns: int = 1, height: float = 3.0, width: float | None = None
) -> tuple[Figure, list[Axes]]:
    """An empty figure with one or more panels side by side and a bold title on its left."""
    size = (width or (COLUMN_WIDTH if columns == 1 else PAGE_WIDTH), height)
    figure, axes = plt.subplots(1, columns, figsize=size, layout="constrained", squeeze=False)
    _set_title(figure, title)
    return figure, list(axes[0])


def new_grid(
    title: str,
    rows: int,
    width_ratios: Sequence[float],
    height: float,
    width: float = COLUMN_WIDTH,
) -> tuple[Figure, np.ndarray]:
    """An empty figure with rows of panels that share their vertical axis."""
    figure, axes = plt.subplots(
        rows,
        len(width_ratios),
        figsize=(width, height),
        layout="constrained",
        squeeze=False,
        sharey="row",
        width_ratios=list(width_ratios),
    )
    _set_title(figure, title)
    return figure, axes


def new_panels(
    title: str, rows: int, columns: int, width: float, height: float
) -> tuple[Figure, list[Axes]]:
    """An empty figure of panels with one horizontal axis, row after row; spare ones are removed by
    the caller."""
    figure, axes = plt.subplots(
        rows, columns, figsize=(width, height), layout="constrained", squeeze=False, sharex=True
    )
    _set_title(figure, title)
    return figure, list(axes.ravel())


def _set_title(figure: Figure, title: str) -> None:
    figure.suptitle(title, x=0.01, ha="left")


def set_caption(axes: Axes, parts: Sequence[str], width: float) -> None:
    """Circumstances over the panel, wrapped at `width` inches."""
    axes.set_title(fill(", ".join(part for part in parts if part), width))


def fill(text: str, width: float) -> str:
    """Text in the size of captions, wrapped at `width` inches."""
    hard = "\N{NO-BREAK SPACE}"  # "hidden = 64" stays on one line.
    text = text.replace(" = ", f"{hard}={hard}")
    filled = textwrap.fill(text, int(width * CAPTION_LETTERS), break_on_hyphens=False)
    return filled.replace(hard, " ")


def fit_captions(figure: Figure) -> None:
    """Wraps what stands over panels where it would run into the next panel or out of the figure;
    what is too long between two commas is broken between words."""
    titles = {axes: axes.title if axes.title.get_text() else axes._left_title for axes in figure.axes}
    texts = {axes: title.get_text() for axes, title in titles.items()}
    for title in titles.values():
        title.set_text("")  # Long ones would push panels together.
    figure.draw_without_rendering()
    for axes, title in titles.items():
        limit = _find_limit(axes)
        title.set_text("\n".join(_wrap(title, line, limit) for line in texts[axes].split("\n")))


def _find_limit(axes: Axes) -> float:
    """Where the room for what stands over a panel ends, in pixels: at the next panel of its row."""
    own = axes.bbox
    others = [(a.bbox, a.get_tightbbox()) for a in axes.figure.axes if a is not axes]
    # Labels of the next panel may reach under this one.
    ends = [
        max(whole.x0, own.x1)
        for o, whole in others
        if whole and o.x0 > own.x1 and o.y0 < own.y1 and o.y1 > own.y0
    ]
    return min([axes.figure.bbox.x1, *ends]) - 0.01 * axes.figure.bbox.width


def _wrap(title: Text, text: str, limit: float) -> str:
    """The text in lines that end before the limit, broken after commas where they are enough."""

    def fits(line: str) -> bool:
        title.set_text(line)
        return title.get_window_extent().x1 <= limit

    lines: list[str] = []
    for part in re.split(r"(?<=[,;]) ", text):
        if lines and fits(f"{lines[-1]} {part}"):
            lines[-1] += f" {part}"
            continue
        lines.append("")
        for word in [part] if fits(part) else part.split(" "):
            if lines[-1] and not fits(f"{lines[-1]} {word}"):
                lines.append("")
            lines[-1] = f"{lines[-1]} {word}".lstrip()
    return "\n".join(lines)


def get_color(share: float) -> tuple[float, ...]:
    """Colour from dark (0) to light (1); the lightest is still legible on white."""
    return plt.get_cmap("viridis")(0.86 * share)


def ordered_colors(n: int) -> list[tuple[float, ...]]:
    """n colours from dark to light."""
    return [get_color(i / max(n - 1, 1)) for i in range(n)]


def put_legend(figure: Figure, handles: Sequence[Line2D], columns: int = 3) -> None:
    """A legend below the panels, where it covers nothing, in as many columns as fit."""
    for n in range(min(columns, len(handles)), 0, -1):
        legend = figure.legend(
            handles=list(handles), loc="outside lower center", ncols=n, columnspacing=1.2
        )
        if n == 1 or legend.get_window_extent().width < 0.99 * figure.bbox.width:
            return
        legend.remove()


def theory_handle(label: str = "theory, asymptotic") -> Line2D:
    return Line2D([], [], label=label, **THEORY)


def exact_handle(label: str = r"theory, exact ($\lambda=0$)") -> Line2D:
    return Line2D([], [], label=label, **EXACT)


def median_handle(label: str) -> Line2D:
    return Line2D(
        [], [], color="0.3", marker="o", markerfacecolor="white", linestyle="none", label=label
    )


# ---- numbers ----


def format_number(value: float) -> str:
    """A number for a label: plain, or a power of ten."""
    exponent = math.floor(math.log10(abs(value)) + 1e-9) if value != 0 else 0
    factor = value / 10.0**exponent
    is_power = abs(factor - 1) < 1e-6
    if -3 <= exponent <= (3 if is_power else 4):
        return np.format_float_positional(value, precision=4, fractional=False, trim="-")
    if is_power:
        return f"$10^{{{exponent}}}$"
    return f"${factor:.2g}\\times10^{{{exponent}}}$"


def format_lambda(value: float) -> str:
    """Label of a line at one lambda."""
    if math.isnan(value):
        return r"$\lambda$ as swept"
    text = format_number(value).strip("$")
    return rf"$\lambda = {text}$"


def pick_ticks(low: float, high: float, most: int = 7) -> list[float]:
    """Round numbers for a logarithmic axis, at most `most`: as fine as fits, decades at last."""
    first, last = math.floor(math.log10(low)) - 1, math.ceil(math.log10(high)) + 1
    for factors in TICK_FACTORS:
        ticks = [f * 10.0**e for e in range(first, last) for f in factors]
        ticks = [t for t in ticks if low * 0.999 <= t <= high * 1.001]
        if len(ticks) <= most:
            return ticks
    exponents = [e for e in range(first, last + 1) if low * 0.999 <= 10.0**e <= high * 1.001]
    step = max(1, math.ceil(len(exponents) / most))
    return [10.0**e for e in exponents if e % step == 0]


def set_log_ticks(axis: Axis, low: float, high: float, most: int = 7) -> None:
    """Labels a logarithmic axis between low and high."""
    ticks = pick_ticks(low, high, most)
    span = math.log10(high / low)
    minor = [
        f * 10.0**e
        for e in range(math.floor(math.log10(low)), math.ceil(math.log10(high)))
        for f in (range(2, 10) if span < 5 else (1,))
    ]
    axis.set_major_locator(FixedLocator(ticks))
    is_wide = span > 5
    axis.set_major_formatter(
        FuncFormatter(
            lambda v, _: f"$10^{{{round(math.log10(v))}}}$" if is_wide else format_number(v)
        )
    )
    axis.set_minor_locator(FixedLocator([m for m in minor if low <= m <= high]))
    axis.set_minor_formatter(NullFormatter())


def set_log_scale(axes: Axes, which: str, values: np.ndarray, pad: float = 0.04) -> None:
    """Logarithmic x or y axis over the positive ones of `values`, with a little room."""
    positive = values[np.isfinite(values) & (values > 0)]
    if positive.size == 0:
        return
    low, high = float(positive.min()), float(positive.max())
    room = max((high / low) ** pad, 1.02) if high > 1.02 * low else 1.5
    low, high = low / room, high * room
    getattr(axes, f"set_{which}scale")("log")
    getattr(axes, f"set_{which}lim")(low, high)
    set_log_ticks(getattr(axes, f"{which}axis"), low, high)


def set_count_ticks(axis: Axis, most: int = 5) -> None:
    """Whole numbers with commas: 20,000."""
    axis.set_major_locator(MaxNLocator(most, integer=True, steps=[1, 2, 5, 10]))
    axis.set_major_formatter(FuncFormatter(lambda v, _: f"{v:,.0f}"))


# ---- the axes of simmer's figures ----


def set_ratio_axis(
    axes: Axes, ratio: np.ndarray, instances: int | None, features: int | None
) -> None:
    """N_f/N_i below, the size that varies above, a line at the transition."""
    set_log_scale(axes, "x", ratio)
    axes.set_xlabel(r"features per training row $N_f/N_i$")
    axes.axvline(1.0, **TRANSITION)
    if (instances is None) == (features is None):
        return
    if features is not None:
        name = rf"training rows $N_i$ (at $N_f = {features}$)"
        functions = (lambda r: features / np.maximum(r, 1e-300),) * 2
    else:
        name = rf"features $N_f$ (at $N_i = {instances}$)"
        functions = (lambda r: r * instances, lambda n: n / instances)
    top = axes.secondary_xaxis("top", functions=functions)
    top.set_xlabel(name, fontsize=7, labelpad=3)
    ends = sorted(functions[0](np.array(axes.get_xlim())))
    set_log_ticks(top.xaxis, float(ends[0]), float(ends[1]))
    top.xaxis.set_minor_locator(NullLocator())


def write_beside(axes: Axes, x: float, text: str) -> None:
    """A word at the top of a vertical line, legible over other lines."""
    axes.annotate(
        text,
        (x, 0.97),
        xycoords=("data", "axes fraction"),
        xytext=(3, 0),
        textcoords="offset points",
        fontsize=7,
        color="0.25",
        zorder=7,
        va="top",
        bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 0.6},
    )


def place_lambdas(lambdas: np.ndarray) -> np.ndarray:
    """Positions on a logarithmic axis; lambda = 0 stands a step left of the smallest positive."""
    positive = lambdas[lambdas > 0]
    if positive.size == 0:
        return np.ones_like(lambdas)
    span = math.log10(positive.max() / positive.min())
    step = 10.0 ** max(0.3, 0.12 * span)
    return np.where(lambdas > 0, lambdas, positive.min() / step)


def set_lambda_axis(axes: Axes, lambdas: np.ndarray, which: str = "x") -> None:
    """Logarithmic axis of penalties, with a tick for 0 where it is one of them."""
    places = place_lambdas(lambdas)
    set_log_scale(axes, which, places)
    getattr(axes, f"set_{which}label")(r"penalty $\lambda$")
    if not (lambdas == 0).any() or not (lambdas > 0).any():
        return
    axis, zero = getattr(axes, f"{which}axis"), float(places[lambdas == 0][0])
    low, high = float(lambdas[lambdas > 0].min()), float(lambdas.max())
    set_log_ticks(axis, low, max(high, low * 1.1))
    ticks, inner = list(axis.get_majorticklocs()), axis.get_major_formatter()
    axis.set_major_locator(FixedLocator([zero, *ticks]))
    axis.set_major_formatter(FuncFormatter(lambda v, p: "0" if v == zero else inner(v, p)))


# ---- lines ----


def pick_marks(x: np.ndarray, offset: int = 0) -> list[int]:
    """Indices of the points with a marker, spread over a logarithmic axis so that markers don't run
    together; `offset` shifts them, so that those of neighbouring lines don't cover each other."""
    if len(x) < 2 or x.max() <= x.min():
        return list(range(len(x)))
    place = np.log(x / x.min()) / np.log(x.max() / x.min()) * MOST_MARKERS
    bins = np.floor(place + offset / len(MARKERS) + 1e-9)
    return [int(i) for i in np.unique(bins, return_index=True)[1]]


@dataclass(frozen=True)
class Look:
    """How one line of data is drawn."""

    color: Any
    marker: str
    label: str
    offset: int = 0  # of the markers


def draw_points(
    axes: Axes, x: np.ndarray, spread: dict[str, np.ndarray], look: Look
) -> tuple[Line2D, bool]:
    """A line through the means with a band of one standard error. Where no mean exists: the median
    (open marker) and the quartiles, not joined with the means. Returns the line, and whether there
    is any such median."""
    color, marker, marks = look.color, look.marker, pick_marks(x, look.offset)
    is_median = np.isnan(spread["mean"]) & np.isfinite(spread["median"])
    center = spread["median"] if is_median.all() else spread["mean"]
    (line,) = axes.plot(
        x,
        center,
        color=color,
        marker=marker,
        markevery=marks,
        label=look.label,
        markeredgewidth=0.6,
    )
    low, high = spread["mean"] - spread["stderr"], spread["mean"] + spread["stderr"]
    draw_band(axes, x, low, high, color)
    if is_median.all():
        draw_band(axes, x, spread["q25"], spread["q75"], color)
    elif is_median.any():
        axes.vlines(
            x[is_median],
            spread["q25"][is_median],
            spread["q75"][is_median],
            color=color,
            alpha=0.3,
            linewidth=3.5,
            zorder=1.5,
        )
    if is_median.any():
        axes.plot(
            x[is_median],
            spread["median"][is_median],
            linestyle="none",
            marker=marker,
            color=color,
            markerfacecolor="white",
            markeredgewidth=0.8,
            zorder=3,
            markevery=marks if is_median.all() else None,
        )
    return line, bool(is_median.any())


def get_drawn(spread: dict[str, np.ndarray]) -> np.ndarray:
    """What an axis has to hold of the points that `draw_points` draws: means with the upper ends of
    their bands, or medians with both quartiles."""
    is_median = np.isnan(spread["mean"]) & np.isfinite(spread["median"])
    ends = [np.where(is_median, spread[s], np.nan) for s in ("median", "q25", "q75")]
    return np.stack([spread["mean"], spread["mean"] + np.nan_to_num(spread["stderr"]), *ends])


def draw_band(
    axes: Axes,
    x: np.ndarray,
    low: np.ndarray,
    high: np.ndarray,
    color: Any,
    *,
    is_log: bool = True,
    alpha: float = 0.25,
) -> None:
    """A shaded band; on a logarithmic axis its lower edge stays positive."""
    if np.isfinite(low).any():
        floor = np.where((low > 0) | (not is_log), low, high * 1e-3)
        axes.fill_between(x, floor, high, color=color, alpha=alpha, linewidth=0, zorder=1.5)
