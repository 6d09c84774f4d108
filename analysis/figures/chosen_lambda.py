"""What each way of choosing lambda takes, against the oracle's: boxes of log10(lambda/lambda_oracle).

One panel for each case of the sweep: the values of every axis but N_i, N_f, lambda and replicates,
such as designs with noise models. The title says how many there are if not all have room.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from analysis import style
from analysis.figures.choices import CHOOSERS, DECADES
from analysis.figures.kind import FigureKind
from analysis.results import REPLICATE, RUNNING_AXES, Result, count_replicates, load, narrow

ORACLE, VERDICT = "lambda_oracle", "cv_verdict"
FOOLED = (1, 3)  # verdicts by the signs that data show, without the truth
MOST_PANELS = 4
LEAST_RUNS = 5  # a box of fewer says nothing


@dataclass(frozen=True)
class Case:
    """One panel: decades off the oracle for each chooser, runs without a value left out."""

    label: str
    decades: dict[str, np.ndarray]
    runs: int
    is_mixed: bool  # runs of several N_i or N_f
    fooled: float | None  # share of runs in which cross-validation looks fooled

    @property
    def title(self) -> str:
        parts = [self.label, f"{self.runs} runs{' of all sizes' if self.is_mixed else ''}"]
        if self.fooled is not None:
            parts[-1] += f", CV looks fooled in {100 * self.fooled:.0f} %"
        return "\n".join(part for part in parts if part)


def needs(result: Result) -> str | None:
    if ORACLE not in result.data:
        return f"no {ORACLE}: choosers were not asked for, or no truth is known"
    if count_replicates(result.data) < LEAST_RUNS:
        return f"fewer than {LEAST_RUNS} replicates"
    found = [_find_decades(result.data, name) for name in _find_asked(result.data)]
    return None if any(np.isfinite(c.values).any() for c in found) else "no chosen lambda"


def draw(result: Result) -> Figure:
    """Boxes: quartiles and median, dark where it is more than a decade off; whiskers: 5 and 95 % of
    runs; the line at 0 is the oracle."""
    # Axes that the other figures hold fixed are the panels here.
    with load(result.path) as data:
        data, _ = narrow(data, result.selection, [str(d) for d in data.dims])
        every = list(_split(data))
        cases = [_load_case(label, chosen) for label, chosen in every[:MOST_PANELS]]
    title = r"Chosen $\lambda$ against the best"
    if len(every) > len(cases):
        title += f" (the first {len(cases)} of {len(every)} cases; --select shows others)"
    height = max(2.9, 1.6 + 0.2 * len(cases[0].decades))
    figure, all_axes = style.new_figure(title, columns=len(cases), height=height)
    for i, (axes, case) in enumerate(zip(all_axes, cases, strict=True)):
        axes.sharex(all_axes[0])
        _draw_case(axes, case)
        axes.tick_params(labelleft=i == 0)
        axes.set_xlabel(DECADES)
    style.put_legend(figure, _make_handles(cases))
    return figure


def _make_handles(cases: list[Case]) -> list[Line2D | Patch]:
    medians = [np.median(v) for case in cases for v in case.decades.values() if v.size]
    words = {False: "quartiles, median", True: "the same, median over a decade off"}
    boxes = [
        Patch(edgecolor="black", linewidth=0.7, facecolor=_get_color(is_far), label=text)
        for is_far, text in words.items()
        if any(_is_far(median) == is_far for median in medians)
    ]
    return [*boxes, Line2D([], [], color="black", linewidth=0.7, label="5 to 95 % of runs")]


def _find_asked(data: xr.Dataset) -> list[str]:
    """The choosers that were asked for, whether they found anything or not."""
    return [name for name in CHOOSERS if f"lambda_{name}" in data]


def _find_decades(data: xr.Dataset, name: str) -> xr.DataArray:
    """log10 of a chosen lambda over the oracle's; NaN where either is 0 or missing."""
    with np.errstate(divide="ignore", invalid="ignore"):
        decades = np.log10(data[f"lambda_{name}"] / data[ORACLE])
    return decades.where(np.isfinite(decades))


def _split(data: xr.Dataset) -> Iterator[tuple[str, xr.Dataset]]:
    """Every combination of the axes beside sizes and replicates, with its label."""
    kept = (*RUNNING_AXES, REPLICATE)
    axes = [str(d) for d in data[ORACLE].dims if d not in kept]
    for index in np.ndindex(*(data.sizes[a] for a in axes)):
        chosen = data.isel(dict(zip(axes, index, strict=True)))
        names = [n for a in axes for n in data.coords if data[n].dims == (a,)]
        yield ", ".join(str(chosen[n].values) for n in names), chosen


def _load_case(label: str, data: xr.Dataset) -> Case:
    decades, runs = {}, int(np.isfinite(data[ORACLE].values).sum())
    for name in _find_asked(data):
        values = _find_decades(data, name).values
        decades[name] = values[np.isfinite(values)]
    is_mixed = any(data.sizes.get(name, 1) > 1 for name in RUNNING_AXES if name != "lambda")
    return Case(label, decades, runs, is_mixed, _find_fooled(data))


def _find_fooled(data: xr.Dataset) -> float | None:
    if VERDICT not in data:
        return None
    verdicts = data[VERDICT].values
    verdicts = verdicts[np.isfinite(verdicts)]
    return float(np.isin(verdicts, FOOLED).mean()) if verdicts.size else None


def _draw_case(axes: Axes, case: Case) -> None:
    for place, values in enumerate(case.decades.values()):
        if values.size:
            _draw_box(axes, -place, np.percentile(values, [5, 25, 50, 75, 95]))
    axes.axvline(0.0, **style.TRANSITION)
    axes.set_ylim(0.6 - len(case.decades), 0.6)
    axes.set_yticks(-np.arange(len(case.decades)), [CHOOSERS[name] for name in case.decades])
    axes.grid(visible=False, axis="y")
    axes.set_title(case.title)


def _is_far(median: float) -> bool:
    return bool(abs(median) > 1)


def _get_color(is_far: bool) -> tuple[float, ...]:
    return style.get_color(0.2 if is_far else 0.9)


def _draw_box(axes: Axes, place: float, quantiles: np.ndarray) -> None:
    """Dark where the median is more than a decade off."""
    low, first, median, third, high = quantiles
    look = {"color": "black", "linewidth": 0.7, "zorder": 3}
    axes.hlines(place, low, first, **look)
    axes.hlines(place, third, high, **look)
    axes.vlines([low, high], place - 0.12, place + 0.12, **look)
    color = _get_color(_is_far(median))
    edge = {"edgecolor": "black", "linewidth": 0.7, "zorder": 3}
    axes.barh(place, third - first, left=first, height=0.5, color=color, **edge)
    line = "white" if _is_far(median) else "black"
    axes.vlines(median, place - 0.25, place + 0.25, color=line, linewidth=1.4, zorder=4)


KIND = FigureKind("chosen_lambda", "lambda of every chooser against the oracle's", needs, draw)
