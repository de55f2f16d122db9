"""Runs a module in a process that may not use the network: python no_network.py MODULE ARGUMENTS...

An internet socket, opened by Python or by a library in C, ends the process at once. `connect`, `bind` and `listen` of
any socket raise, but for the unnamed ones (AF_UNIX) with which a process talks to its own children.
"""

from __future__ import annotations

import ctypes
import platform
import runpy
import socket
import struct
import sys
from typing import Any

_SYSCALL_SOCKET = {"x86_64": 41, "aarch64": 198}
_PR_SET_NO_NEW_PRIVS, _PR_SET_SECCOMP, _SECCOMP_MODE_FILTER = 38, 22, 2
_LOAD, _EQUAL, _RETURN = 0x20, 0x15, 0x06  # of classic BPF: load a word, jump if equal, return
_NUMBER, _FIRST_ARGUMENT = 0, 16  # where struct seccomp_data has them (little endian)
_KILL_PROCESS, _ALLOW = 0x80000000, 0x7FFF0000


def forbid_in_python() -> None:
    """Whatever Python's own modules try is an error with a traceback that names the culprit."""

    def refuse(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "socket.__new__" and arguments[1] in (socket.AF_INET, socket.AF_INET6):
            raise PermissionError(f"an internet socket was asked for: {arguments[1:]}")
        named = event in ("socket.connect", "socket.bind") and arguments[0].family != socket.AF_UNIX
        if named or event in ("socket.getaddrinfo", "socket.gethostbyname", "urllib.Request"):
            raise PermissionError(f"the network was asked for: {event} {arguments[1:]}")

    sys.addaudithook(refuse)


def forbid_in_kernel() -> bool:
    """The kernel kills this process, or a child of it, when it opens an internet socket. False: it cannot here."""
    call = _SYSCALL_SOCKET.get(platform.machine())
    if call is None:
        return False
    program = [
        (_LOAD, 0, 0, _NUMBER),
        (_EQUAL, 0, 4, call),
        (_LOAD, 0, 0, _FIRST_ARGUMENT),
        (_EQUAL, 1, 0, socket.AF_INET),
        (_EQUAL, 0, 1, socket.AF_INET6),
        (_RETURN, 0, 0, _KILL_PROCESS),
        (_RETURN, 0, 0, _ALLOW),
    ]
    code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *step) for step in program))
    header = ctypes.create_string_buffer(struct.pack("HxxxxxxP", len(program), ctypes.addressof(code)))
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    return prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 and prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, header) == 0


if __name__ == "__main__":
    if not forbid_in_kernel():
        print("no_network: the kernel has no seccomp here; Python alone is watched", file=sys.stderr)
    forbid_in_python()
    sys.argv = sys.argv[1:]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
