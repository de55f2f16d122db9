"""The command `infer` on videos, pictures and folders: what it writes, and what it refuses."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from infer_runs import HEIGHT, RATE, WIDTH, frame_times, infer, picture, read_bag, records, video

from deephar_ros.backend.torch_backend import TorchBackend
from deephar_ros.depth import DepthSource
from deephar_ros.geometry import Box
from deephar_ros.infer.records import Header, Record, RecordsError, header_line, read_records, record_line
from deephar_ros.people import Action, Frame, Person, State
from deephar_ros.pipeline import Pipeline
from deephar_ros.settings import PipelineSettings, node_settings
from deephar_ros.skeleton import H36M17
from deephar_ros.sources import open_source

FRAMES = 12


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return video(tmp_path_factory.mktemp("clips") / "clip.mp4", FRAMES)


@pytest.fixture(scope="module")
def out(clip: Path, spread_checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The results of the clip."""
    folder = tmp_path_factory.mktemp("results") / "out"
    assert infer(clip, folder, spread_checkpoint, summary=True) == 0
    return folder


def test_records_are_what_the_pipeline_finds(clip: Path, out: Path, spread_checkpoint: Path) -> None:
    settings = node_settings()
    settings = replace(settings, track=replace(settings.track, min_confidence=0.0), box_source="full_image")
    pipeline = Pipeline(TorchBackend(spread_checkpoint, "cpu"), settings)
    written = records(out)
    assert len(written) == FRAMES
    for number, (frame, record) in enumerate(zip(open_source(str(clip)).frames, written, strict=True)):
        result = pipeline(Frame(frame.pixels, stamp=frame.stamp))
        assert (record.number, record.stamp) == (number, round(number / RATE * 1e9))
        assert [(p.id, p.state) for p in record.people] == [(p.id, p.state) for p in result.people] != []
        for now, then in zip(record.people, result.people, strict=True):
            np.testing.assert_allclose(now.joints, then.joints, atol=1e-4)
            np.testing.assert_allclose(now.position, then.position, atol=1e-4)
            np.testing.assert_allclose(now.confidence, then.confidence, atol=1e-4)
        for now, then in zip(record.actions, result.actions, strict=True):
            assert (now.id, now.labels, now.start) == (then.id, then.labels, then.start)
            np.testing.assert_allclose(now.probabilities, then.probabilities, atol=1e-4)
    assert any(record.actions for record in written)


def test_header_names_source_model_and_settings(clip: Path, out: Path) -> None:
    header = read_records(out / "records.jsonl").header
    assert (header.source, header.width, header.height, header.frames) == (str(clip), WIDTH, HEIGHT, FRAMES)
    assert (header.checkpoint, header.layout, header.joints) == ("tiny", "h36m17", H36M17.joints)
    assert header.labels == (("sit", "stand", "walk"), ("a", "b", "c", "d", "e"))
    assert header.settings["box_source"] == "full_image"
    assert len(header.weights_sha256) == 64


def test_the_bag_holds_the_same_with_the_pictures(out: Path) -> None:
    topics = read_bag(out / "bag")
    written = records(out)
    assert {topic: len(found) for topic, found in topics.items()} == {
        "/image/compressed": FRAMES,
        "/skeleton": sum(len(record.people) for record in written),
        "/skeletons": FRAMES,
        "/action_probs": sum(len(record.actions) for record in written),
    }
    for record, (logged, array, _), (_, image, _) in zip(
        written, topics["/skeletons"], topics["/image/compressed"], strict=True
    ):
        stamp = array.header.stamp.sec * 10**9 + array.header.stamp.nanosec
        assert logged == stamp == record.stamp
        assert image.header == array.header
        for skeleton, person in zip(array.skeletons, record.people, strict=True):
            assert (skeleton.id, skeleton.state, skeleton.layout) == (person.id, person.state, "h36m17")
            np.testing.assert_allclose([(k.u, k.v) for k in skeleton.keypoints], person.joints, atol=1e-4)
    pixels = cv2.imdecode(image.data, cv2.IMREAD_COLOR)[..., ::-1]
    assert np.abs(pixels.astype(int) - picture(FRAMES - 1)).mean() < 60  # noise, compressed twice
    actions = [action for record in written for action in record.actions]
    for action, (_, probs, _) in zip(actions, topics["/action_probs"], strict=True):
        assert (probs.id, tuple(probs.labels)) == (action.id, action.labels)
        np.testing.assert_allclose(probs.probabilities, action.probabilities, atol=1e-4)


