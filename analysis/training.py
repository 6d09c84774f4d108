"""Opens what a training run leaves: histories (metrics.h5), models (model.h5), and the final values
of a sweep (results.h5).

A *unit* is one training run; its folder name is a hash, and its files say which values of the swept
axes it has. A *group* is units that differ in the replicate alone.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import xarray as xr

from analysis.files import find_damage
from analysis.model import Model, read_model
from analysis.results import (
    FILE_NAME,
    REPLICATE,
    ResultError,
    count_units,
    find_value,
    get_names,
    load,
    narrow,
)
from analysis.units import UNIT_VALUE, is_in_grid, label, sort, to_text

SPECTRUM = "singular_value"
METRICS_NAME, MODEL_NAME = "metrics.h5", "model.h5"
EXPERIMENT = "rbm"


@dataclass(frozen=True)
class Unit:
    """One training run; `values` are those of its axes, as text."""

    values: dict[str, str]
    metrics: xr.Dataset | None = None  # over [step], finite or NaN
    model_path: Path | None = None

    @cached_property
    def model(self) -> Model:
        if self.model_path is None:
            raise ResultError(f"no {MODEL_NAME}")
        return read_model(self.model_path)

    @property
    def label(self) -> str:
        return label(self.values)

    @property
    def setting(self) -> tuple[tuple[str, str], ...]:
        """Values of all axes but the replicate."""
        return tuple((n, v) for n, v in self.values.items() if n != REPLICATE)


@dataclass(frozen=True)
class Training:
    """Units in the order of their values, and the final values of a sweep where there are any."""

    path: Path
    units: tuple[Unit, ...]
    sweep: xr.Dataset | None = None
    selected: tuple[str, ...] = ()  # "learning_rate = 0.01"
    experiment: str = EXPERIMENT

    @property
    def varied(self) -> list[str]:
        """Axes along which the units differ, without the replicate."""
        names = dict.fromkeys(n for u in self.units for n, _ in u.setting)
        return [n for n in names if len({u.values.get(n) for u in self.units}) > 1]

    @property
    def shown(self) -> Unit | None:
        """The unit for figures of one model: the first that has one, else the first."""
        models = [u for u in self.units if u.model_path is not None]
        return next(iter(models or self.units), None)

    @property
    def notes(self) -> tuple[str, ...]:
        """What was chosen, for the user."""
        if len(self.units) < 2 or self.shown is None:
            return ()
        return (f"figures of one model show {self.shown.label}",)

    def close(self) -> None:
        if self.sweep is not None:
            self.sweep.close()


# ---- opening ----


def open_training(path: Path, kind: str, selection: Mapping[str, str]) -> Training:
    """Opens a file, "metrics" or "model", or else a folder or the results.h5 in it."""
    if kind in ("metrics", "model"):
        files = (path, None) if kind == "metrics" else (None, path)
        return Training(path, *_select(path, (_read_unit(*files),), None, dict(selection)))
    if path.is_file():
        return _open_folder(path.parent, path, dict(selection))
    return _open_folder(path, None, dict(selection))


def find_unit_folders(folder: Path) -> list[Path]:
    """Folders with a history or a model; the folder itself where it has no units."""
    names = (METRICS_NAME, MODEL_NAME)
    folders = sorted(p for p in (folder / "units").glob("*") if p.is_dir())
    return [p for p in folders or [folder] if any((p / name).is_file() for name in names)]


def _open_folder(folder: Path, results: Path | None, selection: dict[str, str]) -> Training:
    sweep = load(results) if results is not None else None
    units, error = [], None
    for path in find_unit_folders(folder):
        files = (path / METRICS_NAME, path / MODEL_NAME)
        try:
            units.append(_read_unit(*(p if p.is_file() else None for p in files)))
        except ResultError as damage:
            print(f"analysis: left out a unit ({damage})", file=sys.stderr)
            error = damage
    if error is not None and not units and sweep is None:
        raise error
    if sweep is not None:
        units = [u for u in units if is_in_grid(u.values, sweep)]
    path = results or folder / METRICS_NAME
    return Training(path, *_select(path, tuple(units), sweep, selection))


def _read_unit(metrics_path: Path | None, model_path: Path | None) -> Unit:
    metrics = _read_metrics(metrics_path) if metrics_path is not None else None
    if metrics is not None:
        text = metrics.attrs.get("unit", "")
    else:
        assert model_path is not None
        text = read_model(model_path).attributes.get("unit", "")
    return Unit(dict(UNIT_VALUE.findall(str(text))), metrics, model_path)


def _read_metrics(path: Path) -> xr.Dataset:
    """By h5py alone: a sweep has many histories, and xarray takes long to open one."""
    import h5py

    damage = find_damage(path)
    if damage is not None:
        raise ResultError(f"{path}: {damage}")
    try:
        with h5py.File(path, "r") as file:
            arrays = {
                name: item[()]
                for name, item in file.items()
                if isinstance(item, h5py.Dataset) and item.dtype.kind in "fiu" and item.ndim > 0
            }
            unit = file.attrs.get("unit", "")
    except (OSError, RuntimeError, KeyError, ValueError, TypeError, MemoryError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise ResultError(f"{path}: not a readable history ({reason})") from error
    step = arrays.pop("step", np.empty((0, 0)))
    if step.ndim != 1:
        raise ResultError(f"{path}: not a history of a training run (no coordinate 'step')")
    if step.size == 0:
        raise ResultError(f"{path}: no step was measured yet")
    if np.any(np.diff(step) <= 0):
        raise ResultError(f"{path}: not a history of a training run (steps do not grow)")
    kept = {
        name: (("step", "mode")[: array.ndim], np.where(np.isfinite(array), array, np.nan))
        for name, array in arrays.items()
        if array.shape[0] == step.size and array.ndim == (2 if name == SPECTRUM else 1)
    }
    kept.pop("mode", None)  # The coordinate of a spectrum as long as the history.
    return xr.Dataset(kept, coords={"step": step}, attrs={"unit": to_text(unit)})


# ---- selection ----


def _select(
    path: Path, units: tuple[Unit, ...], sweep: xr.Dataset | None, selection: dict[str, str]
) -> tuple[tuple[Unit, ...], xr.Dataset | None, tuple[str, ...]]:
    """Keeps what has the wanted values, in order."""
    try:
        kept = _select_cells(sweep, selection) if sweep is not None else None
        for name, wanted in selection.items():
            units = _select_units(units, sweep, name, wanted)
    except ResultError as error:
        if sweep is not None:
            sweep.close()
        raise ResultError(f"{path}: {error}") from None
    return sort(units), kept, tuple(f"{n} = {v}" for n, v in selection.items())


def _select_cells(sweep: xr.Dataset, selection: dict[str, str]) -> xr.Dataset:
    """The same of the final values; an axis with one value left is none."""
    axes = [str(d) for d in sweep.dims if d in sweep.coords]
    names = {n for axis in axes for n in get_names(sweep, axis)}
    narrowed, left = narrow(sweep, {n: v for n, v in selection.items() if n in names}, axes)
    return narrowed.isel({axis: 0 for axis, n in left.items() if n == 1})


def _select_units(
    units: tuple[Unit, ...], sweep: xr.Dataset | None, name: str, wanted: str
) -> tuple[Unit, ...]:
    found = list(dict.fromkeys(u.values[name] for u in units if name in u.values))
    is_axis = sweep is not None and name in sweep.coords and sweep[name].ndim == 1
    if not found and not is_axis:
        axes = dict.fromkeys(n for u in units for n in u.values)
        if sweep is not None:
            axes |= dict.fromkeys(str(d) for d in sweep.dims)
        known = f"the axes are {', '.join(axes)}" if axes else "there are no axes"
        raise ResultError(f"no axis '{name}' to select on; {known}")
    if found:
        value = found[find_value(np.array(found), name, wanted)]
        units = tuple(u for u in units if u.values.get(name, value) == value)
    return units


def describe_unfinished(sweep: xr.Dataset | None) -> str:
    """How many units of a sweep are missing, if any."""
    units, unfinished = count_units(sweep) if sweep is not None else (0, 0)
    return f"{unfinished} of {units} units missing" if unfinished else ""


# ---- lines over steps ----


@dataclass(frozen=True)
class Group:
    """Units with the same values but for the replicate."""

    label: str
    units: tuple[Unit, ...]

    def has(self, name: str) -> bool:
        return any(_has(unit, name) for unit in self.units)

    def get_lines(self, name: str) -> list[tuple[np.ndarray, np.ndarray]]:
        """Steps and values where measured, for each unit that has any."""
        lines = []
        for unit in self.units:
            if _has(unit, name):
                values = unit.metrics[name].dropna("step")
                lines.append((values["step"].values, values.values))
        return lines

    def get_median(self, name: str) -> tuple[np.ndarray, np.ndarray]:
        """Over the units, at the steps that all of them have reached and measured."""
        return get_median(self.get_lines(name))


def get_median(lines: list[tuple[np.ndarray, np.ndarray]]) -> tuple[np.ndarray, np.ndarray]:
    """Median of lines at the steps that all of them have."""
    if not lines:
        return np.empty(0), np.empty(0)
    steps = lines[0][0]
    for other, _ in lines[1:]:
        steps = np.intersect1d(steps, other)
    table = [values[np.isin(own, steps)] for own, values in lines]
    return steps, np.median(table, axis=0)


def _has(unit: Unit, name: str) -> bool:
    if unit.metrics is None or name not in unit.metrics or unit.metrics[name].ndim != 1:
        return False
    return bool(unit.metrics[name].notnull().any())


def get_groups(training: Training) -> list[Group]:
    """The units that have a history, labelled by what varies."""
    varied, found = training.varied, {}
    for unit in training.units:
        if unit.metrics is not None:
            found.setdefault(unit.setting, []).append(unit)
    return [
        Group(", ".join(f"{n} = {v}" for n, v in setting if n in varied), tuple(units))
        for setting, units in found.items()
    ]


def get_steps_per_epoch(training: Training) -> float | None:
    """Steps of an epoch where all units agree on it."""
    ratios = []
    for unit in training.units:
        if _has(unit, "epoch"):
            epoch, step = unit.metrics["epoch"].values, unit.metrics["step"].values
            is_usable = np.isfinite(epoch) & (epoch > 0) & (step > 0)
            ratios.extend(step[is_usable] / epoch[is_usable])
    if not ratios or max(ratios) > min(ratios) * 1.001:
        return None
    return float(ratios[0])
