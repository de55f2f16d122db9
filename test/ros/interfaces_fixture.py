"""Stand-ins for message packages that a machine may lack (the ROS wheels do): built once, then given to processes.

`interfaces/` holds the messages that deephar_ros uses, with the fields of the real packages, so that the type hashes
are equal too. A package that is really installed is left out: the real one wins.
"""

from __future__ import annotations

import ctypes
import fcntl
import functools
import hashlib
import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

SOURCES = Path(__file__).resolve().parent / "interfaces"
CACHE = SOURCES.parents[2] / ".ws" / "interfaces"


@functools.cache
def provide() -> dict[str, str]:
    """Gives this process the packages that are missing, and returns the variables that give them to a new one."""
    missing = [source for source in sorted(SOURCES.iterdir()) if find_spec(source.name) is None]
    if not missing:
        return {}
    prefix = _built(missing)
    modules = {str(file.parents[2]) for file in prefix.rglob("msg/__init__.py")}
    sys.path.extend(modules)
    # LD_LIBRARY_PATH is read when a process starts, so here the libraries are loaded by hand: what is loaded already
    # is found by its name. They find each other by their RPATH.
    for library in prefix.glob("lib/*.so"):
        ctypes.CDLL(str(library))
    additions = {"PYTHONPATH": modules, "LD_LIBRARY_PATH": {str(prefix / "lib")}, "AMENT_PREFIX_PATH": {str(prefix)}}
    return {name: os.pathsep.join([*paths, *filter(None, [os.environ.get(name)])]) for name, paths in additions.items()}


def _built(sources: list[Path]) -> Path:
    """The install folder of these packages; when several test runs want it at once, one of them builds."""
    folder = CACHE / _key(sources)
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "finished").exists():
            _build(sources, folder)
            (folder / "finished").touch()
    return folder / "install"


def _key(sources: list[Path]) -> str:
    digest = hashlib.sha256(repr((sys.executable, sys.version, os.environ.get("AMENT_PREFIX_PATH"))).encode())
    for file in sorted(file for source in sources for file in source.rglob("*") if file.is_file()):
        digest.update(str(file.relative_to(SOURCES)).encode() + file.read_bytes())
    return digest.hexdigest()[:16]


def _build(sources: list[Path], folder: Path) -> None:
    for leftover in ("build", "install"):
        shutil.rmtree(folder / leftover, ignore_errors=True)
    command = [sys.executable, "-m", "colcon", "--log-base", "log", "build", "--merge-install", "--paths", *sources]
    options = [f"-DPython3_EXECUTABLE={sys.executable}", "-DBUILD_TESTING=OFF", "-DCMAKE_INSTALL_RPATH=$ORIGIN"]
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        [*command, "--cmake-args", *options],
        cwd=folder,
        env=os.environ | {"PATH": path, "MAKEFLAGS": f"-j{os.cpu_count()}"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"colcon could not build {SOURCES}:\n{done.stdout[-4000:]}"
    shutil.rmtree(folder / "build")
