"""Draws every figure that a result file has the values for."""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterator
from pathlib import Path

import matplotlib.pyplot as plt
from matplotlib.figure import Figure

from analysis import style
from analysis.cube import Cube
from analysis.figures import FIGURES
from analysis.files import write_whole
from analysis.results import Result, ResultError
from analysis.training import Training

FORMATS = ("png", "pdf", "svg")
# No dates, so that the same results give the same file.
METADATA = {"png": {}, "pdf": {"CreationDate": None}, "svg": {"Date": None}}


def save(figure: Figure, path: Path, file_format: str) -> None:
    """Writes a figure whole or not at all."""

    def write(temporary: Path) -> None:
        figure.savefig(temporary, format=file_format, metadata=METADATA[file_format])

    try:
        write_whole(path, write)
    finally:
        plt.close(figure)


def draw_all(
    result: Result | Training | Cube,
    folder: Path,
    file_format: str = "png",
    only: Collection[str] = (),
) -> Iterator[Path]:
    """Draws into `folder` and yields each path; figures that lack something are named on stderr."""
    drawn = 0
    with plt.rc_context(style.SETTINGS):
        for kind in FIGURES:
            is_meant = kind.experiment == result.experiment
            if kind.name not in only if only else not is_meant:
                continue
            other = f"it is of experiment {kind.experiment}, these results are not"
            lacking = kind.needs(result) if is_meant else other
            if lacking is not None:
                print(f"analysis: left out {kind.name} ({lacking})", file=sys.stderr)
                continue
            folder.mkdir(parents=True, exist_ok=True)
            path = folder / f"{kind.name}.{file_format}"
            save(kind.draw(result), path, file_format)
            drawn += 1
            yield path
    if drawn == 0:
        raise ResultError(f"{result.path}: holds nothing that a figure could show")
