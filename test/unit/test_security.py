"""What SECURITY.md promises of the code: see there for whom it is to be trusted with, and for what."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import cv2
import h5py
import numpy as np
import pytest
import yaml
from code_rules import ROOT, keywords, python_files, starts_with, uses
from test_loading import write_lsp

from deephar_ros.data.folder import load_folder_clips
from deephar_ros.data.human36m_metadata import read_cameras
from deephar_ros.data.samples import DatasetError
from deephar_ros.keras_file import KerasImportError
from deephar_ros.model.keras_import import import_keras
from deephar_ros.plain_xml import parse_xml
from deephar_ros.share import demo_clip
from deephar_ros.sources import SourceError, open_source
from deephar_ros.train.raw_predictions import BoxesError, read_boxes

GUARD = Path(__file__).with_name("no_network.py")

UNPICKLES = {
    *("pickle.load", "pickle.loads", "pickle.Unpickler", "cPickle", "_pickle", "cloudpickle", "dill", "joblib"),
    *("marshal", "shelve", "pandas.read_pickle", "torch.load", "torch.jit.load", "torch.package", "torch.hub"),
}
RUNS_TEXT = {"eval", "exec", "os.system", "os.popen", "subprocess.getoutput", "subprocess.getstatusoutput", "pty"}
BUILDS_OBJECTS = {
    "yaml.load",
    "yaml.load_all",
    "yaml.unsafe_load",
    "yaml.unsafe_load_all",
    "yaml.full_load",
    "yaml.Loader",
}
GUESSABLE_NAMES = {"tempfile.mktemp", "os.tempnam", "os.tmpnam"}
UNPACKS = {"tarfile", "shutil.unpack_archive", "zipimport"}
TALKS = {
    *("socket", "socketserver", "ssl", "urllib.request", "http", "ftplib", "smtplib", "xmlrpc", "asyncio"),
    *("requests", "httpx", "aiohttp", "websockets", "huggingface_hub", "transformers", "timm", "wandb"),
}
PARSES_XML = {"xml.dom", "xml.sax", "xml.parsers", "lxml", *(f"xml.etree.ElementTree.{f}" for f in ("parse", "XML"))}
FAIR = {"test/unit/test_crops_cache.py": {"pickle.loads"}}
"""What a test itself has pickled the line before."""


def offences(forbidden: set[str], *folders: str) -> list[str]:
    """ "file: name" for each forbidden name that the Python files of these folders use."""
    found = []
    for path in python_files(*folders):
        place = path.relative_to(ROOT).as_posix()
        found += [
            f"{place}: {n}" for n in sorted(set(uses(path))) if starts_with(n, forbidden - FAIR.get(place, set()))
        ]
    return found


def test_the_search_finds_what_it_looks_for(tmp_path: Path) -> None:
    bad = tmp_path / "bad.py"
    bad.write_text(
        "import numpy as np, os.path, torch as t\nfrom yaml import unsafe_load as read\nfrom subprocess import run\n"
        "read(t.load('x'))\nos.system('ls')\nnp.load('y', allow_pickle=True)\nrun('z', shell=True)\n(eval)('1')\n"
    )
    assert {"torch.load", "yaml.unsafe_load", "os.system", "numpy.load", "eval"} <= uses(bad)
    assert (keywords(bad, "allow_pickle"), keywords(bad, "shell")) == (["True"], ["True"])
    assert {path.parent.name for path in python_files()} >= {"deephar_ros", "node", "launch", "scripts", "unit"}


@pytest.mark.parametrize(
    "forbidden", [UNPICKLES, RUNS_TEXT, BUILDS_OBJECTS, GUESSABLE_NAMES], ids=["pickle", "text", "yaml", "names"]
)
def test_no_file_can_make_us_run_code(forbidden: set[str]) -> None:
    assert offences(forbidden) == []


def test_arrays_are_read_without_pickle_and_processes_started_without_a_shell() -> None:
    for path in python_files():
        assert set(keywords(path, "allow_pickle")) <= {"False"}, path
        assert set(keywords(path, "shell")) <= {"False"}, path


def test_the_package_neither_pickles_nor_unpacks_nor_talks_nor_parses_xml_with_document_types() -> None:
    ours = ("deephar_ros", "launch")
    assert offences({"pickle"} | UNPACKS | TALKS, *ours) == []
    for path in python_files(*ours):
        assert not [name for name in uses(path) if re.search(r"^(?!deephar_ros\.).*\.extract(all)?$", name)], path
    assert offences(PARSES_XML, *ours) == []
    fromstring = offences({"xml.etree.ElementTree.fromstring"}, *ours)
    assert fromstring == ["deephar_ros/plain_xml.py: xml.etree.ElementTree.fromstring"]


def test_engines_come_from_the_cache_or_the_builder_alone() -> None:
    loads = [
        path.name for path in python_files("deephar_ros", "launch") if "deserialize_cuda_engine" in path.read_text()
    ]
    assert loads == ["tensorrt_engine.py"]
    assert offences({"deephar_ros.backend.tensorrt_engine.Engine"}, "deephar_ros", "launch") == [
        "deephar_ros/backend/tensorrt_backend.py: deephar_ros.backend.tensorrt_engine.Engine"
    ]
    backend = ROOT / "deephar_ros" / "backend" / "tensorrt_backend.py"
    given = re.findall(r"Engine\(self\._trt, (\w+), ", backend.read_text())
    assert given == ["content", "built"]
    assert re.findall(r"(?:content|built) = (.*)", backend.read_text()) == [
        "cache.read(key)",
        "self._built(net, spec, graph, what)",
    ]


def test_shell_scripts_evaluate_nothing_and_download_nothing_but_packages() -> None:
    scripts = [path for path in (ROOT / "scripts").iterdir() if path.is_file() and path.suffix != ".py"]
    shells = [path for path in scripts if path.read_text().startswith("#!/usr/bin/env bash") or path.name == "env"]
    assert {path.name for path in shells} >= {"setup", "env", "test", "demo"}
    for path in [*shells, ROOT / ".ci" / "run"]:
        code = "\n".join(line.partition(" #")[0] for line in path.read_text().splitlines() if not line.startswith("#"))
        assert not re.search(r"(^|[;&|]\s*|\s)(eval|curl|wget|bash -c|sh -c)\s", code), path


def run_without_network(*arguments: str, pythonpath: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Runs a module; status 159 (or -31) means that it opened an internet socket and was killed for it."""
    paths = [str(pythonpath)] if pythonpath else []
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([*paths, str(ROOT), os.environ.get("PYTHONPATH", "")])}
    command = [sys.executable, str(GUARD), *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)


