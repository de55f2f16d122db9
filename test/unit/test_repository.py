"""What lies round the code: workflows, Dockerfiles, issue forms. None of them can run here; what they name is real."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from deephar_ros.doctor import DISTRIBUTIONS, NEWEST_PYTHON

ROOT = Path(__file__).resolve().parents[2]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
DOCKERFILES = sorted((ROOT / "docker").glob("Dockerfile.*"))
FORMS = sorted(file for file in (ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml") if file.stem != "config")
INSTRUCTIONS = {"ARG", "CMD", "COPY", "ENTRYPOINT", "ENV", "FROM", "RUN", "SHELL", "WORKDIR"}


def name(path: Path) -> str:
    return path.name


def jobs(workflow: Path) -> dict[str, dict[str, Any]]:
    return yaml.safe_load(workflow.read_text())["jobs"]


def instructions(dockerfile: Path) -> Iterator[tuple[str, str]]:
    """Instructions and their arguments, with comments gone and continued lines joined."""
    lines = [line for line in dockerfile.read_text().splitlines() if not line.lstrip().startswith("#")]
    for line in "\n".join(lines).replace("\\\n", " ").splitlines():
        if line.strip():
            word, _, rest = line.partition(" ")
            yield word, " ".join(rest.split())


def check_shell(script: str) -> None:
    """Bash can parse it, and the scripts of ours that it calls can be run."""
    done = subprocess.run(["bash", "-n", "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    for called in re.findall(r"(?<![\w/.-])((?:scripts|\.ci|docker)/[\w.]+)", script):
        assert (ROOT / called).is_file(), called
        sourced = f"source {called}" in script
        assert sourced or "Dockerfile" in called or os.access(ROOT / called, os.X_OK), called


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=name)
def test_every_step_of_a_workflow_calls_what_is_there(workflow: Path) -> None:
    steps = [step for job in jobs(workflow).values() for step in job["steps"]]
    kinds = [len({"run", "uses"} & step.keys()) for step in steps]
    assert set(kinds) == {1}
    for step in steps:
        for kind in ("cpu", "cuda") if "matrix.kind" in step.get("run", "") else ("",):
            check_shell(re.sub(r"\$\{\{.*?\}\}", kind, step.get("run", "")))


def test_ci_covers_every_distribution_that_doctor_knows_and_three_generations_of_numpy() -> None:
    entries = jobs(ROOT / ".github" / "workflows" / "ci.yml")["ros"]["strategy"]["matrix"]["include"]
    assert [entry["distro"] for entry in entries] == list(DISTRIBUTIONS)
    assert [entry["distro"] for entry in entries if entry["may_fail"]] == ["rolling"]
    assert {"1.21", "1.26"} < {entry["numpy"] for entry in entries}
    assert any(entry["numpy"].startswith("2") for entry in entries)


def test_ci_without_ros_covers_the_pythons_for_which_setup_has_wheels() -> None:
    (supported,) = re.findall(r"3\\.1\[(\d)-(\d)\]", (ROOT / "scripts" / "setup").read_text())
    pythons = jobs(ROOT / ".github" / "workflows" / "ci.yml")["wheels"]["strategy"]["matrix"]["python"]
    assert pythons == [f"3.1{minor}" for minor in range(int(supported[0]), int(supported[1]) + 1)]
    assert pythons[-1] <= ".".join(map(str, NEWEST_PYTHON))


@pytest.mark.parametrize("dockerfile", DOCKERFILES, ids=name)
def test_a_dockerfile_is_one_and_names_what_is_there(dockerfile: Path) -> None:
    assert "NOT BUILT YET" in dockerfile.read_text().splitlines()[0]  # goes when somebody has built it
    found = list(instructions(dockerfile))
    words = [word for word, _ in found]
    assert set(words) <= INSTRUCTIONS
    assert set(words[: words.index("FROM")]) <= {"ARG"}
    for word, rest in found:
        if word in ("CMD", "ENTRYPOINT", "SHELL"):
            assert all(isinstance(part, str) for part in json.loads(rest)), rest
        elif word == "COPY":
            *sources, _ = [part for part in rest.split() if not part.startswith("--")]
            assert all((ROOT / source).exists() for source in sources), rest
        elif word == "RUN":
            check_shell(rest)
        elif word in ("ARG", "ENV"):
            assert all(re.fullmatch(r"\w+=.*", part) for part in shlex.split(rest)), rest


@pytest.mark.parametrize("dockerfile", DOCKERFILES, ids=name)
def test_an_image_enters_the_environment_and_starts_a_launch_file_of_ours(dockerfile: Path) -> None:
    last = {word: rest for word, rest in instructions(dockerfile)}
    (entry,) = json.loads(last["ENTRYPOINT"])
    assert entry.startswith(last["WORKDIR"] + "/")
    script = ROOT / Path(entry).relative_to(last["WORKDIR"])
    assert os.access(script, os.X_OK)
    check_shell(script.read_text().replace(last["WORKDIR"] + "/", ""))
    assert json.loads(last["CMD"])[:3] == ["ros2", "launch", "deephar_ros"]
    assert (ROOT / "launch" / json.loads(last["CMD"])[3]).is_file()
    assert re.search(r"ros:\$\{ROS_DISTRO\}", last["FROM"])
    assert (
        dict(part.split("=", 1) for word, part in instructions(dockerfile) if word == "ARG")["ROS_DISTRO"]
        in DISTRIBUTIONS
    )


def test_what_setup_makes_stays_out_of_images() -> None:
    ignored = set((ROOT / ".dockerignore").read_text().split())
    assert {".git", ".venv", ".ws", "out", "runs"} <= ignored
    assert not {"docker", "scripts", "models", "config", "launch", "msg", "resource", "deephar_ros"} & ignored


@pytest.mark.parametrize("form", FORMS, ids=name)
def test_an_issue_form_asks_what_can_be_answered(form: Path) -> None:
    content = yaml.safe_load(form.read_text())
    assert {"name", "description", "body"} <= content.keys()
    asked = [part for part in content["body"] if part["type"] != "markdown"]
    assert all(part["type"] in ("input", "textarea", "dropdown", "checkboxes") for part in asked)
    assert len({part["id"] for part in asked}) == len(asked)
    assert all(part["attributes"]["label"] for part in asked)
    assert any(part.get("validations", {}).get("required") for part in asked)
    for path in re.findall(r"[\w/]+\.md", form.read_text()):
        assert (ROOT / path).is_file(), path
