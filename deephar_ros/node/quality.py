"""Quality of service of the image subscription."""

from __future__ import annotations

from rclpy.node import Node
from rclpy.qos import HistoryPolicy, QoSProfile, ReliabilityPolicy


def image_qos(node: Node, choice: str, topic: str) -> QoSProfile:
    """One place in the queue, since an old image is worth nothing; reliability as the parameter `image_qos` says.

    "match": reliable where every publisher of `topic` offers that. Best effort receives from both kinds.
    """
    reliable = choice == "reliable"
    if choice == "match":
        offered = [info.qos_profile.reliability for info in node.get_publishers_info_by_topic(topic)]
        reliable = bool(offered) and all(policy == ReliabilityPolicy.RELIABLE for policy in offered)
    return QoSProfile(
        depth=1,
        history=HistoryPolicy.KEEP_LAST,
        reliability=ReliabilityPolicy.RELIABLE if reliable else ReliabilityPolicy.BEST_EFFORT,
    )


def compressed_topic(node: Node, image: str) -> str:
    """Where the compressed images of topic `image` are: beside the raw ones, also when those are remapped."""
    own = node.resolve_topic_name(f"{image}/compressed")
    not_remapped = node.resolve_topic_name(f"{image}/compressed", only_expand=True)
    return own if own != not_remapped else f"{node.resolve_topic_name(image)}/compressed"
