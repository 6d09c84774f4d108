"""One self-contained HTML page about output folders: what ran and where, figures, tables, timing, how to cite.

Everything comes from the folders' own files. The page has no scripts and loads nothing.
"""

from __future__ import annotations

import base64
import html
import json
import re
import shlex
import struct
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

import numpy as np
import xarray as xr

from analysis.figures import FIGURES
from analysis.files import show_bytes, write_whole
from analysis.opening import open_any
from analysis.plot import draw_all
from analysis.results import (
    FILE_NAME,
    STATUS_DONE,
    ResultError,
    find_file,
    get_names,
    load,
)

STATUS_NAMES = ("pending", "done", "failed", "quarantined", "excluded")
MOST_FAILURES, MOST_ROWS, MOST_WORDS = 10, 12, 6
WIDE = 1.5  # figures that are wider than so many heights take the whole page
MARK = "job.keys"  # of an output folder
HARMLESS = re.compile(r"(log|\.nfs.*|job\.keys\.tmp.*)$")  # what may be in a new one
RUN_FACT = re.compile(r'(\w+)=(?:"([^"]*)"|(\S+))')
Z_NAME = re.compile(r"(^|_)z(_|$)|z_score")

STYLE = """
:root { --ink: #1b1f24; --soft: #59636e; --line: #d8dee4; --paper: #fff; --wash: #f6f8fa; --accent: #0b5cad; }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1.5rem clamp(1rem, 4vw, 3rem); max-width: 68rem; color: var(--ink); background: var(--paper);
  font: 16px/1.5 system-ui, "Segoe UI", "DejaVu Sans", sans-serif; }
h1 { font-size: 1.7rem; margin: 0 0 .2rem; } h2 { font-size: 1.3rem; margin: 2.5rem 0 .5rem; padding-top: .6rem; border-top: 2px solid var(--line); }
h3 { font-size: 1.05rem; margin: 1.5rem 0 .4rem; } p { margin: .4rem 0; } .soft { color: var(--soft); font-size: .92em; }
code, pre { font-family: ui-monospace, "DejaVu Sans Mono", monospace; font-size: .86em; overflow-wrap: anywhere; }
pre { background: var(--wash); border: 1px solid var(--line); border-radius: 6px; padding: .8rem; white-space: pre-wrap; }
.scroll { overflow-x: auto; }
@media (max-width: 45rem) { .scroll td:last-child:not(.number) { min-width: min(12rem, 55vw); } }
@media screen { .scroll { background: linear-gradient(to right, var(--paper) 40%, transparent) left / 2.5rem 100% local,
  linear-gradient(to left, var(--paper) 40%, transparent) right / 2.5rem 100% local,
  linear-gradient(to right, #0003, transparent) left / .7rem 100%, linear-gradient(to left, #0003, transparent) right / .7rem 100%;
  background-repeat: no-repeat; background-attachment: local, local, scroll, scroll; } }
table { border-collapse: collapse; margin: .4rem 0; font-size: .92em; font-variant-numeric: tabular-nums; }
th, td { padding: .25rem .8rem .25rem 0; text-align: left; vertical-align: top; border-bottom: 1px solid var(--line); }
th { font-weight: 600; color: var(--soft); } td.number, th.number { text-align: right; white-space: nowrap; } td.bad { color: #b42318; font-weight: 600; }
figure { margin: 1rem 0; } figure img { display: block; max-width: 100%; height: auto; border: 1px solid var(--line); border-radius: 6px; }
figcaption { color: var(--soft); font-size: .92em; margin-top: .3rem; }
.figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 26rem), 1fr)); gap: 0 1.5rem; align-items: start;
  grid-auto-flow: dense; }
.figures .wide { grid-column: 1 / -1; }
.bar { background: var(--wash); border: 1px solid var(--line); border-radius: 4px; width: 9rem; height: .8rem; display: inline-block; }
.bar span { display: block; height: 100%; background: var(--accent); border-radius: 3px; }
details summary { cursor: pointer; color: var(--accent); } nav a { margin-right: 1rem; } a { color: var(--accent); }
@media print { body { max-width: none; font-size: 10.5pt; padding: 0; } h2 { break-before: auto; } figure, table { break-inside: avoid; }
  details > :not(summary) { display: block; } nav { display: none; } }
"""


