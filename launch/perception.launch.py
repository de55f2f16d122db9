"""Starts the perception node on the images of one camera, or of several.

ros2 launch deephar_ros perception.launch.py image:=/camera/image_raw
ros2 launch deephar_ros perception.launch.py cameras:="front left" image:="/front/image_raw /left/image_raw"
"""

from itertools import zip_longest
from pathlib import Path

from ament_index_python.packages import get_package_share_directory
from launch.actions import DeclareLaunchArgument, OpaqueFunction, SetEnvironmentVariable
from launch.conditions import IfCondition
from launch.substitutions import EnvironmentVariable, LaunchConfiguration
from launch_ros.actions import Node
from launch_ros.parameter_descriptions import ParameterValue

from launch import LaunchContext, LaunchDescription

SHARE = Path(get_package_share_directory("deephar_ros"))

ARGUMENTS = {
    "namespace": ("", "namespace of the node and its topics"),
    "cameras": ("", "names of several cameras, the first part of their topics; empty: one camera without a name"),
    "image": ("", "topic of the images; with several cameras, one for each; empty: image, front/image"),
    "camera_info": ("", "topic of the calibration, likewise; empty: camera_info beside the image"),
    "params_file": (str(SHARE / "config" / "perception.yaml"), "parameters of perception_node"),
    "rviz": ("false", "show camera, skeletons and actions in rviz2"),
    "log_level": ("info", "debug, info, warn, error or fatal"),
}
PARAMETERS: dict[str, tuple[str, type, str]] = {
    "model": ("checkpoint", str, "checkpoint folder"),
    "backend": ("backend", str, "what runs the network: auto, torch, tensorrt or onnxruntime"),
    "device": ("device", str, "where the network runs: auto, cpu, cuda, cuda:1"),
    "image_transport": ("image_transport", str, "raw or compressed"),
    "box_source": ("box_source", str, "who finds people: auto, detections, localizer or full_image"),
    "autostart": ("autostart", bool, "false: wait for a lifecycle manager"),
    "use_sim_time": ("use_sim_time", bool, "take the time from /clock, for bags and simulators"),
}
"""Arguments that set a parameter: its name, its type, what it does. Empty: it stays as params_file says."""


def tuned_transport() -> list[SetEnvironmentVariable]:
    """DDS profiles and malloc thresholds without which large images are lost or slow; what the user has set stays."""
    defaults = {
        "FASTDDS_DEFAULT_PROFILES_FILE": str(SHARE / "config" / "dds" / "fastdds.xml"),
        "FASTRTPS_DEFAULT_PROFILES_FILE": str(SHARE / "config" / "dds" / "fastdds.xml"),
        "CYCLONEDDS_URI": f"file://{SHARE / 'config' / 'dds' / 'cyclonedds.xml'}",
        "MALLOC_MMAP_THRESHOLD_": "67108864",
        "MALLOC_TRIM_THRESHOLD_": "268435456",
    }
    return [
        SetEnvironmentVariable(name, EnvironmentVariable(name, default_value=value)) for name, value in defaults.items()
    ]


def words(text: str) -> list[str]:
    """The entries of "front left" or "[front, left]"."""
    return text.strip("[] ").replace(",", " ").split()


def remappings(cameras: list[str], images: list[str], infos: list[str]) -> list[tuple[str, str]]:
    """From the topics of the node to those of the cameras.

    Raises:
        ValueError: there are topics, but not one for each camera.
    """
    for what, topics in (("image", images), ("camera_info", infos)):
        if topics and len(topics) != max(len(cameras), 1):
            raise ValueError(f"{what} names {len(topics)} topic(s) for {max(len(cameras), 1)} camera(s)")
    pairs = []
    for camera, image, info in zip_longest(cameras, images, infos, fillvalue=""):
        prefix = f"{camera}/" if camera else ""
        beside = image[: image.rfind("/") + 1] + "camera_info"
        if image:
            pairs.append((f"{prefix}image", image))
        if image or info:
            pairs.append((f"{prefix}camera_info", info or beside))
    return pairs


def start(context: LaunchContext) -> list[Node]:
    """The node, and rviz on request. The node brings itself up; a LifecycleNode would need events for it on Humble."""
    given = {name: LaunchConfiguration(name).perform(context) for name in [*ARGUMENTS, *PARAMETERS]}
    if not Path(given["params_file"]).is_file():  # launch would go on without it
        raise FileNotFoundError(f"params_file is not a file: {given['params_file']}")
    parameters = {
        parameter: ParameterValue(LaunchConfiguration(name), value_type=kind)
        for name, (parameter, kind, _) in PARAMETERS.items()
        if given[name]
    }
    cameras = words(given["cameras"])
    if cameras:
        parameters["cameras"] = cameras
    return [
        Node(
            package="rviz2",
            executable="rviz2",
            namespace=given["namespace"],
            arguments=["-d", str(SHARE / "config" / "perception.rviz")],
            parameters=[{"use_sim_time": parameters.get("use_sim_time", False)}],
            condition=IfCondition(given["rviz"]),
        ),
        Node(
            package="deephar_ros",
            executable="perception_node",
            name="perception_node",
            namespace=given["namespace"],
            parameters=[given["params_file"], parameters],
            remappings=remappings(cameras, words(given["image"]), words(given["camera_info"])),
            ros_arguments=["--log-level", given["log_level"]],
            output="screen",
            emulate_tty=True,
        ),
    ]


def generate_launch_description() -> LaunchDescription:
    declared = ARGUMENTS | {
        name: ("", f"{text}; empty: as params_file says") for name, (_, _, text) in PARAMETERS.items()
    }
    return LaunchDescription(
        [
            *(
                DeclareLaunchArgument(name, default_value=value, description=text)
                for name, (value, text) in declared.items()
            ),
            *tuned_transport(),
            OpaqueFunction(function=start),
        ]
    )
