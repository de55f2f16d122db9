"""A source goes through the pipeline, and what is found into the folder of results."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from math import ceil
from pathlib import Path

from tqdm import tqdm

from deephar_ros.infer.explain import Explainer
from deephar_ros.infer.job import Job
from deephar_ros.infer.output import SUMMARY, Output
from deephar_ros.infer.overlay import Composer
from deephar_ros.infer.parts import Contents
from deephar_ros.infer.records import NAME as RECORDS
from deephar_ros.infer.results import Results, describe
from deephar_ros.infer.resume import Continuation, read_past, warm_up_seconds
from deephar_ros.infer.summary import write_summary
from deephar_ros.people import Frame, Result
from deephar_ros.pipeline import Pipeline
from deephar_ros.sources import SourceError, TimedFrame, open_source


@dataclass(frozen=True)
class Outcome:
    """How it went.

    Attributes:
        frames: in the results, those of earlier runs included.
        finished: the end of the source was reached.
        failure: what ended the source too early; empty: nothing did.
    """

    frames: int
    finished: bool
    failure: str = ""


class Run:
    """One run over a source. Nothing is written before it is called.

    Args:
        complain: called with a sentence about each picture that cannot be read and is left out.

    Raises:
        SourceError: there is no such source.
        OutputError: what is in the folder was made of something else.
    """

    def __init__(self, job: Job, pipeline: Pipeline, output: Output, complain: Callable[[str], None]) -> None:
        self._job, self._pipeline, self._output = job, pipeline, output
        seconds = 0.0 if job.stills else warm_up_seconds(pipeline.settings, pipeline.backend.spec)
        self._past = read_past(output.records if job.resume else [], seconds)
        self.source = open_source(job.source, replace(job.reading, skip=self._past.start, complain=complain))
        self._header = describe(job, pipeline, self.source, self._past.header)
        self._explainer = Explainer(job.checkpoint, job.explain, pipeline.backend.device) if job.explain else None
        self._contents = Contents(
            job.video, job.bag, pictures=self.source.bag is None, namespace=_namespace(self.source.bag)
        )

    def __call__(self, stopped: Callable[[], bool]) -> Outcome:
        """Works until the end of the source, or until `stopped`, which is asked after every frame, says so.

        Raises:
            SourceError: not one frame can be read.
            OSError: the results cannot be written; what is whole by then stays for a run that goes on.
        """
        frames, finished, failure = self._past.frames, False, ""
        with closing(self._results()) as results:
            try:
                for frame, result in self._found(stopped):
                    results.add(frame, result)
                    frames += 1
                finished = self.source.live or not stopped()  # a camera has no other end
            except SourceError as error:
                failure = str(error)
        if not frames:
            raise SourceError(failure or f"{self._job.source}: no frame could be read")
        self._assemble(finished)
        return Outcome(frames, finished, failure)

    def _results(self) -> Results:
        header, size = self._header, self._explainer.size if self._explainer is not None else None
        composer = Composer(self._pipeline.layout, header.labels, header.depth_trained, header.action_trained, size)
        return Results(self._job, self._output, header, self._contents, composer, self._explainer)

    def _found(self, stopped: Callable[[], bool]) -> Iterator[tuple[TimedFrame, Result]]:
        """The frames that are new, and what is found in them."""
        continuation = Continuation(self._pipeline, self._past)
        total = self.source.count and ceil(self.source.count / self._job.reading.every)
        with _bar("frame", total, self._past.frames) as bar:
            for frame in self.source.frames:
                if self._job.stills:
                    self._pipeline.reset()
                given = Frame(frame.pixels, stamp=frame.stamp, camera=frame.camera)
                if frame.number <= self._past.last:
                    continuation.look_again(frame.number, given)
                else:
                    yield frame, continuation.rename(self._pipeline(given))
                    bar.update()
                if stopped():
                    return

    def _assemble(self, finished: bool) -> None:
        self._output.begin(keep=True)  # joins anew also what an earlier run has joined: it may have ended too early
        with _bar("message", None, 0) as bar:
            self._output.assemble(self._contents, self.source.bag, finished, bar.update)
        if self._job.summary:
            write_summary(self._output.folder / RECORDS, self._output.folder / SUMMARY)


def _namespace(original: Path | None) -> str:
    """What goes before our topics in the bag."""
    if original is None:
        return ""
    from deephar_ros.infer.bag import free_namespace  # needs rosbags, as the original does

    return free_namespace(original)


def _bar(unit: str, total: int | None, done: int) -> tqdm[None]:
    later = 0 if unit == "frame" else 1  # joining is mostly done before anybody could read a bar
    return tqdm(total=total, initial=done, unit=unit, dynamic_ncols=True, delay=later, leave=not later)