def make_report(folders: Sequence[Path], path: Path | None = None, bench: Path | None = None) -> Path:
    """Writes the page about `folders` to `path`, by default into the first one that has results."""
    runs: list[Run | Waiting] = []
    try:
        for folder in folders:
            runs.append(_open(folder))
        done = [run for run in runs if isinstance(run, Run)]
        if not done:
            raise ResultError(f"{folders[0]}: no {FILE_NAME} in this folder (simmer collect makes it)")
        text = _page(runs, _read_bench(bench, folders))
    finally:
        for run in runs:
            run.close()
    path = path or done[0].folder / "report.html"
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, lambda temporary: temporary.write_text(text, encoding="utf-8"))
    return path


class Run:
    """An output folder and its results.h5."""

    def __init__(self, path: Path) -> None:
        self.folder = path.parent
        self.data: xr.Dataset = load(path)
        status = self.data["status"].values if "status" in self.data else np.array([STATUS_DONE])
        self.counts = {name: int((status == i).sum()) for i, name in enumerate(STATUS_NAMES)}

    def close(self) -> None:
        self.data.close()

    def get(self, name: str) -> str:
        return str(self.data.attrs.get(name, "unknown"))

    @property
    def name(self) -> str:
        return _find_name(self.get("job")) or self.folder.name

    @property
    def starts(self) -> list[dict[str, str]]:
        """One dictionary for each start of the program."""
        return [
            {name: quoted or plain for name, quoted, plain in RUN_FACT.findall(line)}
            for line in self.get("runs").splitlines()
            if line.strip()
        ]


class Waiting:
    """An output folder without results.h5: new, or its first run isn't over."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        path = folder / "job.yaml"
        self.job = path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
        self.is_begun = (folder / MARK).is_file()

    @property
    def name(self) -> str:
        return _find_name(self.job) or self.folder.resolve().name

    def close(self) -> None:
        pass


def _open(path: Path) -> Run | Waiting:
    """What is known of a folder, or of a results.h5."""
    if not path.is_dir() or (path / FILE_NAME).is_file():
        return Run(find_file(path))
    if not (path / MARK).is_file() and not all(HARMLESS.match(p.name) for p in path.iterdir()):
        raise ResultError(f"{path}: not an output folder of simmer: it has neither {FILE_NAME} nor {MARK}")
    return Waiting(path)


def _find_name(job: str) -> str:
    """The name in a job file as simmer writes it: plain, or quoted with JSON's escapes."""
    match = re.search(r"^name: *(.+)$", job, re.MULTILINE)
    if not match:
        return ""
    try:
        return str(json.loads(match.group(1))) if match.group(1).startswith('"') else match.group(1)
    except ValueError:
        return match.group(1).strip('"')


# ---- pieces of a page ----


def _escape(text: object) -> str:
    return html.escape(show_bytes(str(text)), quote=True)


@dataclass(frozen=True)
class Cell:
    """A table's cell that isn't plain text."""

    text: str
    kind: str = ""  # number, bad
    is_html: bool = False


def _table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    def show(value: object, tag: str) -> str:
        cell = value if isinstance(value, Cell) else Cell(str(value))
        kind = f' class="{cell.kind}"' if cell.kind else ""
        return f"<{tag}{kind}>{cell.text if cell.is_html else _escape(cell.text)}</{tag}>"

    numeric = [
        any(isinstance(r[i], Cell) and r[i].kind in ("number", "bad") for r in rows)
        for i in range(len(head))
    ]
    titles = [Cell(t, "number" if numeric[i] else "") for i, t in enumerate(head)]
    lines = ["<tr>" + "".join(show(c, "th") for c in titles) + "</tr>"] if any(head) else []
    lines += ["<tr>" + "".join(show(c, "td") for c in row) + "</tr>" for row in rows]
    return f'<div class="scroll" tabindex="0"><table>{"".join(lines)}</table></div>'