def test_the_overlay_video_has_every_frame_at_its_time_and_the_summary_is_there(out: Path) -> None:
    np.testing.assert_allclose(frame_times(out / "overlay.mp4"), np.arange(FRAMES) / RATE, atol=2e-3)
    assert cv2.imread(str(out / "summary.png")).shape[1] > 500
    assert sorted(file.name for file in out.iterdir()) == ["bag", "overlay.mp4", "records.jsonl", "summary.png"]


def test_a_picture_gives_a_picture(spread_checkpoint: Path, tmp_path: Path) -> None:
    file = tmp_path / "me.png"
    cv2.imwrite(str(file), picture(1))
    assert infer(file, tmp_path / "out", spread_checkpoint, "--no-bag", "--no-video") == 0
    assert cv2.imread(str(tmp_path / "out" / "overlay.png")) is not None
    assert not (tmp_path / "out" / "bag").exists()
    assert len(records(tmp_path / "out")) == 1


def test_stills_of_any_size_show_other_people_each_and_broken_ones_are_named(
    spread_checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "photos").mkdir()
    for number, size in enumerate([(64, 48), (30, 80), (100, 40)]):
        cv2.imwrite(str(tmp_path / "photos" / f"{number}.png"), cv2.resize(picture(number), size))
    (tmp_path / "photos" / "1b.png").write_bytes(b"no picture")
    assert infer(tmp_path / "photos", tmp_path / "out", spread_checkpoint, "--stills", "--no-bag") == 0
    written = records(tmp_path / "out")
    assert [record.number for record in written] == [0, 1, 3]
    assert [(record.width, record.height) for record in written] == [(64, 48), (30, 80), (100, 40)]
    assert [[person.id for person in record.people] for record in written] == [["1"], ["2"], ["3"]]
    np.testing.assert_allclose(frame_times(tmp_path / "out" / "overlay.mp4"), [0, 1, 3], atol=2e-3)
    assert "1b.png does not decode" in capsys.readouterr().err


def test_every_third_frame(clip: Path, spread_checkpoint: Path, tmp_path: Path) -> None:
    assert infer(clip, tmp_path, spread_checkpoint, "--every", "3", "--no-bag", "--no-video") == 0
    assert [record.number for record in records(tmp_path)] == [0, 3, 6, 9]


def test_a_block_is_explained_beside_the_overlay(out: Path, spread_checkpoint: Path, tmp_path: Path) -> None:
    file = tmp_path / "me.png"
    cv2.imwrite(str(file), picture(1))
    sizes = []
    for options in ([], ["--explain", "last"]):
        assert infer(file, tmp_path / f"out{len(options)}", spread_checkpoint, "--no-bag", *options) == 0
        sizes.append(cv2.imread(str(tmp_path / f"out{len(options)}" / "overlay.png")).size)
    assert sizes[1] > sizes[0]


