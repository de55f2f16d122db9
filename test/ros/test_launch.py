"""The launch files: what `ros2 launch` starts, with which topics and parameters; and the demo for real."""

from __future__ import annotations

import ast
import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from deephar_ros.msg import Skeleton3DArray

if TYPE_CHECKING:
    from conftest import Peer

REPO = Path(__file__).resolve().parents[2]
PROBE = Path(__file__).with_name("launch_probe.py")
TRANSPORT = {"FASTDDS_DEFAULT_PROFILES_FILE", "FASTRTPS_DEFAULT_PROFILES_FILE", "CYCLONEDDS_URI"}


@pytest.fixture
def ros2() -> list[str]:
    """The command line up to the launch file."""
    pytest.importorskip("ros2launch", reason="the ROS wheels have no ros2 launch")
    return ["ros2", "launch"]


def probe(ros2: list[str], folder: Path, file: str, *arguments: str, **environment: str) -> dict[str, dict[str, Any]]:
    """What each node of a launch file would be started with, by the name of its executable."""
    kept = {name: value for name, value in os.environ.items() if name not in TRANSPORT} | environment
    done = subprocess.run(
        [*ros2, str(REPO / "launch" / file), *arguments, f"launch-prefix:={sys.executable} {PROBE} {folder}"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env=kept | {"ROS_LOG_DIR": str(folder / "log")},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return {file.stem: json.loads(file.read_text()) for file in folder.glob("*.json")}


def test_without_arguments_everything_is_as_the_parameter_file_says(ros2: list[str], tmp_path: Path) -> None:
    nodes = probe(ros2, tmp_path, "perception.launch.py")
    node = nodes.pop("perception_node")
    assert nodes == {}
    assert (node["name"], node["namespace"]) == ("perception_node", "/")
    assert (node["remappings"], node["parameters"]) == ({}, {})
    declared = yaml.safe_load(Path(*node["params_files"]).read_text())
    assert "min_confidence" in declared["/**"]["ros__parameters"]


def test_every_argument_reaches_the_node(ros2: list[str], tmp_path: Path) -> None:
    params_file = tmp_path / "my.yaml"
    params_file.touch()
    arguments = ["namespace:=robot", "image:=/camera/color/rgb", f"params_file:={params_file}", "log_level:=debug"]
    arguments += ["model:=007", "backend:=torch", "device:=cpu"]
    arguments += ["image_transport:=compressed", "box_source:=full_image"]
    node = probe(ros2, tmp_path, "perception.launch.py", *arguments, "autostart:=false", "use_sim_time:=true")[
        "perception_node"
    ]
    assert node["remappings"] == {
        "image": "/camera/color/rgb",
        "camera_info": "/camera/color/camera_info",
    }
    assert (node["namespace"], node["params_files"]) == ("/robot", [str(params_file)])
    assert node["log_level"] == "debug"
    assert node["parameters"] == {
        "checkpoint": "007",  # a folder, not a number
        "backend": "torch",
        "device": "cpu",
        "image_transport": "compressed",
        "box_source": "full_image",
        "autostart": False,
        "use_sim_time": True,
    }


def test_several_cameras_share_one_node_with_a_topic_each(ros2: list[str], tmp_path: Path) -> None:
    arguments = ["cameras:=front left", "images:=/front/image_raw /left/image_raw"]
    nodes = probe(ros2, tmp_path, "multi_camera.launch.py", *arguments, "camera_infos:=/calibration/1 /calibration/2")
    assert list(nodes) == ["perception_node"]
    assert nodes["perception_node"]["parameters"] == {"cameras": ["front", "left"]}
    assert nodes["perception_node"]["remappings"] == {
        "front/image": "/front/image_raw",
        "front/camera_info": "/calibration/1",
        "left/image": "/left/image_raw",
        "left/camera_info": "/calibration/2",
    }


def test_cameras_may_be_written_as_a_list_and_keep_their_own_topics(ros2: list[str], tmp_path: Path) -> None:
    node = probe(ros2, tmp_path, "perception.launch.py", "cameras:=[front, left]")["perception_node"]
    assert node["parameters"] == {"cameras": ["front", "left"]}
    assert node["remappings"] == {}


def test_rviz_is_started_on_request(ros2: list[str], tmp_path: Path) -> None:
    # Only that it can be found is made up; what is started in its place is the probe.
    program, entry = tmp_path / "lib/rviz2/rviz2", tmp_path / "share/ament_index/resource_index/packages/rviz2"
    for file in (program, entry):
        file.parent.mkdir(parents=True)
        file.touch(0o755)
    prefixes = f"{os.environ['AMENT_PREFIX_PATH']}{os.pathsep}{tmp_path}"
    arguments = ["rviz:=true", "use_sim_time:=true", "namespace:=robot"]
    nodes = probe(ros2, tmp_path, "perception.launch.py", *arguments, AMENT_PREFIX_PATH=prefixes)
    assert set(nodes) == {"perception_node", "rviz2"}
    assert nodes["rviz2"]["display"].endswith("share/deephar_ros/config/perception.rviz")
    assert (nodes["rviz2"]["namespace"], nodes["rviz2"]["parameters"]) == ("/robot", {"use_sim_time": True})


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["cameras:=front left", "image:=/front/image_raw"], r"image names 1 topic\(s\) for 2 camera\(s\)"),
        (["image:=/front/image_raw /left/image_raw"], r"image names 2 topic\(s\) for 1 camera\(s\)"),
        (["params_file:=/nowhere.yaml"], "params_file is not a file: /nowhere.yaml"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_the_reason(
    arguments: list[str], reason: str, ros2: list[str], tmp_path: Path
) -> None:
    with pytest.raises(AssertionError, match=reason):
        probe(ros2, tmp_path, "perception.launch.py", *arguments)


def test_the_demo_plays_its_source_in_the_namespace_of_the_node(ros2: list[str], tmp_path: Path) -> None:
    nodes = probe(ros2, tmp_path, "demo.launch.py", "namespace:=robot", "source:=0", "loop:=false")
    assert {name: node["namespace"] for name, node in nodes.items()} == {
        "perception_node": "/robot",
        "video_publisher": "/robot",
    }
    assert nodes["video_publisher"]["parameters"]["source"] == "0"


@pytest.mark.parametrize("file", ["perception.launch.py", "demo.launch.py"])
def test_every_node_gets_the_tuned_transport_but_what_is_set_stays(file: str, ros2: list[str], tmp_path: Path) -> None:
    for node in probe(ros2, tmp_path, file, CYCLONEDDS_URI="mine").values():
        assert node["environment"]["CYCLONEDDS_URI"] == "mine"
        assert Path(node["environment"]["FASTDDS_DEFAULT_PROFILES_FILE"]).is_file()
        assert int(node["environment"]["MALLOC_TRIM_THRESHOLD_"]) > 0


def test_the_demo_plays_and_ctrl_c_ends_it_cleanly(ros2: list[str], peer: Peer, tmp_path: Path) -> None:
    skeletons = peer.listen(Skeleton3DArray, "/skeletons")
    with (tmp_path / "output").open("w") as output:
        launch = subprocess.Popen(
            [*ros2, str(REPO / "launch" / "demo.launch.py")], stdout=output, stderr=output, start_new_session=True
        )
    try:
        assert peer.spin_until(lambda: len(skeletons) >= 3, 60)
    finally:
        launch.send_signal(signal.SIGINT)
        assert launch.wait(20) == 0
    printed = (tmp_path / "output").read_text()
    assert printed.count("process has finished cleanly") == 2, printed


def test_the_readme_lists_every_argument_of_the_perception_launch_file() -> None:
    code = ast.parse((REPO / "launch" / "perception.launch.py").read_text())
    tables = [node.value for node in code.body if isinstance(node, (ast.Assign, ast.AnnAssign))]
    keys = [key for table in tables if isinstance(table, ast.Dict) for key in table.keys]
    arguments = {key.value for key in keys if isinstance(key, ast.Constant)}
    section = (REPO / "README.md").read_text().split("perception.launch.py image:=", 1)[1].split("\n## ", 1)[0]
    assert arguments
    assert set(re.findall(r"^\| `(\w+)`", section, re.MULTILINE)) == arguments
