"""The import rules of the house, and how long an import takes."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[2] / "deephar_ros"
ROS = {
    "rclpy", "rcl_interfaces", "lifecycle_msgs", "sensor_msgs", "sensor_msgs_py", "std_msgs", "std_srvs",
    "geometry_msgs", "builtin_interfaces", "diagnostic_msgs", "visualization_msgs", "vision_msgs", "hri_msgs",
    "tf2_msgs", "tf2_ros", "cv_bridge", "launch", "launch_ros", "ament_index_python", "deephar_ros.msg",
}  # fmt: skip
FILES = sorted(PACKAGE.rglob("*.py"))


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute here"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def starts_with(name: str, packages: set[str]) -> bool:
    return any(name == package or name.startswith(package + ".") for package in packages)


def forbidden(path: Path) -> set[str]:
    room = path.relative_to(PACKAGE).parts[0]
    if room == "node":
        return {"deephar_ros.train", "deephar_ros.data"}
    if room == "model":
        return ROS | {"deephar_ros.pipeline", "deephar_ros.backend", "deephar_ros.node"}
    return ROS | {"deephar_ros.node"}


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_rooms_import_only_what_they_may(path: Path) -> None:
    assert [name for name in imports(path) if starts_with(name, forbidden(path))] == []


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_files_are_small_and_import_by_name(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= 400
    assert not [name for name in imports(path) if name.endswith("*")]


def test_the_package_itself_imports_nothing_heavy() -> None:
    code = "import sys, deephar_ros; print({'torch', 'numpy', 'cv2', 'rclpy', 'yaml'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "set()\n"
