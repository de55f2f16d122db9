"""What a user can set about the pipeline, apart from the model."""

from __future__ import annotations

from dataclasses import dataclass

from deephar_ros.track import TrackSettings


@dataclass(frozen=True)
class PipelineSettings:
    """
    Attributes:
        box_source: auto: search with the pose network, then follow the poses; detections: `Frame.boxes`; localizer: a
            `Finder` every `search_period`, poses are followed in between; full_image: one person, the whole frame.
        clip_spacing: seconds between the frames of a clip; 0: as the model was trained.
        min_cutoff, beta: One-Euro filter of the displayed poses, Hz and 1 per unit of speed; min_cutoff 0: off.
        label_margin: by how much another action must be more probable before its label is displayed.
    """

    track: TrackSettings
    box_source: str = "auto"
    clip_spacing: float = 0.0
    min_cutoff: float = 1.5
    beta: float = 10.0
    label_margin: float = 0.1
