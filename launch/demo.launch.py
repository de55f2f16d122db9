"""Plays a video (default: the clip that comes with the package) or a camera through the perception node.

ros2 launch deephar_ros demo.launch.py source:=/path/to/video.mp4
ros2 topic echo /action_probs
"""

from pathlib import Path

from ament_index_python.packages import get_package_share_directory
from launch.actions import DeclareLaunchArgument, IncludeLaunchDescription
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node
from launch_ros.parameter_descriptions import ParameterValue

from launch import LaunchDescription


def generate_launch_description() -> LaunchDescription:
    perception = Path(get_package_share_directory("deephar_ros")) / "launch" / "perception.launch.py"
    return LaunchDescription(
        [
            DeclareLaunchArgument("source", default_value="", description="video, image folder, bag or camera"),
            DeclareLaunchArgument("loop", default_value="true", description="start again when the source ends"),
            IncludeLaunchDescription(PythonLaunchDescriptionSource(str(perception))),
            Node(
                package="deephar_ros",
                executable="video_publisher",
                name="video_publisher",
                namespace=LaunchConfiguration("namespace"),
                parameters=[
                    {
                        # A camera may be called "0": without the type, launch would pass a number.
                        "source": ParameterValue(LaunchConfiguration("source"), value_type=str),
                        "loop": ParameterValue(LaunchConfiguration("loop"), value_type=bool),
                        "wait_for_subscribers": 1,
                    }
                ],
                output="screen",
                emulate_tty=True,
            ),
        ]
    )
