"""Starts the perception node on a camera's image topic.

ros2 launch deephar_ros perception.launch.py image:=/camera/image_raw
"""

from pathlib import Path

from ament_index_python.packages import get_package_share_directory
from launch.actions import DeclareLaunchArgument, SetEnvironmentVariable
from launch.substitutions import EnvironmentVariable, LaunchConfiguration
from launch_ros.actions import Node

from launch import LaunchDescription

SHARE = Path(get_package_share_directory("deephar_ros"))


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


def generate_launch_description() -> LaunchDescription:
    arguments = {
        "namespace": ("", "namespace of the node and its topics"),
        "image": ("image", "topic of the camera images (sensor_msgs/Image)"),
        "params_file": (str(SHARE / "config" / "perception.yaml"), "parameters of perception_node"),
        "use_sim_time": ("false", "take the time from /clock, for bags and simulators"),
    }
    return LaunchDescription(
        [
            DeclareLaunchArgument(name, default_value=value, description=text)
            for name, (value, text) in arguments.items()
        ]
        + tuned_transport()
        + [
            Node(
                package="deephar_ros",
                executable="perception_node",
                name="perception_node",
                namespace=LaunchConfiguration("namespace"),
                parameters=[
                    LaunchConfiguration("params_file"),
                    {"use_sim_time": LaunchConfiguration("use_sim_time")},
                ],
                remappings=[("image", LaunchConfiguration("image"))],
                output="screen",
                emulate_tty=True,
            )
        ]
    )
