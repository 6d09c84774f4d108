"""Opens whatever figures can be drawn of: a folder, or one of its files."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TypeAlias

import xarray as xr

from analysis import drawn, ladder, training, units
from analysis.cube import EXPERIMENTS as CUBES
from analysis.cube import Cube, open_cube
from analysis.drawn import Drawn, open_drawn
from analysis.ladder import Ladders, open_ladders
from analysis.results import FILE_NAME, Result, ResultError, load, open_result
from analysis.training import Training, open_training

Opened: TypeAlias = Result | Training | Cube | Drawn | Ladders


def get_parts(opened: Opened) -> tuple[Opened, ...]:
    """What was opened, and what else lies in the same folder; figures take what is of theirs."""
    return (opened, *getattr(opened, "parts", ()))


def open_any(path: Path, selection: Mapping[str, str] | None = None) -> Opened:
    """Opens a folder, or results.h5, metrics.h5, model.h5, samples.h5 or ladder.h5."""
    selection = dict(selection or {})
    if path.is_dir():
        return _open_folder(path, selection)
    kind = _peek(path) if path.exists() else ""
    if kind == "ladder":
        return open_ladders(path, selection)
    if kind == "samples":
        return open_drawn(path, selection)
    if kind in ("metrics", "model"):
        return open_training(path, kind, selection)
    return _open_results(path, kind, selection)


def _peek(path: Path) -> str:
    """ "metrics", "model", "samples" or "ladder", or the experiment of a result file; "" if it is
    none of simmer's."""
    import h5py

    named = {ladder.LADDER_NAME: "ladder", drawn.SAMPLES_NAME: "samples"}
    if path.name in named:
        return named[path.name]
    try:
        with h5py.File(path, "r") as file:
            if "W" in file:
                return "model"
            if "step" in file:
                return "metrics"
            if "status" not in file and "beta" in file:
                return "ladder"
            if "status" not in file and "samples" in file:
                return "samples"
            return units.to_text(file.attrs.get("experiment", ""))
    except (OSError, RuntimeError, KeyError):
        return ""


def _open_folder(folder: Path, selection: dict[str, str]) -> Opened:
    if (folder / FILE_NAME).is_file():
        return _open_results(folder / FILE_NAME, _peek(folder / FILE_NAME), selection)
    if training.find_unit_folders(folder):
        return open_training(folder, training.EXPERIMENT, selection)
    ladders = _open_parts(folder, selection)
    if units.find_files(folder, drawn.SAMPLES_NAME):
        return open_drawn(folder, selection, parts=ladders)
    return ladders[0] if ladders else open_result(folder, selection)  # Says what is missing.


def _open_results(path: Path, experiment: str, selection: dict[str, str]) -> Opened:
    """By the experiment of a result file, with what its units have left."""
    if experiment == training.EXPERIMENT:
        return open_training(path, experiment, selection)
    folder = path.parent
    if experiment == drawn.EXPERIMENT:
        with load(path) as sweep:
            return open_drawn(folder, selection, sweep, _open_parts(folder, selection, sweep))
    if experiment in CUBES:
        cube = open_cube(path, selection)
        return dataclasses.replace(cube, parts=_open_parts(folder, selection, cube.data))
    return open_result(path, selection)


def _open_parts(
    folder: Path, selection: dict[str, str], sweep: xr.Dataset | None = None
) -> tuple[Ladders, ...]:
    """The ladders of a folder, if any; damaged ones spoil nothing else."""
    if not units.find_files(folder, ladder.LADDER_NAME):
        return ()
    try:
        return (open_ladders(folder, selection, sweep),)
    except ResultError as error:
        print(f"analysis: left out what shows the ladder ({error})", file=sys.stderr)
        return ()
