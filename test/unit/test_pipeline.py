"""The pipeline: a real picture through the real model, and its behaviour with a network whose answers are known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest

from deephar_ros.backend.base import Prediction
from deephar_ros.backend.torch_backend import TorchBackend
from deephar_ros.camera import PinholeCamera
from deephar_ros.checkpoint import ModelSpec
from deephar_ros.cutout import Cutout, cut_all
from deephar_ros.depth import DepthSource
from deephar_ros.geometry import Array, Box
from deephar_ros.model.config import SPNetConfig
from deephar_ros.people import Frame, Result, State
from deephar_ros.pipeline import Pipeline
from deephar_ros.settings import PipelineSettings
from deephar_ros.share import default_checkpoint, demo_clip
from deephar_ros.skeleton import PA17
from deephar_ros.sources import open_source
from deephar_ros.track import TrackSettings

SETTINGS = PipelineSettings(TrackSettings(min_confidence=0.5, margin=1.5, patience=0.3))
MS = 1_000_000


class KnownBackend:
    """Finds every joint at the brightest pixel of the crop, as sure as it is bright; features count the calls.

    Heads are seven sides of the bright spot above it.
    """

    name, device, precision = "known", "cpu", "float32"
    cut = 1

    def __init__(self, depth_trained: bool = True) -> None:
        network = SPNetConfig(action_pyramids=(1,), num_actions=(2,), num_pyramids=1)
        self.spec = ModelSpec(
            network, 64, (("no", "yes"),), clip_frames=3, clip_spacing=0.1, depth_trained=depth_trained
        )
        self.crops: list[Array] = []
        self.batches: list[int] = []

    def set_cut(self, pyramids: int) -> None:
        raise ValueError

    def crop(self, cutouts: Sequence[Cutout]) -> Array:
        return cut_all(cutouts, 64)

    def predict(self, crops: Array) -> Prediction:
        self.crops += list(crops)
        self.batches.append(len(crops))
        pose = np.zeros((len(crops), 17, 4), np.float32)
        pose[..., 2] = 0.5
        pose[:, PA17.index("left_wrist"), 2] = 0.75
        for crop, person in zip(crops, pose, strict=True):
            row, col = np.unravel_index(crop.sum(-1).argmax(), (64, 64))
            person[:, :2] = (np.array([col, row]) + 0.5) / 64
            person[PA17.index("head"), 1] -= 7 / 64 * (crop[row] == crop.max()).any(-1).sum()
            person[:, 3] = crop.max() / 255
        return Prediction(pose, np.full((len(crops), 1), float(len(self.batches)), np.float32))

    def classify(self, clips: Array) -> list[Array]:
        self.clip = clips[0, :, 0].tolist()
        return [np.tile([[0.25, 0.75]], (len(clips), 1))]


def spot(x: int, y: int, value: int = 255) -> np.ndarray:
    pixels = np.zeros((240, 320, 3), np.uint8)
    pixels[y - 6 : y + 6, x - 6 : x + 6] = value
    return pixels


def test_joints_are_pixels_of_the_source_and_the_next_crop_surrounds_them() -> None:
    backend = KnownBackend()
    pipeline = Pipeline(backend, SETTINGS)
    first, second = (pipeline(Frame(spot(200, 100), stamp=t * MS)).people[0] for t in (0, 33))
    assert (first.state, second.state) == (State.NEW, State.TRACKED)
    assert backend.crops[0].shape == (64, 64, 3)
    assert (backend.crops[1] > 0).sum() > 3 * (backend.crops[0] > 0).sum()  # the second crop is nearer
    pelvis = second.layout.index("pelvis")
    np.testing.assert_allclose(second.joints[pelvis], [200, 100], atol=8)
    assert second.layout.name == "h36m17"
    assert second.joints[second.layout.index("head"), 1] < second.joints[pelvis, 1]


def test_colours_reach_the_network_in_rgb_order() -> None:
    backend, pixels = KnownBackend(), spot(160, 120)
    pixels[..., 0] //= 5  # blue, in bgr
    Pipeline(backend, SETTINGS)(Frame(pixels, rgb=(2, 1, 0)))
    red, green, blue = backend.crops[0].reshape(-1, 3).max(0)
    assert red == green == 255
    assert blue == 51


def test_depth_is_metres_from_the_pelvis_or_unknown() -> None:
    frame = Frame(spot(160, 120))
    known = Pipeline(KnownBackend(), SETTINGS)(frame).people[0]
    wrist = known.layout.index("left_wrist")
    assert known.position[wrist, 2] == pytest.approx(0.5)  # 0.25 of the 2 m range
    assert known.position[known.layout.index("pelvis"), 2] == 0
    unknown = Pipeline(KnownBackend(depth_trained=False), SETTINGS)(frame).people[0]
    assert np.isnan(unknown.position[:, 2]).all()


def test_clips_end_with_the_newest_frame_and_are_chosen_by_time() -> None:
    backend = KnownBackend()
    pipeline = Pipeline(backend, SETTINGS)
    results = [pipeline(Frame(spot(160, 120), stamp=t * MS)) for t in range(0, 301, 50)]
    assert [len(r.actions) for r in results] == [0, 0, 0, 1, 1, 1, 1]  # 150 ms: the first frame is half a spacing late
    assert backend.clip == [3.0, 5.0, 7.0]
    action = results[-1].actions[0]
    assert (action.start, action.frames, action.labels) == (100 * MS, 3, ("no", "yes"))


def test_a_lost_person_is_reported_once_and_the_clip_starts_afresh() -> None:
    pipeline = Pipeline(KnownBackend(), SETTINGS)
    for t in range(0, 401, 50):
        pipeline(Frame(spot(160, 120), stamp=t * MS))
    dark = [pipeline(Frame(spot(160, 120, 10), stamp=t * MS)) for t in range(450, 1001, 50)]
    states = [person.state for result in dark for person in result.people]
    assert states == [State.LOST]
    back = pipeline(Frame(spot(160, 120), stamp=1050 * MS))
    assert (back.people[0].state, back.people[0].id, back.actions) == (State.NEW, "2", ())


def two_people(x: int = 60) -> np.ndarray:
    return np.maximum(spot(x, 120), spot(250, 120, 240))


def settings(**changes: object) -> PipelineSettings:
    track = TrackSettings(min_confidence=0.8, margin=1.5, patience=0.3, max_persons=4, search_period=0.1)
    names = {f.name for f in fields(TrackSettings)} & changes.keys()
    track = replace(track, **{name: changes.pop(name) for name in names})  # type: ignore[arg-type]
    return replace(SETTINGS, track=track, **changes)  # type: ignore[arg-type]


def where(result: Result) -> dict[str, float]:
    return {person.id: float(person.joints[0, 0]) for person in result.people}


def test_people_besides_the_first_are_searched_for_and_keep_their_ids() -> None:
    backend = KnownBackend()
    pipeline = Pipeline(backend, settings())
    for t in range(0, 1001, 50):
        result = pipeline(Frame(two_people(60 + t // 50), stamp=t * MS))
    assert where(result) == {"1": pytest.approx(80, abs=6), "2": pytest.approx(250, abs=6)}
    assert {person.state for person in result.people} == {State.TRACKED}
    assert len(result.actions) == 2
    assert max(backend.batches) == 3  # both, and one look for more


def test_one_window_is_all_that_is_looked_at_if_one_person_is_all_that_is_wanted() -> None:
    backend = KnownBackend()
    pipeline = Pipeline(backend, settings(max_persons=1))
    results = [pipeline(Frame(two_people(), stamp=t * MS)) for t in range(0, 1001, 50)]
    assert set(backend.batches) == {1}
    assert set(where(results[-1])) == {"1"}


def test_detections_say_where_people_are_and_without_them_the_network_rests() -> None:
    backend = KnownBackend()
    pipeline = Pipeline(backend, settings(box_source="detections"))
    box = Box(230, 90, 270, 150)
    result = pipeline(Frame(two_people(), stamp=0, boxes=(box,)))
    assert where(result) == {"1": pytest.approx(250, abs=6)}  # not the brighter one beside it
    assert pipeline(Frame(two_people(), stamp=50 * MS, boxes=(box, Box(40, 90, 80, 150)))).people[1].id == "2"
    backend.batches.clear()
    assert Pipeline(backend, settings(box_source="detections"))(Frame(two_people(), boxes=())).people == ()
    assert backend.batches == []


def test_the_localizer_is_asked_from_time_to_time() -> None:
    class Eyes:
        asked = 0

        def detect(self, frames: list[Frame]) -> list[list[Box]]:
            self.asked += 1
            return [[Box(230, 90, 270, 150), Box(40, 90, 80, 150)] for _ in frames]

    eyes = Eyes()
    pipeline = Pipeline(KnownBackend(), settings(box_source="localizer", search_period=0.2), eyes)
    results = [pipeline(Frame(two_people(), stamp=t * MS)) for t in range(0, 401, 50)]
    assert [len(result.people) for result in results] == [2] * 9
    assert eyes.asked == 3


def test_the_whole_image_is_one_persons() -> None:
    backend = KnownBackend()
    pipeline = Pipeline(backend, settings(box_source="full_image"))
    results = [pipeline(Frame(spot(60, 120), stamp=t * MS)) for t in range(0, 201, 50)]
    assert {person.id for result in results for person in result.people} == {"1"}
    np.testing.assert_array_equal(backend.crops[0], backend.crops[-1])


def test_all_cameras_go_through_the_network_in_one_batch() -> None:
    backend = KnownBackend()
    pipeline = Pipeline(backend, settings(max_persons=1))
    for t in range(0, 301, 50):
        results = pipeline.process(
            {"front": Frame(spot(60, 120), stamp=t * MS), "left": Frame(spot(250, 120), stamp=(5000 + t) * MS)}
        )
    assert set(backend.batches) == {2}
    assert where(results["front"]) == {"front_1": pytest.approx(60, abs=6)}
    assert where(results["left"]) == {"left_1": pytest.approx(250, abs=6)}
    assert [a.id for a in results["front"].actions + results["left"].actions] == ["front_1", "left_1"]
    assert results["left"].actions[0].start == 5100 * MS


def test_when_time_goes_backwards_everybody_is_lost_and_clips_start_afresh() -> None:
    pipeline = Pipeline(KnownBackend(), SETTINGS)
    for t in range(1000, 1401, 50):
        last = pipeline(Frame(spot(160, 120), stamp=t * MS))
    assert last.actions
    again = pipeline(Frame(spot(160, 120), stamp=500 * MS))
    assert again.restarted
    assert pipeline(Frame(spot(160, 120), stamp=0)).restarted  # and once more
    assert not last.restarted
    assert [(p.id, p.state) for p in again.people] == [("1", State.LOST), ("2", State.NEW)]
    assert again.actions == ()


def test_reset_gives_everybody_up() -> None:
    pipeline = Pipeline(KnownBackend(), SETTINGS)
    for t in (0, 50):
        pipeline(Frame(spot(160, 120), stamp=t * MS))
    assert [(p.id, p.state) for p in pipeline.reset()[""]] == [("1", State.LOST)]
    assert pipeline(Frame(spot(160, 120), stamp=100 * MS)).people[0].id == "2"


def test_only_what_is_displayed_is_smoothed() -> None:
    pipeline = Pipeline(KnownBackend(), settings(min_cutoff=0.5, beta=0.0))
    for t in range(0, 501, 50):
        result = pipeline(Frame(spot(100 + 30 * (t // 50 % 2), 120), stamp=t * MS))
    seen, shown = result.people[0], result.display[0]
    assert abs(seen.joints[0, 0] - 100) < 8
    assert seen.joints[0, 0] + 5 < shown.joints[0, 0] < seen.joints[0, 0] + 25
    pipeline.settings = settings(min_cutoff=0.0)
    result = pipeline(Frame(spot(100, 120), stamp=550 * MS))
    assert result.display == result.people


def test_a_calibrated_camera_gives_metres_from_the_camera() -> None:
    camera = PinholeCamera(300, 300, 160, 120)
    backend = TorchBackend(default_checkpoint(), "cpu")
    frames = [f.pixels for f in open_source(str(demo_clip())).frames]
    pipeline = Pipeline(backend, PipelineSettings(TrackSettings(min_confidence=0.0, margin=1.4, patience=0.5)))
    for number in range(3):
        person = pipeline(Frame(frames[len(frames) // 2], stamp=number * 33 * MS, camera=camera)).people[0]
    assert person.depth_source is DepthSource.PRIOR
    pelvis = person.position[person.layout.index("pelvis")]
    assert pelvis[2] > 0.5
    np.testing.assert_allclose(camera.project(pelvis), person.joints[person.layout.index("pelvis")], atol=1e-3)


def test_the_shipped_model_on_a_real_frame_of_the_clip(tmp_path: Path) -> None:
    """The person of the clip is found where she or he is: the skeleton stands up, inside the picture, on the person."""
    backend = TorchBackend(default_checkpoint(), "cpu")
    pipeline = Pipeline(backend, PipelineSettings(TrackSettings(min_confidence=0.0, margin=1.4, patience=0.5)))
    frames = [f.pixels for f in open_source(str(demo_clip())).frames]
    middle = frames[len(frames) // 2]
    for number in range(4):  # from the whole frame to the person's own window
        person = pipeline(Frame(middle, stamp=number * 33 * MS)).people[0]
    joints = dict(zip(person.layout.joints, person.joints, strict=True))
    assert np.isfinite(person.joints).all()
    assert joints["head"][1] < joints["pelvis"][1] < joints["left_ankle"][1]
    height, width = middle.shape[:2]
    inside = ((person.joints > 0) & (person.joints < [width, height])).all(-1)
    assert inside.mean() > 0.8


def test_features_are_all_that_the_action_path_needs(tiny_checkpoint: Path) -> None:
    """The backend's packed rows give the same actions as the network run on the whole clip."""
    import torch

    from deephar_ros.checkpoint import load_checkpoint

    backend = TorchBackend(tiny_checkpoint, "cpu")
    crops = np.random.default_rng(0).integers(0, 255, (4, 64, 64, 3), np.uint8)
    rows = np.stack([backend.predict(crop[None]).features[0] for crop in crops])
    net, _ = load_checkpoint(tiny_checkpoint)
    with torch.no_grad():
        whole = net(torch.from_numpy(crops).permute(0, 3, 1, 2)[None].float() / 127.5 - 1)
    for got, expected in zip(backend.classify(rows[None]), whole.actions[-1], strict=True):
        np.testing.assert_allclose(got, expected, atol=1e-5)
