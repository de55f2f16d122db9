"""Makes the CMake files of the ROS wheels usable here: they name the include folders of the machine that built them.

Called once by scripts/setup, with the Python of .venv: python scripts/repair_ros_wheels.py .venv/share
"""

import re
import sys
import sysconfig
from pathlib import Path

import numpy as np

here = {
    r'/opt/python/[^;"]*/numpy/_?core/include': np.get_include(),
    r"/opt/python/cp\d+-cp\d+t?/include/python3\.\d+": sysconfig.get_paths()["include"],
}
for file in Path(sys.argv[1]).rglob("*.cmake"):
    text = repaired = file.read_text(encoding="utf-8")
    for there, path in here.items():
        repaired = re.sub(there, lambda _, path=path: path, repaired)
    if repaired != text:
        file.write_text(repaired, encoding="utf-8")
