"""Folders of units: `units/<hash>/` with the files of one unit each, which say the values of its axes."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, TypeVar

import numpy as np
import xarray as xr

from analysis.files import find_damage
from analysis.results import ResultError, find_value

UNIT_VALUE = re.compile(r"([A-Za-z_][\w.]*)=(.*?)(?=\s+[A-Za-z_][\w.]*=|\s*$)")


class HasValues(Protocol):
    """What a unit's file is read into; `values` are those of its axes, as text."""

    @property
    def values(self) -> dict[str, str]: ...


OneUnit = TypeVar("OneUnit", bound=HasValues)


def label(values: Mapping[str, str]) -> str:
    return ", ".join(f"{name} = {value}" for name, value in values.items())


def to_text(value: object) -> str:
    """An attribute, whatever string HDF5 has made of it."""
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)


def read_h5(path: Path, what: str, read: Callable[[Any], OneUnit]) -> OneUnit:
    """Applies `read` to an opened HDF5 file whose checksum is right."""
    import h5py

    damage = find_damage(path)
    if damage is not None:
        raise ResultError(f"{path}: {damage}")
    try:
        with h5py.File(path, "r") as file:
            return read(file)
    except ResultError as error:
        raise ResultError(f"{path}: {error}") from None
    except (OSError, RuntimeError, KeyError, ValueError, TypeError, MemoryError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise ResultError(f"{path}: no readable {what} ({reason})") from error


def find_files(path: Path, name: str) -> list[Path]:
    """The files of that name of all units of an output folder; a file is its own only one."""
    return [path] if path.is_file() else sorted((path / "units").glob(f"*/{name}"))


def read_all(files: Sequence[Path], read: Callable[[Path], OneUnit]) -> list[OneUnit]:
    """Every unit's file; of several, damaged ones are left out and named on stderr."""
    units: list[OneUnit] = []
    last = None
    for file in files:
        try:
            units.append(read(file))
        except ResultError as error:
            if last is not None:
                print(f"analysis: left out a unit ({last})", file=sys.stderr)
            last = error
    if last is not None:
        if not units:
            raise last
        print(f"analysis: left out a unit ({last})", file=sys.stderr)
    return units


def is_in_grid(values: Mapping[str, str], sweep: xr.Dataset) -> bool:
    """Whether the results cover this unit: folders keep units that a new grid left out."""
    for name, value in values.items():
        if name in sweep.coords and sweep[name].ndim == 1:
            try:
                find_value(sweep[name].values, name, value)
            except ResultError:
                return False
    return True


def select(
    path: Path, units: Sequence[OneUnit], selection: Mapping[str, str]
) -> tuple[OneUnit, ...]:
    """The units with the wanted values, in order."""
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
    return sort(units)


def sort(units: Sequence[OneUnit]) -> tuple[OneUnit, ...]:
    """By numbers where values are numbers, axis after axis."""

    def key(unit: OneUnit) -> list[tuple[bool, float, str]]:
        keys = []
        for text in unit.values.values():
            try:
                keys.append((False, float(text), ""))
            except ValueError:
                keys.append((True, 0.0, text))
        return keys

    return tuple(sorted(units, key=key))
