"""The person localizer: boxes to network outputs and back, frames of any shape, its files, and the shipped weights."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from deephar_ros.cli import evaluate_localizer
from deephar_ros.cli.evaluate_localizer import GREEN, TILE
from deephar_ros.geometry import Box
from deephar_ros.localizer.checkpoint import LocalizerError, LocalizerSpec, load_localizer, save_localizer
from deephar_ros.localizer.decode import decode, encode, iou, suppress
from deephar_ros.localizer.letterbox import PAD, canvas_size, fit, put
from deephar_ros.localizer.localizer import Localizer
from deephar_ros.localizer.network import MULTIPLE, STRIDE, LocalizerNet, NetworkConfig, fold
from deephar_ros.people import Frame
from deephar_ros.share import demo_clip, share_folder
from deephar_ros.sources import open_source, read_picture

SHIPPED = share_folder() / "models" / "localizer"
TRUE_BOX = (272, 48, 368, 400)
"""Where the person stands in the middle frame of the demo clip, looked up by eye, pixels."""

SMALL = NetworkConfig(channels=(4, 4, 8, 8, 8), blocks=(0, 1, 0, 1), features=8)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    net = LocalizerNet(SMALL)
    with torch.no_grad():  # running statistics that differ from a new network's
        net.train()(torch.rand(4, 3, 64, 64) * 2 - 1)
    save_localizer(tmp_path / "small", net, LocalizerSpec("small", 64, 0.3, SMALL))
    return tmp_path / "small"


@pytest.fixture(scope="module")
def shipped() -> Localizer:
    return Localizer(SHIPPED)


@pytest.fixture(scope="module")
def demo_frames() -> list[np.ndarray]:
    return [frame.pixels for frame in open_source(str(demo_clip())).frames]


def outputs(boxes: np.ndarray, rows: int, columns: int) -> tuple[torch.Tensor, torch.Tensor]:
    """What a perfect network puts out."""
    heat, sides = encode(boxes, rows, columns)
    return torch.logit(torch.from_numpy(heat), 1e-6)[None], torch.from_numpy(sides).clamp(min=1e-3).log()[None]


def test_boxes_survive_the_targets_and_the_decoding() -> None:
    boxes = np.array([[10, 20, 90, 200], [120, 5, 140, 60], [150, 100, 256, 190], [0, 210, 250, 250.0]])
    (found,) = decode(*outputs(boxes, 32, 32), threshold=0.5, limit=10)
    order = np.lexsort(found[:, :4].T)
    np.testing.assert_allclose(found[order, :4], boxes[np.lexsort(boxes.T)], atol=1e-3)
    assert (found[:, 4] > 0.99).all()


def test_a_picture_without_people_has_no_boxes() -> None:
    (found,) = decode(*outputs(np.zeros((0, 4)), 8, 8), threshold=0.01, limit=10)
    assert found.shape == (0, 5)


def test_the_best_boxes_come_first_and_no_more_than_asked_for() -> None:
    heat, sides = outputs(np.array([[0, 0, 40, 40], [100, 0, 140, 40], [0, 100, 40, 140.0]]), 20, 20)
    heat[0, :, 10:] -= 12  # the second is less sure
    (found,) = decode(heat, sides, threshold=0.01, limit=2)
    assert len(found) == 2
    assert found[0, 4] >= found[1, 4]
    assert (found[:, 0] < 50).all()


def test_of_boxes_that_share_more_than_half_the_better_one_stays() -> None:
    boxes = np.array([[0, 0, 10, 10, 0.9], [1, 0, 11, 10, 0.8], [8, 0, 18, 10, 0.7]])
    assert suppress(boxes, 0.5)[:, 4].tolist() == [0.9, 0.7]


def test_intersection_over_union_by_hand() -> None:
    a, b = np.array([[0, 0, 4, 4.0]]), np.array([[2, 0, 6, 4], [4, 4, 8, 8], [0, 0, 4, 4.0]])
    np.testing.assert_allclose(iou(a, b), [[8 / 24, 0, 1]])


@pytest.mark.parametrize(("width", "height"), [(640, 480), (480, 640), (1283, 77), (31, 33), (5, 900), (320, 320)])
def test_boxes_return_to_the_frame_whatever_its_shape(width: int, height: int) -> None:
    where = fit(width, height, 320)
    assert max(where.width, where.height) == 320
    assert where.width / where.height == pytest.approx(width / height, rel=0.2)
    whole = np.array([[0, 0, where.width, where.height], [-50, -50, 900, 900.0]])
    np.testing.assert_allclose(where.to_frame(whole), [[0, 0, width, height]] * 2, rtol=1e-6)
    rows, columns = canvas_size([where], MULTIPLE)
    assert rows % MULTIPLE == columns % MULTIPLE == 0
    assert rows - MULTIPLE < where.height <= rows


def test_a_frame_lies_at_the_top_left_in_rgb_with_grey_beside_it() -> None:
    bgra = np.zeros((60, 100, 4), np.uint8)
    bgra[..., 0], bgra[..., 2] = 10, 200
    canvas = np.full((64, 64, 3), PAD, np.uint8)
    put(canvas, bgra[:, ::-1], (2, 1, 0), fit(100, 60, 50))
    assert (canvas[:30, :50] == [200, 0, 10]).all()
    assert (canvas[30:] == PAD).all()
    assert (canvas[:, 50:] == PAD).all()


def test_folding_the_normalisation_changes_nothing(folder: Path) -> None:
    picture = torch.rand(1, 3, 64, 96) * 2 - 1
    with torch.no_grad():
        plain = load_localizer(folder)[0](picture)
        folded = fold(load_localizer(folder)[0])(picture)
    for a, b in zip(plain, folded, strict=True):
        torch.testing.assert_close(a, b, atol=1e-4, rtol=1e-4)


def test_a_missing_file_is_named(folder: Path) -> None:
    (folder / "localizer.safetensors").unlink()
    with pytest.raises(LocalizerError, match=r"small is not a localizer folder: localizer\.safetensors is missing"):
        Localizer(folder)


def test_a_pickle_or_half_a_file_is_refused(folder: Path) -> None:
    path = folder / "localizer.safetensors"
    path.write_bytes(path.read_bytes()[:-50])
    with pytest.raises(LocalizerError, match="not a whole safetensors file"):
        Localizer(folder)
    torch.save({"a": torch.zeros(1)}, path)
    with pytest.raises(LocalizerError, match="not a whole safetensors file"):
        Localizer(folder)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("input_size: 64", "input_size: 50", "input_size = 50 is not a multiple of 32"),
        ("threshold: 0.3", "threshold: 7", r"threshold = 7\.0 is not between 0 and 1"),
        ("name: small", "nome: small", r"config\.yaml: nome is unknown"),
        ("features: 8", "features: 16", r"config\.yaml asks for \(16"),
        ("input_size", "{input_size", "take the file that came with the weights"),
    ],
)
def test_a_broken_description_is_refused_with_the_reason(folder: Path, old: str, new: str, message: str) -> None:
    text = (folder / "config.yaml").read_text()
    assert old in text
    (folder / "config.yaml").write_text(text.replace(old, new))
    with pytest.raises(LocalizerError, match=message):
        Localizer(folder)


def test_weights_of_a_failed_training_are_refused(folder: Path) -> None:
    path = folder / "localizer.safetensors"
    weights = load_file(path)
    next(iter(weights.values())).fill_(float("nan"))
    save_file(weights, path)
    with pytest.raises(LocalizerError, match="NaN or infinite"):
        Localizer(folder)


def test_the_shipped_files_are_small_and_complete(tmp_path: Path) -> None:
    assert (SHIPPED / "localizer.safetensors").stat().st_size <= 3_000_000
    assert (SHIPPED / "MODEL_CARD.md").is_file()
    copy = Path(shutil.copytree(SHIPPED, tmp_path / "copy"))
    net, spec = load_localizer(copy)
    save_localizer(tmp_path / "again", net, spec)
    assert load_file(tmp_path / "again" / "localizer.safetensors").keys() == net_keys(net)
    assert load_localizer(tmp_path / "again")[1] == spec


def net_keys(net: LocalizerNet) -> set[str]:
    return {key for key in net.state_dict() if not key.endswith("num_batches_tracked")}


def test_it_finds_the_person_of_the_demo_clip_in_every_channel_order(
    shipped: Localizer, demo_frames: list[np.ndarray]
) -> None:
    frame = demo_frames[len(demo_frames) // 2]
    true = np.array([TRUE_BOX])
    for pixels, rgb in ((frame, (0, 1, 2)), (frame[..., ::-1], (2, 1, 0))):
        found = shipped(pixels, rgb)
        assert len(found) == 1
        assert iou(np.array(found), true)[0, 0] >= 0.4


def test_empty_pictures_give_nothing(shipped: Localizer, demo_frames: list[np.ndarray]) -> None:
    grey = np.full((480, 640, 3), 120, np.uint8)
    assert shipped(grey) == []
    assert shipped(demo_frames[0]) == []  # the room before anybody comes in


def test_several_cameras_of_different_shape_in_one_pass(shipped: Localizer, demo_frames: list[np.ndarray]) -> None:
    frame = demo_frames[len(demo_frames) // 2]
    portrait = np.ascontiguousarray(frame[:, 100:500])
    together = shipped.detect([Frame(frame), Frame(portrait), Frame(np.zeros((50, 90, 1), np.uint8), (0, 0, 0))])
    assert [len(boxes) for boxes in together] == [1, 1, 0]
    np.testing.assert_allclose(together[1][0][:4], np.array(together[0][0][:4]) - [100, 0, 100, 0], atol=25)
    assert shipped.detect([]) == []


def test_the_caller_may_ask_for_more_or_for_less(shipped: Localizer, demo_frames: list[np.ndarray]) -> None:
    frame = demo_frames[len(demo_frames) // 2]
    assert shipped(frame, threshold=0.9999) == []
    eager = shipped(frame, threshold=0.001, limit=3)
    assert len(eager) == 3
    assert [box.score for box in eager] == sorted((box.score for box in eager), reverse=True)
    assert all(isinstance(box, Box) and 0 <= box.left < box.right <= 640 for box in eager)


def test_the_command_draws_what_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sheet = tmp_path / "sheet.png"
    arguments = [str(SHIPPED), "--look", str(demo_clip()), "--frames", "3", "--sheet", str(sheet)]
    monkeypatch.setattr(sys, "argv", ["evaluate_localizer", *arguments])
    assert evaluate_localizer.main() == 0
    picture = read_picture(sheet)
    assert picture.shape == (TILE, 5 * TILE, 3)
    green = (picture == GREEN).all(-1)
    assert not green[:, :TILE].any()  # nobody is there yet
    assert green[:, TILE : 2 * TILE].any()


def test_the_command_says_what_is_wrong_with_a_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["evaluate_localizer", str(tmp_path)])
    assert evaluate_localizer.main() == 1
    assert "localizer.safetensors is missing" in capsys.readouterr().err


def test_a_target_is_a_peak_as_wide_as_its_box_within_bounds() -> None:
    """In cells: boxes of 10 x 20, of 2 x 3 (too narrow), and of 30 x 12, of which the width is too much."""
    for width, height, spread_x, spread_y in [(10, 15, 1.2, 1.8), (2, 3, 0.6, 0.6), (30, 12, 2.0, 1.44)]:
        left, top = 16.5 - width / 2, 20.5 - height / 2  # the middle is that of the cell in column 16, row 20
        heat, sides = encode(STRIDE * np.array([[left, top, left + width, top + height]]), 40, 40)
        assert (heat.dtype, sides.dtype) == (np.float32, np.float32)
        y, x = np.mgrid[:40, :40]
        expected = np.exp(-((x - 16) ** 2 / spread_x**2 + (y - 20) ** 2 / spread_y**2) / 2)
        np.testing.assert_allclose(heat, expected, atol=1e-6)
        np.testing.assert_allclose(sides[:, 20, 16], [width / 2, height / 2] * 2, atol=1e-5)


@pytest.mark.parametrize(
    ("box", "cell"), [((6, 6, 8, 8), (7, 7)), ((6, 2, 14, 4), (3, 7)), ((2, 6, 4, 14), (7, 3)), ((0, 0, 2, 2), (1, 1))]
)
def test_the_peak_of_a_box_whose_middle_is_at_or_beyond_the_border_is_in_the_last_cell(
    box: tuple[int, ...], cell: tuple[int, int]
) -> None:
    heat, _ = encode(STRIDE * np.array([box], float), 8, 8)
    assert np.unravel_index(heat.argmax(), heat.shape) == cell
    assert heat.max() == 1


@pytest.mark.parametrize("large_first", [False, True])
def test_of_two_boxes_with_one_middle_the_smaller_has_it(large_first: bool) -> None:
    for large, small in [((0, 12, 64, 20), (20, 12, 44, 20)), ((28, 0, 36, 64), (28, 20, 36, 44))]:
        pair = [large, small] if large_first else [small, large]
        heat, sides = encode(np.array(pair, float), 8, 8)
        row, column = np.unravel_index(heat.argmax(), heat.shape)
        width, height = small[2] - small[0], small[3] - small[1]
        assert (sides[0] + sides[2])[row, column] * STRIDE == pytest.approx(width)
        assert (sides[1] + sides[3])[row, column] * STRIDE == pytest.approx(height)


def test_only_peaks_are_boxes_from_the_threshold_on() -> None:
    heat, sides = torch.full((1, 8, 8), -9.0), torch.zeros(1, 4, 8, 8)
    heat[0, 2, 2], heat[0, 2, 3], heat[0, 6, 6] = 2.0, 1.0, 0.0
    sides[0, :, 2, 3] = -3.0  # small: it would not be dropped for what it shares with its neighbour
    (found,) = decode(heat, sides, threshold=0.5, limit=10)
    np.testing.assert_allclose(found[:, 4], torch.tensor([2.0, 0.0]).sigmoid())


def test_by_default_boxes_that_share_more_than_half_are_one() -> None:
    heat, sides = torch.full((1, 8, 8), -9.0), torch.full((1, 4, 8, 8), 1.5)
    heat[0, 2, 2], heat[0, 2, 4] = 2.0, 1.0
    assert [len(found) for found in decode(heat, sides, threshold=0.5, limit=10)] == [1]
    assert [len(found) for found in decode(heat, sides, threshold=0.5, limit=10, overlap=0.9)] == [2]


def test_of_equally_good_boxes_the_first_come_first() -> None:
    heat = torch.full((1, 24, 24), -9.0)
    heat[0, ::2, ::2] = 1.0
    (found,) = decode(heat, torch.full((1, 4, 24, 24), -1.0), threshold=0.5, limit=50)
    np.testing.assert_allclose(found[:12, 0] + found[:12, 2], STRIDE * (4.0 * np.arange(12) + 1))


def test_overlap_is_shared_by_more_than_the_limit() -> None:
    half = np.array([[0, 0, 2, 1, 0.9], [0, 0, 1, 1, 0.8]])
    assert len(suppress(half, 0.5)) == 2
    assert len(suppress(half, 0.49)) == 1


def test_intersection_over_union_of_small_distant_and_empty_boxes() -> None:
    a = np.array([[0, 0, 4, 2.0], [0, 0, 0.5, 0.25]])
    b = np.array([[1, 0, 2, 2], [5, 3, 7, 4], [0, 0, 0.5, 0.25], [3, 2, 1, 1]])  # the last is inside out
    np.testing.assert_allclose(iou(a, b), [[2 / 8, 0, 0.125 / 8, 0], [0, 0, 1, 0]])


@pytest.mark.parametrize(("width", "height"), [(1, 900), (900, 1)])
def test_the_thinnest_frame_has_a_pixel_on_the_canvas(width: int, height: int) -> None:
    assert fit(width, height, 320)[:2] == (min(width, 320), min(height, 320))


def test_frames_are_averaged_where_they_shrink_and_blended_where_they_grow() -> None:
    canvas = np.zeros((96, 96, 3), np.uint8)
    stripes = np.zeros((64, 64, 1), np.uint8)
    stripes[:, ::4] = 200
    put(canvas, stripes, (0, 0, 0), fit(64, 64, 16))
    assert np.unique(canvas[:16, :16]).tolist() == [50]
    edge = np.zeros((64, 64, 1), np.uint8)
    edge[:, 32:] = 200
    put(canvas, edge, (0, 0, 0), fit(64, 64, 96))
    assert len(np.unique(canvas)) > 2
