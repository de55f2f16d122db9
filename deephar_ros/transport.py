"""Checks whether the ROS middleware of this machine is set up for camera images. Reads, never changes."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import unquote, urlparse
from xml.etree.ElementTree import ParseError

from deephar_ros.finding import Finding, Level
from deephar_ros.plain_xml import parse_xml
from deephar_ros.share import share_folder

IMAGE = 1920 * 1080 * 3
"""Bytes of the image that should get through."""
RECEIVE_BUFFER = 4 * 2**20
"""Bytes of socket receive buffer with which CycloneDDS loses no 1080p images (measured)."""
RMEM_MAX = Path("/proc/sys/net/core/rmem_max")
SHARED_MEMORY = Path("/dev/shm")
UNITS = {"": 1, "B": 1, "KB": 2**10, "KIB": 2**10, "MB": 2**20, "MIB": 2**20, "GB": 2**30, "GIB": 2**30}
"""CycloneDDS counts in powers of two, whichever way they are spelt."""

Environment = Mapping[str, str]


def check_fast_dds_profile(environment: Environment) -> Finding:
    """Whether the profile gives Fast DDS a shared-memory segment that holds an image."""
    names = ["FASTDDS_DEFAULT_PROFILES_FILE", "FASTRTPS_DEFAULT_PROFILES_FILE"]
    settings = " ".join(f"{name}={_profile('fastdds.xml')}" for name in names)
    remedy = f"export {settings} for the camera too; our launch files set it for our node"
    if environment.get("ROS_DISTRO") in ("humble", "jazzy"):
        names = names[1:]  # Fast DDS 2 knows the old name only
    path = next((Path(environment[name]) for name in names if environment.get(name)), None)
    if path is None:
        return Finding(Level.WARN, f"{names[0]} is not set: Fast DDS silently loses most large images", remedy)
    try:
        sizes = [int(e.text or 0) for e in parse_xml(path.read_text()).iter() if e.tag.split("}")[-1] == "segment_size"]
    except (OSError, ValueError, ParseError) as error:
        return Finding(Level.ERROR, f"Fast DDS profile {path} is unreadable: {error}", remedy)
    largest = max(sizes, default=0)
    if largest < IMAGE:
        text = f"segment_size is {largest} bytes in {path}: a 1080p image ({IMAGE} bytes) does not fit"
        return Finding(Level.WARN, text, f"{remedy}; or set segment_size to 67108864")
    return Finding(Level.OK, f"Fast DDS profile {path}, shared-memory segments of {largest / 2**20:.0f} MB")


def check_shared_memory(folder: Path = SHARED_MEMORY, needed: int = 2 * 64 * 2**20) -> Finding:
    """Whether there is room for the segments of a camera and of our node, in bytes."""
    remedy = "docker run --shm-size=1g, or --ipc=host to share it with the camera's container"
    if not os.access(folder, os.W_OK):
        return Finding(Level.WARN, f"{folder} is not writable: images go through UDP, slowly", remedy)
    status = os.statvfs(folder)
    free = status.f_bavail * status.f_frsize
    if free < needed:
        return Finding(Level.WARN, f"{folder} has {free / 2**20:.0f} MB free, images need {needed / 2**20:.0f}", remedy)
    return Finding(Level.OK, f"{folder} has {free / 2**20:.0f} MB free")


def check_cyclone_dds(environment: Environment, rmem_max: Path = RMEM_MAX) -> list[Finding]:
    """Whether CycloneDDS asks for a large receive buffer, and whether the kernel grants it."""
    uri = environment.get("CYCLONEDDS_URI", "")
    remedy = f"export CYCLONEDDS_URI=file://{_profile('cyclonedds.xml')} for the camera too; our launch files set it"
    try:
        asked = receive_buffer(uri) if uri else 0
    except (OSError, ValueError, ParseError) as error:
        return [Finding(Level.ERROR, f"CYCLONEDDS_URI is unreadable: {error}", remedy)]
    if asked < RECEIVE_BUFFER:
        text = f"SocketReceiveBufferSize is {asked} bytes" if uri else "CYCLONEDDS_URI is not set"
        profile = Finding(Level.WARN, f"{text}: CycloneDDS silently loses most large images", remedy)
    else:
        profile = Finding(Level.OK, f"CycloneDDS asks for a receive buffer of {asked / 2**20:.0f} MB")
    return [profile, check_receive_buffer(asked, rmem_max)]


def check_receive_buffer(asked: int, rmem_max: Path = RMEM_MAX) -> Finding:
    """Whether the kernel grants what CycloneDDS asks for, bytes, and enough for images."""
    granted = int(rmem_max.read_text())
    needed = max(asked, RECEIVE_BUFFER)
    if granted >= needed:
        return Finding(Level.OK, f"net.core.rmem_max is {granted} bytes")
    effect = "CycloneDDS asks for more and may not start" if granted < asked else "large images are lost"
    remedy = f"sudo sysctl -w net.core.rmem_max={needed}; put it into /etc/sysctl.d/ to keep it"
    return Finding(
        Level.ERROR if granted < asked else Level.WARN, f"net.core.rmem_max is {granted} bytes: {effect}", remedy
    )


def receive_buffer(uri: str) -> int:
    """Bytes of the smallest receive buffer that a CYCLONEDDS_URI asks for (the last file or text in it wins); 0: none.

    Raises:
        OSError, ValueError, ParseError: it cannot be read.
    """
    asked = 0
    for part in [uri] if uri.lstrip().startswith("<") else uri.split(","):
        text = part if part.lstrip().startswith("<") else Path(unquote(urlparse(part).path)).read_text()
        for element in parse_xml(text).iter():
            if element.tag.split("}")[-1] == "SocketReceiveBufferSize":
                asked = _bytes(element.get("min", "0"))
    return asked


def check_malloc(environment: Environment) -> Finding:
    """Whether glibc keeps the memory of images instead of giving each one back to the system."""
    names = ("MALLOC_MMAP_THRESHOLD_", "MALLOC_TRIM_THRESHOLD_")
    small = [name for name in names if not environment.get(name, "").isdigit() or int(environment[name]) < IMAGE]
    if small:
        remedy = "export MALLOC_MMAP_THRESHOLD_=67108864 MALLOC_TRIM_THRESHOLD_=268435456; our launch files set them"
        return Finding(
            Level.WARN, f"{' and '.join(small)} not set, or too low: images cost three times the CPU time", remedy
        )
    return Finding(Level.OK, "malloc keeps the memory of images")


def check_middleware(rmw: str, environment: Environment) -> list[Finding]:
    """The checks that belong to this middleware."""
    if "fastrtps" in rmw:
        return [check_fast_dds_profile(environment), check_shared_memory()]
    if "cyclonedds" in rmw:
        return check_cyclone_dds(environment)
    return [Finding(Level.OK, f"no profile of ours for {rmw}: try large images with --topic")]


def _profile(name: str) -> Path:
    return share_folder() / "config" / "dds" / name


def _bytes(size: str) -> int:
    match = re.fullmatch(r"\s*(\d+)\s*([A-Za-z]*)\s*", size)
    if match is None or match[2].upper() not in UNITS:
        raise ValueError(f"{size!r} is not a size such as 4MB")
    return int(match[1]) * UNITS[match[2].upper()]
