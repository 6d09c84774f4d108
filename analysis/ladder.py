"""Opens what a ladder of parallel tempering leaves (ladder.h5): temperatures, swaps, paths of replicas,
energies, and diagnoses of chains."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from analysis import units
from analysis.results import ResultError

LADDER_NAME = "ladder.h5"
EXPERIMENT = "ladder"
SERIES = ("observable", "temperature")
# Every variable that figures use, and its dimensions.
VARIABLES: dict[str, tuple[str, ...]] = {
    "beta": ("temperature",),
    "barrier": ("temperature",),
    "rejection": ("edge",),
    "observable": ("observable",),
    "autocorrelation_time": SERIES,
    "effective_samples": SERIES,
    "split_r_hat": SERIES,
    "energy_histogram": ("temperature", "energy_bin"),
    "energy_edge": ("temperature", "energy_bin_edge"),
    "round_trips": ("chain",),
    "round_trip_rate": (),
    "ideal_round_trip_rate": (),
    "history_scan": ("history_scan",),
    "history_chain": ("history_chain",),
    "replica": ("history_scan", "history_chain", "temperature"),
    "n_scans": (),
    "n_left_out": (),
}
NEEDED = ("beta",)


@dataclass(frozen=True)
class Ladder:
    """The ladder of one unit; `arrays` are those of VARIABLES that the file has."""

    values: dict[str, str]  # of the swept axes, as text
    arrays: dict[str, np.ndarray]
    verdict: str
    is_trusted: bool | None  # None: the file doesn't say

    @property
    def label(self) -> str:
        return units.label(self.values)

    @property
    def beta(self) -> np.ndarray:
        return self.arrays["beta"]

    @property
    def n_temperatures(self) -> int:
        return len(self.beta)

    def __getitem__(self, name: str) -> np.ndarray:
        return self.arrays[name]

    def find_missing(self, names: tuple[str, ...]) -> str | None:
        """What of these variables is missing or has no number in it."""
        lacking = [n for n in names if n not in self.arrays or not _has_values(self.arrays[n])]
        return f"no values of {', '.join(lacking)}" if lacking else None


def _has_values(array: np.ndarray) -> bool:
    return bool(array.size and (array.dtype.kind != "f" or np.isfinite(array).any()))


@dataclass(frozen=True)
class Ladders:
    """The ladders of all units of a folder that match a selection."""

    path: Path
    units: tuple[Ladder, ...]
    experiment: str = EXPERIMENT

    @property
    def shown(self) -> Ladder:
        return self.units[0]

    @property
    def notes(self) -> tuple[str, ...]:
        return (f"figures of one unit show {self.shown.label}",) if len(self.units) > 1 else ()

    def close(self) -> None:
        """Nothing is kept open."""


def open_ladders(
    path: Path, selection: Mapping[str, str], sweep: xr.Dataset | None = None
) -> Ladders:
    """A ladder.h5, or those of a folder; `sweep` says which of its units count."""
    found = units.read_all(units.find_files(path, LADDER_NAME), _read)
    if sweep is not None:
        found = [u for u in found if units.is_in_grid(u.values, sweep)]
    if not found:
        raise ResultError(f"{path}: no unit has a {LADDER_NAME} yet")
    file = path if path.is_file() else path / LADDER_NAME
    return Ladders(file, units.select(path, found, selection))


def read_trust(file: Any) -> tuple[str, bool | None]:
    """The verdict in words, and whether it is a good one."""
    is_trusted = file.attrs.get("is_trusted")
    flag = None if is_trusted is None else bool(np.ravel(is_trusted)[0])
    return units.to_text(file.attrs.get("verdict", "")), flag


def _read(path: Path) -> Ladder:
    def read(file: Any) -> Ladder:
        arrays = {name: _read_array(file[name]) for name in VARIABLES if name in file}
        _check(arrays)
        values = dict(units.UNIT_VALUE.findall(units.to_text(file.attrs.get("unit", ""))))
        return Ladder(values, arrays, *read_trust(file))

    return units.read_h5(path, "ladder", read)


def _read_array(dataset: Any) -> np.ndarray:
    array = np.asarray(dataset[()])
    if array.dtype.kind == "f":
        return np.where(np.isfinite(array), array, np.nan)
    if array.dtype.kind in "OS":
        return np.array([units.to_text(text) for text in array.ravel()]).reshape(array.shape)
    return array


def _check(arrays: dict[str, np.ndarray]) -> None:
    """That shapes agree, temperatures rise, and replicas are a permutation."""
    for name in NEEDED:
        if name not in arrays:
            raise ResultError(f"not a ladder of parallel tempering (no '{name}')")
    sizes: dict[str, int] = {}
    for name, array in arrays.items():
        dimensions = VARIABLES[name]
        is_text = array.dtype.kind == "U"
        if array.ndim != len(dimensions) or is_text != (name == "observable"):
            raise ResultError(f"{name} has the shape {array.shape} and the type {array.dtype}")
        for dimension, n in zip(dimensions, array.shape, strict=True):
            known = sizes.setdefault(dimension, n)
            if n != known:
                raise ResultError(f"{name} has {n} values along {dimension}, others have {known}")
    n = sizes["temperature"]
    for name, wanted in (("edge", n - 1), ("energy_bin_edge", sizes.get("energy_bin", 0) + 1)):
        if sizes.get(name, wanted) != wanted:
            raise ResultError(f"{sizes[name]} values along {name}, not {wanted}")
    if not np.all(np.diff(arrays["beta"]) > 0):
        raise ResultError("inverse temperatures don't rise")
    replica = arrays.get("replica")
    if replica is not None and not np.all(np.sort(replica, axis=2) == np.arange(n)):
        raise ResultError("replica: not one replica at every temperature")
