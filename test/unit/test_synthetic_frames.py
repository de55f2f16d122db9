"""Rendered pictures: joints where the body is drawn, the same for the same seed, read back as samples."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import cv2
import made_body
import numpy as np
import pytest

pytest.importorskip("numba", reason="the renderer needs numba")

from deephar_ros.data.cutouts import load_cutouts
from deephar_ros.data.samples import DatasetError
from deephar_ros.data.synthetic.assets import Assets, load_assets
from deephar_ros.data.synthetic.backdrop import Light
from deephar_ros.data.synthetic.camera import View, aim
from deephar_ros.data.synthetic.draw import draw
from deephar_ros.data.synthetic.frames import Job, render_frames
from deephar_ros.data.synthetic.motions import Motion, is_held_out, save_motions
from deephar_ros.data.synthetic.people import draw_person
from deephar_ros.data.synthetic.poses import PoseSource
from deephar_ros.data.synthetic.reader import load_synthetic
from deephar_ros.data.synthetic.rig import SEGMENTS
from deephar_ros.data.synthetic.still import HIDDEN, OUTSIDE, VISIBLE, render_still, see
from deephar_ros.skeleton import PA16, PA17

SIZE = 96


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Assets of a made-up body and still motions; neither clothes nor backgrounds."""
    assets = tmp_path_factory.mktemp("assets")
    made_body.write_body(assets / "body.npz")
    names = [f"cmu/stand_{i}" for i in range(30)]
    assert len({is_held_out(name) for name in names}) == 2
    turns, root = np.tile(np.eye(3), (4, len(SEGMENTS), 1, 1)), np.zeros((4, 3))
    save_motions(assets / "motions.npz", [Motion(name, "cmu", turns, root, 30.0) for name in names])
    return assets


@pytest.fixture(scope="module")
def assets(folder: Path) -> Assets:
    return load_assets(folder, held_out=False)


