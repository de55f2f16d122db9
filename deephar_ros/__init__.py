"""SPNet for ROS 2: 3D human pose and action recognition from a camera (Luvizon, Picard, Tabia, TPAMI 2020)."""

# The messages (deephar_ros.msg) are generated into the installed package; without this line a Python started in the
# source folder would see only the sources and not find them.
__path__ = __import__("pkgutil").extend_path(__path__, __name__)

__version__ = "0.1.0"
