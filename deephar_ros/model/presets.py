"""The networks of the paper, of the published weights and of the ablations (SPNET.md sections 1.9 and 1.10), by name;
and `lite`, a third as wide, for CPUs: a ninth of the arithmetic at four pyramids (0.80 of 7.15 GMAC at 256x256).

Rows 2 and 3 of Table 4 differ in what is supervised in training, which is no property of the network.
"""

from __future__ import annotations

from dataclasses import replace

from deephar_ros.model.config import SPNetConfig

_PENN = SPNetConfig(num_joints=16, dim=2, num_actions=(15,), num_pyramids=2, action_pyramids=(1, 2))
_NTU = SPNetConfig(
    num_actions=(60,), num_pyramids=2, action_pyramids=(1, 2), num_pose_features=192, num_visual_features=192
)
_LATE = (5, 6, 7, 8)

PRESETS = {
    "pose2d": SPNetConfig(num_joints=16, dim=2),
    "pose3d": SPNetConfig(),
    "penn": replace(_PENN, num_pyramids=8, action_pyramids=_LATE, pose_replica=True),
    "ntu": replace(_NTU, num_pyramids=8, action_pyramids=_LATE, pose_replica=True),
    "penn_published": replace(_PENN, num_pyramids=6, action_pyramids=(5, 6), pose_replica=True),
    "ntu_published": _NTU,
    "lite": SPNetConfig(
        num_pyramids=4,
        action_pyramids=(3, 4),
        num_actions=(15,),
        num_pose_features=64,
        num_visual_features=64,
        growth=32,
    ),
    "table4_single_block": replace(_PENN, num_pyramids=1, action_pyramids=(1,), pose_replica=True, cut=(1, 2)),
    "table4_last_block": replace(_PENN, pose_replica=True),
    "table4_two_pyramids": _PENN,
    "table4_eight_pyramids": replace(_PENN, num_pyramids=8, action_pyramids=(5, 6)),
    "table5_pose_only": replace(_PENN, action_input="pose"),
    "table5_appearance_only": replace(_PENN, action_input="appearance"),
    "table5_combined": _PENN,
    "table5_decoupled": replace(_PENN, pose_replica=True),
}
