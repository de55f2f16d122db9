"""Why nothing comes in, or nothing good: one sentence per cause, with the remedy. Functions of what was observed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from deephar_ros.finding import Level

SILENCE = 2.0
"""Seconds without a message after which an input is silent."""
INFO_SILENCE = 5.0
"""Seconds of images without camera_info after which it is missing; some drivers send it late or seldom."""
OLD, FUTURE = 1.0, 0.1
"""Seconds that a stamp may lie behind and ahead of the node's clock."""


@dataclass(frozen=True)
class Symptom:
    """Something that is wrong.

    Attributes:
        summary: a few words, for lists.
        sentence: what is wrong and what to do about it.
    """

    level: Level
    summary: str
    sentence: str


@dataclass(frozen=True)
class SideInput:
    """Detections or depth images that belong to a camera's images.

    Attributes:
        what: "detections", "depth".
        silent: seconds since the last message, or since the node listens.
        unmatched: seconds since the last message whose stamp fitted an image, or since the node listens.
    """

    what: str
    topic: str
    publishers: int
    silent: float
    unmatched: float


@dataclass(frozen=True)
class InputState:
    """What was observed of one camera.

    Attributes:
        topic: of the images, resolved.
        publishers: on that topic, compatible ones or not.
        received: images since the node listens.
        silent: seconds since the last image, or since the node listens.
        running: seconds since the node listens.
        rmw: identifier of the ROS middleware, "rmw_fastrtps_cpp".
        incompatible_policy: QoS policy in which a publisher differs from what was asked for; empty: none does.
        other_image_topics: where images are published besides.
        unsupported_encoding: of the last image; empty: it is supported.
        bad_rate: images per second that could not be used.
        bad_reason: why, of the last one.
        stamp: of the last image, ns; None: there was none.
        stamp_stalled: seconds for which images came but their stamp did not change.
        age: seconds from the last image's stamp to the node's clock when it came; None: unknown.
        info_topic: topic of camera_info.
        calibrated: whether the last camera_info has intrinsics; None: none has come.
        sides: further inputs that are switched on.
    """

    topic: str
    publishers: int
    received: int
    silent: float
    running: float
    rmw: str = ""
    incompatible_policy: str = ""
    other_image_topics: tuple[str, ...] = ()
    unsupported_encoding: str = ""
    bad_rate: float = 0.0
    bad_reason: str = ""
    stamp: int | None = None
    stamp_stalled: float = 0.0
    age: float | None = None
    info_topic: str = "camera_info"
    calibrated: bool | None = None
    sides: tuple[SideInput, ...] = ()


@dataclass(frozen=True)
class ClockState:
    """What was observed of the node's clock.

    Attributes:
        use_sim_time: whether the node takes its time from /clock.
        time: ns.
        stalled: wall-clock seconds since `time` last changed.
    """

    use_sim_time: bool
    time: int
    stalled: float


def worst(found: list[Symptom]) -> Level:
    return max((symptom.level for symptom in found), default=Level.OK)


def symptoms(state: InputState) -> list[Symptom]:
    """What is wrong with one camera's input, worst first; empty if nothing is."""
    absent = _no_images(state)
    if absent is not None:
        return [absent]  # the rest would only follow from it
    if not state.received:
        return []
    found = [*_bad_images(state), *_stamps(state), *_camera_info(state)]
    for side in state.sides:
        found += _side_input(side, state.topic)
    return sorted(found, key=lambda symptom: -symptom.level)


def clock_symptoms(clock: ClockState) -> list[Symptom]:
    """What is wrong with simulated time; empty if nothing is."""
    if not clock.use_sim_time or clock.stalled <= SILENCE:
        return []
    if clock.time == 0:
        text = (
            "use_sim_time is true, but nobody publishes /clock, so that time stands at 0. Play the bag with "
            "`ros2 bag play --clock`, start the simulator, or set use_sim_time:=false."
        )
        return [Symptom(Level.ERROR, "no /clock", text)]
    text = (
        f"/clock has stood still for {clock.stalled:.0f} s: the bag or simulator has ended or is paused. Go on playing "
        "(`ros2 bag play --clock`), or set use_sim_time:=false."
    )
    return [Symptom(Level.WARN, "clock stands still", text)]


def pipeline_symptoms(failure_rate: float, failure: str, trouble: str) -> list[Symptom]:
    """What is wrong behind the inputs; empty if nothing is.

    Args:
        failure_rate: batches of images per second that failed in the network or behind it.
        failure: why, of the last one.
        trouble: of the backend, `CarefulBackend.trouble`.
    """
    if failure_rate > 0:
        text = (
            f"{failure_rate:.1f} times per second, images fail in the network or behind it; the last time: {failure}. "
            "They are dropped. If that goes on, restart the node, and report it with this text."
        )
        return [Symptom(Level.ERROR, "images fail in the pipeline", text)]
    return [Symptom(Level.WARN, "device in trouble", f"{trouble}.")] if trouble else []


