"""What a run of `infer` is to do."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from deephar_ros.sources import Reading


@dataclass(frozen=True)
class Job:
    """What to do.

    Attributes:
        source: name of a video, picture, folder, camera or bag.
        reading: how to read it.
        checkpoint: folder of the model; cut: pyramids of it that run, 0: all of them.
        input_size: side of the crops that it sees, pixels; 0: as it was trained.
        explain: block of the network whose maps are drawn beside the overlay, see `find_block`; empty: none.
        stills: the pictures have nothing to do with each other: nobody is followed from one to the next.
        video: write an overlay video; bag: a bag; summary: a page about all of it.
        resume: go on with what earlier runs have left; else it is removed.
    """

    source: str
    reading: Reading
    checkpoint: Path
    cut: int = 0
    input_size: int = 0
    explain: str = ""
    stills: bool = False
    video: bool = True
    bag: bool = True
    summary: bool = True
    resume: bool = False

    def __post_init__(self) -> None:
        """Raises ValueError if a package is missing: better now than after hours of work."""
        for wanted, package, option in (
            (self.bag, "rosbags", "--no-bag"),
            (self.summary, "matplotlib", "--no-summary"),
        ):
            if wanted and find_spec(package) is None:
                raise ValueError(f"{package} is not installed: pip install {package}, or leave its file out: {option}")

    @property
    def choices(self) -> dict[str, object]:
        """What an earlier run must have in common with this one, for this one to go on with it."""
        return {
            "every": self.reading.every,
            "rate": self.reading.rate,
            "rectified": self.reading.rectified,
            "cut": self.cut,
            "input_size": self.input_size,
            "explain": self.explain,
            "stills": self.stills,
            "video": self.video,
            "bag": self.bag,
        }
