"""Takes a perception node through its life cycle again and again, as a lifecycle manager does it over services.

Prints one JSON line a second: how many whole cycles there were.
"""

from __future__ import annotations

import json
import sys
import time
from dataclasses import dataclass

import rclpy
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState
from rclpy.node import Node

from deephar_ros.node.ending import quiet_end
from deephar_ros.node.parameters import ParameterError, declare, parameter

CYCLE = {
    "configure": Transition.TRANSITION_CONFIGURE,
    "activate": Transition.TRANSITION_ACTIVATE,
    "deactivate": Transition.TRANSITION_DEACTIVATE,
    "cleanup": Transition.TRANSITION_CLEANUP,
}
PATIENCE = 60.0
"""Seconds in which a transition must have been answered."""


@dataclass(frozen=True)
class CyclerParameters:
    """Parameters of `cycler`, all read at start."""

    cycles: int = parameter(10_000, "How many times.", 1, 10**9)
    active: float = parameter(0.0, "Seconds to stay active in each cycle.", 0.0, 3600.0)
    node: str = parameter("perception_node", "Name of the node.")


class CycleError(RuntimeError):
    """A transition failed or was not answered."""


class Cycler(Node):
    """A lifecycle manager with nothing else to do."""

    def __init__(self) -> None:
        super().__init__("cycler")
        self.settings = declare(self, CyclerParameters)
        self._client = self.create_client(ChangeState, f"{self.settings.node}/change_state")
        self._done, self._said = 0, 0.0

    def run(self) -> None:
        """Raises CycleError at the first transition that does not succeed."""
        if not self._client.wait_for_service(PATIENCE):
            raise CycleError(f"there is no node {self.settings.node} with a life cycle")
        while self._done < self.settings.cycles:
            for name, transition in CYCLE.items():
                self._change(name, transition)
                if name == "activate":
                    time.sleep(self.settings.active)
            self._done += 1
            self._say()

    def _change(self, name: str, transition: int) -> None:
        future = self._client.call_async(ChangeState.Request(transition=Transition(id=transition)))
        rclpy.spin_until_future_complete(self, future, timeout_sec=PATIENCE)
        answer = future.result() if future.done() else None
        if answer is None or not answer.success:
            what = "failed" if answer else f"was not answered within {PATIENCE:.0f} s"
            raise CycleError(f"{name} {what} in cycle {self._done + 1}")

    def _say(self) -> None:
        if time.monotonic() - self._said >= 1.0 or self._done == self.settings.cycles:
            self._said = time.monotonic()
            print(json.dumps({"cycles": self._done}), flush=True)


def main() -> int:
    rclpy.init()
    status = 0
    try:
        node = Cycler()
        with quiet_end(node.context):
            node.run()
    except (CycleError, ParameterError) as error:
        print(f"cycler: {error}", file=sys.stderr)
        status = 1
    rclpy.try_shutdown()
    return status


if __name__ == "__main__":
    raise SystemExit(main())
