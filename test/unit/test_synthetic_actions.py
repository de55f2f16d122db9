"""Actions from YAML: what is refused, what is played, and the tracks and clips that are made of it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import made_body
import numpy as np
import pytest

from deephar_ros.data.folder import folder_labels, load_folder_clips
from deephar_ros.data.samples import DatasetError
from deephar_ros.data.synthetic.actions import Action, Way, read_actions
from deephar_ros.data.synthetic.assets import Assets, load_assets
from deephar_ros.data.synthetic.motions import Motion, is_held_out, save_motions
from deephar_ros.data.synthetic.performance import Stage
from deephar_ros.data.synthetic.reader_tracks import load_synthetic_tracks
from deephar_ros.data.synthetic.rig import SEGMENT, Rig
from deephar_ros.data.synthetic.rotations import about
from deephar_ros.data.synthetic.tracks import TrackJob, make_tracks, mean_rig
from deephar_ros.share import share_folder
from deephar_ros.skeleton import PA17
from deephar_ros.sources import open_source
from deephar_ros.strict import ConfigError

ACTIONS = """
standing:
  - name: still
    seconds: [2, 3]
    loop: true
    vary: 0
    keys: [{at: 0}, {at: 0.5}]
sitting_down:
  - name: chair
    seconds: [0.8, 1.2]
    before: standing
    vary: 0
    keys:
      - {at: 0}
      - {at: 1, pose: {hip_flex: 90, knee: 90}}
  - name: low
    held_out: true
    keys: [{at: 0}, {at: 1, pose: {hip_flex: 110, knee: 120}}]
turning:
  - {name: recorded, motions: ["bandai/turn_*"], loop: true}