def test_results_are_not_overwritten_unasked(
    clip: Path, out: Path, spread_checkpoint: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = (out / "records.jsonl").read_bytes()
    assert infer(clip, out, spread_checkpoint) == 1
    there = "holds records.jsonl, overlay.mp4, summary.png, bag of an earlier run"
    assert f"{there}; --resume goes on, --force begins anew" in capsys.readouterr().err
    assert (out / "records.jsonl").read_bytes() == before


def test_the_source_is_never_overwritten(
    clip: Path, spread_checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = tmp_path / "overlay.mp4"
    source.write_bytes(clip.read_bytes())
    assert infer(source, tmp_path, spread_checkpoint, "--force") == 1
    assert "which would be overwritten; name another folder" in capsys.readouterr().err
    assert source.read_bytes() == clip.read_bytes()


def test_a_source_without_a_frame_leaves_nothing_behind(
    spread_checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "a.png").write_bytes(b"no picture")
    assert infer(tmp_path / "photos", tmp_path / "out", spread_checkpoint) == 1
    assert "no frame could be read" in capsys.readouterr().err
    assert infer(tmp_path / "nothing.mp4", tmp_path / "other", spread_checkpoint) == 1
    assert "nothing.mp4 does not exist" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
    assert not (tmp_path / "other").exists()


def test_a_truncated_video_gives_what_it_has(
    clip: Path, spread_checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import av

    whole, part = tmp_path / "whole.mkv", tmp_path / "part.mkv"
    with av.open(str(clip)) as source, av.open(str(whole), "w") as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                target.mux(packet)
    part.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    infer(part, tmp_path / "out", spread_checkpoint, "--no-bag")
    found = records(tmp_path / "out")
    assert 0 < len(found) < FRAMES
    assert len(frame_times(tmp_path / "out" / "overlay.mp4")) == len(found)


def example() -> tuple[Header, Record]:
    rng = np.random.default_rng(3)
    position = rng.normal(size=(17, 3))
    position[:, 2] = np.nan
    box = Box(1.5, 2, 30, 40, 0.75)
    args = (rng.uniform(0, 60, (17, 2)), position, rng.uniform(0, 1, 17), box, DepthSource.PRIOR)
    person = Person("7", State.LOST, H36M17, *args)
    labels = (("a", "b"), ("a", "b", "c"))
    action = Action("7", 10**18 + 1, 8, labels[1], np.array([0.25, 0.5, 0.25]), "a")
    record = Record(3, 10**18 + 2, "camera", 64, 48, (person,), (action,), True)
    track = node_settings().track
    settings = {"patience": PipelineSettings(track).track.patience}
    header = Header(
        "1", "x.mp4", "", 64, 48, None, "h36m17", H36M17.joints, labels, "tiny", "0" * 64, True, False, settings
    )
    return header, record


def test_records_survive_the_file(tmp_path: Path) -> None:
    header, record = example()
    path = tmp_path / "records.jsonl"
    path.write_text(header_line(header) + record_line(record, header))
    read = read_records(path)
    assert read.header == header
    (again,) = read.frames
    assert record_line(again, header) == record_line(record, header)
    assert replace(again, people=(), actions=()) == replace(record, people=(), actions=())
    np.testing.assert_allclose(again.people[0].position, record.people[0].position, atol=1e-4)
    assert again.people[0].box == record.people[0].box
    assert again.actions[0].labels == record.actions[0].labels


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ("", "line 1 is no header"),
        ('{"a": 1}\n', "line 1 is no header"),
        ("{header}{frame}{cut}", "line 3 is not JSON"),
        ('{header}{"number": 3}\n', "line 2 is no frame"),
        ('{header}{"number": 1, "people": [{}], "actions": []}\n', "line 2 is no frame"),
        ("{other}", "layout 'mystery' is not one of"),
    ],
)
def test_broken_records_are_named(lines: str, message: str, tmp_path: Path) -> None:
    header, record = example()
    line = record_line(record, header)
    for key, text in {
        "{header}": header_line(header),
        "{frame}": line,
        "{cut}": line[:50],
        "{other}": header_line(replace(header, layout="mystery")),
    }.items():
        lines = lines.replace(key, text)
    path = tmp_path / "records.jsonl"
    path.write_text(lines)
    with pytest.raises(RecordsError, match=message):
        list(read_records(path).frames)
