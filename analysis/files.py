"""Small files: written whole or not at all, and the seals that simmer puts behind HDF5's end.

A seal is 16 bytes: `simmer`, 0x1a, a newline, the CRC-32 of everything before, zeros.
"""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

HDF5_MARK = b"\x89HDF\r\n\x1a\n"
SEAL_MARK = b"simmer\x1a\n"
SEAL_BYTES = 16
# Where superblocks of versions 0 to 3 keep the end of the file, with addresses of 8 bytes.
END_PLACES = (40, 44, 28, 28)


def show_bytes(text: str) -> str:
    r"""A file's name for the eye: bytes of it that aren't UTF-8 as \xff."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def write_whole(path: Path, write: Callable[[Path], None]) -> None:
    """Lets `write` make a file beside `path`, then renames it."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        write(temporary)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def _make_seal(content: bytes) -> bytes:
    return SEAL_MARK + struct.pack("<I4x", zlib.crc32(content))


def add_seal(path: Path) -> None:
    """Appends the seal of an HDF5 file that is complete."""
    content = path.read_bytes()
    with path.open("ab") as file:
        file.write(_make_seal(content))


def find_damage(path: Path) -> str | None:
    """What is wrong with a file by HDF5's account of its length and by its seal; None if nothing
    is, or if it has no seal and is long enough."""
    content = path.read_bytes()
    if not content.startswith(HDF5_MARK) or len(content) < 64:
        return "not an HDF5 file"
    version = content[8]
    if version > 3 or content[13 if version < 2 else 9] != 8:
        return None  # Unusual, and HDF5's to judge.
    (end,) = struct.unpack_from("<Q", content, END_PLACES[version])
    if end > len(content):
        return f"cut off: {len(content)} of {end} bytes"
    seal = content[end : end + SEAL_BYTES]
    if seal.startswith(SEAL_MARK) and seal != _make_seal(content[:end]):
        return "damaged: its checksum is wrong"
    return None
