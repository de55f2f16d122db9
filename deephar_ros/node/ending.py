"""The end of a node's process."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from rclpy.context import Context
from rclpy.executors import ExternalShutdownException

GRACE = 1.0
"""Seconds after which a process that was asked to end is ended, whatever it is doing."""


@contextmanager
def quiet_end(context: Context) -> Iterator[None]:
    """What runs inside ends without a trace on SIGINT, SIGTERM or a shutdown, in whichever way rclpy tells of it.

    Args:
        context: in which it runs.
    """
    try:
        yield
    except (KeyboardInterrupt, ExternalShutdownException):
        pass
    except RuntimeError:  # the context may have ended between two of rclpy's own steps
        if context.ok():
            raise


def terminate_like_interrupt() -> None:
    """SIGTERM interrupts Python code as SIGINT does. To be called before `rclpy.init`, whose own handler comes on top.

    rclpy alone would only end its context, which code that does not spin (that loads a model, say) does not notice.
    """
    signal.signal(signal.SIGTERM, signal.default_int_handler)


def end_in_time(context: Context) -> None:
    """From now on, the process ends GRACE seconds after its context at the latest.

    Native calls that take long (building graphs, a large batch on a slow CPU) cannot be interrupted otherwise.
    """

    def watch() -> None:
        while context.ok():
            time.sleep(0.1)
        time.sleep(GRACE)
        os._exit(0)

    threading.Thread(target=watch, name="end_in_time", daemon=True).start()
