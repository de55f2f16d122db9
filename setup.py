"""Lets `pip install .` install the Python package on a machine without ROS; a ROS build (colcon) does not read this."""

from setuptools import setup

setup()  # everything stands in setup.cfg
