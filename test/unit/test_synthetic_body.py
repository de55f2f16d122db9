"""The body, its poses and its motions."""

from __future__ import annotations

import json
from pathlib import Path

import made_body
import numpy as np
import pytest

from deephar_ros.data.samples import DatasetError
from deephar_ros.data.synthetic.angles import pose_of_angles
from deephar_ros.data.synthetic.body import Body, load_body
from deephar_ros.data.synthetic.families import FAMILIES, draw_pose
from deephar_ros.data.synthetic.motions import Motion, load_motions, save_motions
from deephar_ros.data.synthetic.reach import reach
from deephar_ros.data.synthetic.recordings import find_recordings, read_recordings
from deephar_ros.data.synthetic.retarget import Recording, to_pose
from deephar_ros.data.synthetic.rig import Rig, mirror_pose
from deephar_ros.data.synthetic.rotations import about, from_quaternion, from_rotvec, slerp, to_quaternion
from deephar_ros.skeleton import PA17


@pytest.fixture(scope="module")
def body(tmp_path_factory: pytest.TempPathFactory) -> Body:
    path = tmp_path_factory.mktemp("body") / "body.npz"
    made_body.write_body(path)
    return load_body(path)


@pytest.fixture(scope="module")
def rig(body: Body) -> Rig:
    return Rig(body, body.template)


def joints_of(rig: Rig, turns: np.ndarray, root: np.ndarray | None = None) -> np.ndarray:
    return rig.joints(rig.place(turns, np.zeros((len(turns), 3)) if root is None else root))


def joint(joints: np.ndarray, name: str) -> np.ndarray:
    return joints[..., PA17.index(name), :]


def direction(joints: np.ndarray, start: str, end: str) -> np.ndarray:
    line = joint(joints, end) - joint(joints, start)
    return line / np.linalg.norm(line, axis=-1, keepdims=True)


def one(**angles: float) -> np.ndarray:
    return pose_of_angles({name: np.array([value]) for name, value in angles.items()})


