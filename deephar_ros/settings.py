"""What a user can set about the pipeline, apart from the model."""

from __future__ import annotations

from dataclasses import dataclass, fields

from deephar_ros.files import read_yaml
from deephar_ros.share import share_folder
from deephar_ros.track import TrackSettings

BACKENDS = ("auto", "torch", "tensorrt", "onnxruntime")
"""What can run the network (backend/choose.py)."""
PRECISIONS = ("auto", "float32", "float16", "bfloat16", "int8")
"""Numbers of the network's convolutions; which of them a backend has depends on the device."""
LARGEST_INPUT = 1024
"""Pixels: the side of the largest crops that a network can ask for."""


@dataclass(frozen=True)
class PipelineSettings:
    """
    Attributes:
        box_source: auto: search with the pose network, then follow the poses; detections: `Frame.boxes`; localizer: a
            `Finder` every `search_period`, poses are followed in between; full_image: one person, the whole frame.
        clip_spacing: seconds between the frames of a clip; 0: as the model was trained.
        min_cutoff, beta: One-Euro filter of the displayed poses, Hz and 1 per unit of speed; min_cutoff 0: off.
        label_margin: by how much another action must be more probable before its label is displayed.
        side_patience: seconds for which an exchange of left and right limbs is taken for a mistake; 0: never.
    """

    track: TrackSettings
    box_source: str = "auto"
    clip_spacing: float = 0.0
    min_cutoff: float = 1.5
    beta: float = 10.0
    label_margin: float = 0.1
    side_patience: float = 0.4


def node_settings() -> PipelineSettings:
    """The node's defaults, from `config/perception.yaml`."""
    values = read_yaml(share_folder() / "config" / "perception.yaml")["/**"]["ros__parameters"]
    return PipelineSettings(
        TrackSettings(**{entry.name: values[entry.name] for entry in fields(TrackSettings)}),
        box_source=values["box_source"],
        clip_spacing=values["clip_spacing"],
        min_cutoff=values["smooth_min_cutoff"],
        beta=values["smooth_beta"],
        label_margin=values["label_margin"],
        side_patience=values["side_patience"],
    )
