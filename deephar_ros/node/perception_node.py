"""The perception node: images in; skeletons, actions and what shows them out. A managed (lifecycle) node.

configure: parameters checked, model loaded and warmed up; activate: subscribed and publishing; deactivate: neither;
cleanup: memory given back. With `autostart` it configures and activates itself.
"""

from __future__ import annotations

import ctypes
import gc
import signal
import sys
import time
import traceback
from collections.abc import Callable
from typing import TYPE_CHECKING

import rclpy
from lifecycle_msgs.srv import ChangeState
from rcl_interfaces.msg import SetParametersResult
from rclpy.clock import Clock, ClockType
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn
from rclpy.parameter import Parameter
from std_srvs.srv import SetBool, Trigger

from deephar_ros.node.ending import end_in_time, quiet_end, terminate_like_interrupt
from deephar_ros.node.leftovers import forget_destroyed
from deephar_ros.node.parameters import ParameterError, PerceptionParameters, changed, declare, unknown
from deephar_ros.node.reporter import Reporter
from deephar_ros.node.spinning import spin
from deephar_ros.statistics import Complaints, resident_megabytes

if TYPE_CHECKING:
    from deephar_ros.node.perception import Perception

COMPLAINT_PERIOD = 10.0
"""Seconds for which the same complaint is not repeated in the log."""

Transition = Callable[["PerceptionNode", LifecycleState], TransitionCallbackReturn]


def aloud(transition: Transition) -> Transition:
    """A transition whose unforeseen exceptions are logged; rclpy would say nothing of them."""

    def carry_out(node: PerceptionNode, state: LifecycleState) -> TransitionCallbackReturn:
        try:
            return transition(node, state)
        except Exception as error:
            node.failure = f"{type(error).__name__}: {error}"
            node.get_logger().error(f"{transition.__name__} failed:\n{traceback.format_exc()}")
            return TransitionCallbackReturn.ERROR

    return carry_out


