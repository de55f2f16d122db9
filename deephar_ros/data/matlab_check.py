"""Whether a MATLAB file (version 5 to 7) is whole, looked at before SciPy reads it.

SciPy 1.17 trusts what a file says of its own parts: one wrong bit in the type of an array ends the process by a
segmentation fault. Format: "MAT-File Format" of MathWorks, chapter 1.
"""

from __future__ import annotations

import math
import struct
import zlib
from typing import NamedTuple

MOST_BYTES = 2**30
"""Of a file, uncompressed."""

INT8, INT32, UINT32, MATRIX, COMPRESSED = 1, 5, 6, 14, 15
NUMBERS, TEXTS, NAMES = {1, 2, 3, 4, 5, 6, 7, 9, 12, 13}, {1, 2, 4, 16, 17, 18}, {1, 16}
"""Types of elements that hold these."""

CELL, STRUCT, CHAR, NUMERIC, COMPLEX = 1, 2, 4, range(6, 16), 1 << 11
"""Classes of arrays, and the flag of those with an imaginary part. Data sets hold no others."""


class _Element(NamedTuple):
    kind: int
    start: int
    stop: int
    next: int


def check_mat(content: bytes) -> None:
    """Raises ValueError if the file is not whole, is compressed to more than `MOST_BYTES`, or holds rare classes."""
    order = {b"\x00\x01IM": "<", b"\x01\x00MI": ">"}.get(content[124:128])
    if order is None:
        raise ValueError("its head is not that of MATLAB 5 to 7")
    try:
        at = 128
        while at < len(content):
            at = _check_variable(content, at, order)
    except (struct.error, zlib.error, RecursionError) as error:
        raise ValueError(f"it is not whole: {error}") from error


def _check_variable(content: bytes, at: int, order: str) -> int:
    kind, size = struct.unpack_from(order + "II", content, at)
    after = at + 8 + size
    if after > len(content):
        raise ValueError("it ends early")
    if kind == COMPRESSED:
        inflate = zlib.decompressobj()
        content, at = inflate.decompress(content[at + 8 : after], MOST_BYTES), 0
        if inflate.unconsumed_tail:
            raise ValueError(f"it unpacks to more than {MOST_BYTES} bytes")
    _Reader(content, order).array(at, len(content))
    return after


class _Reader:
    """Walks over the elements of a variable. Every method raises ValueError where something does not fit."""

    def __init__(self, content: bytes, order: str) -> None:
        self.content, self.order = content, order
        self.tag = struct.Struct(order + "II")

    def element(self, at: int, end: int, kinds: set[int]) -> _Element:
        """The element at `at`, which is to end at `end` or before."""
        kind, size = self.tag.unpack_from(self.content, at)
        start, after = at + 8, at + 8 + size + -size % 8
        if kind >> 16:  # a small one has its size there and its data in the tag
            kind, size, start, after = kind & 0xFFFF, kind >> 16, at + 4, at + 8
        if kind not in kinds or start + size > end or (after == at + 8 and size > 4):
            raise ValueError(f"the element at byte {at} has type {kind} and {size} bytes")
        return _Element(kind, start, start + size, after)

    def array(self, at: int, end: int) -> int:
        """An array with all that is in it; where the next one begins."""
        whole = self.element(at, end, {MATRIX})
        if whole.start == whole.stop:
            return whole.next
        flags = self.element(whole.start, whole.stop, {UINT32})
        if flags.stop - flags.start != 8:
            raise ValueError(f"the array at byte {at} has no class")
        (value,) = struct.unpack_from(self.order + "I", self.content, flags.start)
        shape = self.element(flags.next, whole.stop, {INT32})
        sides = struct.unpack_from(f"{self.order}{(shape.stop - shape.start) // 4}i", self.content, shape.start)
        count = math.prod(sides)
        if not 2 <= len(sides) <= 32 or min(sides) < 0 or count > len(self.content):
            raise ValueError(f"the array at byte {at} has the shape {sides[:5]}")
        name = self.element(shape.next, whole.stop, NAMES)
        self.values(value, count, name.next, whole.stop)
        return whole.next

    def values(self, flags: int, count: int, at: int, end: int) -> None:
        kind = flags & 0xFF
        if kind in NUMERIC:
            for _ in range(2 if flags & COMPLEX else 1):
                at = self.element(at, end, NUMBERS).next
        elif kind == CHAR:
            self.element(at, end, TEXTS)
        elif kind == CELL:
            self.arrays(count, at, end)
        elif kind == STRUCT:
            length = self.element(at, end, {INT32})
            (longest,) = struct.unpack_from(self.order + "i", self.content, length.start)
            names = self.element(length.next, end, {INT8})
            if longest < 1:
                raise ValueError(f"the struct at byte {at} has names of {longest} characters")
            self.arrays(count * ((names.stop - names.start) // longest), names.next, end)
        else:
            raise ValueError(f"the array at byte {at} is of class {kind}")

    def arrays(self, count: int, at: int, end: int) -> None:
        for _ in range(count):
            at = self.array(at, end)
