"""What the files of this repository import and call, by their syntax trees, aliases resolved."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("deephar_ros", "launch", "scripts", "bench", "test")


def python_files(*folders: str) -> list[Path]:
    """The Python files of these folders, all folders if none is named; setup.py among the latter."""
    found = [path for folder in folders or FOLDERS for path in sorted((ROOT / folder).rglob("*.py"))]
    return found if folders else [*found, ROOT / "setup.py"]


@cache
def uses(path: Path) -> frozenset[str]:
    """Dotted names that a file imports, calls or refers to: `import numpy as np; np.load` gives "numpy.load"."""
    imported = dict(_imports(path))
    found = set(imported.values())
    for node in ast.walk(_tree(path)):
        if isinstance(node, ast.Attribute | ast.Name) and (dotted := _dotted(node)):
            first, *rest = dotted.split(".")
            found.add(".".join([imported.get(first, first), *rest]))
    return frozenset(found)


def _imports(path: Path) -> Iterator[tuple[str, str]]:
    """(name in the file, what it stands for); of `import a.b` both a and, under its own name, a.b."""
    for node in ast.walk(_tree(path)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.asname or alias.name, alias.name
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                yield alias.asname or alias.name, f"{node.module}.{alias.name}"


def keywords(path: Path, name: str) -> list[str]:
    """The values, as source text, that calls in a file give to the keyword argument `name`."""
    calls = [node for node in ast.walk(_tree(path)) if isinstance(node, ast.Call)]
    return [ast.unparse(word.value) for call in calls for word in call.keywords if word.arg == name]


def starts_with(name: str, packages: frozenset[str] | set[str]) -> bool:
    return any(name == package or name.startswith(package + ".") for package in packages)


@cache
def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def _dotted(node: ast.expr) -> str | None:
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute) and (before := _dotted(node.value)):
        return f"{before}.{node.attr}"
    return None
