"""Draws every figure that a result file has the values for."""

from __future__ import annotations

import os
import sys
from collections.abc import Collection, Iterator
from pathlib import Path

import matplotlib.pyplot as plt
from matplotlib.figure import Figure

from analysis import style
from analysis.figures import FIGURES
from analysis.results import Result, ResultError

FORMATS = ("png", "pdf", "svg")
# No dates, so that the same results give the same file.
METADATA = {"png": {}, "pdf": {"CreationDate": None}, "svg": {"Date": None}}


def save(figure: Figure, path: Path, file_format: str) -> None:
    """Writes a figure whole or not at all."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        figure.savefig(temporary, format=file_format, metadata=METADATA[file_format])
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
        plt.close(figure)


def draw_all(
    result: Result, folder: Path, file_format: str = "png", only: Collection[str] = ()
) -> Iterator[Path]:
    """Draws into `folder` and yields each path; figures that lack something are named on stderr."""
    drawn = 0
    with plt.rc_context(style.SETTINGS):
        for kind in FIGURES:
            if only and kind.name not in only:
                continue
            lacking = kind.needs(result)
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