def _no_images(state: InputState) -> Symptom | None:
    topic = state.topic
    if state.received and state.silent > SILENCE:
        why = "its publisher is gone" if not state.publishers else f"{state.publishers} publisher(s) still there"
        remedy = "Look at the camera driver's log and cable." if state.publishers else "Start the camera again."
        text = f"Images on {topic} stopped {state.silent:.0f} s ago, {why}. {remedy}"
        return Symptom(Level.ERROR, "images stopped", text)
    if state.received:
        return None
    if state.publishers and state.incompatible_policy:
        return _incompatible(topic, state.incompatible_policy)
    if state.silent <= SILENCE:
        return None
    if state.publishers:
        text = (
            f"{topic} has {state.publishers} publisher(s), but no image has come for {state.silent:.0f} s. Either the "
            f"camera is idle (`ros2 topic hz {topic}` on its machine), or large images are lost on their way: "
            f"{lost_images_remedy(state.rmw)}."
        )
        return Symptom(Level.ERROR, "publisher, but no images", text)
    others = f" Images are published on {', '.join(state.other_image_topics[:3])}." if state.other_image_topics else ""
    text = f"Nobody publishes {topic}.{others} Look at `ros2 topic list -t` and start with image:=TOPIC."
    return Symptom(Level.ERROR, "no publisher", text)


def _incompatible(topic: str, policy: str) -> Symptom:
    text = (
        f"The publisher of {topic} offers another {policy} than this node asks for, so that nothing is delivered. Set "
        f"the parameter image_qos to match, or qos_overrides.{topic}.subscription.{policy.lower()} to the publisher's "
        f"(`ros2 topic info -v {topic}` shows it)."
    )
    return Symptom(Level.ERROR, f"incompatible QoS: {policy}", text)


def lost_images_remedy(rmw: str) -> str:
    """What to set so that large best-effort images get through this middleware; a clause without a full stop."""
    both = "in the camera's process as well as in this one (our launch files and scripts/env set it for ours)"
    if "fastrtps" in rmw:
        return (
            "set FASTDDS_DEFAULT_PROFILES_FILE and FASTRTPS_DEFAULT_PROFILES_FILE to config/dds/fastdds.xml of "
            f"deephar_ros {both}"
        )
    if "cyclonedds" in rmw:
        return (
            f"set CYCLONEDDS_URI to config/dds/cyclonedds.xml of deephar_ros {both}, and allow its receive buffer: "
            "`sudo sysctl -w net.core.rmem_max=8388608`"
        )
    return f"enlarge the socket buffers or the shared memory of {rmw or 'your ROS middleware'} {both}"


def _bad_images(state: InputState) -> Iterator[Symptom]:
    if state.unsupported_encoding:
        text = (
            f"Images on {state.topic} have the encoding {state.unsupported_encoding}, which cannot be read here. Let "
            "the camera publish rgb8, bgr8 or mono8, or install cv_bridge."
        )
        yield Symptom(Level.ERROR, f"unsupported encoding {state.unsupported_encoding}", text)
    elif state.bad_rate > 0:
        text = (
            f"{state.bad_rate:.1f} images per second on {state.topic} cannot be used; the last one: "
            f"{state.bad_reason}. The camera driver or what stands between must be put right."
        )
        yield Symptom(Level.WARN, "bad images", text)


def _stamps(state: InputState) -> Iterator[Symptom]:
    if state.stamp == 0:
        text = (
            f"Images on {state.topic} have no time stamp (0), so that clips never complete. The camera driver must "
            "fill in header.stamp."
        )
        yield Symptom(Level.ERROR, "stamps are zero", text)
    elif state.stamp_stalled > SILENCE:
        text = (
            f"Images on {state.topic} come with the same time stamp for {state.stamp_stalled:.0f} s, so that clips "
            "never complete. The camera driver must fill in header.stamp anew for each image."
        )
        yield Symptom(Level.ERROR, "stamps stand still", text)
    elif state.age is not None and not -FUTURE <= state.age <= OLD:
        where = f"{state.age:.1f} s old" if state.age > 0 else f"{-state.age:.1f} s in the future"
        text = (
            f"Images on {state.topic} are stamped {where}. Skeletons are right, ages and latencies mean nothing. "
            "Synchronise the clocks of the machines (chrony); for a bag, play it with --clock and set "
            "use_sim_time:=true."
        )
        yield Symptom(Level.WARN, "clocks disagree", text)


def _camera_info(state: InputState) -> Iterator[Symptom]:
    if state.calibrated is None and state.running > INFO_SILENCE:
        text = (
            f"Nothing on {state.info_topic}, so that positions stay relative to the pelvis. Remap camera_info to the "
            "topic of the camera's calibration."
        )
        yield Symptom(Level.WARN, "no camera_info", text)
    elif state.calibrated is False:
        text = (
            f"The camera_info on {state.info_topic} is that of an uncalibrated camera (K is zero), so that positions "
            "stay relative to the pelvis. Calibrate the camera (package camera_calibration)."
        )
        yield Symptom(Level.WARN, "uncalibrated camera", text)


def _side_input(side: SideInput, images: str) -> Iterator[Symptom]:
    if side.silent > SILENCE and not side.publishers:
        text = f"Nobody publishes {side.topic}. Start the source of {side.what}, or remap the topic."
        yield Symptom(Level.WARN, f"no publisher of {side.what}", text)
    elif side.silent > SILENCE:
        text = (
            f"{side.topic} has {side.publishers} publisher(s), but nothing has come for {side.silent:.0f} s. Look at "
            f"the log of the source of {side.what} and at its QoS (`ros2 topic info -v {side.topic}`)."
        )
        yield Symptom(Level.WARN, f"{side.what} silent", text)
    elif side.unmatched > SILENCE:
        text = (
            f"Nothing on {side.topic} fits the stamp of an image on {images} for {side.unmatched:.0f} s. The source of "
            f"{side.what} must copy header.stamp from the image, or take its pictures at the same time."
        )
        yield Symptom(Level.WARN, f"{side.what} match no image", text)
