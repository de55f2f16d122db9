"""Random crops: what is drawn, and that pictures and joints stay together."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest
from drawn import natural_picture, smooth_picture
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from deephar_ros.data.augment import AugmentConfig, cover
from deephar_ros.data.batch_augment import collect, render_batch
from deephar_ros.data.colour import Colour
from deephar_ros.data.crop import crop, crop_map, map_points, normalise_image
from deephar_ros.data.paper_augment import (
    HUMAN36M,
    MPII,
    NTU_CLIPS,
    NTU_FRAMES,
    PENN_CLIPS,
    PENN_FRAMES,
    PaperConfig,
    Parameters,
    draw,
    view_of,
)
from deephar_ros.data.resample import warp
from deephar_ros.data.view import Augmentation, Cut, Person, View, render
from deephar_ros.data.windows import CropWindow
from deephar_ros.skeleton import PA16

SIZE = 128
SEEDS = st.integers(0, 2**32 - 1)
POWERS = {round(0.9 + 0.02 * i, 2) for i in range(11)}
STEPS = {10: {-10, -5, 0, 5, 10}, 40: set(range(-40, 41, 5)), 0: {0}}


def person(seed: int, size: tuple[int, int] = (320, 240), frames: int = 1) -> Person:
    """In the middle of the picture, so that no crop misses all of them; at depths about 3 m."""
    joints = np.random.default_rng(seed).uniform(0.35, 0.65, (frames, 16, 3)) * (*size, 0)
    joints[..., 2] = 3000
    side = 0.7 * min(size)
    return Person(joints, size, CropWindow(size[0] / 2, size[1] / 2, side, side) if frames == 1 else None)


@pytest.mark.parametrize(
    ("config", "angles", "scales", "shift"),
    [
        (MPII, set(range(-40, 41, 5)), {0.7, 1.0, 1.3}, (0, 0)),
        (HUMAN36M, STEPS[10], {0.8, 1.0, 1.2}, (20, 4)),
        (PENN_FRAMES, STEPS[40], {0.7, 1.0, 1.3, 2.0}, (40, 10)),
        (PENN_CLIPS, set(range(-30, 31, 5)), {0.7, 1.0, 1.3}, (40, 10)),
        (NTU_FRAMES, STEPS[10], {0.7, 1.0, 1.3, 2.0}, (40, 10)),
        (NTU_CLIPS, {0}, {0.7, 1.0, 1.3}, (40, 10)),
    ],
)
def test_draws_take_every_value_of_the_papers_ranges_and_no_other(
    config: PaperConfig, angles: set[int], scales: set[float], shift: tuple[int, int]
) -> None:
    rng = np.random.default_rng(0)
    draws = [draw(config, rng) for _ in range(400)]
    assert {d.angle for d in draws} == angles
    assert {d.scale for d in draws} == scales
    assert tuple(max(d.shift[axis] for d in draws) for axis in (0, 1)) == shift
    assert tuple(min(d.shift[axis] for d in draws) for axis in (0, 1)) == (-shift[0], -shift[1])
    assert 150 < sum(d.flip for d in draws) < 250
    assert {round(p, 6) for d in draws for p in d.colour.power} == POWERS
    assert all(d.colour == Colour(d.colour.power) for d in draws)
    again = np.random.default_rng(0)
    assert [draw(config, again) for _ in range(5)] == draws[:5]


@settings(max_examples=40, deadline=None)
@given(seed=SEEDS, config=st.sampled_from([MPII, HUMAN36M, PENN_FRAMES, AugmentConfig(background=0)]))
def test_a_bright_dot_at_a_joint_is_found_at_its_target(seed: int, config: Augmentation) -> None:
    subject = person(seed)
    picture = np.zeros((240, 320, 3), np.uint8)
    joint = np.floor(subject.joints[0, 4, :2])
    subject.joints[0, 4, :2] = joint + 0.5
    cv2.circle(picture, (int(joint[0]), int(joint[1])), 5, (255, 255, 255), -1)
    view = config.view(subject, SIZE, np.random.default_rng(seed))
    target = view.targets(subject.joints, PA16, 3000)[0]
    x, y = target[PA16.flip[4] if view.mirrored else 4, :2] * SIZE
    seen = render(Cut.whole(picture), view, SIZE)[..., 0].astype(float)
    if np.isnan(x) or min(x, y) < 15 or max(x, y) > SIZE - 15:
        return
    rows, columns = np.indices(seen.shape) + 0.5
    np.testing.assert_allclose(
        [(seen * columns).sum() / seen.sum(), (seen * rows).sum() / seen.sum()], [x, y], atol=0.3
    )


@settings(max_examples=20, deadline=None)
@given(seed=SEEDS)
def test_mirroring_twice_changes_nothing(seed: int) -> None:
    subject, parameters = person(seed), replace(draw(PENN_FRAMES, np.random.default_rng(seed)), flip=False)
    plain = view_of(PENN_FRAMES, subject, parameters)
    mirrored = view_of(PENN_FRAMES, subject, replace(parameters, flip=True))
    once = mirrored.targets(subject.joints, PA16, 3000)[0]
    back = once[PA16.flip] * (-1, 1, 1) + (1, 0, 0)
    np.testing.assert_allclose(back, plain.targets(subject.joints, PA16, 3000)[0], atol=1e-6)
    cut = Cut.whole(natural_picture(320, 240))
    difference = render(cut, mirrored, SIZE)[:, ::-1].astype(int) - render(cut, plain, SIZE)
    assert np.abs(difference).max() <= 16  # OpenCV rounds coordinates to 1/32 pixel, at edges of up to 255
    assert np.abs(difference).mean() < 0.5


def test_depth_spans_a_metre_times_the_scale_and_rear_metres_are_unknown() -> None:
    subject = person(0)
    subject.joints[0, :4, 2] = (3000, 3500, 1990, np.nan)
    view = view_of(MPII, subject, Parameters(scale=1.3))
    z = view.targets(subject.joints, PA16, 3000)[0, :4, 2]
    np.testing.assert_allclose(z, [0.5, 0.5 + 500 / 2600, (1990 - 1700) / 2600, np.nan], atol=1e-6)
    near = view_of(MPII, subject, Parameters()).targets(subject.joints, PA16, 3000)[0]
    assert np.isnan(near[2, 2])
    assert np.isfinite(near[2, :2]).all()


def test_our_augmentation_keeps_depth_in_metres_however_large_the_crop() -> None:
    subject = person(3)
    views = [AugmentConfig().view(subject, SIZE, np.random.default_rng(seed)) for seed in range(30)]
    for view in views:
        assert view.depth_scale == 1
        assert view.mirrored == (np.linalg.det(view.matrix) < 0)
    assert {view.mirrored for view in views} == {True, False}


def test_crops_that_cut_people_off_show_a_part_of_them() -> None:
    subject = person(3)
    whole, part = (
        [config.view(subject, SIZE, np.random.default_rng(seed)) for seed in range(40)]
        for config in (AugmentConfig(rotation=0, shift=0), AugmentConfig(rotation=0, shift=0, cut_off=1))
    )

    def seen(view: View) -> float:
        points = map_points(view.matrix, subject.joints[0])[:, :2]
        return float(((points >= -1e-6) & (points <= 1 + 1e-6)).all(-1).mean())

    assert min(seen(view) for view in whole) == 1
    shares = [seen(view) for view in part]
    assert 0.3 < np.mean(shares) < 0.95


def test_something_covers_a_part_and_bad_cameras_leave_traces() -> None:
    rng, crop = np.random.default_rng(0), np.zeros((64, 64, 3), np.uint8)
    covered = cover(crop, np.full_like(crop, 200), rng)
    assert 0.1 < (covered > 0).any(-1).mean() ** 0.5 < 0.46
    assert not crop.any()
    subject = person(1)
    draws = [AugmentConfig(cover=0.5, faults=0.5).view(subject, SIZE, np.random.default_rng(i)) for i in range(40)]
    assert {(view.cover, view.faults) for view in draws} == {(a, b) for a in (True, False) for b in (True, False)}


def test_small_windows_of_penn_have_32_pixels() -> None:
    subject = replace(person(0), window=CropWindow(100, 100, 40, 40))
    view = view_of(PENN_FRAMES, subject, Parameters(scale=0.7))
    assert 1 / view.matrix[0, 0] == 32


@pytest.mark.parametrize("powers", [(0.9, 1.0, 1.1), (1.1, 0.94, 1.04)])
def test_channel_power_is_the_released_codes_within_rounding(powers: tuple[float, float, float]) -> None:
    picture = natural_picture(64, 64)
    theirs = normalise_image(picture, powers)
    ours = normalise_image(Colour(power=powers).apply(picture))
    assert np.abs(ours - theirs).max() <= 1.01 / 255  # half a grey level; normalised values span two
    np.testing.assert_array_equal(Colour().apply(picture), picture)


def test_gray_and_blur_are_seen() -> None:
    picture = natural_picture(64, 64)
    gray = Colour(gray=True).apply(picture)
    assert np.ptp(gray, axis=-1).max() == 0
    assert gray[..., 0].astype(float).mean() == pytest.approx(picture.mean(), abs=0.5)
    blurred = Colour(blur=2.0).apply(picture).astype(float)
    assert np.abs(np.diff(blurred, axis=0)).mean() < 0.5 * np.abs(np.diff(picture.astype(float), axis=0)).mean()


def released_shift(angle: float, size: tuple[int, int], view: View) -> np.ndarray:
    """By how much Pillow's turned pixels lie beside the released code's own map, in [0, 1] of the crop (`crop_map`)."""
    if not angle:
        return np.zeros(2)
    room = np.array(Image.new("L", size).rotate(angle, expand=True).size)
    cos, sin = np.abs([np.cos(np.deg2rad(angle)), np.sin(np.deg2rad(angle))])
    exact = np.array([size[0] * cos + size[1] * sin, size[0] * sin + size[1] * cos])
    return (room - exact) / 2 * np.linalg.norm(view.matrix[:2, 0])


@pytest.mark.parametrize("kind", ["smooth", "natural"])
@pytest.mark.parametrize("scale", [0.3, 0.7, 1.0, 1.6])
@pytest.mark.parametrize("angle", [0.0, -35.0, 20.0])
def test_one_resampling_comes_close_to_the_released_codes_two(kind: str, scale: float, angle: float) -> None:
    """Mean and 99th percentile of the differences, in grey levels: 0.7 and 2 smooth, 6 and 32 natural.

    Natural pictures differ because turning at the picture's resolution, as Pillow does, blurs.
    """
    size = (400, 360)
    picture = smooth_picture(*size) if kind == "smooth" else natural_picture(*size)
    parameters = Parameters(angle=angle, scale=scale, flip=angle < 0)
    subject = replace(person(0, size), window=CropWindow(199.3, 181.7, 160, 160))
    view = view_of(MPII, subject, parameters)
    theirs, matrix = crop(picture, CropWindow(199.3, 181.7, 160 * scale, 160 * scale), SIZE, angle, parameters.flip)
    np.testing.assert_allclose(map_points(view.matrix, subject.joints), map_points(matrix, subject.joints), atol=1e-4)

    moved = view.matrix.copy()
    moved[:2, 2] += released_shift(angle, size, view) * (-1 if parameters.flip else 1, 1)
    ours = render(Cut.whole(picture), replace(view, matrix=moved), SIZE)
    difference = np.abs(ours.astype(int) - theirs)
    mean, rare = difference.mean(), np.percentile(difference, 99)
    print(f"{kind} scale {scale} angle {angle}: mean {mean:.2f}, 99th percentile {rare:.1f}")
    assert mean <= (0.7 if kind == "smooth" else 6)
    assert rare <= (2 if kind == "smooth" else 32)


def test_what_shrinks_is_smoothed_first() -> None:
    stripes = np.zeros((256, 256, 3), np.uint8)
    stripes[:, ::2] = 255
    for shrink in (0.5, 0.25, 0.15):
        seen = warp(stripes, np.array([[shrink, 0, 0.1], [0, shrink, 0.2]]), 32)
        assert np.abs(seen[4:28, 4:28].astype(float) - 127.5).max() < 12, shrink


def test_a_crop_beside_the_picture_is_black() -> None:
    assert warp(np.full((50, 50, 3), 255, np.uint8), np.array([[1.0, 0, 500], [0, 1.0, 0]]), 32).max() == 0


@pytest.mark.parametrize("config", [MPII, HUMAN36M, PENN_FRAMES])
def test_a_batch_rendered_at_once_is_its_crops_rendered_alone(config: PaperConfig) -> None:
    """On pictures of different sizes: mean difference below 1 grey level, 99th percentile at most 6."""
    pairs, alone = [], []
    for seed in range(6):
        size = (200 + 40 * seed, 180 + 10 * seed)
        view = config.view(person(seed, size), SIZE, np.random.default_rng(seed))
        cut = Cut.whole(natural_picture(*size, seed=seed))
        pairs.append((cut, view))
        alone.append(view.colour.apply(render(cut, view, SIZE)))
    together = render_batch(collect(pairs, SIZE), SIZE).permute(0, 2, 3, 1).numpy()
    difference = np.abs(together.astype(int) - np.stack(alone))
    print(f"mean {difference.mean():.2f}, 99th percentile {np.percentile(difference, 99)}")
    assert difference.mean() < 1
    assert np.percentile(difference, 99) <= 6


def test_whole_batches_refuse_what_they_cannot_do() -> None:
    subject, picture = person(0), Cut.whole(natural_picture(320, 240))
    view = view_of(replace(MPII, exact=True), subject, Parameters())
    with pytest.raises(ValueError, match="crop by crop"):
        collect([(picture, view)], SIZE)


def test_the_map_of_a_crop_needs_no_picture() -> None:
    window = CropWindow(150.4, 90.2, 133.3, 120.9)
    _, matrix = crop(natural_picture(320, 240), window, SIZE, -25, True)
    np.testing.assert_array_equal(crop_map((320, 240), window, -25, True)[1], matrix)
    with pytest.raises(ValueError, match="no whole one"):
        crop_map((320, 240), CropWindow(10.5, 10.5, 0.4, 0.4))
