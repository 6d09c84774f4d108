"""Opens images drawn from a model (samples.h5), with the verdict on how far to trust them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from analysis import units
from analysis.ladder import Ladders, read_trust
from analysis.results import ResultError

EXPERIMENT = "sample"
SAMPLES_NAME = "samples.h5"


@dataclass(frozen=True)
class Images:
    """Images of one unit, [sample x height x width], or [sample x visible] where they are none."""

    values: dict[str, str]  # of the swept axes, as text
    samples: np.ndarray
    verdict: str
    is_trusted: bool | None  # None: the file doesn't say

    @property
    def is_probability(self) -> bool:
        return self.samples.dtype.kind == "f"

    @property
    def label(self) -> str:
        return units.label(self.values)


@dataclass(frozen=True)
class Drawn:
    """All units of a folder that match a selection."""

    path: Path
    units: tuple[Images, ...]
    parts: tuple[Ladders, ...] = ()  # how they were drawn
    experiment: str = EXPERIMENT

    @property
    def shown(self) -> Images:
        return self.units[0]

    @property
    def notes(self) -> tuple[str, ...]:
        return (f"figures of one unit show {self.shown.label}",) if len(self.units) > 1 else ()

    def close(self) -> None:
        """Nothing is kept open."""


def open_drawn(
    path: Path,
    selection: Mapping[str, str],
    sweep: xr.Dataset | None = None,
    parts: tuple[Ladders, ...] = (),
) -> Drawn:
    """A samples.h5, or those of a folder; `sweep` says which of its units count."""
    found = units.read_all(units.find_files(path, SAMPLES_NAME), _read)
    if sweep is not None:
        found = [u for u in found if units.is_in_grid(u.values, sweep)]
    if not found:
        raise ResultError(f"{path}: no unit has drawn samples yet")
    file = path if path.is_file() else path / SAMPLES_NAME
    return Drawn(file, units.select(path, found, selection), parts)


def _read(path: Path) -> Images:
    def read(file: Any) -> Images:
        if "samples" not in file:
            raise ResultError("no 'samples'")
        samples = file["samples"][()]
        if samples.ndim not in (2, 3) or samples.size == 0 or samples.dtype.kind not in "fu":
            raise ResultError(f"samples of shape {samples.shape} and type {samples.dtype}")
        values = dict(units.UNIT_VALUE.findall(units.to_text(file.attrs.get("unit", ""))))
        return Images(values, samples, *read_trust(file))

    return units.read_h5(path, "samples", read)
