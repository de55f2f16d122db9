"""What was found in each frame, drawn and written down."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, replace
from functools import cached_property
from pathlib import Path

import numpy as np

import deephar_ros
from deephar_ros.checkpoint import WEIGHTS
from deephar_ros.draw import Pixels, save_picture
from deephar_ros.infer.explain import Explainer
from deephar_ros.infer.job import Job
from deephar_ros.infer.output import PICTURE, Output, OutputError
from deephar_ros.infer.overlay import Composer
from deephar_ros.infer.parts import Contents, PartWriter
from deephar_ros.infer.records import Header, Record
from deephar_ros.infer.video import fit
from deephar_ros.people import Result, State
from deephar_ros.pipeline import Pipeline
from deephar_ros.sources import PICTURES, Source, TimedFrame

MAY_DIFFER = {"version", "width", "height", "frames"}
"""Entries of the header in which a run may differ from the one that it goes on with."""


def describe(job: Job, pipeline: Pipeline, source: Source, before: Header | None) -> Header:
    """The header of the records; the size of the first frame is filled in later.

    Args:
        before: what an earlier run has written, which is gone on with.

    Raises:
        OutputError: the earlier run had another source, model or settings.
    """
    spec = pipeline.backend.spec
    header = Header(
        version=deephar_ros.__version__,
        source=job.source,
        topic=source.topic,
        width=0,
        height=0,
        frames=source.count,
        layout=pipeline.layout.name,
        joints=pipeline.layout.joints,
        labels=spec.labels,
        checkpoint=spec.name,
        weights_sha256=hashlib.sha256((job.checkpoint / WEIGHTS).read_bytes()).hexdigest(),
        depth_trained=spec.depth_trained,
        action_trained=spec.action_trained,
        settings={**asdict(pipeline.settings), **job.choices},
    )
    if before is not None:
        _compare(header, before)
    return before or header


def _compare(header: Header, before: Header) -> None:
    now, then = ({**vars(entries), **entries.settings, "settings": None} for entries in (header, before))
    for name in now.keys() - MAY_DIFFER:
        if now[name] != then.get(name):
            raise OutputError(
                f"the earlier run had {name} = {then.get(name)!r}, now it is {now[name]!r}; --force begins anew"
            )


class Results:
    """Writes frame after frame. Nothing is written, or removed, before the first one. Closing completes the files.

    Args:
        header: see `describe`.
        composer: draws the overlays.
        explainer: looks into the network for the person who was found first; None: nobody does.
    """

    def __init__(
        self,
        job: Job,
        output: Output,
        header: Header,
        contents: Contents,
        composer: Composer,
        explainer: Explainer | None,
    ) -> None:
        self._job, self._output, self._header, self._contents = job, output, header, contents
        self._composer, self._explainer = composer, explainer
        self._picture = Path(job.source).suffix.lower() in PICTURES
        self._writer: PartWriter | None = None

    def add(self, frame: TimedFrame, result: Result) -> None:
        """Takes what was found in a frame."""
        height, width = frame.pixels.shape[:2]
        if self._writer is None:
            if not self._header.width:
                self._header = replace(self._header, width=width, height=height)
            self._output.begin(self._job.resume)
            self._writer = PartWriter(self._output.parts, self._header, self._contents)
        overlay = self._overlay(frame.pixels, result) if self._contents.video or self._picture else None
        if self._picture and overlay is not None:
            save_picture(self._output.folder / PICTURE, overlay)
        record = Record(
            frame.number, frame.stamp, frame.frame_id, width, height, result.people, result.actions, result.restarted
        )
        self._writer.add(frame, record, overlay)

    def close(self) -> None:
        """Completes the files."""
        if self._writer is not None:
            self._writer.close()

    def _overlay(self, pixels: Pixels, result: Result) -> Pixels:
        """All of one size, that of the first frame's overlay."""
        person = next((person for person in result.people if person.state is not State.LOST), None)
        explanation = None
        if self._explainer is not None and person is not None:
            explanation = self._explainer.picture(self._explainer.person(pixels, person))
        return fit(self._composer.compose(pixels, result, explanation), *self._size)

    @cached_property
    def _size(self) -> tuple[int, int]:
        blank = np.zeros((self._header.height, self._header.width, 3), np.uint8)
        height, width = self._composer.compose(blank, Result()).shape[:2]
        return height, width
