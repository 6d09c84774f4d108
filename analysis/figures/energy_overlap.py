"""Energies at each temperature: swaps are accepted where neighbours have energies in common."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis import style
from analysis.figures.kind import FigureKind
from analysis.ladder import Ladder, Ladders

HEIGHT = 1.9  # of a ridge, in distances of two
MOST_LABELS = 24
MOST_RIDGES = 60
RIDGE_INCHES = 0.16
MOST_HALVINGS = 3  # of the number of bins
LEAST_SHARE = 0.6  # of the mean of two neighbours, below which a bin looks like a gap


def needs(ladders: Ladders) -> str | None:
    ladder = ladders.shown
    lacking = ladder.find_missing(("energy_histogram", "energy_edge"))
    if lacking is None and not ladder["energy_histogram"].sum(axis=1).all():
        return "no energies at some temperatures"
    return lacking


@dataclass(frozen=True)
class Histograms:
    """Densities of energies, per nat, and the edges of their bins: [temperature x bin]."""

    density: np.ndarray
    edges: np.ndarray

    def get_overlaps(self) -> np.ndarray:
        """The area that the densities of neighbours share, for each edge: 1 for equal ones."""
        overlaps = []
        for i in range(len(self.edges) - 1):
            edges = np.unique(self.edges[i : i + 2])
            middles = (edges[:-1] + edges[1:]) / 2
            lower = np.minimum(self._look_up(i, middles), self._look_up(i + 1, middles))
            overlaps.append(float((lower * np.diff(edges)).sum()))
        return np.array(overlaps)

    def _look_up(self, index: int, energies: np.ndarray) -> np.ndarray:
        """Density at energies, 0 beyond all bins."""
        edges, density = self.edges[index], self.density[index]
        bins = np.clip(np.searchsorted(edges, energies, side="right") - 1, 0, len(density) - 1)
        is_inside = (energies >= edges[0]) & (energies < edges[-1])
        return np.where(is_inside, density[bins], 0)


def load(ladder: Ladder) -> Histograms:
    """With 1, 2, 4 or 8 bins of the file merged: energies of spins lie on a grid that leaves fine
    bins empty, and few samples make them ragged."""
    counts, edges = ladder["energy_histogram"].astype(float), ladder["energy_edge"]
    for _ in range(MOST_HALVINGS):
        if counts.shape[1] % 2 or not any(_is_ragged(row) for row in counts):
            break
        counts, edges = counts[:, ::2] + counts[:, 1::2], edges[:, ::2]
    density = counts / counts.sum(axis=1, keepdims=True) / np.diff(edges, axis=1)
    return Histograms(density, edges)


def _is_ragged(counts: np.ndarray) -> bool:
    """Whether any of the bins with most of the energies is far below the mean of its neighbours."""
    share = np.cumsum(counts) / counts.sum()
    is_inside = (share[1:-1] > 0.1) & (share[1:-1] < 0.9)
    beside = (counts[:-2] + counts[2:]) / 2
    return bool((counts[1:-1] < LEAST_SHARE * beside)[is_inside].any())


def draw(ladders: Ladders) -> Figure:
    """Left: a ridge for each temperature, the hot end at the top. Right: what neighbours share."""
    ladder = ladders.shown
    shown, histograms = _pick(ladder.n_temperatures), load(ladder)
    figure, axes = style.new_grid(
        "Energies along the ladder",
        rows=1,
        width_ratios=(3, 1),
        height=min(8.0, 1.3 + RIDGE_INCHES * max(len(shown), 8)),
        width=style.COLUMN_WIDTH * 1.35,
    )
    left, right = axes[0]
    _draw_ridges(left, ladder, histograms, shown)
    _draw_overlaps(right, histograms)
    left.set_ylim(ladder.n_temperatures - 0.5, -HEIGHT * ladder.n_temperatures / len(shown) - 0.2)
    texts = [ladder.label, f"{ladder.n_temperatures} temperatures"]
    if len(shown) < ladder.n_temperatures:
        texts.append(f"{len(shown)} shown")
    style.set_caption(left, [*texts, "ridges of equal height"], 2.9)
    return figure


def _pick(n: int) -> np.ndarray:
    return np.unique(np.linspace(0, n - 1, min(n, MOST_RIDGES)).round().astype(int))


def _draw_ridges(
    axes: Axes, ladder: Ladder, histograms: Histograms, shown: np.ndarray
) -> None:
    colors = style.ordered_colors(ladder.n_temperatures)
    height = HEIGHT * ladder.n_temperatures / len(shown)
    for i in shown:
        density, edges = histograms.density[i], histograms.edges[i]
        y = i - height * density / density.max()
        look = {"color": colors[i], "zorder": 2 + 0.01 * i}
        axes.stairs(y, edges, baseline=i, fill=True, alpha=0.45, linewidth=0, **look)
        axes.stairs(y, edges, baseline=i, linewidth=0.7, **look)
    labelled = _thin(shown, MOST_LABELS)
    axes.set_yticks(labelled, [f"{ladder.beta[i]:.3f}" for i in labelled])
    axes.set_ylabel(r"inverse temperature $\beta$ (1: the model)")
    axes.set_xlabel("energy $u = E - E_0$ (nats)")
    axes.grid(axis="y", visible=False)


def _thin(shown: np.ndarray, most: int) -> np.ndarray:
    """At most so many of them, evenly from the model's end."""
    return shown[:: -math.ceil(len(shown) / most)]


def _draw_overlaps(axes: Axes, histograms: Histograms) -> None:
    overlaps = 100 * histograms.get_overlaps()
    places = np.arange(len(overlaps)) + 0.5
    axes.plot(overlaps, places, color=style.get_color(0.3), marker="o", markeredgewidth=0.6)
    axes.set_xlim(0, 100)
    axes.set_xticks([0, 50, 100])
    axes.set_xlabel("area shared by\nneighbours (%)")


KIND = FigureKind(
    "energy_overlap",
    "histograms of the energy at each temperature, and what neighbours share",
    needs,
    draw,
    experiment="ladder",
)
