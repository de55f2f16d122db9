"""Annotated people as sources of composites: their box, and a soft mask that cuts them out along their limbs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from deephar_ros.data.arrays import read_npz
from deephar_ros.data.lsp import load_lsp
from deephar_ros.data.pictures import read
from deephar_ros.data.resample import Image
from deephar_ros.data.samples import DatasetError, Sample
from deephar_ros.data.synthetic.store import picture_file
from deephar_ros.geometry import Array, bounds
from deephar_ros.skeleton import PA17
from deephar_ros.sources import read_picture

BOX_MARGIN = 0.07
"""What a box adds to the bounds of the joints on every side, in parts of their larger side: hands, feet and hair."""

HELD_OUT = 10
"""One in so many pictures of LSP-extended and of the backgrounds is never trained on, and the last 100 of LSP."""

REPEAT_LSP = 4
"""How often LSP is in the training part: everyday sports; LSP-extended is gymnastics and parkour."""

MIN_JOINTS = 14
"""Of 17. With fewer the box of a person says too little."""

_THICKNESS = {"shoulder elbow": 0.30, "elbow wrist": 0.26, "hip knee": 0.44, "knee ankle": 0.34}
_FIXED = 4  # binary places of the coordinates that OpenCV's drawing takes


@dataclass(frozen=True)
class Portrait:
    """A picture (H, W, 3) RGB with one annotated person: joints (17, 2) in its pixels, PA17 order, NaN if unknown.

    Attributes:
        mask: (H, W) 255 where the person is, if that is known exactly.
    """

    pixels: Image
    joints: Array
    mask: Image | None = None

    @property
    def complete(self) -> bool:
        """All joints are known, so that the person can be cut out."""
        return bool(np.isfinite(self.joints).all())

    @property
    def upright(self) -> bool:
        """The head is above the hips by more than they are apart sideways."""
        across, down = self.joints[PA17.index("pelvis")] - self.joints[PA17.index("head")]
        return bool(down > abs(across))

    def outline(self) -> Image:
        """(H, W) mask of the person, 255 inside; all joints must be known, unless the mask is."""
        height, width = self.pixels.shape[:2]
        return body_mask((height, width), self.joints) if self.mask is None else self.mask


def person_box(joints: Array) -> Array:
    """(4,) left, top, right, bottom of a person by the joints (J, 2), NaN where unknown: their bounds and a margin."""
    x0, y0, x1, y1 = bounds(joints)
    margin = BOX_MARGIN * max(x1 - x0, y1 - y0)
    return np.array([x0 - margin, y0 - margin, x1 + margin, y1 + margin])


def body_mask(shape: tuple[int, int], joints: Array) -> Image:
    """(H, W) mask of a person, 255 inside, its edge feathered: capsules round the limbs, the trunk, a head.

    Args:
        shape: height and width of the picture.
        joints: (17, 2) pixels, all known.
    """
    at = {name: joints[i] for i, name in enumerate(PA17.joints)}
    trunk = _scale(at)
    mask = np.zeros(shape, np.uint8)
    for side in ("left", "right"):
        for limb, share in _THICKNESS.items():
            a, b = (at[f"{side}_{end}"] for end in limb.split())
            _capsule(mask, a, b, share * trunk)
        elbow, wrist, ankle = at[f"{side}_elbow"], at[f"{side}_wrist"], at[f"{side}_ankle"]
        _capsule(mask, wrist, wrist + 0.4 * (wrist - elbow), 0.26 * trunk)  # hand
        _capsule(mask, ankle, ankle + 0.15 * (ankle - at[f"{side}_knee"]), 0.40 * trunk)  # foot
    corners = [at["left_shoulder"], at["right_shoulder"], at["right_hip"], at["left_hip"]]
    hull = cv2.convexHull(np.array(corners, np.float32))
    cv2.fillPoly(mask, [np.round(hull).astype(np.int32)], 255)
    for a, b in zip(corners, corners[1:] + corners[:1], strict=True):
        _capsule(mask, a, b, 0.34 * trunk)
    _capsule(mask, at["neck"], at["head"] + 0.25 * (at["neck"] - at["head"]), 0.44 * trunk)
    return cv2.GaussianBlur(mask, (0, 0), max(0.6, 0.03 * trunk))


def _scale(at: dict[str, Array]) -> float:
    """Length of the trunk in pixels; of two thighs where it is seen end on."""

    def length(a: str, b: str) -> float:
        return float(np.linalg.norm(at[a] - at[b]))

    thigh = max(length("left_hip", "left_knee"), length("right_hip", "right_knee"))
    return max(length("thorax", "pelvis"), 1.1 * thigh, 4.0)


def _capsule(mask: Image, a: Array, b: Array, thickness: float) -> None:
    (x0, y0), (x1, y1) = np.round(np.stack([a, b]) * 2**_FIXED).astype(int).tolist()
    cv2.line(mask, (x0, y0), (x1, y1), 255, max(1, round(thickness)), cv2.LINE_8, _FIXED)


@dataclass(frozen=True)
class Sources:
    """All pictures that composites are made of, decoded, so that workers share them.

    Attributes:
        rendered: people with masks but nothing around them.
    """

    portraits: Sequence[Portrait]
    backgrounds: Sequence[Image]
    rendered: Sequence[Portrait] = ()

    def __post_init__(self) -> None:
        if not self.backgrounds or not any(p.complete and p.upright for p in self.portraits):
            raise ValueError("composites need a background and a person who is annotated completely and upright")
        if self.rendered and not any(p.upright for p in self.rendered):
            raise ValueError(f"none of {len(self.rendered)} rendered people is upright; render more")


def load_sources(data: Path, held_out: bool, rendered: Path | None = None) -> Sources:
    """Reads the training part, or the held-out part, of a folder with lsp_train, lspet_compact and backgrounds_320.

    Args:
        rendered: a folder of cut-outs of the same part (`synthesize cutouts`).

    Raises:
        FileNotFoundError: one of them is missing.
        DatasetError: the cut-outs are broken, or those of the other part.
    """
    lsp = load_lsp(data / "lsp_train", extended=False)
    extended = load_lsp(data / "lspet_compact", extended=True)
    files = sorted((data / "backgrounds_320").glob("*.jpg"))
    if not files:
        raise FileNotFoundError(f"{data / 'backgrounds_320'} holds no *.jpg")
    samples = lsp[-100:] if held_out else REPEAT_LSP * lsp[:-100]
    samples = samples + [s for i, s in enumerate(extended) if _is_held_out(i, held_out)]
    pictures = {s.picture: read(s.picture) for s in samples if _usable(s)}
    portraits = [Portrait(pictures[s.picture], s.joints[:, :2]) for s in samples if _usable(s)]
    backgrounds = [read_picture(file) for i, file in enumerate(files) if _is_held_out(i, held_out)]
    return Sources(portraits, backgrounds, load_cutouts(rendered, held_out) if rendered else ())


def load_cutouts(folder: Path, held_out: bool) -> list[Portrait]:
    """Rendered people (`synthesize cutouts`), each cut to its bounds.

    Raises:
        FileNotFoundError: no such folder.
        DatasetError: a picture is missing or has no alpha channel, or these are people of the other part.
    """
    file = folder / "joints.npz"
    if not file.is_file():
        raise FileNotFoundError(f"{file} is missing; make it with python -m deephar_ros.cli.synthesize cutouts")
    table = read_npz(file, ["number", "joints", "held_out"])
    if (table["held_out"] != held_out).any():
        raise DatasetError(f"{folder} holds people {'to train on' if held_out else 'held out for tests'}; take others")
    rows = zip(table["number"], table["joints"], strict=True)
    return [_cutout(picture_file(folder, number, cutout=True), joints[:, :2]) for number, joints in rows]


def _cutout(path: Path, joints: Array) -> Portrait:
    picture = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    if picture is None or picture.ndim != 3 or picture.shape[2] != 4 or not picture[..., 3].any():
        raise DatasetError(f"{path} is not a picture with an alpha channel that shows somebody; render it again")
    x, y, width, height = cv2.boundingRect(picture[..., 3])
    part = np.asarray(picture[y : y + height, x : x + width], np.uint8)
    colours = np.ascontiguousarray(part[..., 2::-1])
    return Portrait(colours, joints - np.array([x, y], np.float32), np.ascontiguousarray(part[..., 3]))


def _is_held_out(index: int, wanted: bool) -> bool:
    return (index % HELD_OUT == 0) == wanted


def _usable(sample: Sample) -> bool:
    """Enough joints are known that their bounds are those of the person."""
    return int(np.isfinite(sample.joints[:, :2]).all(-1).sum()) >= MIN_JOINTS
