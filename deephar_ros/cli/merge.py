"""Puts the action path of one checkpoint on the pose network of another: both were trained apart, on poses alone.

The action path has to look at poses only (action_input pose), so that it fits on any network with the same joints.

Examples:
    python -m deephar_ros.cli.merge runs/default runs/actions --out models/default --name default
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path

from deephar_ros.checkpoint import CARD, CheckpointError, ModelSpec, load_checkpoint, save_checkpoint
from deephar_ros.model.spnet import SPNet
from deephar_ros.train.stages import is_action_weight


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pose", type=Path, help="checkpoint whose pose network is taken")
    parser.add_argument("actions", type=Path, help="checkpoint whose action path and labels are taken")
    parser.add_argument("--out", type=Path, required=True, help="folder for the new checkpoint")
    parser.add_argument("--name", help="of the model (that of the pose network)")
    args = parser.parse_args()
    try:
        net, spec = merged(load_checkpoint(args.pose), load_checkpoint(args.actions), args.name)
        parts = [f"## {title}\n\n{_rest(folder)}" for title, folder in (("Pose", args.pose), ("Actions", args.actions))]
        save_checkpoint(args.out, net, spec, "\n".join([f"# {spec.name}\n", *parts]))
    except (CheckpointError, OSError, ValueError) as error:
        print(f"merge: {error}", file=sys.stderr)
        return 1
    acting = sum(name.startswith("actions.") for name in net.state_dict())
    print(f"{args.out}: {acting} tensors of {args.actions} on {args.pose}; labels: {', '.join(spec.labels[0])}")
    return 0


def merged(
    pose: tuple[SPNet, ModelSpec], actions: tuple[SPNet, ModelSpec], name: str | None = None
) -> tuple[SPNet, ModelSpec]:
    """The network and specification of both together.

    Raises:
        ValueError: the action path looks at appearance, or at other joints than the pose network finds, or begins where
            that one has ended.
    """
    (below, base), (above, spec) = pose, actions
    if spec.network.sees_appearance or not spec.network.num_actions:
        raise ValueError(f"{spec.name} has no action path that looks at poses only (network.action_input: pose)")
    for key in ("num_joints", "dim", "num_levels"):
        here, there = getattr(base.network, key), getattr(spec.network, key)
        if here != there:
            raise ValueError(f"network.{key} is {here} in {base.name} and {there} in {spec.name}; both must agree")
    taken = ("action_pyramids", "num_actions", "action_input", "num_pose_features", "num_visual_features")
    network = replace(base.network, pose_replica=False, **{key: getattr(spec.network, key) for key in taken})
    net = SPNet(network)
    poses = {key: value for key, value in below.state_dict().items() if not is_action_weight(key)}
    acts = {key: value for key, value in above.state_dict().items() if is_action_weight(key)}
    missing = sorted(net.state_dict().keys() - poses.keys() - acts.keys())
    wrong = sorted(key for key in acts if key not in net.state_dict())
    if missing or wrong:
        raise ValueError(f"the action path of {spec.name} does not fit {base.name}: {[*missing, *wrong][0]}")
    net.load_state_dict(poses | acts, strict=False)  # replicas of the pose network have no place
    return net.eval(), replace(
        base,
        network=network,
        labels=spec.labels,
        clip_frames=spec.clip_frames,
        clip_spacing=spec.clip_spacing,
        action_trained=spec.action_trained,
        name=name or base.name,
    )


def _rest(folder: Path) -> str:
    """A card without its title."""
    file = folder / CARD
    return file.read_text().partition("\n")[2].strip() + "\n" if file.is_file() else ""


if __name__ == "__main__":
    raise SystemExit(main())