@pytest.fixture(scope="module")
def made(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("frames")
    assert sum(render_frames(Job(folder, out, 12, SIZE, seed=3))) == 12
    return out


def draw_alone(assets: Assets, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Joints on the screen, coverage, and depth in the middle of each pixel, of one person seen whole."""
    person = draw_person(assets, PoseSource(assets.motions, False), np.random.default_rng(seed))
    view = View(azimuth=0.3 * seed, elevation=0.2, roll=0.05, distance=4.0, fill=0.8, shift=(0.0, 0.0))
    camera = aim(view, person.vertices.astype(float), SIZE)
    light = Light(np.array([0.6, 0, 0.8]), np.ones(3), np.ones(3) * 0.3, np.ones(3) * 0.5, 0.3, 2.0)
    drawn = draw(person.outfit, person.vertices, camera, light)
    seen = camera.project(person.joints)
    relative = (person.joints - camera.place) @ camera.turn.T
    np.testing.assert_allclose(seen[:, :2], camera.focal * relative[:, :2] / relative[:, 2:] + camera.centre, rtol=1e-6)
    assert set(see(seen, drawn, np.zeros((SIZE, SIZE)))) <= {HIDDEN, VISIBLE}
    return seen, drawn.alpha, drawn.depth


@pytest.mark.parametrize("seed", range(8))
def test_joints_lie_where_the_body_is_drawn(assets: Assets, seed: int) -> None:
    seen, alpha, depth = draw_alone(assets, seed)
    columns, rows = seen[:, :2].astype(int).T
    near = [(y, x) for y in (-1, 0, 1) for x in (-1, 0, 1)]
    around = np.max([alpha[np.clip(rows + y, 0, SIZE - 1), np.clip(columns + x, 0, SIZE - 1)] for y, x in near], 0)
    assert (around > 0).all(), [PA17.joints[i] for i in np.flatnonzero(around == 0)]
    front = depth[rows * 2, columns * 2]
    covered = np.isfinite(front)
    assert (front[covered] < seen[covered, 2] + 0.12).all()  # no joint floats before the body
    assert (front[covered] > seen[covered, 2] - 1.2).all()
    extent = max(np.ptp(np.flatnonzero((alpha > 0.5).any(axis))) for axis in (0, 1))
    assert 0.72 < extent / SIZE < 0.82


def test_a_picture_depends_on_the_seed_and_its_number_alone(folder: Path, made: Path, tmp_path: Path) -> None:
    assert sum(render_frames(Job(folder, tmp_path / "more", 14, SIZE, seed=3))) == 14
    for number in (0, 11):
        name = f"images/{number:07d}.jpg"
        assert (tmp_path / "more" / name).read_bytes() == (made / name).read_bytes()
    first, again = (np.load(place / "joints.npz")["joints"] for place in (made, tmp_path / "more"))
    np.testing.assert_array_equal(first, again[:12])
    list(render_frames(Job(folder, tmp_path / "other", 1, SIZE, seed=4)))
    assert not np.array_equal(np.load(tmp_path / "other" / "joints.npz")["joints"][0], first[0])


def test_a_folder_is_gone_on_with_and_another_seed_is_refused(folder: Path, made: Path, tmp_path: Path) -> None:
    shutil.copytree(made, tmp_path / "frames")
    (tmp_path / "frames" / "images" / "0000003.jpg").unlink()
    assert list(render_frames(Job(folder, tmp_path / "frames", 12, SIZE, seed=3))) == [12]  # what is there stays
    assert not (tmp_path / "frames" / "images" / "0000003.jpg").exists()
    assert list(render_frames(Job(folder, tmp_path / "frames", 13, SIZE, seed=3))) == [0, 13]
    assert len(np.load(tmp_path / "frames" / "joints.npz")["joints"]) == 13
    with pytest.raises(DatasetError, match="made with another seed"):
        list(render_frames(Job(folder, tmp_path / "frames", 13, SIZE, seed=5)))


def test_pictures_are_read_back_as_samples(made: Path) -> None:
    table = np.load(made / "joints.npz")
    samples = load_synthetic(made, "train")
    assert [sample.name for sample in samples] == [f"{i:07d}" for i in range(12)]
    for i, sample in enumerate(samples):
        inside = table["visibility"][i] != OUTSIDE
        np.testing.assert_array_equal(sample.joints[inside], table["joints"][i][inside])
        assert np.isnan(sample.joints[~inside]).all()
        assert ((sample.joints[inside, :2] >= 0) & (sample.joints[inside, :2] < SIZE)).all()
        assert sample.root_depth == table["joints"][i, PA17.index("pelvis"), 2] > 500
        assert sample.picture.path.is_file()
        assert sample.subject == f"body{table['subject'][i]}"
    assert {sample.activity for sample in samples} & {"cmu/stand"}
    sixteen = load_synthetic(made, "train", PA16)[0].joints
    np.testing.assert_array_equal(sixteen[PA16.index("head")], samples[0].joints[PA17.index("head")])
    assert load_synthetic(made, "test") == []


def test_held_out_pictures_share_neither_bodies_nor_recordings(folder: Path, made: Path, tmp_path: Path) -> None:
    list(render_frames(Job(folder, tmp_path, 12, SIZE, seed=3, held_out=True)))
    test, train = np.load(tmp_path / "joints.npz"), np.load(made / "joints.npz")
    assert not set(test["subject"]) & set(train["subject"])
    parts = [load_assets(folder, held_out) for held_out in (False, True)]
    poses = [
        set(m.name for motions in PoseSource(a.motions, a.held_out).by_source.values() for m in motions) for a in parts
    ]
    assert not poses[0] & poses[1]
    assert len(load_synthetic(tmp_path, "test")) == 12


def test_cut_outs_are_whole_people_and_nothing_else(folder: Path, tmp_path: Path) -> None:
    job = Job(folder, tmp_path / "cut", 8, SIZE, seed=3, cutouts=True)
    assert list(render_frames(job)) == [0, 8]
    assert list(render_frames(job)) == [8]
    table = np.load(tmp_path / "cut" / "joints.npz")
    assert (table["visibility"] != OUTSIDE).all()
    for number, joints in zip(table["number"], table["joints"], strict=True):
        alpha = cv2.imread(str(tmp_path / "cut" / "images" / f"{number:07d}.png"), cv2.IMREAD_UNCHANGED)[..., 3]
        near = cv2.dilate(alpha, np.ones((5, 5)))
        assert all(near[int(y), int(x)] > 0 for x, y, _ in joints)
        assert alpha[[0, -1]].max() == alpha[:, [0, -1]].max() == 0  # nobody is cut off
        assert 0.85 < max(cv2.boundingRect(alpha)[2:]) / SIZE < 0.97
    people = load_cutouts(tmp_path / "cut", held_out=False)
    for person, joints in zip(people, table["joints"], strict=True):
        assert person.mask is not None
        assert person.mask.shape == person.pixels.shape[:2]
        assert max(person.mask[0].max(), person.mask[:, 0].max()) > 0  # cut to its bounds
        np.testing.assert_allclose(np.diff(person.joints, axis=0), np.diff(joints[:, :2], axis=0), atol=1e-3)
    with pytest.raises(DatasetError, match="holds people to train on"):
        load_cutouts(tmp_path / "cut", held_out=True)


def test_cut_outs_and_pictures_are_not_mixed_in_a_folder(folder: Path, made: Path, tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="made with another cutouts"):
        list(render_frames(Job(folder, made, 12, SIZE, seed=3, cutouts=True)))
    list(render_frames(Job(folder, tmp_path / "cut", 1, SIZE, seed=3, cutouts=True)))
    with pytest.raises(DatasetError, match="made with another version"):
        list(render_frames(Job(folder, tmp_path / "cut", 1, SIZE, seed=3)))
    (tmp_path / "cut" / "images" / "0000000.png").unlink()
    with pytest.raises(DatasetError, match=r"0000000\.png is not a picture with an alpha channel"):
        load_cutouts(tmp_path / "cut", held_out=False)


def test_a_picture_without_a_body_names_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"body\.npz is missing; make it with"):
        list(render_frames(Job(tmp_path, tmp_path / "out", 1)))
    with pytest.raises(FileNotFoundError, match="holds no rendered pictures"):
        load_synthetic(tmp_path)
    made_body.write_body(tmp_path / "body.npz")
    broken = dict(np.load(tmp_path / "body.npz"))
    np.savez(tmp_path / "body.npz", **{**broken, "W": broken["W"][:, :-1]})
    with pytest.raises(DatasetError, match="not of one body"):
        load_assets(tmp_path, False)


def test_somebody_who_is_cut_off_has_joints_outside(assets: Assets) -> None:
    poses = PoseSource(assets.motions, False)
    stills = [render_still(assets, poses, 48, 9, number) for number in range(60)]
    cut = [still for still in stills if (still.visibility == OUTSIDE).any()]
    assert 2 <= len(cut) <= 20
    for still in stills:
        outside = (still.joints[:, :2] < 0).any(1) | (still.joints[:, :2] >= 48).any(1)
        np.testing.assert_array_equal(still.visibility == OUTSIDE, outside)
        assert replace(still, subject=0).picture.shape == (48, 48, 3)
