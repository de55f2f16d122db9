"""Where the files beside the code are: models, the demo clip, configuration."""

from __future__ import annotations

import os
from pathlib import Path


def share_folder() -> Path:
    """The source tree if the code runs from it, else `share/deephar_ros` of the ROS installation it belongs to.

    Raises:
        FileNotFoundError: neither exists (the package was installed by pip alone, which brings no models).
    """
    source = Path(__file__).resolve().parents[1]
    if (source / "package.xml").is_file():
        return source
    for prefix in os.environ.get("AMENT_PREFIX_PATH", "").split(os.pathsep):
        share = Path(prefix) / "share" / "deephar_ros"
        if prefix and share.is_dir():
            return share
    raise FileNotFoundError("share/deephar_ros is in no prefix of AMENT_PREFIX_PATH; source the workspace's setup file")


def default_checkpoint() -> Path:
    """The checkpoint folder that comes with the package."""
    return share_folder() / "models" / "default"


def default_localizer() -> Path:
    """The localizer folder that comes with the package."""
    return share_folder() / "models" / "localizer"


def demo_clip() -> Path:
    """The video that comes with the package."""
    return share_folder() / "resource" / "demo.mp4"