def random_poses(count: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return np.stack([draw_pose(name, rng) for name in (list(FAMILIES) * count)[:count]])


def test_rotations_agree_with_one_another() -> None:
    rng = np.random.default_rng(0)
    vectors = rng.normal(0, 1.5, (200, 3))
    turns = from_rotvec(vectors)
    np.testing.assert_allclose(turns @ np.swapaxes(turns, -1, -2), np.broadcast_to(np.eye(3), turns.shape), atol=1e-12)
    np.testing.assert_allclose(from_quaternion(to_quaternion(turns)), turns, atol=1e-12)
    np.testing.assert_allclose(from_rotvec(np.array([0, 0.7, 0])), about(1, 0.7), atol=1e-12)
    np.testing.assert_allclose(slerp(about(2, 0.2), about(2, 1.0), 0.25), about(2, 0.4), atol=1e-12)
    np.testing.assert_allclose(to_quaternion(about(0, np.pi)), [0, 1, 0, 0], atol=1e-12)


def test_arms_and_legs_go_where_their_angles_say(rig: Rig) -> None:
    hanging = joints_of(rig, one())[0]
    np.testing.assert_allclose(direction(hanging, "left_shoulder", "left_wrist"), [0, 0, -1], atol=0.02)
    np.testing.assert_allclose(direction(hanging, "right_hip", "right_ankle"), [0, 0, -1], atol=0.02)
    level = joints_of(rig, one(left_arm_abduct=90, right_arm_flex=90, right_hip_flex=90, left_knee=90))[0]
    np.testing.assert_allclose(direction(level, "left_shoulder", "left_elbow"), [1, 0, 0], atol=0.02)
    np.testing.assert_allclose(direction(level, "right_shoulder", "right_elbow"), [0, -1, 0], atol=0.02)
    np.testing.assert_allclose(direction(level, "right_hip", "right_knee"), [0, -1, 0], atol=0.02)
    np.testing.assert_allclose(direction(level, "left_knee", "left_ankle"), [0, 1, 0], atol=0.02)
    bent = joints_of(rig, one(left_elbow=90, pitch=90))[0]
    np.testing.assert_allclose(direction(bent, "pelvis", "thorax"), [0, -1, 0], atol=0.02)
    np.testing.assert_allclose(direction(bent, "left_elbow", "left_wrist"), [0, 0, -1], atol=0.02)


def test_the_skeleton_gives_the_joints_of_the_skinned_surface(body: Body) -> None:
    figure = body.figure(body.shapes[3])
    rig = Rig(body, figure)
    placed = rig.place(random_poses(24), np.ones((24, 3)))
    ids, rows = body.joint_vertices
    bones, weights = body.influence.bones[ids], body.influence.weights[ids]
    moved = np.einsum("tvkij,vj->tvki", placed.turns[:, bones], figure.vertices[ids]) + placed.shifts[:, bones]
    skinned = rows @ np.einsum("vk,tvki->tvi", weights, moved) + body.joint_bones @ placed.heads
    np.testing.assert_allclose(rig.joints(placed), skinned, atol=1e-5)


def test_a_mirrored_pose_has_the_sides_exchanged(rig: Rig) -> None:
    turns, root = random_poses(24), np.random.default_rng(1).normal(0, 1, (24, 3))
    mirrored = joints_of(rig, *mirror_pose(turns, root))
    np.testing.assert_allclose(mirrored, joints_of(rig, turns, root)[:, PA17.flip] * [-1, 1, 1], atol=1e-5)
    assert abs(mirrored - joints_of(rig, turns, root) * [-1, 1, 1]).max() > 0.1


def test_positions_of_joints_give_the_pose_back_on_another_body(body: Body, rig: Rig) -> None:
    turns = pose_of_angles(
        {
            "left_arm_abduct": np.array([20.0, 80, 140]), "left_elbow": np.array([40.0, 90, 60]),
            "right_arm_flex": np.array([90.0, 30, -20]), "right_elbow": np.array([70.0, 40, 100]),
            "left_hip_flex": np.array([80.0, 20, -10]), "left_knee": np.array([90.0, 60, 45]),
            "pitch": np.array([0.0, 20, -15]), "yaw": np.array([0.0, 90, 200]),
        },
        frames=3,
    )  # fmt: skip
    joints = joints_of(rig, turns)
    points = {name: joint(joints, name) for name in ("pelvis", "neck", "head")}
    for side in ("left", "right"):
        for part in ("hip", "knee", "ankle", "shoulder", "elbow", "wrist"):
            points[f"{part}.{side[0].upper()}"] = joint(joints, f"{side}_{part}")
    found, root = to_pose(Recording(points, 30.0))
    other = Rig(body, body.figure(body.shapes[7] * 2))
    again = joints_of(other, found)
    for side in ("left", "right"):
        for start, end in (("shoulder", "elbow"), ("elbow", "wrist"), ("hip", "knee"), ("knee", "ankle")):
            limb = f"{side}_{start}", f"{side}_{end}"
            cosine = (direction(joints, *limb) * direction(again, *limb)).sum(-1)
            assert np.degrees(np.arccos(cosine.clip(-1, 1))).max() < 3, limb
    assert root.shape == (3, 3)


def test_hands_reach_what_is_within_reach(rig: Rig) -> None:
    turns = np.repeat(one(arm_flex=30), 2, 0)
    placed = rig.place(turns, np.zeros((2, 3)))
    shoulder = placed.heads[:, rig.body.bone("upperarm01.R")]
    target = shoulder + np.array([[0.05, -0.3, 0.1], [-0.1, -5.0, 0]])
    moved = rig.place(reach(rig, turns, np.zeros((2, 3)), "R", target), np.zeros((2, 3)))
    wrist = moved.heads[:, rig.body.bone("wrist.R")]
    np.testing.assert_allclose(wrist[0], target[0], atol=0.01)
    stretched = wrist[1] - moved.heads[1, rig.body.bone("upperarm01.R")]
    assert np.linalg.norm(stretched) > 0.485
    np.testing.assert_allclose(stretched / np.linalg.norm(stretched), [-0.02, -1, 0], atol=0.02)
    np.testing.assert_allclose(moved.heads[:, rig.body.bone("wrist.L")], placed.heads[:, rig.body.bone("wrist.L")])


def test_packed_motions_come_back(tmp_path: Path) -> None:
    turns, root = random_poses(10), np.arange(30.0).reshape(10, 3)
    motions = [
        Motion("cmu/walking_1", "cmu", turns[:6], root[:6], 30.0),
        Motion("utd/a1", "utd", turns[6:], root[6:], 25.0),
    ]
    save_motions(tmp_path / "motions.npz", motions)
    first, second = load_motions(tmp_path / "motions.npz")
    assert (first.name, first.source, len(first), second.fps) == ("cmu/walking_1", "cmu", 6, 25.0)
    np.testing.assert_allclose(second.turns, turns[6:], atol=2e-3)
    np.testing.assert_allclose(second.root, root[6:])
    middle, _ = second.at(np.array([0.0, 0.5 / 25, 99.0]))
    np.testing.assert_allclose(middle[1], slerp(turns[6], turns[7], 0.5), atol=5e-3)
    np.testing.assert_allclose(middle[2], turns[9], atol=2e-3)
    (tmp_path / "broken.npz").write_bytes((tmp_path / "motions.npz").read_bytes()[:500])
    with pytest.raises(DatasetError, match=r"broken\.npz is not an npz file"):
        load_motions(tmp_path / "broken.npz")
    with pytest.raises(FileNotFoundError, match="synthesize motions"):
        load_motions(tmp_path / "none.npz")


def bandai_bvh() -> str:
    """A person who stands and lifts the left arm sideways from frame to frame."""
    children: list[tuple[str, str, str]] = [
        ("Chest", "Hips", "0 30 0"),
        ("Neck", "Chest", "0 25 0"),
        ("Head", "Neck", "0 10 0"),
    ]
    for side, sign in (("L", 1), ("R", -1)):
        children += [
            (f"UpperArm_{side}", "Chest", f"{18 * sign} 20 0"), (f"LowerArm_{side}", f"UpperArm_{side}", "0 -28 0"),
            (f"Hand_{side}", f"LowerArm_{side}", "0 -25 0"), (f"UpperLeg_{side}", "Hips", f"{10 * sign} 0 0"),
            (f"LowerLeg_{side}", f"UpperLeg_{side}", "0 -40 0"), (f"Foot_{side}", f"LowerLeg_{side}", "0 -40 0"),
            (f"Toes_{side}", f"Foot_{side}", "0 -8 12"),
        ]  # fmt: skip
    order: list[str] = []

    def write(name: str, offset: str, indent: str) -> str:
        order.append(name)
        kind = "JOINT" if indent else "ROOT"
        below = "".join(write(child, at, indent + "  ") for child, parent, at in children if parent == name)
        turns = "Zrotation Xrotation Yrotation"
        channels = f"3 {turns}" if indent else f"6 Xposition Yposition Zposition {turns}"
        end = below or f"{indent}  End Site\n{indent}  {{\n{indent}    OFFSET 0 1 0\n{indent}  }}\n"
        lines = [f"{kind} {name}", "{", f"  OFFSET {offset}", f"  CHANNELS {channels}"]
        return "".join(f"{indent}{line}\n" for line in lines) + end + f"{indent}}}\n"

    head = write("Hips", "0 0 0", "")
    rows = []
    for lift in (0, 45, 90):
        values = ["0 90 0 0 0 0" if name == "Hips" else f"{lift if name == 'UpperArm_L' else 0} 0 0" for name in order]
        rows.append(" ".join(values))
    return f"HIERARCHY\n{head}MOTION\nFrames: 3\nFrame Time: 0.033333\n" + "\n".join(rows) + "\n"


def test_recordings_are_found_by_their_names_and_retargeted(tmp_path: Path, rig: Rig) -> None:
    (tmp_path / "dataset-1_wave_normal_001.bvh").write_text(bandai_bvh())
    ball, hinge = [1, 0, 0, 0], [0]
    frame = [1 / 30, 0, 0.9, 0, *ball, *ball, *ball, *[*ball, *hinge, *ball, *ball, *hinge] * 2]
    (tmp_path / "humanoid3d_stand.txt").write_text(json.dumps({"Frames": [frame, frame]}))
    (tmp_path / "readme.md").write_text("nothing")
    wave, stand = read_recordings(find_recordings([tmp_path]))
    assert (wave.name, wave.source, stand.name, round(wave.fps), round(stand.fps)) == (
        "bandai/wave_normal_001", "bandai", "deepmimic/stand", 30, 30,
    )  # fmt: skip
    arms = direction(joints_of(rig, wave.turns), "left_shoulder", "left_elbow")
    np.testing.assert_allclose(arms, [[0, 0, -1], [2**-0.5, 0, -(2**-0.5)], [1, 0, 0]], atol=0.02)
    standing = joints_of(rig, stand.turns)[0]
    np.testing.assert_allclose(direction(standing, "left_hip", "left_ankle"), [0, 0, -1], atol=0.02)
    np.testing.assert_allclose(direction(standing, "right_hip", "left_hip"), [1, 0, 0], atol=0.02)


def test_broken_recordings_are_refused_by_name(tmp_path: Path) -> None:
    contents = {
        "dataset-1_x_001.bvh": bandai_bvh().replace("Frame Time: 0.033333\n0 90", "Frame Time: 0.033333\n90"),
        "humanoid3d_x.txt": '{"Frames": [[1, 2]]}',
        "walking_1.txt": "1,2,3\n4,5,6\n",
    }
    for name, text in contents.items():
        folder = tmp_path / name[:5]
        folder.mkdir()
        (folder / name).write_text(text)
        with pytest.raises(DatasetError, match=name.replace(".", r"\.")):
            list(read_recordings(find_recordings([folder])))
