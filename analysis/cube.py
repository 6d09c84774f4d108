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
from analysis.results import REPLICATE, ResultError, count_units, find_file, find_value, load

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
            yield ", ".join(name_value(self.data, a, i) for a, i in index.items()), self.data.isel(
                index
            )

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


def open_cube(path: Path, selection: Mapping[str, str]) -> Cube:
    """Opens a result file or the folder of one; `selection` fixes axes by "name": "value"."""
    file = find_file(path)
    data = load(file)
    outer = tuple(str(d) for d in data["status"].dims) if "status" in data else ()
    units, unfinished = count_units(data)
    selected = []
    for name, wanted in selection.items():
        if name not in outer:
            data.close()
            raise ResultError(
                f"{file}: no axis '{name}' to select on; the axes are {', '.join(outer)}"
            )
        try:
            index = find_value(data[name].values, name, wanted)
        except ResultError as error:
            data.close()
            raise ResultError(f"{file}: {error}") from None
        selected.append(name_value(data, name, index))
        data = data.isel({name: index})
    axes = tuple(a for a in outer if a not in selection and a != REPLICATE)
    experiment = str(data.attrs["experiment"])
    return Cube(file, data, experiment, axes, tuple(selected), unfinished, units)