def _number(value: float, digits: int = 4) -> Cell:
    return Cell(f"{value:.{digits}g}" if np.isfinite(value) else "–", "number")


def _count(value: int) -> Cell:
    return Cell(f"{value:,}", "number")


def _duration(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.3g} s"
    if seconds < 3600:
        return f"{seconds / 60:.3g} min"
    return f"{seconds / 3600:.3g} h"


# ---- the page ----


def _page(runs: Sequence[Run | Waiting], limits: list[dict] | None) -> str:
    now = datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M UTC")
    title = ", ".join(run.name for run in runs)
    links = "".join(f'<a href="#run{i}">{_escape(run.name)}</a>' for i, run in enumerate(runs))
    tail = '<a href="#limits">limits</a>' if limits else ""
    parts = [
        f"<h1>{_escape(title)}</h1>",
        f'<p class="soft">A report of simmer, made {now}.</p>',
        f'<nav>{links}{tail}<a href="#cite">how to cite</a></nav>' if len(runs) > 1 else "",
    ]
    for i, run in enumerate(runs):
        pieces = _describe(run) if isinstance(run, Run) else _describe_waiting(run)
        parts.append(f'<section id="run{i}">{"".join(pieces)}</section>')
    if limits:
        parts.append(f'<section id="limits">{_describe_limits(limits)}</section>')
    parts.append(f'<section id="cite">{_cite([run for run in runs if isinstance(run, Run)])}</section>')
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<link rel="icon" href="data:,"><title>{_escape(title)}</title><style>{STYLE}</style></head>\n'
        f"<body>{''.join(parts)}</body></html>\n"
    )


def _describe(run: Run) -> Iterator[str]:
    yield f"<h2>{_escape(run.name)}</h2>"
    yield f"<p>{_escape(run.get('title'))}. Seed {_escape(run.get('seed'))}, output in <code>{_escape(run.folder)}</code>.</p>"
    yield _describe_state(run)
    yield f'<div class="figures">{"".join(_figures(run))}</div>'
    yield _describe_axes(run)
    yield _describe_outputs(run)
    yield _describe_theory(run)
    yield _describe_failures(run)
    yield _describe_time(run)
    yield _describe_place(run)
    yield f"<details><summary>the job file</summary><pre>{_escape(run.get('job'))}</pre></details>"


def _quote(path: Path) -> str:
    """A path as a shell takes it."""
    text = str(path)
    if show_bytes(text) == text:
        return shlex.quote(text)
    text = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"$'{show_bytes(text)}'"


def _describe_waiting(run: Waiting) -> Iterator[str]:
    yield f"<h2>{_escape(run.name)}</h2>"
    if not run.is_begun:
        yield f"<p>No results yet: nothing has run in <code>{_escape(run.folder)}</code>.</p>"
        return
    folder = _escape(_quote(run.folder))
    yield (
        f"<p>No results yet: <code>simmer status {folder}</code> tells how far it is, "
        f"<code>simmer collect {folder}</code> writes what is finished.</p>"
    )
    yield f'<div class="figures">{"".join(_figures(run))}</div>'
    if run.job:
        yield f"<details><summary>the job file</summary><pre>{_escape(run.job)}</pre></details>"


def _describe_state(run: Run) -> str:
    total = sum(n for name, n in run.counts.items() if name != "excluded")
    rows = [[name, _count(n)] for name, n in run.counts.items() if n > 0]
    share = 100 * run.counts["done"] / total if total else 0
    return f"<p>{run.counts['done']:,} of {total:,} units done ({share:.1f} %).</p>" + (
        _table(("units", ""), rows) if len(rows) > 1 else ""
    )


