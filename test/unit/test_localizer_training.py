"""What the localizer learns from: cut-outs, composites, losses, and a training that can stop and go on."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from deephar_ros.data.augment import AugmentConfig
from deephar_ros.data.composites import SceneConfig, random_scene
from deephar_ros.data.cutouts import BOX_MARGIN, Portrait, Sources, body_mask, person_box
from deephar_ros.data.lsp import lsp_to_pa17
from deephar_ros.draw import LEFT, RIGHT
from deephar_ros.files import read_yaml
from deephar_ros.geometry import Box
from deephar_ros.localizer.checkpoint import LocalizerSpec, load_localizer, save_localizer
from deephar_ros.localizer.network import LocalizerNet, NetworkConfig
from deephar_ros.skeleton import PA17
from deephar_ros.strict import build
from deephar_ros.train.evaluate_localizer import Found, match
from deephar_ros.train.localizer import LocalizerRun, LocalizerTrainConfig, LocalizerTrainer
from deephar_ros.train.localizer_loss import body_loss, heat_loss, side_loss
from deephar_ros.train.log_curve import draw_curves

# A standing person of 160 pixels in LSP's order: ankles, knees, hips; wrists, elbows, shoulders; neck, head.
STANDING = np.array(
    [
        (45, 180), (45, 140), (47, 100), (63, 100), (65, 140), (65, 180),
        (30, 105), (33, 80), (40, 52), (70, 52), (77, 80), (80, 105), (55, 45), (55, 20),
    ],
    np.float32,
)  # fmt: skip
SMALL = NetworkConfig(channels=(4, 4, 8, 8, 8), blocks=(0, 1, 0, 1), features=8)
RED, GREEN = (220, 20, 20), (20, 160, 20)


PLAIN = AugmentConfig(power=(1, 1), brightness=0, contrast=0, gray=0, blur=0)


@pytest.fixture
def sources() -> Sources:
    """A red person, as far as the mask reaches, in front of blue; backgrounds are green."""
    picture = np.full((200, 110, 3), (20, 20, 220), np.uint8)
    joints = lsp_to_pa17(STANDING)
    picture[body_mask((200, 110), joints) > 127] = RED
    return Sources([Portrait(picture, joints)], [np.full((240, 320, 3), GREEN, np.uint8)])


def test_the_mask_holds_every_joint_and_not_the_corners() -> None:
    joints = lsp_to_pa17(STANDING)
    mask = body_mask((200, 110), joints)
    assert all(mask[int(y), int(x)] > 200 for name, (x, y) in zip(PA17.joints, joints, strict=True) if name != "head")
    assert mask[:8].max() == mask[:, :8].max() == 0
    assert mask[150, 55] < 100  # between the shins


def test_the_box_is_the_joints_and_a_margin() -> None:
    joints = lsp_to_pa17(STANDING)
    margin = BOX_MARGIN * 160
    np.testing.assert_allclose(person_box(joints), [30 - margin, 20 - margin, 80 + margin, 180 + margin], rtol=1e-5)
    joints[PA17.index("head")] = np.nan  # the neck is the highest one then
    assert person_box(joints)[1] == pytest.approx(45 - BOX_MARGIN * 135)


def test_who_stands_and_who_is_annotated_completely() -> None:
    joints = lsp_to_pa17(STANDING)
    picture = np.zeros((4, 4, 3), np.uint8)
    assert Portrait(picture, joints).upright
    assert not Portrait(picture, joints[:, ::-1]).upright
    assert not Portrait(picture, joints * [1, -1]).upright
    joints[0] = np.nan
    assert not Portrait(picture, joints).complete


def test_boxes_of_a_composite_lie_on_the_people(sources: Sources) -> None:
    cfg = SceneConfig(size=128, real=0, flat=0, height=(0.4, 0.9), close=0, max_people=1, colour=PLAIN)
    people = 0
    for seed in range(30):
        scene = random_scene(sources, cfg, np.random.default_rng(seed))
        pixels = scene.pixels.astype(int)
        red = (pixels[..., 0] > 1.5 * pixels[..., 1]) & (pixels[..., 0] > 1.5 * pixels[..., 2])
        people += len(scene.boxes)
        for left, top, right, bottom in scene.boxes:
            assert 0 <= left < right <= 128
            assert 0 <= top < bottom <= 128
            inside = red[int(top) : int(bottom) + 1, int(left) : int(right) + 1].sum()
            assert inside >= 0.9 * red.sum()
        if len(scene.boxes):
            assert (scene.body > 0.5).sum() == pytest.approx(red.sum(), rel=0.15)
    assert people >= 8


def with_rendered(sources: Sources) -> Sources:
    """A rendered person, too: a white shape that the mask alone tells from the blue around it."""
    mask = np.zeros((200, 110), np.uint8)
    mask[20:180, 30:80] = 255
    return replace(sources, rendered=[Portrait(np.full((200, 110, 3), 255, np.uint8), lsp_to_pa17(STANDING), mask)])


def test_rendered_people_are_cut_out_by_their_masks(sources: Sources) -> None:
    cfg = SceneConfig(
        size=128, real=0, flat=0, height=(0.4, 0.9), close=0, max_people=1, rendered=1, padding=0, colour=PLAIN
    )
    scenes = [random_scene(with_rendered(sources), cfg, np.random.default_rng(seed)) for seed in range(20)]
    filled = [(scene, box.round().astype(int)) for scene in scenes for box in scene.boxes]
    assert len(filled) >= 5
    for scene, (left, top, right, bottom) in filled:
        inside = scene.body[top:bottom, left:right] > 0.5
        assert inside.mean() > 0.4  # a box, which capsules do not fill
        assert inside.sum() > 0.98 * (scene.body > 0.5).sum()


def test_who_is_rendered_changes_nothing_where_no_share_asks_for_them(sources: Sources) -> None:
    for seed in range(5):
        scenes = [
            random_scene(s, SceneConfig(), np.random.default_rng(seed)) for s in (sources, with_rendered(sources))
        ]
        np.testing.assert_array_equal(scenes[0].pixels, scenes[1].pixels)


def test_a_crowd_stands_in_a_row_and_is_of_one_height(sources: Sources) -> None:
    cfg = SceneConfig(size=256, real=0, crowded=1, padding=0, upright=1, least_seen=0, least_inside=0.9)
    spread, people = [], 0
    for seed in range(20):
        boxes = random_scene(sources, cfg, np.random.default_rng(seed)).boxes
        people += len(boxes)
        if len(boxes) > 1:
            heights = boxes[:, 3] - boxes[:, 1]
            spread.append(np.std(np.log(heights)))
            assert np.ptp(boxes[:, 3]) < 0.35 * 256
    assert people > 50
    assert np.median(spread) < 0.2


def test_furniture_hides_legs_and_leaves_the_box(sources: Sources) -> None:
    cfg = SceneConfig(size=128, real=0, flat=0, height=(0.5, 0.9), close=0, max_people=1, padding=0, least_seen=0)
    hidden = 0
    for seed in range(40):
        scene = random_scene(sources, replace(cfg, furniture=1), np.random.default_rng(seed))
        for left, top, right, bottom in scene.boxes.round().astype(int):
            body, middle = scene.body[top:bottom, left:right] > 0.5, (bottom - top) // 2
            hidden += body[middle:].sum() < 0.5 * body[:middle].sum()
    assert hidden >= 5


def test_scenes_repeat_with_their_seed(sources: Sources) -> None:
    first, again, other = (random_scene(sources, SceneConfig(), np.random.default_rng(seed)) for seed in (3, 3, 4))
    np.testing.assert_array_equal(first.pixels, again.pixels)
    np.testing.assert_array_equal(first.boxes, again.boxes)
    assert (first.pixels != other.pixels).any()


def test_in_real_pictures_others_may_stand_without_a_box(sources: Sources) -> None:
    cfg = SceneConfig(size=128, real=1, close=0, real_height=(0.5, 0.6), padding=0)
    for seed in range(20):
        scene = random_scene(sources, cfg, np.random.default_rng(seed))
        for left, top, right, bottom in scene.boxes.round().astype(int):
            assert (scene.weight[top:bottom, left:right] == 1).all()
            assert np.isfinite(scene.body[top:bottom, left:right]).all()
        assert set(np.unique(scene.weight)) <= {np.float32(cfg.unlabelled), np.float32(1)}
        assert np.isnan(scene.body[scene.weight < 1]).all()


def test_composites_need_a_person_to_cut_out(sources: Sources) -> None:
    with pytest.raises(ValueError, match="annotated completely and upright"):
        Sources([], sources.backgrounds)
    fallen = Portrait(sources.portraits[0].pixels, sources.portraits[0].joints * [1, -1])
    with pytest.raises(ValueError, match="none of 1 rendered people is upright"):
        replace(sources, rendered=[fallen])


def test_the_losses_are_least_where_everything_is_right() -> None:
    heat = torch.zeros(1, 6, 6)
    heat[0, 2, 3] = 1
    perfect, ones = torch.where(heat == 1, 12.0, -12.0), torch.ones(1, 6, 6)
    assert heat_loss(perfect, heat, ones) < 1e-4
    assert heat_loss(-perfect, heat, ones) > 10
    soft = torch.full((1, 6, 6), 0.3)
    assert heat_loss(torch.logit(soft), soft, ones) < 1e-6
    ignored = torch.where(heat == 1, 1.0, 0.0)
    invented = perfect.clone()
    invented[0, 5, 5] = 12
    assert heat_loss(invented, heat, ones) > 5
    assert heat_loss(invented, heat, ignored) < 1e-4
    unknown = torch.full((1, 6, 6), torch.nan)
    assert body_loss(perfect, torch.where(heat == 1, 1.0, unknown)) < 1e-4
    assert body_loss(-perfect, torch.where(heat == 1, 1.0, unknown)) > 10
    sides = torch.full((1, 4, 6, 6), 2.0)
    assert side_loss(sides.log(), sides, heat) == pytest.approx(0, abs=1e-6)
    assert side_loss((2 * sides).log(), sides, heat) == pytest.approx(0.75)  # a quarter of the area is shared


def test_each_person_is_found_once() -> None:
    truth = np.array([[0, 0, 10, 10], [50, 50, 60, 60.0]])
    found = [Box(0, 0, 10, 10, 0.9), Box(0, 0, 10, 9, 0.8), Box(50, 50, 60, 70, 0.7), Box(51, 50, 61, 60, 0.6)]
    assert match(found, truth) == [True, False, True, False]
    assert match(found, np.zeros((0, 4))) == [False] * 4
    result = Found(np.array([0.9, 0.8, 0.7]), np.array([True, False, True]), people=4, pictures=2)
    assert (result.recall(0.75), result.precision(0.75), result.false_per_picture(0.75)) == (0.25, 0.5, 0.5)


def test_a_run_starts_from_a_localizer_of_the_same_network(tmp_path: Path) -> None:
    spec, cfg = LocalizerSpec("small", 64, 0.3, SMALL), LocalizerTrainConfig()
    net = LocalizerNet(SMALL)
    save_localizer(tmp_path, net, spec)
    first = LocalizerRun(spec, cfg, start=str(tmp_path)).first_network().state_dict()
    torch.testing.assert_close(first["stem.conv.weight"], net.state_dict()["stem.conv.weight"], rtol=1e-3, atol=1e-4)
    with pytest.raises(ValueError, match="has the network"):
        LocalizerRun(LocalizerSpec(), cfg, start=str(tmp_path)).first_network()


def test_rendered_people_come_with_a_folder_and_a_share() -> None:
    share = LocalizerTrainConfig(scenes=SceneConfig(rendered=0.3))
    for wrong in ({"train": share}, {"train": LocalizerTrainConfig(), "rendered": "cutouts"}):
        with pytest.raises(ValueError, match="together or not at all"):
            LocalizerRun(LocalizerSpec(), **wrong)
    for name in ("localizer", "localizer_rooms"):
        file = Path(__file__).parents[2] / "config" / "train" / f"{name}.yaml"
        assert build(LocalizerRun, read_yaml(file), str(file)).model.name == "localizer"


def test_training_writes_a_localizer_and_goes_on_where_it_stopped(sources: Sources, tmp_path: Path) -> None:
    torch.manual_seed(0)
    spec = LocalizerSpec("small", 64, 0.3, SMALL)
    cfg = LocalizerTrainConfig(images=8, batch=4, warm_up=4, save_every=4, scenes=SceneConfig(size=64))
    LocalizerTrainer(LocalizerNet(SMALL), spec, cfg, tmp_path).fit(sources, workers=0)
    assert load_localizer(tmp_path)[1] == spec
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert [line["images"] for line in lines] == [4, 8]

    curve = draw_curves(tmp_path / "log.jsonl", ("heat_loss", "side_loss"))
    assert (curve == LEFT).all(-1).any()
    assert (curve == RIGHT).all(-1).any()

    resumed = LocalizerTrainer(LocalizerNet(SMALL), spec, cfg, tmp_path)
    resumed.resume()
    assert resumed.seen == 8
    resumed.save(np.zeros(3), 0)
    state = load_file(tmp_path / "state.safetensors")
    assert any(key.startswith("optimizer.") for key in state)
    for key, value in resumed.net.state_dict().items():
        torch.testing.assert_close(state[f"net.{key}"], value)
