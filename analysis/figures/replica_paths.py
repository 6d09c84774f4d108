"""How replicas travel between both ends of the ladder: their temperature, scan after scan."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from analysis import style
from analysis.figures.kind import FigureKind
from analysis.ladder import Ladder, Ladders

MOST_SCANS = 500  # kept ones; more can't be told apart
REPLICAS = 3
COLORS = {1: style.UP, -1: style.DOWN, 0: "0.45"}
TRIP = {"linestyle": "none", "marker": "v", "color": "black", "markersize": 5.5}
NAMES = {1: "on the way to the model", -1: "on the way back", 0: "at neither end yet"}


@dataclass(frozen=True)
class Paths:
    """One chain: temperatures, directions and ends of round trips, each [scan x replica]."""

    chain: int
    scan: np.ndarray
    place: np.ndarray
    direction: np.ndarray  # 1: was at the hot end last, -1: at the cold end, 0: at neither yet
    is_trip: np.ndarray  # the replica is at the hot end, for the first time since the cold one


def find_paths(replica: np.ndarray) -> np.ndarray:
    """The temperature of each replica, [scan x replica], from the replica at each temperature."""
    return np.argsort(replica, axis=1, kind="stable")


def find_trips(place: np.ndarray, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Directions, and where a round trip hot - cold - hot ends, at each of the scans."""
    direction, is_trip = np.zeros_like(place), np.zeros(place.shape, bool)
    last = np.zeros(place.shape[1], place.dtype)
    was_hot = np.zeros(place.shape[1], bool)
    for scan, row in enumerate(place):
        is_hot, is_cold = row == 0, row == n - 1
        is_trip[scan] = is_hot & (last == -1) & was_hot
        was_hot |= is_hot
        last = np.where(is_hot, 1, np.where(is_cold, -1, last))
        direction[scan] = last
    return direction, is_trip


def needs(ladders: Ladders) -> str | None:
    ladder = ladders.shown
    lacking = ladder.find_missing(("replica", "history_scan"))
    if lacking is None and ladder.n_temperatures < 2:
        return "only one temperature"
    return "fewer than 2 scans kept" if lacking is None and len(ladder["replica"]) < 2 else lacking


