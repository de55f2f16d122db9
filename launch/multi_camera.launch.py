"""Starts one perception node, with one network, on several cameras.

ros2 launch deephar_ros multi_camera.launch.py cameras:="front left" images:="/front/image_raw /left/image_raw"
ros2 topic echo /front/skeletons
"""

from pathlib import Path

from ament_index_python.packages import get_package_share_directory
from launch.actions import DeclareLaunchArgument, IncludeLaunchDescription
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import LaunchConfiguration

from launch import LaunchDescription


def generate_launch_description() -> LaunchDescription:
    perception = Path(get_package_share_directory("deephar_ros")) / "launch" / "perception.launch.py"
    return LaunchDescription(
        [
            DeclareLaunchArgument("cameras", description="names of the cameras, the first part of their topics"),
            DeclareLaunchArgument(
                "images", default_value="", description="topic of the images of each; empty: front/image, left/image"
            ),
            DeclareLaunchArgument(
                "camera_infos",
                default_value="",
                description="topic of the calibration of each; empty: beside the image",
            ),
            IncludeLaunchDescription(
                PythonLaunchDescriptionSource(str(perception)),
                launch_arguments={
                    "image": LaunchConfiguration("images"),
                    "camera_info": LaunchConfiguration("camera_infos"),
                }.items(),
            ),
        ]
    )
