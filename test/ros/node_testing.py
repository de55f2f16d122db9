"""What the tests of the perception node share: pictures to send, and calls of its services."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from builtin_interfaces.msg import Time
from diagnostic_msgs.msg import DiagnosticArray
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState, GetState
from rcl_interfaces.srv import SetParameters
from rclpy.parameter import Parameter
from rclpy.qos import QoSProfile, qos_profile_sensor_data
from sensor_msgs.msg import CameraInfo, Image

from deephar_ros.node.images import to_image
from deephar_ros.node.stamps import to_nanoseconds

if TYPE_CHECKING:
    from conftest import Peer

NODE = "deephar_ros.node.perception_node"
TRANSITIONS = {
    "configure": Transition.TRANSITION_CONFIGURE,
    "activate": Transition.TRANSITION_ACTIVATE,
    "deactivate": Transition.TRANSITION_DEACTIVATE,
    "cleanup": Transition.TRANSITION_CLEANUP,
}


def picture(stamp: Time, frame_id: str = "camera_optical_frame") -> Image:
    """Noise of 160x120, another one for each stamp."""
    pixels = np.random.default_rng(to_nanoseconds(stamp)).integers(0, 255, (120, 160, 3), np.uint8)
    msg = to_image(pixels)
    msg.header.stamp, msg.header.frame_id = stamp, frame_id
    return msg


def info(image: Image, f: float = 150.0) -> CameraInfo:
    """Calibration of the camera that took `image`; f = 0: uncalibrated."""
    msg = CameraInfo(header=image.header, width=image.width, height=image.height)
    if f:
        msg.k = [f, 0.0, (image.width - 1) / 2, 0.0, f, (image.height - 1) / 2, 0.0, 0.0, 1.0]
    return msg


def connect(peer: Peer, topic: str = "image", kind: type = Image, qos: QoSProfile = qos_profile_sensor_data) -> Any:
    """A publisher that the node has found."""
    publisher = peer.publisher(kind, topic, qos)
    assert peer.spin_until(publisher.get_subscription_count)
    peer.spin_until(lambda: False, 0.3)  # the other side may need a little longer, and best effort does not wait for it
    return publisher


def deliver(peer: Peer, publisher: Any, message: Any, answered: Callable[[], object]) -> None:
    """Publishes until it is answered: best effort may lose a message, on a busy machine most of all."""
    for _ in range(10):
        publisher.publish(message)
        if peer.spin_until(answered, 3.0):
            return
    raise AssertionError("the node does not answer")


def call(peer: Peer, kind: type, name: str, request: Any) -> Any:
    """The answer of a service."""
    client = peer.node.create_client(kind, name)
    assert peer.spin_until(client.service_is_ready)
    future = client.call_async(request)
    assert peer.spin_until(future.done)
    return future.result()


def change(peer: Peer, transition: str) -> bool:
    """Asks the node for a transition of its life cycle, as a lifecycle manager does; whether it succeeded."""
    request = ChangeState.Request(transition=Transition(id=TRANSITIONS[transition]))
    return bool(call(peer, ChangeState, "/perception_node/change_state", request).success)


def state(peer: Peer) -> str:
    return str(call(peer, GetState, "/perception_node/get_state", GetState.Request()).current_state.label)


def set_parameter(peer: Peer, name: str, value: Any) -> str:
    """Sets a parameter of the node; the reason if it was refused, else an empty string."""
    request = SetParameters.Request(parameters=[Parameter(name, value=value).to_parameter_msg()])
    result = call(peer, SetParameters, "/perception_node/set_parameters", request).results[0]
    assert bool(result.reason) != result.successful
    return str(result.reason)


def status(diagnostics: list[DiagnosticArray], part: str) -> Any:
    """The newest status of one part of the node; None before there is one."""
    name = f"perception_node: {part}"
    return next((s for array in reversed(diagnostics) for s in array.status if s.name == name), None)


def values(entry: Any) -> dict[str, str]:
    return {pair.key: pair.value for pair in entry.values}
