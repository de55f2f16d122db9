"""Every output of a network by name, for comparison with other implementations and for looking at single blocks."""

from __future__ import annotations

import torch
from torch import Tensor

from deephar_ros.model.spnet import ClipOutput, SPNet


def named_outputs(net: SPNet, images: Tensor) -> dict[str, Tensor]:
    """Outputs of single frames (B 3 H W) or clips (B T 3 H W).

    Returns:
        pose_p{pyramid}_l{level} (.., J, D+1). From clips also action_p{}_l{}_set{d} (B, num_actions), and what each
        action block looked at: dbgpose_p{}_l{} (B, T, J, 3) x, y, confidence and dbgheat_p{}_l{} (B, T, H, W, J).
    """
    read: dict[str, tuple[Tensor, Tensor, Tensor]] = {}
    # With replica poses a block reads twice, and the second time is the action path's.
    hooks = [
        net.blocks[stage.block_name].read.register_forward_hook(  # type: ignore[union-attr]
            lambda _module, _inputs, maps, name=f"p{stage.pyramid}_l{stage.level}": read.update({name: maps})
        )
        for stage in net.config.stages
    ]
    try:
        output = net(images)
    finally:
        for hook in hooks:
            hook.remove()
    names = [f"p{stage.pyramid}_l{stage.level}" for stage in net.config.stages]
    outputs = {f"pose_{name}": pose for name, pose in zip(names, output.poses, strict=True)}
    if isinstance(output, ClipOutput):
        acting = [name for name, stage in zip(names, net.config.stages, strict=True) if stage.action]
        for name, sets in zip(acting, output.actions, strict=True):
            outputs |= {f"action_{name}_set{d}": probabilities for d, probabilities in enumerate(sets)}
        for name in acting:
            coordinates, confidence, heat = (part.unflatten(0, images.shape[:2]) for part in read[name])
            outputs[f"dbgpose_{name}"] = torch.cat([coordinates[..., :2], confidence], -1)
            outputs[f"dbgheat_{name}"] = heat.movedim(-3, -1)
    return outputs