@pytest.mark.parametrize(
    "code",
    [
        "import socket; socket.create_connection(('127.0.0.1', 9))",
        "import socket; socket.socket(socket.AF_INET6)",
        "import socket; socket.getaddrinfo('localhost', 80)",
        "import urllib.request; urllib.request.urlopen('http://localhost')",
        "import ctypes; print('socket', ctypes.CDLL(None).socket(2, 1, 0))",
    ],
)
def test_the_guard_stops_whoever_uses_the_network(tmp_path: Path, code: str) -> None:
    (tmp_path / "culprit.py").write_text(code + "\nprint('got through')\n")
    done = run_without_network("culprit", pythonpath=tmp_path)
    if "no seccomp" in done.stderr and "ctypes" in code:
        pytest.skip(done.stderr)
    assert done.returncode != 0
    assert "got through" not in done.stdout


def test_people_are_found_in_a_video_without_any_network(tiny_checkpoint: Path, tmp_path: Path) -> None:
    (tmp_path / "videos").mkdir()
    (tmp_path / "videos" / "demo.mp4").symlink_to(demo_clip())
    done = run_without_network(
        *("deephar_ros.cli.predict", str(tiny_checkpoint), "--clips", str(tmp_path / "videos"), "--device", "cpu"),
        *("--out", str(tmp_path / "out.npz")),
    )
    assert done.returncode == 0, done.stderr
    with np.load(tmp_path / "out.npz") as predictions:
        assert predictions["clips"][0] > 1


def test_a_network_is_trained_without_any_network(tiny_config_file: Path, tmp_path: Path) -> None:
    done = run_without_network(
        *("deephar_ros.cli.train", str(tiny_config_file), "--data", str(tmp_path), "--out", str(tmp_path / "run")),
        *("--device", "cpu"),
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "run" / "weights.safetensors").is_file()


@pytest.fixture
def tiny_config_file(tmp_path: Path) -> Path:
    """Two steps on made-up pictures."""
    write_lsp(tmp_path / "people", persons=4)
    network = {"num_pyramids": 2, "num_levels": 2, "growth": 4, "image_div": 4}
    values = {
        "model": {"name": "tiny", "preset": "pose2d", "input_size": 32, "network": network},
        "data": {"sets": [{"name": "people", "reader": "lsp", "folder": "people"}]},
        "stages": [{"name": "pose", "epochs": 1, "epoch_steps": 2, "batch": 4, "pose": {"people": 1.0}}],
        "optimizer": {"kind": "rmsprop", "learning_rate": 0.001},
        "runtime": {"bfloat16": False, "workers": 1},
    }
    path = tmp_path / "tiny.yaml"
    path.write_text(yaml.safe_dump(values))
    return path


