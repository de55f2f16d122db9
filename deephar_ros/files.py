"""Files of unknown origin are read within limits; files of our own are there in full or not at all."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import accumulate
from pathlib import Path
from typing import Any, BinaryIO

import yaml

MOST_YAML = 256 * 1024
"""Bytes of a YAML file; our largest has 5 thousand."""

MOST_NODES = 20_000
"""Values in a YAML file, those that aliases repeat counted each time."""

MOST_LEVELS = 50
"""Of brackets within brackets in a YAML file."""

MOST_JSON = 256 * 1024**2
"""Bytes of a JSON file; the largest that is read, a list of MPII, has some 20 million."""


class FileError(ValueError):
    """A file that cannot be read; the message names it and says why."""


def brief(error: BaseException) -> str:
    """What another library says is wrong, on one line and at no great length, as files can make it say anything."""
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= 200 else text[:200] + "..."


def read_yaml(path: Path) -> Any:
    """What a YAML file holds: lists, sections, numbers and strings; FileError if it is too large or broken."""
    return parse_yaml(read_text(path, MOST_YAML), str(path))


def parse_yaml(text: str, where: str) -> Any:
    """As `read_yaml`; `where` names the text in messages."""
    # Counted first, as PyYAML takes seconds to find out.
    if max(accumulate((c in "[{") - (c in "]}") for c in text), default=0) > MOST_LEVELS:
        raise FileError(f"{where} is nested too deeply")
    try:
        loader = yaml.SafeLoader(text)
        node = loader.get_single_node()
        if node is None:
            return None
        if _count(node, {}) > MOST_NODES:
            raise FileError(f"{where} holds more than {MOST_NODES} values, aliases written out; make it smaller")
        return loader.construct_document(node)
    except FileError:
        raise
    except RecursionError as error:
        raise FileError(f"{where} is nested too deeply") from error
    # PyYAML passes on whatever its constructors of numbers and dates stumble over.
    except (yaml.YAMLError, ValueError, LookupError, TypeError, AttributeError, ArithmeticError) as error:
        raise FileError(f"{where} is not YAML that can be read: {brief(error)}") from error


def read_json(path: Path) -> Any:
    """What a JSON file holds; FileError if it is larger than allowed or broken."""
    try:
        return json.loads(read_text(path, MOST_JSON))
    except FileError:
        raise
    except (ValueError, RecursionError) as error:
        raise FileError(f"{path} cannot be read as JSON: {brief(error)}") from error


def read_text(path: Path, most: int) -> str:
    """All of a text file; FileError if it is no file, is not UTF-8 or has more than `most` bytes."""
    try:
        if not path.is_file():  # also no pipe, which would be waited for
            raise FileError(f"{path} is not there, or not a file")
        with path.open("rb") as file:
            content = file.read(most + 1)
        if len(content) > most:
            raise FileError(f"{path} has more than {most} bytes; this is not the file that is looked for")
        return content.decode()
    except OSError as error:
        raise FileError(f"{path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise FileError(f"{path} is not text in UTF-8: {error}") from error


@contextmanager
def whole_file(path: Path) -> Iterator[BinaryIO]:
    """A file to write, which takes the place of `path` once all of it is on the disk; after an error all is as before.

    Raises:
        OSError: it cannot be written, as on a full disk; the message says what to do.
    """
    partial = path.with_name(path.name + ".partial")
    try:
        with partial.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, path)
    except OSError as error:
        raise _with_remedy(error, path) from error
    finally:
        partial.unlink(missing_ok=True)
    _sync_folder(path.parent)


def write_together(folder: Path, contents: dict[str, bytes]) -> None:
    """Writes files by name, none of which takes its place before all are on the disk; OSError as `whole_file`."""
    with ExitStack() as files:
        for name, content in contents.items():
            file = files.enter_context(whole_file(folder / name))
            file.write(content)
            file.flush()


def append_line(path: Path, line: str) -> None:
    """Adds a line to a text file; OSError as `whole_file`, and then nothing of the line is there."""
    with path.open("ab", buffering=0) as file:
        size, rest = file.tell(), line.encode() + b"\n"
        try:
            while rest:
                rest = rest[file.write(rest) :]
            os.fsync(file.fileno())
        except OSError as error:
            os.truncate(path, size)
            raise _with_remedy(error, path) from error


def _with_remedy(error: OSError, path: Path) -> OSError:
    return OSError(f"{path} cannot be written ({error.strerror or error}); make room or name another folder")


def _sync_folder(folder: Path) -> None:
    """Makes a new name last through a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _count(node: yaml.Node, known: dict[int, int]) -> int:
    """Nodes of a tree, those behind aliases each time; too many for one that holds itself."""
    if id(node) not in known:
        known[id(node)] = MOST_NODES + 1
        values = node.value if isinstance(node, yaml.CollectionNode) else ()
        inner = [part for value in values for part in (value if isinstance(value, tuple) else (value,))]
        known[id(node)] = 1 + sum(_count(part, known) for part in inner)
    return known[id(node)]