class PerceptionNode(LifecycleNode):
    """Life cycle, parameters and services; the work is done in `Perception`.

    Raises:
        ParameterError: a parameter given at start cannot be used.
    """

    def __init__(self) -> None:
        super().__init__("perception_node")
        self.settings = declare(self, PerceptionParameters)
        self.perception: Perception | None = None
        self.failure = ""
        self._complaints = Complaints(COMPLAINT_PERIOD)
        for name, suggestion in unknown(self, PerceptionParameters).items():
            self.get_logger().warning(f"parameter {name} is unknown and has no effect{suggestion}")
        self.add_on_set_parameters_callback(self._on_parameters)
        self.create_service(SetBool, "~/enable", self._on_enable)
        self.create_service(Trigger, "~/reset", self._on_reset)
        self._refuse_impossible_transitions()
        self._reporter = Reporter(self)
        steady = Clock(clock_type=ClockType.STEADY_TIME)  # reports come also when /clock does not
        self.create_timer(1.0, self._reporter.publish, clock=steady)
        self.create_timer(self.settings.status_period, self._reporter.log, clock=steady)

    @aloud
    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        # Brings PyTorch, which takes seconds: only here, where a signal ends the node without a trace.
        from deephar_ros.node.perception import Perception

        try:
            self.perception = Perception(self, self.settings, self.complain)
        except (ValueError, OSError) as error:  # all our own errors are ValueErrors
            self.failure = str(error)
            self.get_logger().error(f"cannot be configured: {error}")
            return TransitionCallbackReturn.FAILURE
        self.get_logger().info(f"configured, {resident_megabytes():.0f} MB resident")
        return TransitionCallbackReturn.SUCCESS

    @aloud
    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        result = super().on_activate(state)  # the publishers
        if result == TransitionCallbackReturn.SUCCESS and self.perception is not None:
            self.perception.start()
            topics = ", ".join(camera.topic for camera in self.perception.inputs.values())
            self.get_logger().info(f"ready, waiting for images on {topics}")
        return result

    @aloud
    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        if self.perception is not None:
            self.perception.stop()
        return super().on_deactivate(state)

    @aloud
    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        self._free()
        return TransitionCallbackReturn.SUCCESS

    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        self._free()
        return TransitionCallbackReturn.SUCCESS

    def on_error(self, state: LifecycleState) -> TransitionCallbackReturn:
        self._free()
        return TransitionCallbackReturn.SUCCESS

    @property
    def life_cycle(self) -> str:
        """The state in which the node is."""
        if self.perception is None:
            return "unconfigured"
        return "inactive" if self.perception.worker is None else "active"

    def complain(self, text: str) -> None:
        """A warning, unless the same was said a short time ago. Any thread may call it."""
        if self._complaints.is_new(text, time.monotonic()):
            self.get_logger().warning(text)

    def close(self) -> None:
        """Stops working; for the end of the process."""
        if self.perception is not None:
            self.perception.stop()

    def _refuse_impossible_transitions(self) -> None:
        """Activating what is not configured is refused; rclpy alone (seen in 7.1) would let it end the process."""
        service = getattr(self, "_service_change_state", None)  # rclpy's own, not part of its interface
        if service is None:
            return
        answer = service.callback

        def answer_or_refuse(request: ChangeState.Request, response: ChangeState.Response) -> ChangeState.Response:
            try:
                return answer(request, response)
            except RuntimeError as error:
                reason = str(error).split(",")[0]
                self.get_logger().error(f"no transition {request.transition.id} from {self.life_cycle}: {reason}")
                response.success = False
                return response

        service.callback = answer_or_refuse

    def _free(self) -> None:
        if self.perception is None:
            return
        before = resident_megabytes()
        self.perception.stop()
        self.perception.close()
        self.perception = None
        gc.collect()
        forget_destroyed(self.default_callback_group)
        _return_memory()
        self.get_logger().info(f"cleaned up, {before:.0f} -> {resident_megabytes():.0f} MB resident")

    def _on_parameters(self, parameters: list[Parameter]) -> SetParametersResult:
        try:
            settings = changed(self.settings, parameters, configured=self.perception is not None)
            if self.perception is not None:
                self.perception.check(settings)
                self.perception.use(settings)
        except ValueError as error:
            return SetParametersResult(successful=False, reason=str(error))
        self.settings = settings
        return SetParametersResult(successful=True)

    def _on_enable(self, request: SetBool.Request, response: SetBool.Response) -> SetBool.Response:
        response.success = self.perception is not None
        response.message = "" if response.success else "the node is not configured"
        if self.perception is not None:
            self.perception.enabled = request.data
            response.message = "images are processed" if request.data else "images are left out"
        return response

    def _on_reset(self, request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        response.success = self.perception is not None and self.perception.worker is not None
        response.message = "people and clips start afresh" if response.success else "the node is not active"
        if self.perception is not None and self.perception.worker is not None:
            self.perception.worker.reset()
        return response


def _return_memory() -> None:
    """What was freed goes back to the system; glibc alone knows how."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_initialized():
        torch.cuda.empty_cache()


def bring_up(node: PerceptionNode) -> bool:
    """Configures and activates; whether that worked."""
    wanted = TransitionCallbackReturn.SUCCESS
    return node.trigger_configure() == wanted and node.trigger_activate() == wanted


def main() -> int:
    terminate_like_interrupt()
    try:
        rclpy.init()
    except RuntimeError as error:  # arguments or a parameter file that cannot be read
        print(f"perception_node: {str(error).splitlines()[0]}", file=sys.stderr)
        return 1
    context = rclpy.get_default_context()
    end_in_time(context)
    node, failure = None, ""
    try:
        with quiet_end(context):
            node = PerceptionNode()
            if not node.settings.autostart or bring_up(node):
                spin(node)
            else:
                failure = node.failure
    except ParameterError as error:
        failure = str(error)
    finally:
        # ros2 launch may send a second signal, which must not cut the clean-up short.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        if node is not None:
            node.close()
            node.destroy_node()
        rclpy.try_shutdown()
        gc.freeze()  # or the interpreter would go through all that PyTorch has made, which takes a second
    if failure:
        print(f"perception_node: {failure}", file=sys.stderr)
    return 1 if failure else 0


if __name__ == "__main__":
    raise SystemExit(main())
