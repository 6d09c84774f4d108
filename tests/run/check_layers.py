#!/usr/bin/env python3
"""Reads every include of the sources and fails on an arrow that the layer table doesn't have.

usage: check_layers.py [REPOSITORY]
"""
import re
import sys
from pathlib import Path

# Layer -> layers it may use, as in the design; a layer may always use itself.
MAY_USE = {
    "base": "",
    "comm": "base",
    "job": "base",
    "linalg": "base comm",
    "store": "base comm",
    "energy": "base comm linalg",
    "data": "base comm store energy",
    "regress": "base comm linalg",
    "sample": "base comm energy",
    "train": "base comm linalg energy sample data",
    "app": "base comm job linalg store energy data regress sample train",
}
# Header of an outside library -> the only layers that may include it.
ONLY = [
    (r"Random123/|zlib\.h", {"base"}),
    (r"libfyaml", {"job"}),
    (r"cblas|lapacke|openblas", {"linalg"}),
    (r"hdf5", {"store"}),
]
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')


def layer_of(path: Path) -> str | None:
    """Layer that a source or header belongs to; None for main.c."""
    parts = path.parts
    if parts[0] == "src":
        return parts[1] if len(parts) > 2 else None
    return parts[2] if parts[:2] == ("include", "simmer") else None


def check_file(root: Path, path: Path) -> list[str]:
    layer = layer_of(path)
    wrong = []
    text = re.sub(r"/\*.*?\*/", lambda m: "\n" * m.group().count("\n"), (root / path).read_text(), flags=re.S)
    if layer != "comm":
        for call in re.finditer(r"\bMPI_[A-Z][a-z_]+\s*\(", text):
            number = text[: call.start()].count("\n") + 1
            wrong.append(f"{path}:{number}: {call.group()}) is a call of MPI outside comm")
    for number, line in enumerate((root / path).read_text().splitlines(), 1):
        found = INCLUDE.match(line)
        if not found:
            continue
        name = found.group(2)
        used = name.split("/")[1] if name.startswith("simmer/") else None
        if layer is None:
            if used not in (None, "app"):
                wrong.append(f"{path}:{number}: main.c may include app only, not {name}")
            continue
        if used and used != layer and used not in MAY_USE[layer].split():
            wrong.append(f"{path}:{number}: {layer} may not use {used} ({name})")
        if found.group(1) == '"' and not used and not (root / path.parent / name).exists() and not name.endswith("_made.h"):
            wrong.append(f"{path}:{number}: {name} is no header of this layer")
        for pattern, layers in ONLY:
            if re.search(pattern, name) and layer not in layers:
                wrong.append(f"{path}:{number}: {name} belongs to {', '.join(sorted(layers))} alone")
    return wrong


def main() -> int:
    root = Path(sys.argv[1] if len(sys.argv) > 1 else ".")
    files = sorted(p.relative_to(root) for d in ("src", "include") for p in (root / d).rglob("*.[ch]"))
    wrong = [w for f in files for w in check_file(root, f)]
    worlds = [str(f) for f in files if re.search(r"\bMPI_COMM_WORLD", re.sub(r"/\*.*?\*/", "", (root / f).read_text(), flags=re.S))]
    if worlds not in ([], ["src/comm/context.c"]):
        wrong.append(f"MPI_COMM_WORLD outside src/comm/context.c: {' '.join(worlds)}")
    print("\n".join(wrong) if wrong else f"{len(files)} files, every arrow is in the layer table")
    return 1 if wrong or not files else 0


if __name__ == "__main__":
    sys.exit(main())
