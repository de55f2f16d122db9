"""Raw predictions: pixels of the original pictures, one row per file, broken files named, no pickle."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
import yaml

from deephar_ros.backend.base import Prediction
from deephar_ros.checkpoint import ModelSpec, load_checkpoint, save_checkpoint
from deephar_ros.cli.predict import main
from deephar_ros.cutout import Cutout, cut_all
from deephar_ros.geometry import Box, Window
from deephar_ros.model.config import SPNetConfig
from deephar_ros.pixels import normalise
from deephar_ros.settings import PipelineSettings, node_settings
from deephar_ros.share import share_folder
from deephar_ros.skeleton import H36M17
from deephar_ros.sources import open_source
from deephar_ros.track import TrackSettings, box_window
from deephar_ros.train.raw_predictions import VideoPredictions, agreement, predict_videos

BOXES = {"b.png": [10, 20, 70, 60], "sub/a.jpg": [30.5, 5, 50, 95]}


@pytest.fixture
def pictures(tmp_path: Path, rng: np.random.Generator) -> Path:
    folder = tmp_path / "pictures"
    (folder / "sub").mkdir(parents=True)
    for name, size in (("b.png", (80, 120, 3)), ("sub/a.jpg", (100, 90, 3))):
        cv2.imwrite(str(folder / name), rng.integers(0, 255, size, np.uint8))
    return folder


def predict(out: Path, *arguments: object) -> dict[str, np.ndarray]:
    assert main([str(argument) for argument in (*arguments, "--out", out, "--device", "cpu")]) == 0
    with np.load(out, allow_pickle=False) as file:
        return dict(file)


def expected(checkpoint: Path, picture: Path, window: Window) -> tuple[np.ndarray, np.ndarray]:
    """Joints in pixels and depths of the network itself, in the order of messages."""
    net, spec = load_checkpoint(checkpoint)
    crop = torch.from_numpy(window.cut(cv2.imread(str(picture))[..., ::-1], spec.input_size).copy())
    with torch.inference_mode():
        pose = net.frames(normalise(crop.permute(2, 0, 1)[None])).poses[-1][0].numpy()
    pose = pose[spec.layout.indices_of(H36M17)]
    return window.to_image(pose[:, :2]), pose[:, 2:]


def test_boxes_say_where_the_crops_are(tiny_checkpoint: Path, pictures: Path, tmp_path: Path) -> None:
    boxes = tmp_path / "boxes.json"
    boxes.write_text(json.dumps(BOXES))
    found = predict(tmp_path / "out.npz", tiny_checkpoint, "--images", pictures, "--boxes", boxes)
    assert found["names"].tolist() == ["b.png", "sub/a.jpg"]
    assert found["joints"].tolist() == list(H36M17.joints)
    for row, name in enumerate(found["names"]):
        joints, rest = expected(tiny_checkpoint, pictures / name, box_window(Box(*BOXES[name])))
        np.testing.assert_allclose(found["kpts"][row], joints, atol=1e-3)
        np.testing.assert_allclose(found["confidence"][row], rest[:, 1], atol=1e-5)
        np.testing.assert_allclose(found["kpts3d"][row][:, 2], 2000 * (rest[:, 0] - rest[0, 0]), atol=0.05)
        np.testing.assert_array_equal(found["kpts3d"][row][0], 0)  # the pelvis


def test_the_margin_is_that_of_the_crop_over_the_box(tiny_checkpoint: Path, pictures: Path, tmp_path: Path) -> None:
    boxes = tmp_path / "boxes.json"
    boxes.write_text(json.dumps(BOXES))
    found = predict(tmp_path / "out.npz", tiny_checkpoint, "--images", pictures, "--boxes", boxes, "--margin", 1.0)
    joints, _ = expected(tiny_checkpoint, pictures / "b.png", Window.around(40, 40, 60))
    np.testing.assert_allclose(found["kpts"][0], joints, atol=1e-3)


def test_without_boxes_the_picture_is_the_person(tiny_checkpoint: Path, pictures: Path, tmp_path: Path) -> None:
    found = predict(tmp_path / "out.npz", tiny_checkpoint, "--images", pictures)
    joints, _ = expected(tiny_checkpoint, pictures / "sub/a.jpg", Window.whole(90, 100))
    np.testing.assert_allclose(found["kpts"][1], joints, atol=1e-3)


def test_untrained_depth_is_nan_and_pixels_have_a_scale_all_the_same(
    tiny_checkpoint: Path, pictures: Path, tmp_path: Path
) -> None:
    net, spec = load_checkpoint(tiny_checkpoint)
    save_checkpoint(tmp_path / "flat", net, replace(spec, depth_trained=False), "")
    found = predict(tmp_path / "out.npz", tmp_path / "flat", "--images", pictures)
    assert np.isnan(found["kpts3d"][..., 2]).all()
    across, pixels = found["kpts3d"][0][:, :2], found["kpts"][0] - found["kpts"][0][0]
    np.testing.assert_allclose(across[1:] / pixels[1:], (across[1] / pixels[1])[0], rtol=1e-3)


def test_broken_pictures_are_left_out_and_named(
    tiny_checkpoint: Path, pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (pictures / "aa.jpg").write_bytes(b"not a picture")
    found = predict(tmp_path / "out.npz", tiny_checkpoint, "--images", pictures)
    assert found["names"].tolist() == ["b.png", "sub/a.jpg"]
    printed = capsys.readouterr()
    assert "left out aa.jpg" in printed.err
    assert "1 broken" in printed.out


def test_nothing_readable_is_a_failure(tiny_checkpoint: Path, tmp_path: Path) -> None:
    folder = tmp_path / "broken"
    folder.mkdir()
    arguments = [str(tiny_checkpoint), "--images", str(folder), "--out", str(tmp_path / "out.npz"), "--device", "cpu"]
    assert main(arguments) == 1
    (folder / "x.jpg").write_bytes(b"")
    assert main(arguments) == 1
    assert not (tmp_path / "out.npz").exists()


@pytest.mark.parametrize(
    ("boxes", "complaint"),
    [
        ({"b.png": [0, 0, 9, 9]}, "no box for ['sub/a.jpg']"),
        ({**BOXES, "c.png": [0, 0, 9, 9]}, "no picture for ['c.png']"),
        ({**BOXES, "b.png": [9, 0, 1, 9]}, "x1 < x2"),
        ({**BOXES, "b.png": [1, 2, 3]}, "[x1, y1, x2, y2]"),
        ({**BOXES, "b.png": ["a", 2, 3, 4]}, "[x1, y1, x2, y2]"),
        ([1], "not an object"),
    ],
)
def test_boxes_that_do_not_fit_are_refused(
    boxes: object,
    complaint: str,
    tiny_checkpoint: Path,
    pictures: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "boxes.json").write_text(json.dumps(boxes))
    arguments = [tiny_checkpoint, "--images", pictures, "--boxes", tmp_path / "boxes.json", "--out", tmp_path / "o.npz"]
    assert main([*map(str, arguments), "--device", "cpu"]) == 1
    assert complaint in capsys.readouterr().err


class StandingPerson:
    """Sees a person who fills three quarters of whatever it is shown; remembers how large that was."""

    name, device, precision = "standing", "cpu", "float32"
    cut = 1

    def __init__(self, confidence: float) -> None:
        network = SPNetConfig(action_pyramids=(1,), num_actions=(2,), num_pyramids=1)
        self.spec = ModelSpec(network, 64, (("no", "yes"),), clip_frames=3, clip_spacing=0.1)
        self.confidence = confidence
        self.calls = 0

    def set_cut(self, pyramids: int) -> None:
        raise ValueError

    def crop(self, cutouts: Sequence[Cutout]) -> np.ndarray:
        return cut_all(cutouts, 64)

    def predict(self, crops: np.ndarray) -> Prediction:
        self.calls += len(crops)
        pose = np.full((len(crops), 17, 4), self.confidence, np.float32)
        pose[..., :2] = np.linspace(0.125, 0.875, 17)[:, None]
        return Prediction(pose, np.full((len(crops), 1), self.confidence, np.float32))

    def classify(self, clips: np.ndarray) -> list[np.ndarray]:
        sure = clips[:, 0, :1]
        return [np.concatenate([1 - sure, sure], -1)]


def write_video(path: Path, pictures: np.ndarray, rate: int = 30) -> None:
    import av

    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=rate)
        stream.height, stream.width = pictures.shape[1:3]
        for picture in pictures:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())


@pytest.fixture
def videos(tmp_path: Path, rng: np.random.Generator) -> Path:
    """20 frames and 6 frames; a clip of the tiny network takes 10."""
    folder = tmp_path / "videos"
    folder.mkdir()
    write_video(folder / "long.mp4", rng.integers(0, 255, (20, 64, 96, 3), np.uint8))
    write_video(folder / "short.mp4", rng.integers(0, 255, (6, 64, 96, 3), np.uint8))
    return folder


def test_videos_get_the_label_of_their_clips_mean(tiny_checkpoint: Path, videos: Path, tmp_path: Path) -> None:
    found = predict(tmp_path / "out.npz", tiny_checkpoint, "--clips", videos, "--action-set", 1, "--whole-image")
    assert found["names"].tolist() == ["long.mp4", "short.mp4"]
    assert found["label_names"].tolist() == list("abcde")
    assert found["labels"].tolist() == ["abcde"[row.argmax()] for row in found["distributions"]]

    net, spec = load_checkpoint(tiny_checkpoint)
    whole = Window.whole(96, 64)
    frames = [whole.cut(frame.pixels, spec.input_size) for frame in open_source(str(videos / "long.mp4")).frames]
    images = normalise(torch.from_numpy(np.stack(frames)).permute(0, 3, 1, 2))
    # 4 frames 0.1 s apart, which is 3 frames of the video; the first clip may begin a frame late.
    chosen = [[max(0, end - 9), end - 6, end - 3, end] for end in range(8, 20)]
    with torch.inference_mode():
        clips = [net(images[None, indices]).actions[-1][1][0].numpy() for indices in chosen]
    np.testing.assert_allclose(found["distributions"][0], np.mean(clips, 0), atol=1e-5)
    assert found["clips"].tolist() == [12, 1]


def test_people_in_videos_are_followed_as_in_the_node_and_without_people_the_picture_counts(videos: Path) -> None:
    settings = PipelineSettings(TrackSettings(min_confidence=0.5, margin=1.5, patience=0.3))
    seen, hidden = StandingPerson(0.75), StandingPerson(0.25)
    followed, _ = predict_videos(seen, videos, ["long.mp4"], settings)
    assert followed.distributions.tolist() == [[0.25, 0.75]]
    assert seen.calls == 20  # one look a frame
    nobody, _ = predict_videos(hidden, videos, ["long.mp4"], settings)
    assert nobody.distributions.tolist() == [[0.75, 0.25]]
    assert hidden.calls == 40  # searched in vain, then all again
    assert followed.clips == nobody.clips == 15  # one for each frame from 0.2 s on, or a frame earlier


def test_broken_videos_are_left_out_and_named(
    tiny_checkpoint: Path, videos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (videos / "broken.avi").write_bytes(b"nothing")
    found = predict(tmp_path / "out.npz", tiny_checkpoint, "--clips", videos, "--whole-image")
    assert found["names"].tolist() == ["long.mp4", "short.mp4"]
    assert "left out broken.avi" in capsys.readouterr().err


def test_folders_that_bear_names_of_labels_tell_how_many_are_right() -> None:
    names = ["test/sit/a.mp4", "test/sit/b.mp4", "test/sit/c.mp4", "test/walk/d.mp4"]
    labels = np.array(["sit", "walk", "walk", "walk"])
    found = VideoPredictions(
        np.array(names), labels, np.array(["sit", "wave", "walk"]), np.zeros((4, 3), np.float32), np.ones(4, np.int64)
    )
    assert agreement(found) == [
        "2 of 4 are called as their folders: 50.0 %",
        "  sit: 1 of 3, walk 2",
        "  walk: 1 of 1",
    ]
    assert agreement(replace(found, names=np.array([*names[:3], "test/somebody/d.mp4"]))) == []


def test_an_action_set_that_the_model_lacks_is_refused(tiny_checkpoint: Path, tmp_path: Path) -> None:
    write_video(tmp_path / "v.mp4", np.zeros((4, 64, 64, 3), np.uint8))
    arguments = [
        tiny_checkpoint,
        "--clips",
        tmp_path,
        "--out",
        tmp_path / "o.npz",
        "--action-set",
        2,
        "--device",
        "cpu",
    ]
    assert main([str(argument) for argument in arguments]) == 1


def test_people_are_followed_with_the_nodes_settings() -> None:
    values = yaml.safe_load((share_folder() / "config" / "perception.yaml").read_text())["/**"]["ros__parameters"]
    track = node_settings().track
    assert (track.min_confidence, track.margin) == (values["min_confidence"], values["margin"])