hanging:
  - name: bar
    support: hands
    seconds: [1, 2]
    loop: true
    keys:
      - {at: 0, pose: {arm_abduct: 160}, hands: {both: {part: chest, at: [0.2, 0, 0.5]}}}
      - {at: 0.5, pose: {arm_abduct: 160}, hands: {both: {part: chest, at: [0.2, 0.1, 0.3]}}}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Assets and actions: a body, and people who turn about."""
    assets = tmp_path_factory.mktemp("assets")
    made_body.write_body(assets / "body.npz")
    names = [f"bandai/turn_{i:02d}" for i in range(20)]
    assert len({is_held_out(name) for name in names}) == 2
    turns = np.tile(np.eye(3), (30, 19, 1, 1))
    turns = about(2, np.linspace(0, 1, 30))[:, None] @ turns
    save_motions(assets / "motions.npz", [Motion(name, "bandai", turns, np.zeros((30, 3)), 30.0) for name in names])
    (assets / "actions.yaml").write_text(ACTIONS)
    return assets


@pytest.fixture(scope="module")
def assets(folder: Path) -> Assets:
    return load_assets(folder, False)


@pytest.fixture(scope="module")
def stage(folder: Path, assets: Assets) -> Stage:
    return Stage(read_actions(folder / "actions.yaml"), assets.motions, mean_rig(assets), False)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("wave:\n  - {name: a, keys: [{at: 0, pose: {arm_lift: 3}}]}", "angle 'arm_lift' is unknown; there are ankle"),
        ("wave:\n  - {name: a, keys: [{at: 2}]}", "at = 2.0 is not between 0"),
        ("wave:\n  - {name: a, keys: [{at: 0.5}, {at: 0.2}]}", "times .0.5, 0.2. are not in order"),
        ("wave:\n  - {name: a}", "way 'a' needs one of motions, keys and families"),
        ("wave:\n  - {name: a, keys: [{at: 0}], motions: [x]}", "needs one of motions, keys and families"),
        ("wave:\n  - {name: a, families: [swim]}", "family 'swim' is unknown; there are stand"),
        ("wave:\n  - {name: a, keys: [{at: 0}], support: wings}", "support is 'wings'; there are feet, toes"),
        ("wave:\n  - {name: a, keys: [{at: 0, hands: {top: {part: head, at: [0, 0, 0]}}}]}", "hands.top is unknown"),
        ("wave:\n  - {name: a, keys: [{at: 0, hands: {left: {part: nose, at: [0, 0, 0]}}}]}", "part is 'nose'"),
        ("wave:\n  - {name: a, keys: [{at: 0}], after: sleep}", "way a: 'sleep' is no action of this file"),
        ("wave:\n  - {name: a, keys: [{at: 0}]}\n  - {name: a, keys: [{at: 0}]}", "names .* must differ"),
        ("wave:\n  - {name: a, keys: [{at: 0}], seconds: [2, 1]}", "seconds = .2.0, 1.0. should be two numbers"),
        ("wave:\n  - {name: a, motions: [x], part: [0.5, 0.4]}", "part = .0.5, 0.4. should be within 0 and 1"),
        ("../wave:\n  - {name: a, keys: [{at: 0}]}", "labels are made of letters"),
        ("wave: []", "wave: there are no ways"),
        ("wave:\n  - {name: a, speed: fast, keys: [{at: 0}]}", "speed should be 2 values, not 'fast'"),
        ("- wave", "should be a section with keys"),
        ("wave: [", "is not YAML"),
    ],
)
def test_actions_that_cannot_be_used_are_refused_by_their_place(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "my.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=message) as caught:
        read_actions(path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("held_out", [False, True])
def test_every_action_of_the_package_can_be_done_without_recordings(assets: Assets, held_out: bool) -> None:
    actions = read_actions(share_folder() / "config" / "actions" / "robot.yaml")
    assert {"standing", "sitting_down", "push_up", "waving", "other"} <= {action.label for action in actions}
    stage = Stage(actions, [], mean_rig(assets), held_out)
    for label, action in enumerate(actions):
        done = stage.perform(label, 24, 30.0, np.random.default_rng(label))
        assert np.isfinite(done.turns).all(), action.label
        assert np.isfinite(done.root).all(), action.label
        assert (done.labels == label).any(), action.label
        assert done.source == "keys"


def test_recordings_that_are_not_there_are_named(assets: Assets) -> None:
    missing = Action("wave", (Way("a", motions=("cmu/wave*",)),))
    with pytest.raises(ConfigError, match=r"wave: way a: no recording is called cmu/wave\*"):
        Stage([missing], assets.motions, mean_rig(assets), False)


def test_someone_who_sits_down_is_standing_before_and_low_at_the_end(assets: Assets, stage: Stage) -> None:
    rig: Rig = mean_rig(assets)
    for seed in range(4):
        done = stage.perform(1, 72, 30.0, np.random.default_rng(seed))
        assert done.way == "sitting_down/chair"
        assert (done.source, done.motion) == ("keys", "keys/sitting_down/chair")
        waiting = np.flatnonzero(done.labels == 0)
        assert waiting.tolist() == list(range(len(waiting)))
        assert (done.labels[-1], done.label) == (1, 1)
        joints = rig.joints(rig.place(done.turns, done.root * rig.leg))
        height = joints[:, PA17.index("pelvis"), 2] - joints[:, PA17.index("left_ankle"), 2]
        assert height[-1] < 0.65 * height[0]


def test_what_is_repeated_has_no_jumps(stage: Stage) -> None:
    for label in (0, 3):
        for seed in range(3):
            done = stage.perform(label, 72, 30.0, np.random.default_rng(seed))
            cosine = (np.trace(np.swapaxes(done.turns[1:], -1, -2) @ done.turns[:-1], axis1=-2, axis2=-1) - 1) / 2
            assert np.degrees(np.arccos(cosine.clip(-1, 1))).max() < 25
            assert (done.labels == label).all()


def test_hands_on_a_bar_stay_there_while_the_body_moves(assets: Assets, stage: Stage) -> None:
    rig = mean_rig(assets)
    done = stage.perform(3, 72, 30.0, np.random.default_rng(1))
    joints = rig.joints(rig.place(done.turns, done.root * rig.leg))
    wrists = joints[:, [PA17.index("left_wrist"), PA17.index("right_wrist")]].mean(1)
    assert np.ptp(joints[:, PA17.index("pelvis"), 2]) > 0.1
    assert np.ptp(wrists, axis=0).max() < 0.08  # but for the style of the performance


def test_a_mirrored_performance_exchanges_the_sides() -> None:
    turns = np.tile(np.eye(3), (2, 19, 1, 1))
    turns[1, SEGMENT["upperarm.L"]] = about(1, 1.0)
    mirrored = Motion("m", "keys", turns, np.array([[1.0, 2, 3], [1, 2, 3]]), 30.0).mirrored()
    np.testing.assert_allclose(mirrored.turns[1, SEGMENT["upperarm.R"]], about(1, -1.0))
    np.testing.assert_allclose(mirrored.turns[1, SEGMENT["upperarm.L"]], np.eye(3))
    np.testing.assert_allclose(mirrored.root[0], [-1, 2, 3])


def test_tracks_are_the_same_for_the_same_seed_and_read_back_as_clips(folder: Path, tmp_path: Path) -> None:
    jobs = [TrackJob(folder, folder / "actions.yaml", tmp_path / name, 8, seed=2) for name in ("a", "b")]
    for job in jobs:
        assert sum(make_tracks(job)) == 8
    first, second = (np.load(job.out / "tracks.npz") for job in jobs)
    np.testing.assert_array_equal(first["joints"], second["joints"])
    assert first["joints"].shape == (8, 72, 17, 3)
    assert first["label"].tolist() == [0, 1, 2, 3] * 2
    assert (first["joints"][..., 2] > 300).all()
    about_it = json.loads((tmp_path / "a" / "metadata.json").read_text())
    assert about_it["sources_of"] == {
        "standing": ["keys"],
        "sitting_down": ["keys"],
        "turning": ["bandai"],
        "hanging": ["keys"],
    }
    clips = load_synthetic_tracks(tmp_path / "a", "train")
    assert [clip.label for clip in clips] == [0, 1, 2, 3] * 2
    assert len(clips[0].joints) == len(clips[0].frames) == 72
    assert [clip.label for clip in load_synthetic_tracks(tmp_path / "a", sources=("bandai",))] == [2, 2]


def test_held_out_tracks_use_other_ways_bodies_and_recordings(folder: Path, tmp_path: Path) -> None:
    tables = []
    for held_out in (False, True):
        job = TrackJob(folder, folder / "actions.yaml", tmp_path / str(held_out), 12, seed=2, held_out=held_out)
        assert sum(make_tracks(job)) == 12
        names = json.loads((job.out / "metadata.json").read_text())
        table = np.load(job.out / "tracks.npz")
        ways = {names["ways"][way] for way in table["way"]}
        recorded = {names["motions"][m] for m in table["motion"] if names["motions"][m].startswith("bandai")}
        tables.append((set(table["subject"].tolist()), ways, recorded))
    (subjects, ways, recorded), (other_subjects, other_ways, other_recorded) = tables
    assert not subjects & other_subjects
    assert recorded
    assert not recorded & other_recorded
    assert "sitting_down/chair" in ways - other_ways
    assert "sitting_down/low" in other_ways - ways


def test_rendered_clips_are_a_folder_data_set_with_joints(folder: Path, tmp_path: Path) -> None:
    pytest.importorskip("numba", reason="the renderer needs numba")
    from deephar_ros.data.synthetic.clips import ClipJob, render_clips

    job = ClipJob(folder, folder / "actions.yaml", tmp_path, 4, frames=5, size=64, seed=1, fps=10)
    assert list(render_clips(job)) == [0, 1, 1, 1, 1]
    assert list(render_clips(job)) == [4]
    with pytest.raises(DatasetError, match="made with other values"):
        list(render_clips(replace(job, fps=30)))
    stamps = [frame.seconds for frame in open_source(str(tmp_path / "train" / "hanging" / "000003.mp4")).frames]
    np.testing.assert_allclose(np.diff(stamps), 0.1, atol=1e-3)
    assert folder_labels(tmp_path) == ("hanging", "sitting_down", "standing", "turning")
    clips = load_folder_clips(tmp_path, "train", PA17)
    assert [clip.name for clip in clips] == [
        "train/hanging/000003.mp4", "train/sitting_down/000001.mp4", "train/standing/000000.mp4",
        "train/turning/000002.mp4",
    ]  # fmt: skip
    for clip in clips:
        assert (clip.size, clip.joints.shape) == ((64, 64), (5, 17, 3))
        assert np.isfinite(clip.joints).all()
        assert 500 < clip.root_depth < 30000
    np.savez(tmp_path / "train" / "standing" / "000000.npz", joints=np.zeros((4, 17, 3)))
    with pytest.raises(ValueError, match=r"joints of shape .4, 17, 3. for 5 frames"):
        load_folder_clips(tmp_path, "train", PA17)
