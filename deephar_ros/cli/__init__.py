"""Commands: `python -m deephar_ros.cli.NAME`."""
