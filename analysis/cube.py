"""Opens the results of experiments whose axes are any keys: partition and renormalize.

A *cell* is one combination of values of the outer axes, without the replicate.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import xarray as xr

from analysis.ladder import Ladders
from analysis.results import (
    REPLICATE,
    ResultError,
    count_units,
    find_file,
    get_names,
    load,
    narrow,
)

EXPERIMENTS = ("partition", "renormalize")


@dataclass(frozen=True)
class Cube:
    """An open result file; axes that were selected are gone from `data`."""

    path: Path
    data: xr.Dataset
    experiment: str
    axes: tuple[str, ...]  # outer ones that are left, without the replicate
    selected: tuple[str, ...]  # "coupling = 0.2"
    unfinished: int
    units: int
    parts: tuple[Ladders, ...] = ()  # how ln Z was found

    @property
    def notes(self) -> tuple[str, ...]:
        return ()

    @property
    def replicates(self) -> int:
        return int(self.data.sizes.get(REPLICATE, 1))

    def get_cells(self) -> Iterator[tuple[str, xr.Dataset]]:
        """Each cell with a label: "side = 8, coupling = 0.408"."""
        sizes = [range(self.data.sizes[a]) for a in self.axes]
        for places in itertools.product(*sizes):
            index = dict(zip(self.axes, places, strict=True))
            texts = [name_cell(self.data, a, i) for a, i in index.items()]
            yield ", ".join(texts), self.data.isel(index)

    def describe(self) -> tuple[str, ...]:
        """Circumstances, for a caption."""
        texts = list(self.selected)
        if self.replicates > 1:
            texts.append(f"{self.replicates} replicates")
        if self.unfinished:
            texts.append(f"{self.unfinished} of {self.units} units missing")
        return tuple(texts)

    def close(self) -> None:
        self.data.close()


def name_value(data: xr.Dataset, axis: str, index: int) -> str:
    """One value of an axis, legible."""
    value = data[axis].values[index] if axis in data.coords else index
    if isinstance(value, (float, np.floating)):
        return f"{axis} = {value:.6g}"
    return f"{axis} = {value}"


def name_cell(data: xr.Dataset, axis: str, index: int) -> str:
    """The same, with the values of axes zipped with it where its own don't tell cells apart."""
    is_clear = axis not in data.coords or len(np.unique(data[axis].values)) == data.sizes[axis]
    names = [axis] if is_clear else get_names(data, axis)
    return ", ".join(name_value(data, name, index) for name in names)


def open_cube(path: Path, selection: Mapping[str, str]) -> Cube:
    """Opens a result file or the folder of one; `selection` fixes axes by "name": "value"."""
    file = find_file(path)
    data = load(file)
    outer = tuple(str(d) for d in data["status"].dims) if "status" in data else ()
    units, unfinished = count_units(data)
    try:
        data, left = narrow(data, selection, outer)
    except ResultError as error:
        data.close()
        raise ResultError(f"{file}: {error}") from None
    selected = []
    for axis, n in left.items():
        if n == 1:
            selected += [name_value(data, name, 0) for name in get_names(data, axis)]
            data = data.isel({axis: 0})
    axes = tuple(a for a in outer if a in data.dims and a != REPLICATE)
    experiment = str(data.attrs["experiment"])
    return Cube(file, data, experiment, axes, tuple(selected), unfinished, units)
