"""What is said when something is wrong with an input."""

from __future__ import annotations

from dataclasses import replace

import pytest

from deephar_ros.finding import Level
from deephar_ros.node.symptoms import ClockState, InputState, SideInput, clock_symptoms, symptoms, worst

HEALTHY = InputState(
    topic="/camera/image", publishers=1, received=90, silent=0.03, running=60.0, rmw="rmw_fastrtps_cpp",
    stamp=1_700_000_000_000_000_000, age=0.02, info_topic="/camera/camera_info", calibrated=True,
)  # fmt: skip
NOTHING = replace(HEALTHY, received=0, silent=3.0, running=3.0, stamp=None, age=None, calibrated=None)
DETECTIONS = SideInput("detections", "/yolo/detections", publishers=1, silent=0.1, unmatched=0.1)

CASES = {
    "no publisher": (
        replace(NOTHING, publishers=0),
        Level.ERROR,
        ["Nobody publishes /camera/image", "ros2 topic list", "image:="],
    ),
    "no publisher, others elsewhere": (
        replace(NOTHING, publishers=0, other_image_topics=("/a", "/b", "/c", "/d")),
        Level.ERROR,
        ["published on /a, /b, /c."],
    ),
    "incompatible QoS": (
        replace(NOTHING, incompatible_policy="RELIABILITY", silent=0.1),
        Level.ERROR,
        ["another RELIABILITY", "image_qos", "qos_overrides./camera/image.subscription.reliability"],
    ),
    "silent on Fast DDS": (
        NOTHING,
        Level.ERROR,
        ["1 publisher(s)", "for 3 s", "FASTDDS_DEFAULT_PROFILES_FILE", "fastdds.xml", "camera's process"],
    ),
    "silent on CycloneDDS": (
        replace(NOTHING, rmw="rmw_cyclonedds_cpp"),
        Level.ERROR,
        ["CYCLONEDDS_URI", "cyclonedds.xml", "net.core.rmem_max"],
    ),
    "stopped, publisher gone": (
        replace(HEALTHY, silent=7.2, publishers=0),
        Level.ERROR,
        ["stopped 7 s ago", "publisher is gone"],
    ),
    "stopped, publisher there": (replace(HEALTHY, silent=7.2), Level.ERROR, ["stopped 7 s ago", "still there"]),
    "unsupported encoding": (
        replace(HEALTHY, unsupported_encoding="yuv422_yuy2", bad_rate=30.0),
        Level.ERROR,
        ["encoding yuv422_yuy2", "cv_bridge"],
    ),
    "bad images": (
        replace(HEALTHY, bad_rate=2.5, bad_reason="step 10 is shorter than a row"),
        Level.WARN,
        ["2.5 images per second", "step 10 is shorter than a row"],
    ),
    "no camera_info": (
        replace(HEALTHY, calibrated=None),
        Level.WARN,
        ["Nothing on /camera/camera_info", "relative"],
    ),
    "uncalibrated": (replace(HEALTHY, calibrated=False), Level.WARN, ["/camera/camera_info", "uncalibrated"]),
    "zero stamps": (replace(HEALTHY, stamp=0, age=1.7e9), Level.ERROR, ["no time stamp", "header.stamp"]),
    "equal stamps": (replace(HEALTHY, stamp_stalled=4.0), Level.ERROR, ["same time stamp for 4 s", "header.stamp"]),
    "old stamps": (replace(HEALTHY, age=3.1), Level.WARN, ["3.1 s old", "chrony", "use_sim_time:=true"]),
    "stamps ahead": (replace(HEALTHY, age=-0.5), Level.WARN, ["0.5 s in the future", "chrony"]),
    "no detector": (
        replace(HEALTHY, sides=(replace(DETECTIONS, silent=5.0, unmatched=5.0, publishers=0),)),
        Level.WARN,
        ["Nobody publishes /yolo/detections"],
    ),
    "silent detector": (
        replace(HEALTHY, sides=(replace(DETECTIONS, silent=5.0, unmatched=5.0),)),
        Level.WARN,
        ["/yolo/detections has 1 publisher(s)", "for 5 s"],
    ),
    "detections that match no image": (
        replace(HEALTHY, sides=(replace(DETECTIONS, unmatched=5.0),)),
        Level.WARN,
        ["Nothing on /yolo/detections fits", "/camera/image", "header.stamp"],
    ),
}


@pytest.mark.parametrize(("state", "level", "words"), CASES.values(), ids=CASES)
def test_each_cause_has_one_sentence_with_its_remedy(state: InputState, level: Level, words: list[str]) -> None:
    (symptom,) = symptoms(state)
    assert symptom.level is level
    assert [word for word in words if word not in symptom.sentence] == []
    assert 0 < len(symptom.summary) <= 40
    assert symptom.sentence.endswith(".")


@pytest.mark.parametrize(
    "state",
    [
        HEALTHY,
        replace(HEALTHY, calibrated=None, running=4.0),
        replace(NOTHING, silent=1.0, running=1.0, publishers=0),
        replace(HEALTHY, age=None),
        replace(HEALTHY, age=0.9),
        replace(HEALTHY, incompatible_policy="DURABILITY"),  # another publisher's images do come
        replace(HEALTHY, sides=(DETECTIONS,)),
    ],
)
def test_a_healthy_or_just_started_input_has_no_symptom(state: InputState) -> None:
    assert symptoms(state) == []


def test_the_worst_symptom_comes_first() -> None:
    found = symptoms(replace(HEALTHY, calibrated=False, stamp=0))
    assert [symptom.level for symptom in found] == [Level.ERROR, Level.WARN]
    assert worst(found) is Level.ERROR
    assert worst([]) is Level.OK


def test_without_images_nothing_else_is_blamed() -> None:
    (symptom,) = symptoms(replace(NOTHING, calibrated=None, running=60.0, bad_rate=1.0, stamp=0))
    assert symptom.summary == "publisher, but no images"


def test_a_clock_that_does_not_run_is_named_with_the_remedy() -> None:
    (absent,) = clock_symptoms(ClockState(use_sim_time=True, time=0, stalled=2.5))
    assert absent.level is Level.ERROR
    assert "nobody publishes /clock" in absent.sentence
    assert "ros2 bag play --clock" in absent.sentence
    assert "use_sim_time:=false" in absent.sentence
    (stopped,) = clock_symptoms(ClockState(use_sim_time=True, time=5_000_000_000, stalled=3.2))
    assert stopped.level is Level.WARN
    assert "stood still for 3 s" in stopped.sentence


def test_a_running_clock_and_the_wall_clock_have_no_symptom() -> None:
    assert clock_symptoms(ClockState(use_sim_time=True, time=5, stalled=0.4)) == []
    assert clock_symptoms(ClockState(use_sim_time=False, time=5, stalled=9.0)) == []
