"""Files that were right and are not any more, and what a reader may do: read them, or refuse in a sentence."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import strategies as st

NUMBER = re.compile(rb"-?\d+(\.\d+)?")
NUMBERS = (
    *(b"0", b"-1", b"3", b"64", b"2147483647", b"9999999999999999999", b"9" * 5000, b"0x" + b"f" * 5000),
    *(b"1e400", b"-1e-400", b"0.5", b"nan", b".nan", b".inf", b"null", b"true", b"''", b"[]", b"{}", b"[1, 2, 3]"),
    *(b"2001-99-99", b"1:1:1:1:1", b"!!int x", b"!!bool x", b"!!python/name:os.system", b"&a [*a]", b"\xff", b"\x00"),
)
"""What stands in the place of a number of a text file."""
TOKENS = (b"{", b"}", b"[", b"]", b":", b"\n", b"- ", b" ", b"&a ", b"*a", b"<<: ", b"!!python/tuple ", b"[" * 3000)
"""What is put into a text file."""


@st.composite
def damaged(draw: st.DrawFn, seed: bytes, text: bool = False) -> bytes:
    """`seed` with bits turned over, bytes changed, parts cut out, doubled or moved, or the end missing.

    Args:
        text: also with numbers exchanged and tokens put in.
    """
    data = bytearray(seed)
    kinds = ["bit", "byte", "cut", "double", "move", "end"] + (["number", "number", "number", "token"] if text else [])
    for _ in range(draw(st.integers(1, 5))):
        at, length = draw(st.integers(0, max(len(data) - 1, 0))), draw(st.integers(1, 40))
        match draw(st.sampled_from(kinds)):
            case "bit" if data:
                data[at] ^= 1 << draw(st.integers(0, 7))
            case "byte":
                data[at : at + 1] = draw(st.binary(min_size=1, max_size=8))
            case "cut":
                del data[at : at + length]
            case "double":
                data[at:at] = data[at : at + length]
            case "move":
                part, to = data[at : at + length], draw(st.integers(0, max(len(data) - 1, 0)))
                data[to : to + length] = part
            case "end":
                del data[at:]
            case "token":
                data[at:at] = draw(st.sampled_from(TOKENS))
            case "number" if found := [match.span() for match in NUMBER.finditer(data)]:
                start, stop = draw(st.sampled_from(found))
                data[start:stop] = draw(st.sampled_from(NUMBERS))
    return bytes(data)


@st.composite
def arrays(draw: st.DrawFn) -> Any:
    """An array that nobody expects: few values of any kind, in any shape, also none at all."""
    shape = tuple(draw(st.lists(st.sampled_from([0, 1, 2, 3, 4, 13, 14, 20]), max_size=4)))
    kind = draw(st.sampled_from(["f8", "f4", "f2", "u1", "i8", "?", "c16", "U4", "S3", "O"]))
    values = [draw(st.sampled_from([0, 1, -1, 3, 7, 255])) for _ in range(4)]
    array = np.resize(np.array(values), shape).astype(kind)
    if array.size and kind in ("f8", "f4", "f2"):
        array.flat[draw(st.integers(0, array.size - 1))] = draw(st.sampled_from([np.nan, np.inf, -np.inf, 0.5]))
    return array


@st.composite
def some_changed(draw: st.DrawFn, right: Mapping[str, Any], wrong: st.SearchStrategy[Any] | None = None) -> Any:
    """The entries of `right`, one to three of which are something else or missing."""
    changed = dict(right)
    for name in draw(st.lists(st.sampled_from(sorted(right)), min_size=1, max_size=3, unique=True)):
        if draw(st.integers(0, 5)) == 0:
            del changed[name]
        else:
            changed[name] = draw(wrong or arrays())
    return changed


def reads_or_refuses(
    read: Callable[[], object], error: type[Exception] | tuple[type[Exception], ...], name: str
) -> bool:
    """Whether `read` could read; if not, its error must be one of these and a line that names the file."""
    try:
        read()
    except error as refusal:
        message = str(refusal)
        assert name in message
        assert "\n" not in message
        assert len(message) < 3000
        return False
    return True


def put(path: Path, content: bytes) -> Path:
    """Writes a file and the folders above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path