BOMB = '<!DOCTYPE x [<!ENTITY a "1 1 1 1 1 1 1 1 1 1">' + "".join(
    f'<!ENTITY {chr(98 + i)} "{10 * f"&{chr(97 + i)};"}">' for i in range(9)
)


@pytest.mark.parametrize(
    "text", [BOMB + "]><x><w0>&j;</w0></x>", '<!DOCTYPE x [<!ENTITY a SYSTEM "/etc/passwd">]><x><w0>&a;</w0></x>']
)
def test_xml_that_grows_or_names_another_file_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "metadata.xml").write_text(text)
    with pytest.raises(DatasetError, match="declares a document type"):
        read_cameras(tmp_path / "metadata.xml")


def test_no_encoding_hides_a_document_type(tmp_path: Path) -> None:
    (tmp_path / "metadata.xml").write_text(BOMB + "]><x><w0>&j;</w0></x>", encoding="utf-16")
    with pytest.raises(DatasetError, match="does not hold the cameras"):
        read_cameras(tmp_path / "metadata.xml")
    assert parse_xml('<?xml version="1.0" encoding="utf-8"?><x>ö</x>').text == "ö"


@pytest.mark.parametrize("name", ["../../secret/a.mp4", "/etc/passwd", "wave/../../a.mp4"])
def test_a_split_cannot_name_what_is_not_in_the_folder(tmp_path: Path, name: str) -> None:
    for clip in ("data/wave/a", "secret/b", "a"):
        (tmp_path / clip).mkdir(parents=True)
        cv2.imwrite(str(tmp_path / clip / "0.png"), np.zeros((6, 8, 3), np.uint8))
    (tmp_path / "data" / "split.json").write_text(json.dumps({"train": ["wave/a", name]}))
    with pytest.raises(DatasetError, match="which is not there"):
        load_folder_clips(tmp_path / "data", "train")


def test_boxes_cannot_name_pictures_elsewhere(tmp_path: Path) -> None:
    (tmp_path / "boxes.json").write_text(json.dumps({"a.png": [0, 0, 5, 5], "../b.png": [0, 0, 5, 5]}))
    with pytest.raises(BoxesError, match=r"no picture for \['\.\./b\.png'\]"):
        read_boxes(tmp_path / "boxes.json", ["a.png"])


@pytest.mark.parametrize("link", ["external link", "external storage", "virtual"])
def test_a_keras_file_cannot_bring_in_another_file(tmp_path: Path, link: str) -> None:
    secret, path = tmp_path / "secret.h5", tmp_path / "weights.h5"
    with h5py.File(secret, "w") as file:
        file["kernel:0"] = np.ones(4, np.float32)
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = [b"conv1"]
        group = file.create_group("conv1")
        group.attrs["weight_names"] = [b"kernel:0"]
        if link == "external link":
            group["kernel:0"] = h5py.ExternalLink(str(secret), "kernel:0")
        elif link == "external storage":
            group.create_dataset("kernel:0", (4,), np.float32, external=[(str(secret), 0, 16)])
        else:
            layout = h5py.VirtualLayout((4,), np.float32)
            layout[:] = h5py.VirtualSource(str(secret), "kernel:0", (4,))
            group.create_virtual_dataset("kernel:0", layout)
    with pytest.raises(KerasImportError, match="lies in another file"):
        import_keras(path)


@pytest.mark.parametrize(
    "playlist", ["#EXTM3U\n#EXTINF:1,\n{url}\n#EXT-X-ENDLIST\n", "ffconcat version 1.0\nfile {url}\n"]
)
def test_a_video_that_is_a_playlist_in_truth_fetches_nothing(tmp_path: Path, playlist: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.3)
        (tmp_path / "clip.mp4").write_text(playlist.format(url=f"http://127.0.0.1:{server.getsockname()[1]}/a.mp4"))
        with pytest.raises(SourceError, match=r"clip\.mp4"):
            next(iter(open_source(str(tmp_path / "clip.mp4")).frames))
        with pytest.raises(TimeoutError):
            server.accept()


@pytest.mark.parametrize("name", ["http://127.0.0.1:9/a.mp4", "rtsp://127.0.0.1:9/a", "tcp://127.0.0.1:9"])
def test_an_address_is_no_source(name: str) -> None:
    with pytest.raises(SourceError, match="does not exist"):
        open_source(name)