def load(ladder: Ladder) -> Paths:
    """Of the chains that the file keeps, one with a middle number of round trips."""
    n_kept = ladder["replica"].shape[1]
    loaded = [_load_chain(ladder, index) for index in range(n_kept)]
    trips = [int(paths.is_trip.sum()) for paths in loaded]
    return loaded[int(np.argsort(trips, kind="stable")[n_kept // 2])]


def _load_chain(ladder: Ladder, index: int) -> Paths:
    place = find_paths(ladder["replica"][:, index])
    direction, is_trip = find_trips(place, ladder.n_temperatures)
    chains = ladder.arrays.get("history_chain")
    chain = int(chains[index]) if chains is not None else index
    return Paths(chain, ladder["history_scan"], place, direction, is_trip)


def draw(ladders: Ladders) -> Figure:
    """A panel for each of a few replicas, those with the most and the fewest round trips among
    them; all others are grey behind it."""
    ladder = ladders.shown
    paths = load(ladder)
    chosen = pick_replicas(paths)
    figure, all_axes = style.new_panels(
        f"Paths of replicas: {describe_trips(ladder)}",
        len(chosen),
        1,
        style.PAGE_WIDTH,
        0.95 + 1.3 * len(chosen),
    )
    first = _find_first(paths, ladder)
    window = slice(first, first + MOST_SCANS)
    for axes, replica in zip(all_axes, chosen, strict=True):
        _draw_panel(axes, paths, replica, window)
        axes.set_ylim(ladder.n_temperatures - 0.5, -0.5)
        axes.set_ylabel("temperature\n(0: hot)")
        style.set_count_ticks(axes.yaxis, 5)
    all_axes[0].set_title(_describe(ladder, paths, window, chosen[0]))
    scans = paths.scan[window]
    all_axes[-1].set_xlim(scans[0], scans[-1])
    all_axes[-1].set_xlabel("measured scan")
    style.set_count_ticks(all_axes[-1].xaxis, 8)
    style.put_legend(figure, _make_handles(), columns=4)
    return figure


def pick_replicas(paths: Paths) -> list[int]:
    """The ones with the most, a middle number of and the fewest round trips; then by number."""
    order = np.argsort(-paths.is_trip.sum(axis=0), kind="stable")
    places = np.unique(np.linspace(0, len(order) - 1, min(REPLICAS, len(order))).round())
    return [int(order[int(i)]) for i in places]


def describe_trips(ladder: Ladder) -> str:
    """Round trips of all chains, and their rate beside the ideal one."""
    if ladder.find_missing(("round_trips", "round_trip_rate")) is not None:
        return "a chain's way through the ladder"
    n = int(ladder["round_trips"].sum())
    text = f"{n:,} round trip{'s' if n != 1 else ''}, {float(ladder['round_trip_rate']):.2g} a scan"
    if ladder.find_missing(("ideal_round_trip_rate",)) is None:
        text += f" and chain (ideal {float(ladder['ideal_round_trip_rate']):.2g})"
    return text


def _describe(ladder: Ladder, paths: Paths, window: slice, replica: int) -> str:
    scans = paths.scan[window]
    texts = [f"chain {paths.chain}", ladder.label]
    if ladder.find_missing(("round_trips",)) is None:
        per_chain = ladder["round_trips"]
        texts.append(f"{per_chain.min():,} to {per_chain.max():,} round trips in each chain")
    if len(scans) < len(paths.scan):
        texts.append(f"scans {scans[0]:,} to {scans[-1]:,} of {paths.scan[-1]:,}")
    step = int(np.diff(paths.scan).max())
    if step > 1:
        texts.append(f"1 of {step} scans kept, so that round trips may be missed here")
    return f"{', '.join(t for t in texts if t)}\n{_name_replica(paths, replica)}"


def _name_replica(paths: Paths, replica: int) -> str:
    n = int(paths.is_trip[:, replica].sum())
    return f"replica {replica}: {n:,} round trip{'s' if n != 1 else ''} in all"


def _find_first(paths: Paths, ladder: Ladder) -> int:
    """The first kept scan that averages take, where not all can be shown."""
    if len(paths.scan) <= MOST_SCANS or ladder.find_missing(("n_left_out",)) is not None:
        return 0
    first = int(np.searchsorted(paths.scan, int(ladder["n_left_out"]) + 1))
    return min(first, len(paths.scan) - MOST_SCANS)


def _draw_panel(axes: Axes, paths: Paths, replica: int, window: slice) -> None:
    scans, places = paths.scan[window], paths.place[window]
    others = np.delete(places, replica, axis=1)
    axes.plot(scans, others, color="0.85", linewidth=0.35, zorder=1.5)
    axes.grid(visible=False)
    place, direction = places[:, replica], paths.direction[window, replica]
    points = np.stack([scans, place], axis=1).astype(float)
    # A piece has the direction that it begins with.
    colors = [COLORS[int(d)] for d in direction[:-1]]
    pieces = np.stack([points[:-1], points[1:]], axis=1)
    axes.add_collection(LineCollection(pieces, colors=colors, linewidths=1.1, zorder=3))
    trips = np.flatnonzero(paths.is_trip[window, replica])
    if trips.size:  # An empty line that isn't clipped would take the whole figure's room.
        axes.plot(scans[trips], place[trips], clip_on=False, zorder=4, **TRIP)
    axes.set_title(_name_replica(paths, replica))


def _make_handles() -> list[Line2D]:
    handles = [
        Line2D([], [], color=COLORS[d], linewidth=1.4, label=NAMES[d]) for d in (1, -1, 0)
    ]
    return [*handles, Line2D([], [], label="round trip done", **TRIP)]


KIND = FigureKind(
    "replica_paths",
    "temperatures of replicas of one chain, over scans, with their round trips",
    needs,
    draw,
    experiment="ladder",
)
