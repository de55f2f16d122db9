"""builtin_interfaces/Time as one number of nanoseconds, which is what everything outside of ROS counts in."""

from __future__ import annotations

from builtin_interfaces.msg import Time

_SECOND = 1_000_000_000


def to_nanoseconds(stamp: Time) -> int:
    return int(stamp.sec) * _SECOND + int(stamp.nanosec)


def to_stamp(nanoseconds: int) -> Time:
    sec, nanosec = divmod(nanoseconds, _SECOND)
    return Time(sec=sec, nanosec=nanosec)