def _figures(run: Run | Waiting) -> Iterator[str]:
    meanings = {kind.name: kind.meaning for kind in FIGURES}
    with tempfile.TemporaryDirectory() as folder:
        try:
            result = open_any(run.folder, {})
        except ResultError:
            return
        try:
            paths = list(draw_all(result, Path(folder)))
        except ResultError:
            paths = []  # nothing that a figure could show; the tables tell the rest
        finally:
            result.close()
        for path in paths:
            content = base64.b64encode(path.read_bytes()).decode("ascii")
            meaning = _escape(meanings[path.stem])
            width, height = struct.unpack(">II", path.read_bytes()[16:24])
            kind = ' class="wide"' if width > WIDE * height else ""
            yield (
                f'<figure{kind}><img src="data:image/png;base64,{content}" alt="{meaning}">'
                f"<figcaption>{meaning}</figcaption></figure>"
            )


def _describe_axes(run: Run) -> str:
    rows = []
    for axis, size in run.data.sizes.items():
        for name in get_names(run.data, str(axis)):
            if name in run.data.variables:
                text = name if name == axis else f"{name}, zipped with {axis}"
                meaning = run.data[name].attrs.get("long_name", "")
                rows.append([text, _count(size), _describe_values(run.data[name].values), meaning])
    return "<h3>Axes</h3>" + _table(("axis", "values", "which", "meaning"), rows) if rows else ""


def _describe_values(values: np.ndarray) -> str:
    """The ends of numbers, all of a few words."""
    if values.dtype.kind in "OUS" and len(values) <= MOST_WORDS:
        return ", ".join(str(v) for v in values)
    return f"{values[0]} … {values[-1]}" if len(values) > 1 else str(values[0])


def _describe_outputs(run: Run) -> str:
    """Range of every output that has a meaning of its own."""
    rows = []
    endings = ("_mean", "_stderr", "_median", "_q05", "_q25", "_q75", "_q95")
    for name, variable in run.data.data_vars.items():
        if str(name).endswith(endings) or name == "status" or variable.dtype.kind not in "fiu":
            continue
        values = variable.values[np.isfinite(variable.values.astype(float))].astype(float)
        if values.size:
            low, middle, high = np.quantile(values, [0, 0.5, 1])
            rows.append(
                [str(name), _number(low), _number(middle), _number(high), variable.attrs.get("long_name", "")]
            )
    if not rows:
        return ""
    table = _table(("output", "least", "median", "most", "meaning"), rows)
    return f"<details><summary>{len(rows)} outputs and their ranges</summary>{table}</details>"


def _describe_theory(run: Run) -> str:
    rows = []
    for name, variable in run.data.data_vars.items():
        if not Z_NAME.search(str(name)) or variable.dtype.kind != "f":
            continue
        z = variable.values[np.isfinite(variable.values)]
        if z.size:
            worst = float(np.abs(z).max())
            rows.append(
                [
                    str(name),
                    _count(z.size),
                    _number(float(np.sqrt(np.mean(z**2))), 3),
                    Cell(f"{worst:.3g}", "number"),
                    Cell(f"{100 * float(np.mean(np.abs(z) <= 3)):.1f} %", "number"),
                    variable.attrs.get("long_name", ""),
                ]
            )
    if not rows:
        return ""
    note = '<p class="soft">Honest errors give a root mean square near 1, and |z| ≤ 3 in 99.7 % of all cases; an asymptotic theory is off by its own finite-size error besides.</p>'
    head = ("z-score", "cells", "rms", "largest |z|", "|z| ≤ 3", "meaning")
    return "<h3>Against the exact answers</h3>" + _table(head, rows) + note


def _describe_failures(run: Run) -> str:
    """Messages of failed units, from the journals; each line ends with its CRC."""
    if run.counts["failed"] + run.counts["quarantined"] == 0:
        return ""
    messages: dict[str, int] = {}
    for path in sorted((run.folder / "journal").glob("*.log")):
        for line in path.read_text(errors="replace").splitlines():
            match = re.fullmatch(r"F [0-9a-f]{32} [0-9a-f]{2} (.*) [0-9a-f]{8}", line)
            if match:
                text = re.sub(r"%([0-9A-Fa-f]{2})", lambda m: chr(int(m.group(1), 16)), match.group(1))
                messages[text] = messages.get(text, 0) + 1
    ranked = sorted(messages.items(), key=lambda item: -item[1])[:MOST_FAILURES]
    rows = [[_count(n), text] for text, n in ranked]
    return "<h3>Failures</h3>" + _table(("times", "message"), rows)


