"""What makes a command of the documentation one that works: the real parsers, the files, the launch files."""

from __future__ import annotations

import argparse
import importlib
import io
import os
import re
from collections.abc import Iterable
from contextlib import redirect_stderr, redirect_stdout
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from unittest.mock import patch

from documents import ROOT
from installed import launch_arguments, programs

FOREIGN = {"colcon", "docker", "git", "mkdir", "pip", "sudo", "trtexec"}
"""Programs that are not ours: only the files of the repository that they are given are looked at."""
FOREIGN_PACKAGES = {
    "camera_calibration", "foxglove_bridge", "image_transport", "realsense2_camera", "rviz2", "usb_cam", "v4l2_camera",
}  # fmt: skip
HELD_BY_ROS = {"topic", "service", "param", "lifecycle"}
"""Verbs of ros2 that test/ros/test_documented_ros_commands.py compares with a running node."""
OUTPUTS = {"out", "sheet", "curve"}
"""Names of arguments that are written, not read."""


class Found(BaseException):
    """Thrown by a command in place of its work, as soon as its parser is there."""

    def __init__(self, parser: argparse.ArgumentParser) -> None:
        self.parser = parser


@cache
def parser_of(module: str) -> argparse.ArgumentParser:
    """The real parser of a command; ValueError if there is no such command."""

    def stop(self: argparse.ArgumentParser, args: Any = None, namespace: Any = None) -> None:
        raise Found(self)

    with patch.object(argparse.ArgumentParser, "parse_args", stop):
        try:
            importlib.import_module(module).main()
        except Found as found:
            return found.parser
        except ImportError as error:
            raise ValueError(f"there is no command {module}") from error
    raise AssertionError(f"{module} has no parser")


def parse(module: str, arguments: list[str]) -> dict[str, Any]:
    """What a command's parser makes of the arguments; ValueError if it refuses them."""
    complaints = io.StringIO()
    try:
        with redirect_stderr(complaints), redirect_stdout(io.StringIO()):
            return vars(parser_of(module).parse_args(arguments))
    except SystemExit as end:
        if not end.code:
            return {}  # --help
        raise ValueError(complaints.getvalue().strip().splitlines()[-1]) from None


def check(command: list[str]) -> None:
    """Raises ValueError, with the reason, if a command is not one that works."""
    match command:
        case ["python" | "python3", "-m", module, *rest]:
            check_module(module, rest)
        case ["python", script, *rest] if script.endswith(".py") and (ROOT / script).is_file():
            check_files(rest)
        case ["torchrun", *rest]:
            from torch.distributed.run import parse_args

            started = parse_args(rest)
            check_module(started.training_script, started.training_script_args)
        case ["ros2", verb, *rest]:
            check_ros2(verb, rest)
        case ["source", file]:
            known = re.fullmatch(r"/opt/ros/\w+/setup\.bash|(.*/)?install/setup\.bash", file)
            expect(known or (ROOT / file).is_file(), f"no file {file} to source")
        case ["cd", folder]:
            expect(folder in (ROOT.name, "deephar_ros") or (ROOT / folder).is_dir(), f"no folder {folder}")
        case ["ruff" | "mypy", *rest]:
            check_files(rest)
        case [script, *rest] if (ROOT / script).is_file():
            check_script(ROOT / script, rest)
        case [program, *rest] if program in FOREIGN:
            check_files(rest)
        case _:
            raise ValueError("no rule covers this command")


def problem_of(command: list[str]) -> str:
    """Why a command does not work; empty: it does."""
    try:
        check(command)
    except ValueError as error:
        return f"{' '.join(command)}: {error}"
    return ""


def check_module(module: str, arguments: list[str]) -> None:
    """`python -m MODULE ...`."""
    if module in ("pytest", "venv", "pip"):
        check_files(arguments)
    elif module.startswith("deephar_ros.cli."):
        parsed = parse(module, arguments)
        read = [value for name, value in parsed.items() if name not in OUTPUTS]
        check_files(str(part) for value in read for part in (value if isinstance(value, list) else [value]))
        if module.endswith(".train"):
            from deephar_ros.train.read_config import load_config

            load_config(parsed["config"], parsed["set"])
    else:
        expect(find_spec(module) and not arguments, f"{module} is no program that takes {arguments}")


def check_script(script: Path, arguments: list[str]) -> None:
    """A script of the repository: what it hands its arguments on to must take them."""
    expect(os.access(script, os.X_OK), f"{script.name} is not executable")
    handed_on = re.search(r'python3? (?:-m )?(\S+) "\$@"', script.read_text())
    if handed_on is None:
        expect(not arguments or "${1:-" in script.read_text(), f"{script.name} takes no arguments")
    elif handed_on[1].endswith(".py"):
        parse(Path(handed_on[1]).stem, arguments)
    else:
        check_module(handed_on[1], arguments)


def check_ros2(verb: str, arguments: list[str]) -> None:
    """`ros2 VERB ...`, as far as it can be known without a node."""
    match verb, arguments:
        case "launch", ["deephar_ros", file, *given]:
            known = launch_arguments(ROOT / "launch" / file)
            for name in (one.partition(":=")[0] for one in given):
                expect(name in known, f"{file} has no argument {name}")
        case "run", ["deephar_ros", program, *given]:
            expect(program in programs(), f"no program {program}")
            own = given[: given.index("--ros-args")] if "--ros-args" in given else given
            if programs()[program].startswith("deephar_ros.cli."):
                check_module(programs()[program], own)
        case "launch" | "run", [package, *_]:
            expect(package in FOREIGN_PACKAGES, f"no package {package} is known")
        case "interface", ["show", kind]:
            expect((ROOT / "msg" / f"{kind.rpartition('/')[2]}.msg").is_file(), f"no message {kind}")
        case "pkg", ["prefix", "deephar_ros"]:
            pass
        case "bag", ["play" | "record" | "info", *_]:
            pass
        case _:
            expect(verb in HELD_BY_ROS, "no rule covers this verb")


def check_files(arguments: Iterable[str]) -> None:
    """What looks like a file of the repository must be one."""
    folders = {path.name for path in ROOT.iterdir() if path.is_dir()} - {"out", "runs"}
    for argument in arguments:
        inside = "/" in argument and argument.split("/")[0] in folders
        expect(not inside or (ROOT / argument).exists(), f"no file {argument}")


def expect(fine: object, complaint: str) -> None:
    if not fine:
        raise ValueError(complaint)
