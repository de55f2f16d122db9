"""Checks of a machine: is everything here that the node needs? Reads, never changes; needs no ROS itself."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

from deephar_ros.finding import Finding, Level
from deephar_ros.share import default_checkpoint
from deephar_ros.transport import check_malloc, check_middleware

OLDEST_PYTHON, NEWEST_PYTHON = (3, 10), (3, 14)
DISTRIBUTIONS = ("humble", "jazzy", "kilted", "lyrical", "rolling")
LIBRARIES = {
    "numpy": "numpy",
    "cv2": "opencv-python-headless",
    "yaml": "pyyaml",
    "safetensors": "safetensors",
    "av": "av",
}
"""What we import, and the name it has for pip."""
OPTIONAL = {
    "vision_msgs": "boxes from a detector (box_source detections), label_info",
    "tf2_ros": "positions in target_frame",
    "tf2_msgs": "joint frames on /tf",
    "hri_msgs": "the REP-155 topics",
    "sensor_msgs_py": "joints as a point cloud",
}
"""ROS packages that a machine may lack, and what is off without them."""
CV_BRIDGE = """
import array
from cv_bridge import CvBridge
from sensor_msgs.msg import Image
image = Image(height=2, width=2, encoding="bayer_rggb8", step=2, data=array.array("B", bytes(4)))
CvBridge().imgmsg_to_cv2(image, "rgb8")
"""
SOURCE_ROS = "source /opt/ros/DISTRO/setup.bash, then this workspace's install/setup.bash (or source scripts/env)"
MOST_DOMAIN_ID, SAFE_DOMAIN_ID = 232, 101
"""Above the first, ports do not exist; above the second, Linux hands the same ports out to other programs."""

Environment = Mapping[str, str]
Check = Callable[[], "Finding | list[Finding]"]


def examine(environment: Environment, checkpoint: Path | None = None) -> Iterator[Finding]:
    """All checks, one after the other; one that fails itself does not end the others."""
    checks: list[Check] = [
        check_python,
        *(lambda module=module, name=name: check_library(module, name) for module, name in LIBRARIES.items()),
        check_torch,
        check_backends,
        lambda: check_checkpoint(checkpoint),
        lambda: check_distribution(environment),
        lambda: check_ros(environment),
        check_messages,
        lambda: check_discovery(environment),
        lambda: check_malloc(environment),
        check_cv_bridge,
        lambda: [check_optional(name, use) for name, use in OPTIONAL.items()],
    ]
    for check in checks:
        yield from run(check)


def run(check: Check) -> list[Finding]:
    """What a check found; if it breaks down itself, that."""
    try:
        found = check()
    except Exception as error:
        return [Finding(Level.WARN, f"a check broke down: {type(error).__name__}: {error}", "please report it")]
    return found if isinstance(found, list) else [found]


def check_python(version: tuple[int, ...] = tuple(sys.version_info[:3])) -> Finding:
    text = f"Python {'.'.join(map(str, version))}"
    if version[:2] < OLDEST_PYTHON:
        return Finding(Level.ERROR, text, "install Python 3.10 or later")
    if version[:2] > NEWEST_PYTHON:
        return Finding(Level.WARN, f"{text} is newer than what was tried (3.14)")
    return Finding(Level.OK, text)


def check_library(module: str, name: str) -> Finding:
    """Whether a library that we need can be imported; `name`: for pip."""
    try:
        library = import_module(module)
    except ImportError as error:
        return Finding(Level.ERROR, f"{module} cannot be imported: {error}", f"pip install {name}")
    return Finding(Level.OK, f"{module} {getattr(library, '__version__', '')}".rstrip())


def check_torch() -> list[Finding]:
    try:
        import torch
    except (ImportError, OSError) as error:
        return [Finding(Level.ERROR, f"torch cannot be imported: {error}", "pip install torch (2.1 or later)")]
    version = Finding(Level.OK, f"torch {torch.__version__}, {torch.get_num_threads()} CPU threads")
    if tuple(map(int, torch.__version__.split(".")[:2])) < (2, 1):
        version = Finding(Level.ERROR, f"torch {torch.__version__} is too old", "pip install 'torch>=2.1'")
    if torch.cuda.is_available():
        (torch.zeros(1, device="cuda") + 1).item()  # shows whether this build knows this GPU
        return [version, Finding(Level.OK, f"CUDA {torch.version.cuda} on {torch.cuda.get_device_name()}")]
    if not has_nvidia_driver():
        return [version, Finding(Level.OK, "no NVIDIA GPU here: the network runs on the CPU")]
    if torch.version.cuda is None:
        return [
            version,
            Finding(Level.WARN, "torch is a CPU build, the GPU is idle", "https://pytorch.org: CUDA build"),
        ]
    try:
        torch.cuda.init()
        why = "no device is visible (CUDA_VISIBLE_DEVICES?)"
    except (RuntimeError, AssertionError) as error:
        why = str(error).splitlines()[0]
    return [version, Finding(Level.WARN, f"CUDA does not work: {why}", "compare `nvidia-smi` with torch.version.cuda")]


def has_nvidia_driver() -> bool:
    """Of a graphics card or of a Jetson."""
    return any(Path(path).exists() for path in ("/proc/driver/nvidia/version", "/dev/nvidiactl", "/dev/nvhost-gpu"))


def check_backends() -> list[Finding]:
    """What can run the network here, and what keeps the others from it; bad only if something installed is broken."""
    from deephar_ros.backend.choose import missing_packages  # imports torch

    return [
        Finding(Level.OK, f"backend {name} is off: {' and '.join(missing)} not installed")
        if (missing := missing_packages(name))
        else check()
        for name, check in {"torch": _torch, "onnxruntime": _onnxruntime, "tensorrt": _tensorrt}.items()
    ]


def _torch() -> Finding:
    import torch

    precisions = "float16, float32 and bfloat16 on CUDA" if torch.cuda.is_available() else "float32 and bfloat16"
    return Finding(Level.OK, f"backend torch works: {precisions}")


def _onnxruntime() -> Finding:
    try:
        onnxruntime = import_module("onnxruntime")
    except (ImportError, OSError) as error:
        return Finding(Level.WARN, f"backend onnxruntime is off: {error}", "pip install --force-reinstall onnxruntime")
    cuda = "CUDAExecutionProvider" in onnxruntime.get_available_providers()
    return Finding(
        Level.OK, f"backend onnxruntime {onnxruntime.__version__} works: {'CUDA and CPU' if cuda else 'CPU'}"
    )


def _tensorrt() -> Finding:
    """Never makes TensorRT touch the GPU, which crashes where there is none."""
    import torch

    from deephar_ros.backend.cache import Cache
    from deephar_ros.backend.engine_cache import ENGINES
    from deephar_ros.backend.engine_error import EngineError
    from deephar_ros.backend.tensorrt_build import load_tensorrt

    try:
        version = load_tensorrt().__version__
    except EngineError as error:
        return Finding(Level.WARN, f"backend tensorrt is off: {error}", "install 8.6 or later, made for your CUDA")
    if not torch.cuda.is_available():
        return Finding(Level.OK, f"backend tensorrt is off: TensorRT {version} is here, but no CUDA device")
    folder = Cache(ENGINES).folder
    count = len(list(folder.glob("*"))) if folder.is_dir() else 0
    return Finding(Level.OK, f"backend tensorrt works: TensorRT {version}, {count} engines in {folder}")


def check_optional(name: str, use: str) -> Finding:
    """Never bad: says what is off without this package."""
    here = find_spec(name) is not None
    return Finding(Level.OK, f"{name} is here: {use}" if here else f"without {name}, this is off: {use}")


def check_checkpoint(folder: Path | None) -> list[Finding]:
    """Whether the model, or the one that comes with the package, can be loaded; which outputs are trained."""
    from deephar_ros.checkpoint import CheckpointError, load_checkpoint

    try:
        folder = folder or default_checkpoint()
        _, spec = load_checkpoint(folder)
    except (CheckpointError, OSError) as error:
        remedy = "give another folder (here --checkpoint, in the node the parameter checkpoint), or copy it again"
        return [Finding(Level.ERROR, f"no usable model: {error}", remedy)]
    found = [Finding(Level.OK, f"model {spec.name} from {folder}: {spec.network.num_joints} joints")]
    for what, trained in (("depth", spec.depth_trained), ("action", spec.action_trained)):
        if not trained:
            text = f"the {what} outputs of model {spec.name} are untrained"
            found.append(Finding(Level.WARN, text, f"see {folder / 'MODEL_CARD.md'}, or train them"))
    return found


def check_distribution(environment: Environment) -> Finding:
    distribution = environment.get("ROS_DISTRO", "")
    if distribution and distribution not in DISTRIBUTIONS:
        return Finding(Level.WARN, f"ROS 2 {distribution} was not tried", f"tried: {', '.join(DISTRIBUTIONS)}")
    return Finding(Level.OK, f"ROS 2 {distribution}" if distribution else "ROS_DISTRO is not set (ROS from wheels)")


def check_ros(environment: Environment) -> list[Finding]:
    """Imports rclpy in a process of its own; if that works, goes on with the checks of its middleware."""
    done = python("import rclpy; print(rclpy.get_rmw_implementation_identifier())", environment)
    if done.returncode == 0:
        rmw = done.stdout.strip()
        return [Finding(Level.OK, f"rclpy works, on {rmw}"), *check_middleware(rmw, environment)]
    wanted = environment.get("RMW_IMPLEMENTATION", "")
    if wanted and python("import rclpy", {**environment, "RMW_IMPLEMENTATION": ""}).returncode == 0:
        package = f"ros-{environment.get('ROS_DISTRO', 'DISTRO')}-{wanted.replace('_', '-')}"
        text = f"RMW_IMPLEMENTATION is {wanted}, which does not work here: {last_line(done)}"
        return [Finding(Level.ERROR, text, f"sudo apt install {package}, or unset RMW_IMPLEMENTATION")]
    return [Finding(Level.ERROR, f"rclpy cannot be imported: {last_line(done)}", SOURCE_ROS)]


def check_messages() -> Finding:
    done = python("from deephar_ros.msg import ActionProbs, Skeleton3DArray; ActionProbs(), Skeleton3DArray()")
    if done.returncode:
        return Finding(Level.ERROR, f"our messages cannot be imported: {last_line(done)}", SOURCE_ROS)
    return Finding(Level.OK, "our messages (deephar_ros.msg) can be imported")


def check_discovery(environment: Environment) -> list[Finding]:
    """Whether nodes with this environment find others."""
    domain = environment.get("ROS_DOMAIN_ID", "0") or "0"
    if not domain.isdigit() or int(domain) > MOST_DOMAIN_ID:
        remedy = f"a number from 0 to {SAFE_DOMAIN_ID}, the same for all nodes"
        return [Finding(Level.ERROR, f"ROS_DOMAIN_ID={domain} is not valid", remedy)]
    found = [Finding(Level.OK, f"ROS_DOMAIN_ID is {domain}")]
    if int(domain) > SAFE_DOMAIN_ID:
        found = [Finding(Level.WARN, f"ROS_DOMAIN_ID={domain} uses ports of other programs", "a number from 0 to 101")]
    if environment.get("ROS_LOCALHOST_ONLY", "0") == "1" and environment.get("ROS_DISTRO") != "humble":
        text = "ROS_LOCALHOST_ONLY is deprecated, and overrides ROS_AUTOMATIC_DISCOVERY_RANGE"
        found.append(Finding(Level.WARN, text, "unset it; export ROS_AUTOMATIC_DISCOVERY_RANGE=LOCALHOST"))
    scope = environment.get("ROS_AUTOMATIC_DISCOVERY_RANGE", "SUBNET")
    if scope not in ("SUBNET", "LOCALHOST", "SYSTEM_DEFAULT"):
        text = f"ROS_AUTOMATIC_DISCOVERY_RANGE is {scope}: no other node is found"
        found.append(Finding(Level.WARN, text, "SUBNET or LOCALHOST"))
    return found


def check_cv_bridge() -> Finding:
    """In a process of its own, and with a conversion: built for NumPy 1, it crashes under NumPy 2."""
    if find_spec("cv_bridge") is None:
        return Finding(Level.OK, "without cv_bridge, this is off: Bayer, YUV and other rare encodings")
    done = python(CV_BRIDGE)
    if done.returncode:
        text = f"cv_bridge breaks ({last_line(done)}): Bayer, YUV and other rare encodings are off"
        return Finding(Level.WARN, text, "a cv_bridge built for this NumPy, or pip install 'numpy<2'")
    return Finding(Level.OK, "cv_bridge is here: Bayer, YUV and other rare encodings")


def python(code: str, environment: Environment | None = None) -> subprocess.CompletedProcess[str]:
    """Runs code in another Python, which may crash."""
    return subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=60)


def last_line(done: subprocess.CompletedProcess[str]) -> str:
    """What a process said last, or how it ended."""
    lines = [line for line in done.stderr.splitlines() if line.strip()]
    return lines[-1].strip() if lines else f"exit status {done.returncode}"
