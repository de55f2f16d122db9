"""What the action path learns from: the same clips that the node makes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from deephar_ros.backend.torch_backend import TorchBackend
from deephar_ros.checkpoint import load_checkpoint
from deephar_ros.clip import NANOSECONDS, ClipBuffer
from deephar_ros.draw import VideoWriter
from deephar_ros.geometry import Window
from deephar_ros.people import Frame
from deephar_ros.pipeline import Pipeline
from deephar_ros.settings import PipelineSettings
from deephar_ros.sources import SourceError, open_source
from deephar_ros.track import TrackSettings
from deephar_ros.train.own_actions_clips import OwnBatches, OwnClip, clip_indices, probabilities
from deephar_ros.train.own_actions_rows import ClipRows, MirroringBackend, RowReader, frames_at

ANYBODY = PipelineSettings(TrackSettings(min_confidence=0.0, margin=1.4, patience=0.5))
NOBODY = PipelineSettings(TrackSettings(min_confidence=1.0, margin=1.4, patience=0.5))


@pytest.fixture
def spread(tiny_checkpoint: Path, tmp_path: Path) -> Path:
    """A tiny network that takes everything for a person as large as its window."""
    net, folder = load_checkpoint(tiny_checkpoint)[0], tmp_path / "spread"
    folder.mkdir()
    (folder / "config.yaml").write_text((tiny_checkpoint / "config.yaml").read_text())
    weights = load_file(tiny_checkpoint / "weights.safetensors")
    weights[f"blocks.{net.config.stages[-1].block_name}.heatmaps_conv1.weight"] *= 50
    save_file(weights, folder / "weights.safetensors")
    return folder


def write_video(path: Path, frames: int, rate: float = 10.0) -> Path:
    rng = np.random.default_rng(frames)
    with VideoWriter(path) as video:
        for number in range(frames):
            video.add(rng.integers(0, 255, (48, 96, 3), np.uint8), number / rate)
    return path


def reader(checkpoint: Path, cache: Path, settings: PipelineSettings = ANYBODY, sides: int = 2) -> RowReader:
    return RowReader(checkpoint, "tiny", settings, sides, 0.3, cache, "cpu")


@pytest.mark.parametrize("rate", [7.0, 10.0, 15.0, 29.97])
def test_clips_are_those_that_the_nodes_buffer_makes(rate: float, rng: np.random.Generator) -> None:
    stamps = np.unique((np.arange(60) / rate * NANOSECONDS + rng.integers(0, 2 * 10**7, 60)).astype(np.int64))
    stamps = np.delete(stamps, slice(20, 26))  # the person was hidden
    buffer, expected = ClipBuffer(8, 0.2), []
    for place, stamp in enumerate(stamps):
        buffer.push(int(stamp), np.array([place], np.float32))
        clip = buffer.clip()
        if clip is not None:
            expected.append(clip.features[:, 0].astype(int))
    assert len(expected) > 5
    np.testing.assert_array_equal(clip_indices(stamps, 8, 0.2), expected)


def test_what_is_too_short_for_a_clip_is_one_whose_frames_stand_closer() -> None:
    stamps = np.arange(0, 10) * NANOSECONDS // 10
    np.testing.assert_array_equal(clip_indices(stamps, 4, 0.5), [[0, 3, 6, 9]])


def test_rows_make_the_clips_that_the_pipeline_makes_of_the_person_seen_longest(spread: Path, tmp_path: Path) -> None:
    # In this noise the network of random weights follows somebody for longer than a clip.
    video, backend = write_video(tmp_path / "a.mp4", 44), TorchBackend(spread, "cpu")
    rows = reader(spread, tmp_path / "cache").read(video)
    assert rows.found
    pipeline, people = Pipeline(backend, ANYBODY), dict[str, list[np.ndarray]]()
    for frame in open_source(str(video)).frames:
        for action in pipeline(Frame(frame.pixels, stamp=round(frame.seconds * NANOSECONDS))).actions:
            if len(action.labels) == 3:
                people.setdefault(action.id, []).append(action.probabilities)
    expected = max(people.values(), key=len)
    chosen = rows.rows[clip_indices(rows.stamps, 4, 0.1), 0].astype(np.float32)
    assert len(chosen) >= 1
    np.testing.assert_allclose(backend.classify(chosen)[0], expected, atol=5e-3)  # kept in half precision


def test_mirrored_rows_are_those_of_the_mirrored_crop(spread: Path, rng: np.random.Generator) -> None:
    crops = rng.integers(0, 255, (3, 64, 64, 3), np.uint8)
    both, plain = MirroringBackend(spread, "cpu").predict(crops), TorchBackend(spread, "cpu")
    mirrored = plain.predict(np.ascontiguousarray(crops[:, :, ::-1])).features
    np.testing.assert_allclose(both.poses, plain.predict(crops).poses, atol=1e-5)
    np.testing.assert_allclose(both.features, np.hstack([plain.predict(crops).features, mirrored]), atol=1e-4)


def test_whole_pictures_are_taken_where_nobody_is_found(tiny_checkpoint: Path, tmp_path: Path) -> None:
    video = write_video(tmp_path / "a.mp4", 6)
    rows = reader(tiny_checkpoint, tmp_path / "cache", NOBODY, sides=1).read(video)
    assert not rows.found
    frame = list(open_source(str(video)).frames)[3]
    crop = Window.whole(96, 48).cut(frame.pixels, 64)
    expected = TorchBackend(tiny_checkpoint, "cpu").predict(crop[None]).features
    np.testing.assert_allclose(rows.rows[3], expected, rtol=1e-2, atol=1e-3)


def test_a_clip_is_looked_at_once_and_again_when_it_changes(tiny_checkpoint: Path, tmp_path: Path) -> None:
    video, cache = write_video(tmp_path / "a.mp4", 6), tmp_path / "cache"
    first = reader(tiny_checkpoint, cache).read(video)
    (file,) = cache.glob("*.npy")
    written = file.stat().st_mtime_ns
    again = reader(tiny_checkpoint, cache).read(video.rename(tmp_path / "other_name.mp4"))
    np.testing.assert_array_equal(again.rows, first.rows)
    assert file.stat().st_mtime_ns == written
    reader(tiny_checkpoint, cache).read(write_video(video, 7))
    reader(tiny_checkpoint, cache, NOBODY).read(video)
    assert len(list(cache.glob("*.npy"))) == 3


def test_what_is_cut_short_while_it_is_kept_is_computed_anew(tiny_checkpoint: Path, tmp_path: Path) -> None:
    video, cache = write_video(tmp_path / "a.mp4", 6), tmp_path / "cache"
    expected = np.array(reader(tiny_checkpoint, cache).read(video).rows)  # the file is written over below
    (file,), (note,) = cache.glob("*.npy"), cache.glob("*.json")
    note.unlink()
    file.write_bytes(b"half")
    np.testing.assert_array_equal(reader(tiny_checkpoint, cache).read(video).rows, expected)


@pytest.mark.parametrize(
    ("frames", "complaint"), [(2, "is 0.10 s long; a clip of this model takes 0.30 s"), (0, "video")]
)
def test_clips_too_short_or_broken_are_refused_by_name(
    frames: int, complaint: str, tiny_checkpoint: Path, tmp_path: Path
) -> None:
    video = tmp_path / "a.mp4"
    write_video(video, frames) if frames else video.write_bytes(b"no video")
    with pytest.raises(SourceError, match=complaint) as caught:
        reader(tiny_checkpoint, tmp_path / "cache").read(video)
    assert "a.mp4" in str(caught.value)


def test_fast_cameras_are_thinned_out(tmp_path: Path) -> None:
    frames = list(frames_at(write_video(tmp_path / "a.mp4", 60, rate=60.0), 15.0))
    np.testing.assert_allclose([frame.seconds for frame in frames], np.arange(15) / 15, atol=2e-3)


def own_clip(label: int, frames: int, length: int, name: str = "") -> OwnClip:
    stamps = np.arange(frames) * NANOSECONDS // 10
    rng = np.random.default_rng((label, frames))
    return OwnClip(name, label, ClipRows(stamps, rng.normal(size=(frames, 2, length)).astype(np.float16), True))


def test_batches_take_actions_equally_often_and_repeat_from_any_step(tiny_checkpoint: Path) -> None:
    spec = replace(load_checkpoint(tiny_checkpoint)[1], clip_frames=4)
    clips = [own_clip(0, 12, 5), *(own_clip(1, frames, 5) for frames in range(4, 24)), own_clip(2, 3, 5)]
    source = OwnBatches(clips, spec, 6, seed=1)
    steps = source.steps(0, 0)
    batches = [next(steps)["action"] for _ in range(4)]
    assert [batch["labels"][:, 0].bincount().tolist() for batch in batches] == [[2, 2, 2]] * 4
    assert batches[0]["images"].shape == (6, 4, 5)
    again = next(source.steps(0, 3))["action"]
    assert torch.equal(again["images"], batches[3]["images"])
    other = next(OwnBatches(clips, spec, 6, seed=2).steps(0, 3))["action"]
    assert not torch.equal(other["images"], again["images"])
    seen = torch.cat([batch["images"][batch["labels"][:, 0] == 0].flatten(0, 1) for batch in batches])
    for side in (0, 1):  # plain and mirrored ones are learned
        rows = torch.from_numpy(np.array(clips[0].rows.rows[:, side], np.float32))
        assert (seen[:, None] == rows[None]).all(-1).any()


def test_a_clip_counts_as_the_mean_over_the_clips_that_the_node_would_make(tiny_checkpoint: Path) -> None:
    net, spec = load_checkpoint(tiny_checkpoint)
    backend = TorchBackend(tiny_checkpoint, "cpu")
    length = backend.predict(np.zeros((1, 64, 64, 3), np.uint8)).features.shape[1]
    clip = own_clip(0, 90, length)  # more clips than go through the network at once
    rows = clip.rows.rows[:, 0].astype(np.float32)
    expected = np.mean([backend.classify(rows[None, k : k + 4])[0][0] for k in range(87)], 0)
    np.testing.assert_allclose(probabilities(net, spec, clip, torch.device("cpu")), expected, atol=1e-5)
