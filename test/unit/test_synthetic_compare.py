"""What `synthesize compare` measures, on poses whose angles are known; and what the command says to mistakes."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from deephar_ros.cli import synthesize
from deephar_ros.data.samples import DatasetError, Picture, Sample
from deephar_ros.data.synthetic.compare import (
    bends,
    complete_poses,
    draw_comparison,
    facing,
    lean,
    nearest,
    read_set,
    summary,
)
from deephar_ros.data.windows import CropWindow
from deephar_ros.skeleton import LSP14, PA17


def stander() -> np.ndarray:
    """(14, 2) pixels of somebody who faces the camera with level arms, the left elbow bent by a right angle."""
    at = {"neck": (100, 40), "head": (100, 10)}
    for side, sign in (("left", 1), ("right", -1)):
        at |= {f"{side}_hip": (100 + 10 * sign, 100), f"{side}_knee": (100 + 10 * sign, 145)}
        at |= {f"{side}_ankle": (100 + 10 * sign, 190), f"{side}_shoulder": (100 + 20 * sign, 45)}
        at |= {f"{side}_elbow": (100 + 50 * sign, 45), f"{side}_wrist": (100 + 80 * sign, 45)}
    at["left_wrist"] = (150, 20)
    return np.array([at[joint] for joint in LSP14.joints], float)


def test_angles_of_known_poses() -> None:
    pose = stander()
    upside_down = pose * [-1, -1] + [200, 200]
    from_behind = pose.copy()
    for part in ("hip", "knee", "ankle", "shoulder", "elbow", "wrist"):
        pair = [LSP14.index(f"left_{part}"), LSP14.index(f"right_{part}")]
        from_behind[pair] = from_behind[pair[::-1]]
    poses = np.stack([pose, upside_down, from_behind])
    np.testing.assert_allclose(lean(poses), [0, 180, 0], atol=1e-6)
    np.testing.assert_allclose(facing(poses), [40 / 60, 40 / 60, -40 / 60])
    np.testing.assert_allclose(bends(poses, "elbow"), [90, 90, 180, 180, 180, 90], atol=1e-6)
    np.testing.assert_allclose(bends(poses[:1], "knee"), [180, 180], atol=1e-6)


def test_the_nearest_pose_is_found_whatever_the_place_and_size() -> None:
    rng = np.random.default_rng(0)
    pose, others = stander(), rng.normal(0, 50, (20, 14, 2))
    moved = 3 * (pose + rng.normal(0, 1e-3, pose.shape)) + 500
    assert nearest(pose[None], np.concatenate([others, moved[None]]))[0] < 1e-4
    assert nearest(pose[None], np.concatenate([others, pose[None]]))[0] > 0.3  # not itself


def test_only_complete_persons_are_compared(tmp_path: Path) -> None:
    joints = np.full((17, 3), np.nan)
    joints[PA17.indices_of(LSP14), :2] = stander()
    missing = joints.copy()
    missing[PA17.index("head")] = np.nan
    samples = [Sample("a", Picture(tmp_path), j, PA17, CropWindow(0, 0, 1, 1)) for j in (joints, joints, missing)]
    poses = complete_poses(samples, np.random.default_rng(0))
    np.testing.assert_array_equal(poses.points, [stander(), stander()])
    assert "2 poses (67% of the set complete), trunk level 0.0%, upside down 0.0%, facing 100.0%" in summary("x", poses)
    draw_comparison({"x": poses}, {"x to x": np.array([0.1, 0.2])}, tmp_path / "drawing.png")
    assert (tmp_path / "drawing.png").read_bytes().startswith(b"\x89PNG")


def test_mistakes_are_answered_in_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(DatasetError, match="nothing:x should be SET:FOLDER with one of mpii"):
        read_set("nothing:x")
    for arguments, message in (
        (["motions", str(tmp_path), "--out", "m.npz"], "no file of motion is called as those of a known source"),
        (["frames", "--assets", str(tmp_path), "--out", str(tmp_path / "o")], "body.npz is missing; make it with"),
        (["poses", "--assets", str(tmp_path), "--out", "o", "--actions", "no.yaml"], "no.yaml is not there"),
    ):
        monkeypatch.setattr(sys, "argv", ["synthesize", *arguments])
        assert synthesize.main() == 1
        assert message in capsys.readouterr().err
