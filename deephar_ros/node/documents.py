"""A node's parameters as a commented parameter file and as a table: `python -m deephar_ros.node.documents`."""

from __future__ import annotations

import json
from dataclasses import fields
from typing import Any

from deephar_ros.node.parameters import PerceptionParameters, allowed


def to_yaml(kind: type[Any]) -> str:
    """A commented parameter file with every default, for a node of any name."""
    lines = ["/**:", "  ros__parameters:"]
    for entry in fields(kind):
        lines.append(f"    # {entry.metadata['description']}")
        lines.append(
            f"    # {_allowed(entry)}{'can change at run time' if entry.metadata['live'] else 'read at configure'}"
        )
        lines.append(f"    {entry.name}: {json.dumps(entry.default)}")  # JSON is YAML, and quotes strings
    return "\n".join(lines) + "\n"


def to_markdown(kind: type[Any]) -> str:
    """The rows of the README's parameter table."""
    rows = []
    for entry in fields(kind):
        limits, choices = entry.metadata["range"], entry.metadata["choices"]
        shown = f"{limits[0]} to {limits[1]}" if limits else ", ".join(choices)
        live = "yes" if entry.metadata["live"] else ""
        rows.append(
            f"| `{entry.name}` | `{json.dumps(entry.default)}` | {shown} | {live} | {entry.metadata['description']} |\n"
        )
    return "".join(rows)


def _allowed(entry: Any) -> str:
    return f"{allowed(entry)}; " if entry.metadata["range"] or entry.metadata["choices"] else ""


if __name__ == "__main__":
    print(to_yaml(PerceptionParameters), to_markdown(PerceptionParameters), sep="\n", end="")
