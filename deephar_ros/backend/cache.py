"""What took long to make of a checkpoint (graphs, engines), kept in the user's cache folder.

An engine can run code, so only files are read that this user wrote, whole and unchanged, in a folder in which nobody
else can write. Each file begins with a line of JSON: the key that it was made for, and the SHA-256 of the rest.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from tempfile import mkstemp
from typing import BinaryIO, NamedTuple

Key = Mapping[str, str]
"""All that the content depends on: hashes, versions, shapes, the device."""

MOST_BYTES = 8 << 30
"""Of all files of one kind; beyond, those that were not read for the longest time go."""
MOST_HEADER = 1 << 16
SUFFIX = ".cached"
OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH


class CacheError(OSError):
    """Nothing can be kept; the message names the folder and the remedy. All works without, but starts slowly."""


class _Header(NamedTuple):
    key: dict[str, str]
    sha256: str


def cache_folder() -> Path:
    """`deephar_ros` in $XDG_CACHE_HOME, or in ~/.cache."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "deephar_ros"


class Cache:
    """The files of one kind.

    Args:
        kind: name of their folder.
    """

    def __init__(self, kind: str, most_bytes: int = MOST_BYTES) -> None:
        self.folder = cache_folder() / kind
        self._most_bytes = most_bytes

    def path(self, key: Key) -> Path:
        """Where the content for this key is, if it is there."""
        return self.folder / (hashlib.sha256(_canonical(key)).hexdigest()[:32] + SUFFIX)

    def read(self, key: Key) -> bytes | None:
        """What was written for this key; None if `why_not` has a reason."""
        return self._read(key)[0]

    def why_not(self, key: Key) -> str:
        """Why `read` gives nothing, a sentence; empty if it gives something."""
        return self._read(key)[1]

    def write(self, key: Key, content: bytes) -> Path:
        """Keeps the content, all of it or nothing; CacheError if that cannot be done."""
        path = self.path(key)
        header = {"sha256": hashlib.sha256(content).hexdigest(), "key": dict(key)}
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            if why := _unsafe(os.lstat(self.folder), stat.S_ISDIR):
                raise OSError(why)
            _replace(path, json.dumps(header).encode() + b"\n" + content)
        except OSError as error:
            why = error.strerror or str(error)
            raise CacheError(f"{self.folder} keeps nothing ({why}); set XDG_CACHE_HOME to a folder of yours") from error
        self._make_room(path)
        return path

    def others(self, key: Key) -> list[dict[str, str]]:
        """The keys of all other files that are there, newest first."""
        files = sorted(self._files(), key=lambda file: -file.stat().st_mtime)
        return [header.key for file in files if file != self.path(key) and (header := _peek(file))]

    def _read(self, key: Key) -> tuple[bytes | None, str]:
        path = self.path(key)
        try:
            if why := _unsafe(os.lstat(self.folder), stat.S_ISDIR):
                return None, f"{self.folder} is not used: {why}"
            with _open(path) as file:
                if why := _unsafe(os.fstat(file.fileno()), stat.S_ISREG):
                    return None, f"{path} is not used: {why}"
                header, content = _parse(file.readline(MOST_HEADER)), file.read()
        except FileNotFoundError:
            return None, f"{path} is not there"
        except OSError as error:
            return None, f"{path} cannot be read: {error.strerror}"
        if header is None or header.key != dict(key) or hashlib.sha256(content).hexdigest() != header.sha256:
            return None, f"{path} is damaged"
        with suppress(OSError):  # a full or read-only disk: then it only seems older than it is
            os.utime(path)
        return content, ""

    def _files(self) -> list[Path]:
        return list(self.folder.glob(f"*{SUFFIX}"))

    def _make_room(self, kept: Path) -> None:
        with suppress(OSError):  # another process does the same
            total = kept.stat().st_size
            for file in sorted(set(self._files()) - {kept}, key=lambda file: -file.stat().st_mtime):
                total += file.stat().st_size
                if total > self._most_bytes:
                    file.unlink()


def file_hash(*files: Path) -> str:
    """SHA-256 of what the files hold, one after the other."""
    digest = hashlib.sha256()
    for file in files:
        for block in _blocks(file):
            digest.update(block)
    return digest.hexdigest()


def _blocks(file: Path) -> Iterator[bytes]:
    with file.open("rb") as content:
        while block := content.read(1 << 20):
            yield block


def _canonical(key: Key) -> bytes:
    return json.dumps(dict(key), sort_keys=True).encode()


def _unsafe(status: os.stat_result, right_kind: Callable[[int], bool]) -> str:
    """Why others may have written this; empty if they cannot."""
    if not right_kind(status.st_mode):
        return "it is a link, or something else than was written"
    if status.st_uid != os.geteuid():
        return "it belongs to another user"
    return "others can write there" if status.st_mode & OTHERS_WRITE else ""


def _open(path: Path) -> BinaryIO:
    return os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb")


def _peek(path: Path) -> _Header | None:
    try:
        with _open(path) as file:
            return _parse(file.readline(MOST_HEADER))
    except OSError:
        return None


def _parse(line: bytes) -> _Header | None:
    try:
        header = _Header(**json.loads(line))
    except (ValueError, TypeError, RecursionError):
        return None
    return header if isinstance(header.key, dict) else None


def _replace(path: Path, content: bytes) -> None:
    """As `files.whole_file`, for folders in which several processes write the same file at once."""
    descriptor, partial = mkstemp(dir=path.parent, prefix=path.stem, suffix=".partial")  # mode 0600
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, path)
    except BaseException:
        os.unlink(partial)
        raise
