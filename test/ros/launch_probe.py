"""Started by `ros2 launch` in place of a node (launch-prefix): writes down what the node would have been started with.

python launch_probe.py FOLDER EXECUTABLE ARGUMENTS...
"""

from __future__ import annotations

import json
import os
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import yaml


class _Loader(yaml.SafeLoader):
    """Takes Python's tuples, as which launch writes lists, besides plain YAML."""


_Loader.add_constructor("tag:yaml.org,2002:python/tuple", _Loader.construct_yaml_seq)


def main() -> None:
    folder, executable, *arguments = sys.argv[1:]
    pairs = list(pairwise(arguments))
    files = [value for name, value in pairs if name == "--params-file"]
    rules = dict(value.split(":=") for name, value in pairs if name == "-r")
    seen: dict[str, Any] = {
        "name": rules.pop("__node", ""),
        "namespace": rules.pop("__ns", "/"),
        "remappings": rules,
        "params_files": [file for file in files if not _written_by_launch(file)],
        "parameters": {},
        "log_level": dict(pairs).get("--log-level"),
        "display": dict(pairs).get("-d"),
        "environment": dict(os.environ),
    }
    for file in filter(_written_by_launch, files):
        for node in _Loader(Path(file).read_text()).get_single_data().values():
            seen["parameters"] |= node["ros__parameters"]
    Path(folder, f"{Path(executable).name}.json").write_text(json.dumps(seen))


def _written_by_launch(file: str) -> bool:
    """Whether it holds the single parameters of the launch file, rather than being named there."""
    return Path(file).name.startswith("launch_params_")


if __name__ == "__main__":
    main()
