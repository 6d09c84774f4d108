"""Downloads datasets for simmer's jobs: `python -m analysis.fetch_data spambase [--data DIR]`.

A file is written whole or not at all, after its SHA-256 was found right; one that is already there
and right is left alone. Needs the standard library only.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import os
import sys
import tempfile
import urllib.error
import urllib.request
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

TIMEOUT_S = 60
MOST_BYTES = 100 * 1024 * 1024  # More than any of these archives: a server must not fill memory.


@dataclass(frozen=True)
class Dataset:
    """A file inside a zip archive on the web."""

    url: str
    member: str  # name in the archive
    path: str  # below the data folder
    sha256: str  # of the file, not of the archive


DATASETS = {
    "spambase": Dataset(
        url="https://archive.ics.uci.edu/static/public/94/spambase.zip",
        member="spambase.data",
        path="spambase/spambase.data",
        sha256="ebec58cfca94ea61c77df632314acae15bad410f4769d38b1a66cb41050e3431",
    ),
}


class FetchError(Exception):
    """A download that failed; the message is one line for the user."""


def get_checksum(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def is_right(path: Path, dataset: Dataset) -> bool:
    """Whether the file is there with the right content."""
    return path.is_file() and get_checksum(path.read_bytes()) == dataset.sha256


def download(url: str) -> bytes:
    """The bytes behind a URL."""
    try:
        with urllib.request.urlopen(url, timeout=TIMEOUT_S) as answer:
            content = answer.read(MOST_BYTES + 1)
    except (OSError, ValueError) as error:  # URLError and timeouts are OSErrors.
        reason = getattr(error, "reason", None) or error
        raise FetchError(f"cannot download {url}: {reason}") from error
    if len(content) > MOST_BYTES:
        raise FetchError(f"{url}: more than {MOST_BYTES} bytes, which cannot be right")
    return content


def extract(archive: bytes, dataset: Dataset, url: str) -> bytes:
    """The wanted file of a zip archive, checked."""
    try:
        with zipfile.ZipFile(io.BytesIO(archive)) as opened:
            if opened.getinfo(dataset.member).file_size > MOST_BYTES:
                raise FetchError(f"{url}: {dataset.member} is too large to be right")
            content = opened.read(dataset.member)
    except zipfile.BadZipFile as error:
        raise FetchError(f"{url}: not a zip archive ({error})") from error
    except KeyError as error:
        raise FetchError(f"{url}: the archive holds no {dataset.member}") from error
    found = get_checksum(content)
    if found != dataset.sha256:
        raise FetchError(f"{url}: {dataset.member} has SHA-256 {found}, expected {dataset.sha256}")
    return content


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


def fetch(dataset: Dataset, folder: Path, url: str | None = None) -> Path:
    """Makes sure that the dataset is below `folder`, and returns its path."""
    path = folder / dataset.path
    if is_right(path, dataset):
        print(f"fetch_data: {path} is there and right", file=sys.stderr)
        return path
    source = url or dataset.url
    if path.exists():
        print(f"fetch_data: {path} has a wrong checksum and is replaced", file=sys.stderr)
    print(f"fetch_data: downloading {source}", file=sys.stderr)
    write_atomically(path, extract(download(source), dataset, source))
    return path


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line and returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m analysis.fetch_data", description="Downloads a dataset and checks it."
    )
    parser.add_argument("dataset", choices=sorted(DATASETS))
    parser.add_argument(
        "--data",
        type=Path,
        metavar="DIR",
        default=Path(os.environ.get("SIMMER_DATA") or "data"),
        help="data folder (default: SIMMER_DATA, else ./data)",
    )
    parser.add_argument("--url", help=argparse.SUPPRESS)  # For tests and mirrors.
    parsed = parser.parse_args(arguments)
    try:
        print(fetch(DATASETS[parsed.dataset], parsed.data, parsed.url))
    except (FetchError, OSError) as error:
        print(f"fetch_data: error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
