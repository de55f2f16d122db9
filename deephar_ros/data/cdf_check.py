"""Whether the counts and chains of a CDF file are possible, looked at before cdflib reads it.

cdflib 1.3 believes them: with a wrong bit in one it counts for minutes, or goes round in circles. Format: "CDF Internal
Format Description" of NASA, versions 2.6 and 3. Files that are compressed as a whole are not looked into.
"""

from __future__ import annotations

MAGIC = {b"\xcd\xf3\x00\x01": 8, b"\xcd\xf2\x60\x02": 4}
"""First bytes of a file -> bytes of an offset in it: version 3 and 2.6."""

PLAIN = b"\x00\x00\xff\xff"
MOST = 1000
"""Of variables, attributes, dimensions, and links of a chain; the data sets' files have a few of each."""

NAME = {8: 256, 4: 64}
"""Bytes of a variable's name, by those of an offset."""


def check_cdf(content: bytes) -> None:
    """Raises ValueError for a count that is out of range, or a chain that does not end."""
    if content[:4] not in MAGIC:
        raise ValueError("its first bytes are not those of a CDF file of version 2.6 or 3")
    if content[4:8] == PLAIN:
        _Reader(content, MAGIC[content[:4]]).check()


class _Reader:
    """Args: `wide`, bytes of an offset. A record begins with its size (wide) and type (4 bytes)."""

    def __init__(self, content: bytes, wide: int) -> None:
        self.content, self.wide = content, wide

    def check(self) -> None:
        description = self.offset(8 + self.wide + 4) + self.wide + 4
        heads = [self.offset(description + k * self.wide) for k in range(2)]
        counts = [self.count(description + 4 * self.wide + 4 * k) for k in (0, 1, 3, 4)]
        for head, number, has_shape in zip(heads, (counts[0], counts[3]), (False, True), strict=True):
            at = head
            for _ in range(number):
                at = self.variable(at, has_shape)

    def variable(self, at: int, has_shape: bool) -> int:
        """A variable; where the next one is."""
        fields = at + self.wide + 4
        index = self.offset(fields + self.wide + 8)
        if has_shape:  # the others share one
            self.count(fields + 4 * self.wide + 8 + 20 + 8 + 4 + NAME[self.wide])
        self.chain(index, set())
        return self.offset(fields)

    def chain(self, at: int, seen: set[int]) -> None:
        """Index records, which lead to others of their kind and to the values."""
        while at > 0:
            if at in seen or len(seen) > MOST:
                raise ValueError(f"its index at byte {at} leads in a circle")
            seen.add(at)
            fields = at + self.wide + 4
            entries, used = self.count(fields + self.wide), self.count(fields + self.wide + 4)
            if used > entries:
                raise ValueError(f"its index at byte {at} has {used} of {entries} entries")
            for k in range(used):
                inner = self.offset(fields + self.wide + 8 + 8 * entries + self.wide * k)
                if self.number(inner + self.wide, 4) == 6:
                    self.chain(inner, seen)
            at = self.offset(fields)

    def number(self, at: int, size: int) -> int:
        if not 0 <= at <= len(self.content) - size:
            raise ValueError(f"it ends before byte {at}")
        return int.from_bytes(self.content[at : at + size], "big", signed=True)

    def offset(self, at: int) -> int:
        return self.number(at, self.wide)

    def count(self, at: int) -> int:
        value = self.number(at, 4)
        if not 0 <= value <= MOST:
            raise ValueError(f"its count at byte {at} is {value}")
        return value