def _describe_time(run: Run) -> str:
    if "seconds" not in run.data:
        return ""
    seconds = run.data["seconds"].values
    seconds = seconds[np.isfinite(seconds)]
    if not seconds.size:
        return ""
    rows = [
        ["all units together", _duration(float(seconds.sum()))],
        ["median unit", _duration(float(np.median(seconds)))],
        ["longest unit", _duration(float(seconds.max()))],
    ]
    return "<h3>Time</h3>" + _table(("", ""), rows)


def _describe_place(run: Run) -> str:
    rows = [
        ["program", f"simmer {run.get('simmer_version')}, commit {run.get('git_commit')}, numerics {run.get('numerics_version')}"],
        ["libraries", run.get("libraries")],
        ["processor", run.get("cpu")],
    ]
    starts = run.starts
    for start in starts[:MOST_ROWS]:
        text = f"{start.get('ranks', '?')} ranks × {start.get('threads', '?')} threads on {start.get('hosts', '?')}"
        rows.append([start.get("date", "?"), text])
    if len(starts) > MOST_ROWS:
        rows.append(["", f"and {len(starts) - MOST_ROWS} more starts"])
    return "<h3>Where it ran</h3>" + _table(("", ""), rows)


# ---- the limits of the machine ----


def _read_bench(path: Path | None, folders: Sequence[Path]) -> list[dict] | None:
    """What `simmer bench --json` has said of this machine: the given file, or bench.json beside the folders."""
    candidates = [path] if path is not None else [f.resolve().parent / "bench.json" for f in folders]
    for candidate in candidates:
        if candidate.is_file():
            try:
                rows = json.loads(candidate.read_text())
                return [row for row in rows if {"name", "rate", "limit", "share", "unit"} <= set(row)]
            except (ValueError, TypeError) as error:
                raise ResultError(f"{candidate}: not what 'simmer bench --json' prints ({error})") from None
        if path is not None:
            raise ResultError(f"{candidate}: no such file")
    return None


def _describe_limits(limits: list[dict]) -> str:
    rows = []
    for row in limits:
        share = float(row["share"])
        bar = f'<span class="bar"><span style="width:{100 * min(max(share, 0), 1):.0f}%"></span></span>'
        rows.append(
            [row["name"], _number(float(row["rate"]), 3), _number(float(row["limit"]), 3), row["unit"], Cell(f"{100 * share:.0f} %", "number"), Cell(bar, is_html=True)]
        )
    head = ("kernel", "rate", "limit", "unit", "share", "")
    note = '<p class="soft">By <code>simmer bench --json</code>: the rate of each kernel beside the limit measured in the same run.</p>'
    return "<h2>Share of the hardware limit</h2>" + _table(head, rows) + note


# ---- citing ----


def _cite(runs: Sequence[Run]) -> str:
    versions = sorted({f"{run.get('simmer_version')} (commit {run.get('git_commit')})" for run in runs})
    year = max((run.get("date")[:4] for run in runs), default="")
    entry = (
        "@software{simmer,\n  title   = {simmer: regularized regression and Boltzmann machines near their phase transitions},\n"
        f"  version = {{{', '.join(versions)}}},\n  year    = {{{year}}}\n}}"
    )
    seeds = ", ".join(f"{run.name}: seed {run.get('seed')}" for run in runs)
    text = (
        "Name the program with its version and commit, and give the job file and its seed: with them the results can be "
        f"computed again to the last bit on the same type of processor ({_escape(seeds)})."
    )
    return f"<h2>How to cite</h2><p>{text}</p><pre>{_escape(entry)}</pre>"
