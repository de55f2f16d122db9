"""What predictions are worth by each protocol, and the tables that come of it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from deephar_ros.camera import PinholeCamera
from deephar_ros.data.human36m_camera import Human36MCamera
from deephar_ros.data.samples import Picture, Sample
from deephar_ros.data.windows import CropWindow, depth_to_unit
from deephar_ros.skeleton import LIMB_LENGTHS, PA17
from deephar_ros.train.evaluate import Actions, Poses
from deephar_ros.train.metrics import aligned_errors
from deephar_ros.train.protocols import (
    BlockScore,
    Score,
    score_actions,
    score_camera_space,
    score_from_dict,
    score_human36m,
    score_pckh,
    score_to_dict,
    score_torso_pck,
)
from deephar_ros.train.tables import TABLES, our_rows, to_markdown


@pytest.fixture
def samples(rng: np.random.Generator) -> list[Sample]:
    """Three persons with random joints, in pictures that nobody reads."""
    joints = np.full((3, 17, 3), np.nan, np.float32)
    joints[..., :2] = rng.uniform(20, 80, (3, 17, 2))
    window = CropWindow(50, 60, 80, 80)
    return [Sample(str(row), Picture(Path("x")), person, PA17, window, head=20.0) for row, person in enumerate(joints)]


CAMERA = Human36MCamera(
    rotation=np.array([[0.0, 1, 0], [0, 0, -1], [-1, 0, 0]]),
    translation=np.array([4000.0, 100, 1500]),
    focal=np.array([1145.0, 1144.0]),
    centre=np.array([512.0, 515.0]),
    radial=np.array([-0.2, 0.24, -0.002]),
    tangential=np.array([-0.0009, -0.0014]),
)


def human36m(rng: np.random.Generator, count: int = 6) -> tuple[list[Sample], np.ndarray]:
    """People before CAMERA and where they are in the world, mm."""
    world = rng.normal(0, 300, (count, 17, 3)) + np.array([0, 0, 1000])
    made = []
    for number, person in enumerate(world):
        pixels = CAMERA.project(person)
        activity = ("Walking", "Sitting")[number % 2]
        window = CropWindow(500, 500, 100, 100)
        made.append(
            Sample(str(number), Picture(Path("x")), pixels, PA17, window, float(pixels[0, 2]), activity=activity)
        )
    return made, world


def as_poses(samples: list[Sample], *worlds: np.ndarray) -> Poses:
    """What a network would have to put out to mean these places in the world."""
    blocks = []
    for world in worlds:
        pixels = np.stack([CAMERA.project(person) for person in world])
        for sample, person in zip(samples, pixels, strict=True):
            person[:, 2] = depth_to_unit(person[:, 2], sample.root_depth)
        blocks.append(pixels)
    joints = np.array(blocks)
    return Poses(tuple(f"p1_l{k + 1}" for k in range(len(blocks))), joints, np.ones(joints.shape[:-1], np.float32))


def test_human36m_by_hand(rng: np.random.Generator) -> None:
    samples, world = human36m(rng)
    off = world.copy()
    off[::2, PA17.index("head"), 2] += 34  # of those who walk
    cameras = [CAMERA] * len(samples)
    first, second = score_human36m(as_poses(samples, off, world + 50), samples, cameras, "human36m", "usual")
    assert (first.measure, second.measure) == ("MPJPE (protocol 1)", "PA-MPJPE (protocol 2)")
    assert first.blocks[0].mean == pytest.approx(1.0, abs=1e-3)  # 34 mm, one joint of 17, half of the people
    assert first.blocks[0].activities == pytest.approx({"Walking": 2.0, "Sitting": 0.0}, abs=1e-3)
    assert first.blocks[0].parts["head"] == pytest.approx(17, abs=1e-2)
    assert second.blocks[0].mean == pytest.approx(aligned_errors(off, world).mean(), abs=1e-3)
    assert first.blocks[1].mean == pytest.approx(0, abs=1e-3)  # moved as a whole
    assert first.reported == second.reported == 1


def test_the_papers_protocol_reports_the_best_block_and_inverts_the_camera_in_one_step(
    rng: np.random.Generator,
) -> None:
    samples, world = human36m(rng)
    noisy = world + rng.normal(0, 20, world.shape)
    paper, _ = score_human36m(as_poses(samples, world, noisy), samples, [CAMERA] * 6, "human36m", "paper")
    usual, _ = score_human36m(as_poses(samples, world, noisy), samples, [CAMERA] * 6, "human36m", "usual")
    assert (paper.reported, usual.reported) == (0, 1)
    assert usual.blocks[0].mean < 1e-3 < paper.best.mean < 1  # the one step's own error
    one_step = np.stack([CAMERA.unproject(CAMERA.project(person)) for person in world])
    error = np.linalg.norm((one_step - one_step[:, :1]) - (world - world[:, :1]), axis=-1).mean()
    assert paper.best.mean == pytest.approx(error, rel=1e-3)


def test_two_dimensional_scores_by_protocol(samples: list[Sample]) -> None:
    truth = np.stack([sample.joints for sample in samples])
    wrong = truth.copy()
    wrong[0, PA17.index("left_knee"), 0] += 10.5  # more than half of the head of 20
    poses = Poses(("p1_l2", "p1_l3"), np.stack([truth, wrong]), np.ones((2, 3, 17), np.float32))
    paper, usual = (score_pckh(poses, samples, "mpii", protocol) for protocol in ("paper", "usual"))
    assert paper.best.mean == 100
    assert usual.best.mean == pytest.approx(100 * 44 / 45)
    assert usual.best.parts["left_knee"] == pytest.approx(200 / 3)
    assert score_torso_pck(poses, samples, "lsp").blocks[0].mean == 100


def test_action_scores_by_hand() -> None:
    right, wrong = np.eye(3)[[0, 1, 2, 2]], np.eye(3)[[0, 0, 2, 1]]
    actions = Actions(("p1_l2", "p1_l3"), np.stack([right, wrong]))
    score = score_actions(actions, [0, 1, 2, 2], ["a", "b", "c"], "penn", "middle clip", "usual")
    assert score.best.mean == 50
    assert score.best.parts == {"a": 100, "b": 0, "c": 50}
    assert score.confusion == ((1, 0, 0), (1, 0, 0), (0, 1, 1))
    assert score_actions(actions, [0, 1, 2, 2], ["a", "b", "c"], "penn", "", "paper").best.mean == 100


def test_scores_survive_json(samples: list[Sample]) -> None:
    joints = np.stack([sample.joints for sample in samples])[None]
    joints[0, :, 3] += 1000
    holes = [replace(sample, joints=np.where(np.arange(17)[:, None] == 8, np.nan, sample.joints)) for sample in samples]
    score = score_torso_pck(Poses(("p1_l2",), joints, joints[..., 0]), holes, "lsp")
    text = json.dumps(score_to_dict(score), allow_nan=False)
    back = score_from_dict(json.loads(text))
    assert np.isnan(back.best.parts.pop("right_wrist"))
    assert np.isnan(score.best.parts.pop("right_wrist"))
    assert back == score


def a_score(data: str, mean: float, protocol: str = "usual", measure: str = "accuracy") -> Score:
    block = BlockScore("p2_l1", mean, {}, {"Walking": mean - 1, "Sitting": mean + 1})
    return Score(data, measure, "%", protocol, "middle clip", 10, (block,), 0)


def test_tables_hold_our_rows_under_the_papers() -> None:
    scores = [
        a_score("human36m", 60.0, "paper", "MPJPE"),
        a_score("human36m", 55.0, "usual", "MPJPE (protocol 1)"),
        a_score("human36m", 45.0, "usual", "PA-MPJPE (protocol 2)"),
        a_score("penn", 97.0),
        a_score("ntu", 80.0),
        a_score("ntu_cross_view", 85.0),
        a_score("lsp", 49.2),
    ]
    one, two, three, seven = TABLES
    assert [row.values["Average"] for row in our_rows(one, scores)] == [60, 55, 45]
    assert our_rows(one, scores)[0].values["Walking"] == 59
    assert [row.values for row in our_rows(two, scores)] == [{"Accuracy": 97}]
    assert [row.values for row in our_rows(three, scores)] == [{"Cross-subject": 80}, {"Cross-view": 85}]
    assert [row.values for row in our_rows(seven, scores)] == [{"Human3.6M": 60, "Penn Action": 97, "NTU RGB+D": 80}]
    text = to_markdown(scores)
    assert "| Luvizon et al., TPAMI'20 (the paper) | 98.7 |" in text
    assert text.index("98.7") < text.index("97.0")
    assert our_rows(seven, [a_score("lsp", 1.0)]) == []


def test_who_has_no_head_is_left_out_of_pckh(samples: list[Sample]) -> None:
    joints = np.stack([sample.joints for sample in samples])[None].copy()
    joints[0, 2] += 1000
    headless = [*samples[:2], replace(samples[2], head=float("nan"))]
    score = score_pckh(Poses(("p1_l2",), joints, joints[..., 0]), headless, "mpii", "usual")
    assert score.best.mean == 100


def average_body() -> np.ndarray:
    """(17, 3) metres, x right, y down, z forward: somebody who strides, with the limbs of an average body."""
    bone = {tuple(sorted(pair)): length for pair, length in LIMB_LENGTHS.items()}
    place = {"pelvis": np.zeros(3), "spine": np.array([0, -0.25, 0])}
    for side, x in (("left", 0.15), ("right", -0.15)):
        place[f"{side}_hip"] = np.array([x, 0, 0])
        place[f"{side}_shoulder"] = np.array([x, -bone[f"{side}_hip", f"{side}_shoulder"], 0])
        for start, end, along in (
            ("hip", "knee", (0, 0.8, -4 * x)),
            ("knee", "ankle", (0, 1, 2 * x)),
            ("shoulder", "elbow", (3 * x, 0.7, 0.4)),
            ("elbow", "wrist", (-x, 0.5, -0.6)),
        ):
            length = bone[tuple(sorted((f"{side}_{start}", f"{side}_{end}")))]
            place[f"{side}_{end}"] = place[f"{side}_{start}"] + length * np.array(along) / np.linalg.norm(along)
    place["thorax"] = (place["left_shoulder"] + place["right_shoulder"]) / 2
    place["neck"], place["head"] = place["thorax"] + [0, -0.1, 0], place["thorax"] + [0, -0.3, 0]
    return np.stack([place[joint] for joint in PA17.joints])


def test_a_true_pose_of_an_average_body_has_no_error_in_camera_space() -> None:
    camera = PinholeCamera(800, 800, 320, 240)
    body = average_body() + np.array([0.2, 0.1, 4.0])
    seen = np.column_stack([camera.project(body), 1000 * body[:, 2]]).astype(np.float32)
    window = CropWindow(320, 240, 200, 200)
    samples = [Sample("a", Picture(Path("x")), seen, PA17, window, 4000.0, camera=camera)] * 2
    found = np.stack([seen, seen])
    found[..., 2] = depth_to_unit(seen[:, 2], 4000.0)
    wrong = found.copy()
    wrong[:, PA17.index("left_wrist"), 2] += 0.1  # 200 mm
    poses = Poses(("wrong", "right"), np.stack([wrong, found]), np.ones((2, 2, 17), np.float32))
    mpjpe, aligned, distance = score_camera_space(poses, samples, "synthetic")
    assert (mpjpe.unit, aligned.unit, distance.unit) == ("mm", "mm", "% off")
    assert mpjpe.best.block == "right"
    assert mpjpe.best.mean < 12  # not 0: weak perspective, and a stride of half a metre at 4 m
    assert aligned.best.mean < 12 < 2 * 12 < aligned.blocks[0].mean
    assert mpjpe.blocks[0].parts["left_wrist"] > mpjpe.blocks[1].parts["left_wrist"] + 100
    assert distance.best.mean < 0.1


def test_people_who_are_not_seen_whole_do_not_count_in_camera_space() -> None:
    camera = PinholeCamera(800, 800, 320, 240)
    body = average_body() + np.array([0, 0, 3.0])
    seen = np.column_stack([camera.project(body), 1000 * body[:, 2]]).astype(np.float32)
    part = seen.copy()
    part[3] = np.nan
    window = CropWindow(320, 240, 200, 200)
    samples = [Sample("a", Picture(Path("x")), s, PA17, window, 3000.0, camera=camera) for s in (part, seen)]
    found = np.stack([seen, seen])
    found[..., 2] = depth_to_unit(seen[:, 2], 3000.0)
    poses = Poses(("only",), found[None], np.ones((1, 2, 17), np.float32))
    assert score_camera_space(poses, samples, "synthetic")[0].count == 1
