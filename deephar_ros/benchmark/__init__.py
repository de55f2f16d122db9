"""Measures the network, the pipeline, the node and the start, for `python -m deephar_ros.cli.benchmark`."""
