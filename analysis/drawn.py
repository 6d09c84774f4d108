"""Opens what the sample experiment leaves: images drawn from a model (samples.h5), with what was
found out about how far to trust them."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from analysis.files import find_damage
from analysis.results import FILE_NAME, ResultError, find_value
from analysis.training import UNIT_VALUE, peek

EXPERIMENT = "sample"
SAMPLES_NAME = "samples.h5"


@dataclass(frozen=True)
class Images:
    """Images of one unit, [sample x height x width], or [sample x visible] where they are none."""

    path: Path
    values: dict[str, str]  # of the swept axes, as text
    samples: np.ndarray
    is_probability: bool
    verdict: str

    @property
    def label(self) -> str:
        return ", ".join(f"{name} = {value}" for name, value in self.values.items())


@dataclass(frozen=True)
class Drawn:
    """All units of a folder that match a selection."""

    path: Path
    units: tuple[Images, ...]
    experiment: str = EXPERIMENT

    @property
    def shown(self) -> Images:
        return self.units[0]

    @property
    def notes(self) -> tuple[str, ...]:
        return (f"figures show {self.shown.label}",) if len(self.units) > 1 else ()

    def close(self) -> None:
        """Nothing is kept open."""


def is_drawn(path: Path) -> bool:
    """Whether a file or folder is of the sample experiment."""
    files = [path / FILE_NAME, path / SAMPLES_NAME] if path.is_dir() else [path]
    files += sorted(path.glob(f"units/*/{SAMPLES_NAME}"))[:1] if path.is_dir() else []
    known = [file for file in files if file.is_file()]
    return bool(known) and peek(known[0]) == EXPERIMENT


def open_drawn(path: Path, selection: Mapping[str, str]) -> Drawn:
    """A samples.h5, or a folder of the sample experiment."""
    folder = path if path.is_dir() else path.parent
    if path.name == SAMPLES_NAME:
        files = [path]
    else:
        files = sorted((folder / "units").glob(f"*/{SAMPLES_NAME}"))
    units: list[Images] = []
    for file in files:
        try:
            units.append(_read(file))
        except ResultError as error:
            if len(files) == 1:
                raise
            print(f"analysis: left out a unit ({error})", file=sys.stderr)
    if not units:
        raise ResultError(f"{folder}: no unit has drawn samples yet")
    chosen = _select(path, units, selection)
    return Drawn(path if path.is_file() else folder / SAMPLES_NAME, chosen)


def _read(path: Path) -> Images:
    import h5py

    damage = find_damage(path)
    if damage is not None:
        raise ResultError(f"{path}: {damage}")
    try:
        with h5py.File(path, "r") as file:
            samples = file["samples"][()]
            texts = {k: _to_text(file.attrs.get(k, "")) for k in ("unit", "verdict")}
    except (OSError, RuntimeError, KeyError, ValueError, TypeError, MemoryError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise ResultError(f"{path}: no readable samples ({reason})") from error
    if samples.ndim not in (2, 3) or samples.size == 0 or samples.dtype.kind not in "fu":
        raise ResultError(f"{path}: samples of shape {samples.shape} and type {samples.dtype}")
    values = dict(UNIT_VALUE.findall(texts["unit"]))
    return Images(path, values, samples, samples.dtype.kind == "f", texts["verdict"])


def _to_text(value: object) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)


def _select(path: Path, units: list[Images], selection: Mapping[str, str]) -> tuple[Images, ...]:
    for name, wanted in selection.items():
        found = list(dict.fromkeys(u.values[name] for u in units if name in u.values))
        if not found:
            axes = ", ".join(dict.fromkeys(n for u in units for n in u.values))
            known = f"the axes are {axes}" if axes else "there are no axes"
            raise ResultError(f"{path}: no axis '{name}' to select on; {known}")
        try:
            value = found[find_value(np.array(found), name, wanted)]
        except ResultError as error:
            raise ResultError(f"{path}: {error}") from None
        units = [u for u in units if u.values.get(name) == value]
    return tuple(sorted(units, key=lambda u: list(u.values.values())))
