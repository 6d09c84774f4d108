"""Draws every figure that a result file has the values for."""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterator
from pathlib import Path

import matplotlib.pyplot as plt
from matplotlib.figure import Figure

from analysis import style
from analysis.figures import FIGURES
from analysis.files import write_whole
from analysis.opening import Opened, get_parts
from analysis.results import ResultError

FORMATS = ("png", "pdf", "svg")
# No dates, so that the same results give the same file.
METADATA = {"png": {}, "pdf": {"CreationDate": None}, "svg": {"Date": None}}


def save(figure: Figure, path: Path, file_format: str) -> None:
    """Writes a figure whole or not at all."""

    def write(temporary: Path) -> None:
        style.fit_captions(figure)
        figure.savefig(temporary, format=file_format, metadata=METADATA[file_format])

    try:
        write_whole(path, write)
    finally:
        plt.close(figure)


def draw_all(
    opened: Opened, folder: Path, file_format: str = "png", only: Collection[str] = ()
) -> Iterator[Path]:
    """Draws into `folder` and yields each path; figures that lack something are named on stderr."""
    drawn = 0
    parts = {part.experiment: part for part in get_parts(opened)}
    with plt.rc_context(style.SETTINGS):
        for kind in FIGURES:
            part = parts.get(kind.experiment)
            if kind.name not in only if only else part is None:
                continue
            other = f"it is of experiment {kind.experiment}, these results are not"
            lacking = kind.needs(part) if part is not None else other
            if lacking is not None:
                print(f"analysis: left out {kind.name} ({lacking})", file=sys.stderr)
                continue
            folder.mkdir(parents=True, exist_ok=True)
            path = folder / f"{kind.name}.{file_format}"
            save(kind.draw(part), path, file_format)
            drawn += 1
            yield path
    if drawn == 0:
        raise ResultError(f"{opened.path}: holds nothing that a figure could show")
