"""The doctor, as a user calls it, and its checks of machines that are not this one."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from rclpy.node import Node
from sensor_msgs.msg import Image

from deephar_ros.checkpoint import load_checkpoint, save_checkpoint
from deephar_ros.doctor import (
    check_checkpoint,
    check_discovery,
    check_distribution,
    check_library,
    check_optional,
    check_python,
    check_ros,
    run,
)
from deephar_ros.finding import Finding, Level
from deephar_ros.model.spnet import SPNet
from deephar_ros.share import share_folder
from deephar_ros.transport import (
    check_cyclone_dds,
    check_fast_dds_profile,
    check_malloc,
    check_middleware,
    check_receive_buffer,
    check_shared_memory,
    receive_buffer,
)

if TYPE_CHECKING:
    from conftest import Peer

PROFILES = share_folder() / "config" / "dds"
TUNED = {
    "FASTDDS_DEFAULT_PROFILES_FILE": str(PROFILES / "fastdds.xml"),
    "FASTRTPS_DEFAULT_PROFILES_FILE": str(PROFILES / "fastdds.xml"),
}


def start_doctor(*arguments: str, **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, *arguments],
        env={**os.environ, **TUNED, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def test_the_command_passes_this_machine_warns_of_an_untuned_and_fails_a_broken_one(
    tiny_checkpoint: Path, tmp_path: Path
) -> None:
    program = ("-m", "deephar_ros.cli.doctor", "--checkpoint")
    well = start_doctor(*program, str(tiny_checkpoint))
    untuned = start_doctor(*program, str(tiny_checkpoint), **dict.fromkeys(TUNED, ""))
    broken = start_doctor(*program, str(tmp_path), RMW_IMPLEMENTATION="rmw_absent_cpp")
    report = well.communicate(timeout=60)[0]
    assert well.returncode == 0, report
    assert {line[:5] for line in report.splitlines()} <= {"ok   ", "warn "}, report
    for expected in ("Python 3.", "torch 2.", "model tiny", "rclpy works", "our messages", "Fast DDS profile"):
        assert f"ok   {expected}" in report
    report = untuned.communicate(timeout=60)[0]
    assert untuned.returncode == 0, report
    assert "DEFAULT_PROFILES_FILE is not set: Fast DDS silently loses" in report
    report = broken.communicate(timeout=60)[0]
    assert broken.returncode == 1
    fails = [line for line in report.splitlines() if line.startswith("FAIL")]
    assert len(fails) == 2, report
    assert f"{tmp_path} is not a checkpoint folder" in fails[0]
    assert "--checkpoint" in fails[0].split(" -> ")[1]
    assert "RMW_IMPLEMENTATION is rmw_absent_cpp" in fails[1]
    assert "unset RMW_IMPLEMENTATION" in fails[1].split(" -> ")[1]
    assert "sensor_msgs_py" in report  # the checks after a failing one ran as well


def test_a_topic_is_listened_to(peer: Peer) -> None:
    camera = Node("camera", namespace="head")
    images, _silent = camera.create_publisher(Image, "/image", 1), camera.create_publisher(Image, "/silent", 1)
    listeners = {
        topic: start_doctor("-m", "deephar_ros.node.doctor", topic) for topic in ("/image", "/silent", "/absent")
    }

    def publish() -> bool:
        image = Image(width=64, height=48, encoding="rgb8", step=192)
        image.header.stamp = camera.get_clock().now().to_msg()
        images.publish(image)
        return all(listener.poll() is not None for listener in listeners.values())

    assert peer.spin_until(publish, 30.0)
    camera.destroy_node()
    reports = {topic: listener.communicate()[0] for topic, listener in listeners.items()}
    assert {topic: listener.returncode for topic, listener in listeners.items()} == {
        "/image": 0, "/silent": 1, "/absent": 1,
    }, reports  # fmt: skip
    assert "ok   /head/camera publishes sensor_msgs/msg/Image on /image (reliable, volatile)" in reports["/image"]
    assert "images/s, rgb8, 64x48" in reports["/image"]
    assert "FAIL /silent has 1 publisher(s), but no image has come" in reports["/silent"]
    assert "fastdds.xml" in reports["/silent"]
    assert "FAIL Nobody publishes /absent. Images are published on /image, /silent." in reports["/absent"]


def test_the_command_passes_on_what_the_listener_says(tiny_checkpoint: Path) -> None:
    doctor = start_doctor("-m", "deephar_ros.cli.doctor", "--checkpoint", str(tiny_checkpoint), "--topic", "not a name")
    report = doctor.communicate(timeout=60)[0]
    assert doctor.returncode == 1
    assert report.splitlines()[-1].startswith("FAIL cannot listen to not a name: ")
    assert "topic name must not contain" in report.splitlines()[-1]


@pytest.mark.parametrize("name", ["FASTDDS_DEFAULT_PROFILES_FILE", "FASTRTPS_DEFAULT_PROFILES_FILE"])
def test_our_fast_dds_profile_is_good(name: str) -> None:
    assert check_fast_dds_profile({name: TUNED[name]}).level is Level.OK


def test_a_profile_with_small_segments_or_none_is_warned_of(tmp_path: Path) -> None:
    path = tmp_path / "tiny.xml"
    text = (PROFILES / "fastdds.xml").read_text()
    path.write_text(text.replace("<segment_size>67108864", "<segment_size>524288"))
    found = check_fast_dds_profile({"FASTRTPS_DEFAULT_PROFILES_FILE": str(path), "ROS_DISTRO": "humble"})
    assert found.level is Level.WARN
    assert "524288" in found.text
    assert "segment_size to 67108864" in found.remedy
    path.write_text("<profiles/>")
    assert check_fast_dds_profile({"FASTDDS_DEFAULT_PROFILES_FILE": str(path)}).level is Level.WARN


def test_no_profile_is_warned_of_with_the_line_to_type() -> None:
    found = check_fast_dds_profile({"ROS_DISTRO": "jazzy", "FASTDDS_DEFAULT_PROFILES_FILE": "/only/new/name.xml"})
    assert found.level is Level.WARN
    assert f" FASTRTPS_DEFAULT_PROFILES_FILE={PROFILES / 'fastdds.xml'} " in found.remedy


@pytest.mark.parametrize("content", [None, "<profiles>", "<p><segment_size>64 MB</segment_size></p>"])
def test_an_unreadable_profile_fails(tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "profile.xml"
    if content is not None:
        path.write_text(content)
    assert check_fast_dds_profile({"FASTDDS_DEFAULT_PROFILES_FILE": str(path)}).level is Level.ERROR


def test_shared_memory_must_be_writable_and_large(tmp_path: Path) -> None:
    assert check_shared_memory(tmp_path, needed=1).level is Level.OK
    full = check_shared_memory(tmp_path, needed=2**60)
    assert (full.level, "--shm-size" in full.remedy) == (Level.WARN, True)
    assert check_shared_memory(tmp_path / "absent").level is Level.WARN


def test_cyclone_dds_needs_our_buffer_and_a_kernel_that_grants_it(tmp_path: Path) -> None:
    ours = {"CYCLONEDDS_URI": f"file://{PROFILES / 'cyclonedds.xml'}"}
    rmem_max = tmp_path / "rmem_max"
    rmem_max.write_text("8388608\n")
    assert [found.level for found in check_cyclone_dds(ours, rmem_max)] == [Level.OK, Level.OK]
    unset, _ = check_cyclone_dds({}, rmem_max)
    assert unset.level is Level.WARN
    assert f"export CYCLONEDDS_URI=file://{PROFILES / 'cyclonedds.xml'}" in unset.remedy
    rmem_max.write_text("212992\n")
    _, kernel = check_cyclone_dds(ours, rmem_max)
    assert kernel.level is Level.ERROR
    assert "sysctl -w net.core.rmem_max=4194304" in kernel.remedy
    assert check_receive_buffer(0, rmem_max).level is Level.WARN
    (unreadable,) = check_cyclone_dds({"CYCLONEDDS_URI": "file:///absent.xml"}, rmem_max)
    assert unreadable.level is Level.ERROR


def test_a_cyclone_dds_uri_may_be_text_or_several_files(tmp_path: Path) -> None:
    text = "<CycloneDDS><Domain><Internal><SocketReceiveBufferSize min='{}'/></Internal></Domain></CycloneDDS>"
    assert receive_buffer(text.format("10MB")) == 10 * 2**20
    assert receive_buffer("<CycloneDDS/>") == 0
    (tmp_path / "a.xml").write_text(text.format("512 kB"))
    assert receive_buffer(f"file://{PROFILES / 'cyclonedds.xml'},{tmp_path / 'a.xml'}") == 512 * 2**10
    with pytest.raises(ValueError, match="big"):
        receive_buffer(text.format("big"))


def test_each_middleware_has_its_checks() -> None:
    assert "Fast DDS" in check_middleware("rmw_fastrtps_cpp", TUNED)[0].text
    assert "CYCLONEDDS_URI" in check_middleware("rmw_cyclonedds_cpp", {})[0].text
    assert check_middleware("rmw_zenoh_cpp", {})[0].level is Level.OK


def test_malloc_thresholds_must_both_hold_an_image() -> None:
    tuned = {"MALLOC_MMAP_THRESHOLD_": "67108864", "MALLOC_TRIM_THRESHOLD_": "268435456"}
    assert check_malloc(tuned).level is Level.OK
    found = check_malloc({**tuned, "MALLOC_TRIM_THRESHOLD_": "131072"})
    assert found.level is Level.WARN
    assert "MALLOC_TRIM_THRESHOLD_" in found.text
    assert "MALLOC_MMAP" not in found.text


@pytest.mark.parametrize(
    ("environment", "level", "word"),
    [
        ({}, Level.OK, "is 0"),
        ({"ROS_DOMAIN_ID": "42", "ROS_AUTOMATIC_DISCOVERY_RANGE": "LOCALHOST"}, Level.OK, "42"),
        ({"ROS_DOMAIN_ID": "150"}, Level.WARN, "ports"),
        ({"ROS_DOMAIN_ID": "300"}, Level.ERROR, "not valid"),
        ({"ROS_DOMAIN_ID": "robot"}, Level.ERROR, "not valid"),
        ({"ROS_LOCALHOST_ONLY": "1", "ROS_DISTRO": "jazzy"}, Level.WARN, "deprecated"),
        ({"ROS_LOCALHOST_ONLY": "1", "ROS_DISTRO": "humble"}, Level.OK, "is 0"),
        ({"ROS_AUTOMATIC_DISCOVERY_RANGE": "OFF"}, Level.WARN, "no other node"),
    ],
)
def test_discovery_settings_that_keep_nodes_apart_are_found(
    environment: dict[str, str], level: Level, word: str
) -> None:
    worst = max(check_discovery(environment), key=lambda finding: finding.level)
    assert worst.level is level
    assert word in worst.text


def test_versions_and_libraries_that_do_not_fit_are_named() -> None:
    assert check_python((3, 9, 1)).level is Level.ERROR
    assert check_python((3, 15, 0)).level is Level.WARN
    assert check_distribution({"ROS_DISTRO": "foxy"}).level is Level.WARN
    absent = check_library("no_such_library", "no-such-library")
    assert str(absent) == "FAIL no_such_library cannot be imported: No module named 'no_such_library'" + (
        " -> pip install no-such-library"
    )
    assert "is off: everything" in check_optional("no_such_library", "everything").text


def test_without_ros_the_remedy_is_to_source_it(tmp_path: Path) -> None:
    (tmp_path / "rclpy.py").write_text("raise ImportError('librcl_action.so: cannot open shared object file')")
    (found,) = check_ros({**os.environ, "PYTHONPATH": str(tmp_path)})
    assert found.level is Level.ERROR
    assert "librcl_action.so: cannot open shared object file" in found.text
    assert "source /opt/ros/" in found.remedy


def test_untrained_outputs_are_warned_of(tiny_net: SPNet, tiny_checkpoint: Path, tmp_path: Path) -> None:
    assert [finding.level for finding in check_checkpoint(tiny_checkpoint)] == [Level.OK]
    spec = replace(load_checkpoint(tiny_checkpoint)[1], depth_trained=False, action_trained=False)
    save_checkpoint(tmp_path, tiny_net, spec, "")
    found = check_checkpoint(tmp_path)
    assert [finding.level for finding in found] == [Level.OK, Level.WARN, Level.WARN]
    assert "MODEL_CARD.md" in found[1].remedy


def test_a_check_that_breaks_down_does_not_end_the_others() -> None:
    def broken() -> Finding:
        raise RuntimeError("no /proc here")

    (found,) = run(broken)
    assert found.level is Level.WARN
    assert "RuntimeError: no /proc here" in found.text
