"""What a storm reads and damages in an output folder: confirmed units by journals and parts, and one kind of damage each."""
import random
import zlib
from pathlib import Path

PART_NAME, DONE_HEAD, HASH, CRC = 112, 149, 32, 8  # columns of a journal line: docs/formats.md


def read_done(line: bytes) -> tuple[str, int, int, list[str]] | None:
    """Part, size, CRC and units of a whole D line; None for any other."""
    content = line[:-CRC - 1]
    if not line.startswith(b"D ") or len(content) < DONE_HEAD or line[-CRC:] != b"%08x" % zlib.crc32(line[:-CRC]):
        return None
    head = content[2 + PART_NAME:DONE_HEAD].split()
    return content[2:2 + PART_NAME].decode().strip(), int(head[0], 16), int(head[1], 16), content[DONE_HEAD:].decode().split()


def list_done(journal: Path) -> list[tuple[str, int, int, list[str]]]:
    lines = journal.read_bytes().split(b"\n")
    return [done for line in lines if (done := read_done(line))]


def list_journals(out: Path) -> set[Path]:
    return set((out / "journal").glob("*.log"))


def confirmed(out: Path) -> set[str]:
    """Units that a journal names, whose part is whole: none of them may be computed again."""
    units: set[str] = set()
    for journal in list_journals(out):
        for part, size, crc, hashes in list_done(journal):
            path = out / "parts" / part
            if path.exists() and len(data := path.read_bytes()) == size and zlib.crc32(data) == crc:
                units.update(hashes)
    return units


def count_again(out: Path, units: set[str], journals: set[Path]) -> int:
    """How many of these units the journals that are new since then name once more."""
    again = {unit for journal in list_journals(out) - journals for done in list_done(journal) for unit in done[3]}
    return len(again & units)


# ---- damage: each takes a file apart in place, and says nothing; False where there is nothing to damage ----


def pick(rng: random.Random, paths) -> Path | None:
    found = sorted(p for p in paths if p.is_file() and p.stat().st_size > 0)
    return rng.choice(found) if found else None


def flip(rng: random.Random, path: Path | None) -> bool:
    """Another value for one byte anywhere."""
    if path is None:
        return False
    data = bytearray(path.read_bytes())
    data[rng.randrange(len(data))] ^= rng.randrange(1, 256)
    path.write_bytes(data)
    return True


def cut(rng: random.Random, path: Path | None) -> bool:
    if path is None:
        return False
    path.write_bytes(path.read_bytes()[:rng.randrange(path.stat().st_size)])
    return True


def remove(path: Path | None) -> bool:
    if path is None:
        return False
    path.unlink()
    return True


def parts(out: Path):
    return (out / "parts").glob("*.h5")


def claims(out: Path) -> list[Path]:
    """Of blocks that somebody held: a number behind the last full stop."""
    return [p for p in (out / "claims").glob("*.*") if p.suffix[1:].isdigit()]


def checkpoints(out: Path) -> list[Path]:
    return list(out.glob("units/*/checkpoints/step-*.h5"))


def newest(out: Path) -> list[Path]:
    """The newest checkpoint of each unit."""
    folders = {p.parent for p in checkpoints(out)}
    return [max(folder.glob("step-*.h5")) for folder in folders]


def tear(rng: random.Random, journal: Path | None) -> bool:
    """The end of a journal as a power cut leaves it: part of the last line, or zeros and noise behind it."""
    if journal is None:
        return False
    data = journal.read_bytes()
    if rng.random() < 0.5:
        last = data.rstrip(b"\n").rfind(b"\n") + 1
        journal.write_bytes(data[:rng.randrange(last, len(data))])
    else:
        journal.write_bytes(data + bytes(rng.randrange(3000)) + rng.randbytes(rng.randrange(200)))
    return True


def every(rng: random.Random, paths: list[Path]) -> bool:
    """Every file damaged, one way or another."""
    for path in paths:
        rng.choice([flip, cut])(rng, path if path.stat().st_size > 0 else None)
    return bool(paths)


DAMAGE = {
    "part-flip": lambda rng, out: flip(rng, pick(rng, parts(out))),
    "part-cut": lambda rng, out: cut(rng, pick(rng, parts(out))),
    "part-gone": lambda rng, out: remove(pick(rng, parts(out))),
    "line-flip": lambda rng, out: flip(rng, pick(rng, list_journals(out))),
    "journal-torn": lambda rng, out: tear(rng, pick(rng, list_journals(out))),
    "claim-flip": lambda rng, out: flip(rng, pick(rng, claims(out))),
    "claim-cut": lambda rng, out: cut(rng, pick(rng, claims(out))),
    "checkpoint-flip": lambda rng, out: flip(rng, pick(rng, newest(out))),
    "checkpoint-cut": lambda rng, out: cut(rng, pick(rng, newest(out))),
    "checkpoint-gone": lambda rng, out: remove(pick(rng, newest(out))),
    "checkpoint-all": lambda rng, out: every(rng, checkpoints(out)),
}
TARGETS = {"part": parts, "line": list_journals, "journal": list_journals, "claim": claims, "checkpoint": checkpoints}
