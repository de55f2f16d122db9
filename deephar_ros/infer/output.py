"""The folder of results: what may be in it at the start, and what is in it at the end."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from deephar_ros.files import whole_file
from deephar_ros.infer.parts import BAG, PARTS, VIDEO, Contents, complete_parts, remove_open_parts
from deephar_ros.infer.records import NAME as RECORDS
from deephar_ros.infer.records import join_records
from deephar_ros.infer.video import join_videos
from deephar_ros.sources import is_camera

PICTURE, SUMMARY, UNFINISHED = "overlay.png", "summary.png", "unfinished"
OURS = (RECORDS, VIDEO, PICTURE, SUMMARY, BAG, PARTS, UNFINISHED)


class OutputError(ValueError):
    """A folder that cannot be used for results; the message says why and what to do."""


@dataclass(frozen=True)
class Output:
    """The folder of results of one source."""

    folder: Path

    @property
    def parts(self) -> Path:
        return self.folder / PARTS

    @property
    def records(self) -> list[Path]:
        """The records that earlier runs have left: of all parts, or the joined ones."""
        joined = self.folder / RECORDS
        return [part / RECORDS for part in complete_parts(self.parts)] or ([joined] if joined.is_file() else [])

    @property
    def finished(self) -> bool:
        """Whether all of the source is in it."""
        here = (self.folder / RECORDS).is_file()
        return here and not (self.folder / UNFINISHED).exists() and not self.parts.exists()

    def check(self, source: str, replace: bool) -> None:
        """Looks whether the folder may be used; changes nothing.

        Args:
            replace: results of earlier runs may be there.

        Raises:
            OutputError: the folder holds results, or the source itself is what would be written.
        """
        self._spare(source)
        there = [name for name in OURS if (self.folder / name).exists()]
        if there and not replace:
            raise OutputError(
                f"{self.folder} holds {', '.join(there)} of an earlier run; --resume goes on, --force begins anew"
            )

    def begin(self, keep: bool) -> None:
        """Makes the folder ready for a run.

        Args:
            keep: what an earlier run has finished becomes the first part; else it is removed.
        """
        if not keep:
            for name in OURS:
                _remove(self.folder / name)
        self.parts.mkdir(parents=True, exist_ok=True)
        (self.folder / UNFINISHED).touch()
        remove_open_parts(self.parts)
        if not complete_parts(self.parts):
            self._adopt()

    def assemble(
        self, contents: Contents, original: Path | None, finished: bool, progress: Callable[[int], object]
    ) -> None:
        """Joins the parts into one file of each kind; afterwards there are no parts.

        Args:
            original: the bag whose messages go into ours; None: there is none.
            finished: the run reached the end of the source.
            progress: called with the number of messages of bags written since the last call.
        """
        parts = complete_parts(self.parts)
        if parts:
            with whole_file(self.folder / RECORDS) as file:
                starts = join_records([part / RECORDS for part in parts], file)
            if contents.video:
                self._join(VIDEO, lambda path: join_videos([part / VIDEO for part in parts], starts, path))
            if contents.bag:
                from deephar_ros.infer.bag import join_bags  # needs rosbags

                bags = [part / BAG for part in parts]
                self._join(BAG, lambda path: join_bags(bags, contents.namespace, original, finished, path, progress))
        _remove(self.parts)
        if finished:
            _remove(self.folder / UNFINISHED)

    def _join(self, name: str, write: Callable[[Path], None]) -> None:
        """Has a file or folder written beside the old one, which it then replaces."""
        target = self.folder / name
        partial = self.parts / target.name
        _remove(partial)
        write(partial)
        _remove(target)
        partial.rename(target)

    def _spare(self, source: str) -> None:
        """OutputError if the source is what would be written or removed."""
        if is_camera(source):
            return
        path, folder = Path(source).resolve(), self.folder.resolve()
        for target in [folder / name for name in OURS]:
            if path in (folder, target) or target in path.parents:
                raise OutputError(f"{self.folder} holds {source}, which would be overwritten; name another folder")

    def _adopt(self) -> None:
        """Makes the joined files of an earlier run the first part."""
        part = self.parts / "0001"
        part.mkdir(exist_ok=True)
        for name in (VIDEO, BAG, RECORDS):  # the records last: they make it a part
            if (self.folder / name).exists():
                (self.folder / name).rename(part / name)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
