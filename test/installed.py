"""What a user can start: the programs of `ros2 run` and the arguments of the launch files, read from the sources."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable
from pathlib import Path

from documents import ROOT


def programs() -> dict[str, str]:
    """Modules of the programs that CMakeLists.txt installs, by name."""
    (named,) = re.findall(r"set\(programs (.*?)\)", (ROOT / "CMakeLists.txt").read_text())
    modules = [*named.split(), *(f"cli.{file.stem}" for file in (ROOT / "deephar_ros" / "cli").glob("[a-z]*.py"))]
    return {module.rpartition(".")[2]: f"deephar_ros.{module}" for module in modules}


def launch_arguments(file: Path) -> set[str]:
    """Arguments that a launch file takes: its own, and those of the ones it includes that it does not set itself.

    Raises:
        ValueError: there is no such file.
    """
    if not file.is_file():
        raise ValueError(f"no launch file {file.name}")
    tree = ast.parse(file.read_text())
    declared, set_here, included = set(), set(), set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and name_of(node) == "DeclareLaunchArgument":
            declared |= constants([node.args[0]])
        elif isinstance(node, ast.Constant) and str(node.value).endswith(".launch.py"):
            included |= launch_arguments(file.with_name(node.value))
        elif isinstance(node, ast.keyword) and node.arg == "launch_arguments":
            set_here |= {key for part in ast.walk(node) if isinstance(part, ast.Dict) for key in constants(part.keys)}
    tables = [node.value for node in tree.body if isinstance(node, ast.Assign | ast.AnnAssign)]
    declared |= {key for table in tables if isinstance(table, ast.Dict) for key in constants(table.keys)}
    return declared | (included - set_here)


def name_of(call: ast.Call) -> str:
    return call.func.id if isinstance(call.func, ast.Name) else ""


def constants(nodes: Iterable[ast.expr | None]) -> set[str]:
    return {node.value for node in nodes if isinstance(node, ast.Constant)}
