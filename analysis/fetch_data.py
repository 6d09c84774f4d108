"""Downloads datasets for simmer's jobs: `python -m analysis.fetch_data mnist|spambase`.

A file is written whole or not at all, after the SHA-256 of its content was found right; one that is
already there and right is left alone. Needs the standard library only.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import http.client
import io
import os
import sys
import tempfile
import urllib.request
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

TIMEOUT_S = 60
MOST_BYTES = 100 * 1024 * 1024  # More than any of these files: a server must not fill memory.


@dataclass(frozen=True)
class File:
    """A file on the web, and what is kept of it."""

    name: str  # in the folder on the server
    path: str  # below the data folder
    sha256: str  # of the content: what is inside of a .gz file, since servers pack it differently
    member: str = ""  # the wanted file of a zip archive; empty: the file is kept as it comes


@dataclass(frozen=True)
class Dataset:
    """Files that belong together, and folders on the web that have them."""

    meaning: str
    mirrors: tuple[str, ...]  # tried one after the other
    files: tuple[File, ...]


def _pack_mnist(name: str, sha256: str) -> File:
    return File(f"{name}.gz", f"mnist/{name}.gz", sha256)


DATASETS = {
    "mnist": Dataset(
        meaning="70,000 handwritten digits of 28x28 pixels (LeCun, Cortes, Burges), 11 MB",
        mirrors=(
            "https://storage.googleapis.com/cvdf-datasets/mnist/",
            "https://ossci-datasets.s3.amazonaws.com/mnist/",
        ),
        files=(
            _pack_mnist(
                "train-images-idx3-ubyte",
                "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
            ),
            _pack_mnist(
                "train-labels-idx1-ubyte",
                "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
            ),
            _pack_mnist(
                "t10k-images-idx3-ubyte",
                "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
            ),
            _pack_mnist(
                "t10k-labels-idx1-ubyte",
                "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
            ),
        ),
    ),
    "spambase": Dataset(
        meaning="4,601 e-mails with 57 features (Hopkins, Reeber, Forman, Suermondt), 0.7 MB",
        mirrors=("https://archive.ics.uci.edu/static/public/94/",),
        files=(
            File(
                name="spambase.zip",
                path="spambase/spambase.data",
                sha256="ebec58cfca94ea61c77df632314acae15bad410f4769d38b1a66cb41050e3431",
                member="spambase.data",
            ),
        ),
    ),
}


class FetchError(Exception):
    """A download that failed; the message is one line for the user."""


def say(text: str) -> None:
    print(f"fetch_data: {text}", file=sys.stderr)


def get_checksum(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def unpack(content: bytes, name: str) -> bytes:
    """What is inside of a .gz file; other files as they are."""
    if not name.endswith(".gz"):
        return content
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(content)) as opened:
            inside = opened.read(MOST_BYTES + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise FetchError(f"{name} is no whole gzip file ({error})") from error
    if len(inside) > MOST_BYTES:
        raise FetchError(f"{name} is too large to be right")
    return inside


def find_damage(content: bytes, file: File) -> str | None:
    """What is wrong with the file, None if nothing is."""
    try:
        found = get_checksum(unpack(content, file.path.rpartition("/")[2]))
    except FetchError as error:
        return str(error)
    if found == file.sha256:
        return None
    return f"{file.member or file.name} has SHA-256 {found}, expected {file.sha256}"


def download(url: str) -> bytes:
    """The bytes behind a URL."""
    try:
        with urllib.request.urlopen(url, timeout=TIMEOUT_S) as answer:
            content = answer.read(MOST_BYTES + 1)
    except (OSError, ValueError, http.client.HTTPException) as error:  # URLError is an OSError.
        reason = getattr(error, "reason", None) or error
        raise FetchError(f"cannot download {url}: {reason}") from error
    if len(content) > MOST_BYTES:
        raise FetchError(f"{url}: more than {MOST_BYTES} bytes, which cannot be right")
    return content


def extract(archive: bytes, member: str, url: str) -> bytes:
    """The wanted file of a zip archive."""
    try:
        with zipfile.ZipFile(io.BytesIO(archive)) as opened:
            if opened.getinfo(member).file_size > MOST_BYTES:
                raise FetchError(f"{url}: {member} is too large to be right")
            return opened.read(member)
    except (zipfile.BadZipFile, zlib.error) as error:
        raise FetchError(f"{url}: not a zip archive ({error})") from error
    except KeyError as error:
        raise FetchError(f"{url}: the archive holds no {member}") from error


def write_atomically(path: Path, content: bytes) -> None:
    """Writes beside `path`, then renames, so that no one ever sees half a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    number, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(number, "wb") as file:
            file.write(content)
            file.flush()
            os.fchmod(file.fileno(), 0o644)
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def get_from(mirror: str, file: File) -> bytes:
    """The file as it is kept, downloaded and checked."""
    url = mirror.rstrip("/") + "/" + file.name
    say(f"downloading {url}")
    content = download(url)
    if file.member:
        content = extract(content, file.member, url)
    damage = find_damage(content, file)
    if damage is not None:
        raise FetchError(f"{url}: {damage}")
    return content


def get_from_any(mirrors: Sequence[str], file: File) -> bytes:
    """The same from the first server that has it right; the last one's error if none has."""
    for mirror in mirrors[:-1]:
        try:
            return get_from(mirror, file)
        except FetchError as error:
            say(f"{error}; trying the next server")
    return get_from(mirrors[-1], file)


def fetch(dataset: Dataset, folder: Path, mirrors: Sequence[str] = ()) -> list[Path]:
    """Makes sure that the dataset is below `folder`, and returns the paths of its files."""
    paths = []
    for file in dataset.files:
        path = folder / file.path
        damage = find_damage(path.read_bytes(), file) if path.is_file() else "missing"
        if damage is None:
            say(f"{path} is there and right")
        else:
            if path.exists():
                say(f"{path} is damaged and is replaced: {damage}")
            write_atomically(path, get_from_any(mirrors or dataset.mirrors, file))
        paths.append(path)
    return paths


def describe() -> str:
    """The datasets with their files and servers, for --help."""
    lines = ["datasets:"]
    for name, dataset in sorted(DATASETS.items()):
        lines.append(f"  {name}: {dataset.meaning}")
        lines += [f"    file  DIR/{file.path}" for file in dataset.files]
        lines += [f"    from  {mirror}" for mirror in dataset.mirrors]
    return "\n".join(lines)


def make_parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m analysis.fetch_data",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description="Downloads the files of a dataset into the data folder, where jobs find them,\n"
        "and prints their paths. Each is checked by the SHA-256 of its content. Files that\n"
        "are there and right are left alone, so nothing is downloaded twice; damaged ones\n"
        "are replaced.",
        epilog=describe(),
    )
    parser.add_argument("dataset", choices=sorted(DATASETS))
    parser.add_argument(
        "--data",
        type=Path,
        metavar="DIR",
        default=Path(os.environ.get("SIMMER_DATA") or "data"),
        help="data folder (default: SIMMER_DATA, else ./data)",
    )
    parser.add_argument(
        "--url",
        action="append",
        default=[],
        metavar="URL",
        help="folder on another server, or file:///FOLDER, with the same files; may be repeated",
    )
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line and returns the exit code."""
    parsed = make_parser().parse_args(arguments)
    try:
        for path in fetch(DATASETS[parsed.dataset], parsed.data, parsed.url):
            print(path)
    except (FetchError, OSError) as error:
        print(f"fetch_data: error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
