"""What BlazePose says of the people of Leeds Sports Pose and its extension; called by scripts/teach_depth.

The annotated hips and shoulders tell BlazePose where to look and which way is up, as its own detector would. Its depth
counts where its joint is near the annotated one. Where its limbs fit only with left and right exchanged, the annotation
is taken for wrong: it was made by many hands.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import NamedTuple

import cv2
import mediapipe
import numpy as np
from ai_edge_litert.interpreter import Interpreter
from numpy.typing import NDArray

MODEL = Path(mediapipe.__file__).parent / "modules/pose_landmark/pose_landmark_full.tflite"
SIDE = 256  # pixels of the network's input
LSP_LANDMARKS = [28, 26, 24, 23, 25, 27, 16, 14, 12, 11, 13, 15]  # of LSP's joints, from the right ankle
EXCHANGED = [5, 4, 3, 2, 1, 0, 11, 10, 9, 8, 7, 6]  # LSP's joints with left and right exchanged
EARS = [7, 8]
NEAR = 0.25  # torso lengths from the annotated joint up to which the teacher's depth counts
HALF = 0.5  # of the joints have to be near, else nothing of this person counts

Array = NDArray[np.floating]


class Found(NamedTuple):
    points: Array  # (39, 2) pixels of the picture
    depth: Array  # (39,) mm behind the middle of the hips
    torso: float  # pixels


class BlazePose:
    """The network, without the detector that MediaPipe puts before it."""

    def __init__(self) -> None:
        self.net = Interpreter(model_path=str(MODEL), num_threads=1)
        self.net.allocate_tensors()
        self.input = self.net.get_input_details()[0]["index"]
        self.outputs = {d["name"]: d["index"] for d in self.net.get_output_details()}

    def __call__(self, picture: NDArray[np.uint8], joints: Array) -> Found | None:
        """Of the person with these LSP joints (14, 2), NaN where unknown; None if hips or shoulders are unknown."""
        known = np.isfinite(joints).all(-1)
        hips = joints[2:4].mean(0)
        top = joints[8:10].mean(0) if known[8:10].all() else joints[12]
        torso = float(np.linalg.norm(top - hips))
        if not torso >= 4:
            return None
        radius = max(1.1 * np.linalg.norm(joints[known] - hips, axis=1).max(), 1.6 * torso)
        up = (top - hips) / torso
        turn = SIDE / (2.5 * radius) * np.array([[-up[1], up[0]], [-up[0], -up[1]]])
        shift = SIDE / 2 - turn @ hips
        crop = cv2.warpAffine(picture, np.column_stack([turn, shift]), (SIDE, SIDE))
        self.net.set_tensor(self.input, crop[None].astype(np.float32) / 255)
        self.net.invoke()
        if not self._output("Identity_1")[0] > 0.5:  # nobody there
            return None
        landmarks = self._output("Identity").reshape(39, 5)[:, :2]
        world = self._output("Identity_4").reshape(39, 3)
        return Found((landmarks - shift) @ np.linalg.inv(turn).T, 1000 * world[:, 2], torso)

    def _output(self, name: str) -> Array:
        return self.net.get_tensor(self.outputs[name])[0]


def exchanged_limbs(found: Found, joints: Array) -> list[bool]:
    """Whether left and right of the annotated legs, and of the arms, are to be exchanged."""
    seen = found.points[LSP_LANDMARKS]
    given, other = (np.linalg.norm(seen - joints[order], axis=-1) / found.torso for order in (range(12), EXCHANGED))
    answers = []
    for limbs in (slice(0, 6), slice(6, 12)):
        if not np.isfinite(given[limbs]).any():
            answers.append(False)
            continue
        there, here = np.nanmean(other[limbs]), np.nanmean(given[limbs])
        answers.append(bool(there < NEAR and there < 0.4 * here))
    return answers


def pa17_depth(found: Found, joints: Array) -> Array:
    """(17,) mm behind the pelvis in PA17 order, NaN where not to be trusted; `joints` with their sides put right."""
    error = np.linalg.norm(found.points[LSP_LANDMARKS] - joints[:12], axis=-1) / found.torso
    near = error < NEAR
    if near.mean() < HALF:
        return np.full(17, np.nan)
    ra, rk, rh, lh, lk, la, rw, re, rs, ls, le, lw = np.where(near, found.depth[LSP_LANDMARKS], np.nan)
    pelvis, thorax = (rh + lh) / 2, (rs + ls) / 2
    to_ears = found.depth[EARS].mean() - thorax
    trunk = [pelvis, thorax, thorax + 0.4 * to_ears, thorax + 1.6 * to_ears]  # neck, top of the head
    return np.array([*trunk, rs, ls, re, le, rw, lw, rh, lh, rk, lk, ra, la, (pelvis + thorax) / 2]) - pelvis


def main() -> None:
    folder, out = map(Path, sys.argv[1:])
    cv2.setNumThreads(1)
    table = np.load(folder / "joints.npz")["joints"].astype(np.float64)
    joints = table[..., :2].copy()
    if "lspet" in folder.name:  # there the flag says which are annotated
        joints[table[..., 2] == 0] = np.nan
    teacher = BlazePose()
    depth, swapped = np.full((len(joints), 17), np.nan, np.float32), np.zeros((len(joints), 2), bool)
    for path in sorted((folder / "images").glob("im*.jpg")):
        row = int(path.stem[2:]) - 1
        found = teacher(cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB), joints[row])
        if found is not None:
            swapped[row] = exchanged_limbs(found, joints[row])
            for limbs, exchange in zip((range(6), range(6, 12)), swapped[row], strict=True):
                joints[row, list(limbs)] = joints[row, list(limbs)[:: -1 if exchange else 1]]
            depth[row] = pa17_depth(found, joints[row])
        if row % 200 == 0:
            print(f"\r{folder.name}: {row} of {len(joints)}", end="", flush=True)
    out.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(out, depth=depth, swapped=swapped)
    print(f"\r{out}: depth of {np.isfinite(depth).mean():.0%} of the joints, {swapped.sum(0)} legs and arms exchanged")


if __name__ == "__main__":
    main()
