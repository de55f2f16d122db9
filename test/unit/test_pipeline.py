"""The pipeline: a real picture through the real model, and its behaviour with a network whose answers are known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from deephar_ros.backend.base import Prediction
from deephar_ros.backend.torch_backend import TorchBackend
from deephar_ros.checkpoint import ModelSpec
from deephar_ros.geometry import Array, Window
from deephar_ros.model.config import SPNetConfig
from deephar_ros.pipeline import Frame, Pipeline
from deephar_ros.share import default_checkpoint, demo_clip
from deephar_ros.skeleton import PA17
from deephar_ros.sources import open_source
from deephar_ros.track import State, TrackSettings

SETTINGS = TrackSettings(min_confidence=0.5, margin=1.5, patience=0.3)
MS = 1_000_000


class KnownBackend:
    """Finds every joint at the brightest pixel of the crop, as sure as it is bright; features count the calls."""

    def __init__(self, depth_trained: bool = True) -> None:
        network = SPNetConfig(action_pyramids=(1,), num_actions=(2,), num_pyramids=1)
        self.spec = ModelSpec(
            network, 64, (("no", "yes"),), clip_frames=3, clip_spacing=0.1, depth_trained=depth_trained
        )
        self.crops: list[Array] = []

    def predict(self, crops: Array) -> Prediction:
        self.crops.append(crops[0])
        row, col = np.unravel_index(crops[0].sum(-1).argmax(), (64, 64))
        pose = np.zeros((1, 17, 4), np.float32)
        pose[..., :2] = (np.array([col, row]) + 0.5) / 64
        pose[0, PA17.index("head"), :2] -= [0, 0.25]
        pose[..., 2] = 0.5
        pose[0, PA17.index("left_wrist"), 2] = 0.75
        pose[..., 3] = crops[0].max() / 255
        return Prediction(pose, np.full((1, 1), float(len(self.crops)), np.float32))

    def classify(self, clips: Array) -> list[Array]:
        self.clip = clips[0, :, 0].tolist()
        return [np.array([[0.25, 0.75]])]


def spot(x: int, y: int, value: int = 255) -> np.ndarray:
    pixels = np.zeros((240, 320, 3), np.uint8)
    pixels[y - 6 : y + 6, x - 6 : x + 6] = value
    return pixels


def test_joints_are_pixels_of_the_source_and_the_next_crop_surrounds_them() -> None:
    backend = KnownBackend()
    pipeline = Pipeline(backend, SETTINGS)
    first, second = (pipeline(Frame(spot(200, 100), stamp=t * MS)).people[0] for t in (0, 33))
    assert (first.state, second.state) == (State.NEW, State.TRACKED)
    assert first.window == Window.whole(320, 240)
    assert second.window.size < 160
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


def test_the_shipped_model_on_a_real_frame_of_the_clip(tmp_path: Path) -> None:
    """The person of the clip is found where she or he is: the skeleton stands up, inside the picture, on the person."""
    backend = TorchBackend(default_checkpoint(), "cpu")
    pipeline = Pipeline(backend, TrackSettings(min_confidence=0.0, margin=1.4, patience=0.5))
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
