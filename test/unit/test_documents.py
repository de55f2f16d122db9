"""Every command in README, CONTRIBUTING and docs is held to account: run, or compared with the real programs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from document_rules import parser_of, problem_of
from documents import NEEDS, PAGES, ROOT, Block, blocks, calls, inline_commands
from installed import launch_arguments
from run_documents import copy_repository, run, why_not

TROUBLESHOOTING = ROOT / "docs" / "troubleshooting.md"
BASH = blocks()
QUICK = [block for block in BASH if block.mark == "run"]


def links() -> Iterator[tuple[str, Path, str]]:
    """Pages; what they link to in the repository; and the heading there, if one is named."""
    for page in PAGES:
        for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
            path, _, heading = target.partition("#")
            if not target.startswith(("http:", "https:", "mailto:")):
                yield page.name, (page.parent / path).resolve() if path else page, heading


def headings(page: Path) -> set[str]:
    """The headings of a page as links name them."""
    titles = re.findall(r"^#+ (.*)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("block", BASH, ids=lambda block: block.where)
def test_every_block_says_who_runs_it(block: Block) -> None:
    assert block.runs or block.mark.removeprefix("needs: ") in NEEDS, f"{block.where} is marked {block.mark!r}"


@pytest.mark.parametrize("block", BASH, ids=lambda block: block.where)
def test_every_command_of_a_block_is_one_that_works(block: Block) -> None:
    commands = calls(block.text)
    assert commands
    assert [problem for command in commands if (problem := problem_of(command))] == []


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("frobnicate --all", "no rule covers this command"),
        ("scripts/demo --fast", "unrecognized arguments: --fast"),
        ("scripts/setup --fast", "setup takes no arguments"),
        ("python -m deephar_ros.cli.nothing", "no command deephar_ros.cli.nothing"),
        ("python -m deephar_ros.cli.verify models/default", "required: --reference"),
        ("python -m deephar_ros.cli.verify models/gone --reference a.npz", "no file models/gone"),
        ("python -m deephar_ros.cli.train config/train/penn.yaml --data d --out o --set model.x=1", "model.x"),
        ("for x in penn gone; do\n  python -m pytest test/$x\ndone", "no file test/penn"),
        ("torchrun --nproc_per_node 4 -m deephar_ros.cli.train --data d --out o", "required: config"),
        ("ros2 launch deephar_ros gone.launch.py", "no launch file gone.launch.py"),
        ("ros2 launch deephar_ros multi_camera.launch.py image:=/a", "no argument image"),  # it sets that one itself
        ("ros2 run deephar_ros gone", "no program gone"),
        ("ros2 run deephar_ros doctor --gone", "unrecognized arguments: --gone"),
        ("ros2 frobnicate", "no rule covers this verb"),
    ],
)
def test_a_command_that_does_not_work_is_noticed(text: str, reason: str) -> None:
    problems = [problem_of(command) for command in calls(text)]
    assert reason in problems[0]


def test_a_script_that_is_not_there_is_noticed() -> None:
    with pytest.raises(ValueError, match="scripts/gone: No such file"):
        calls("scripts/gone")


@pytest.mark.parametrize(("page", "command"), inline_commands())
def test_commands_in_running_text_name_real_programs_and_options(page: str, command: str) -> None:
    (words,) = calls(command.replace("[", "").replace("]", ""))
    if words[:2] == ["python", "-m"] and words[2].startswith("deephar_ros.cli."):
        # They are short for something: arguments may be missing.
        options = {word.partition("=")[0] for word in words[3:] if word.startswith("--")}
        assert options <= set(re.findall(r"--[\w-]+", parser_of(words[2]).format_help())), page
    else:
        assert not problem_of(words), page


@pytest.mark.parametrize("page", sorted({block.page for block in QUICK}))
def test_the_quick_blocks_of_a_page_run(page: str, tmp_path: Path) -> None:
    copy = copy_repository(tmp_path)
    for block in QUICK:
        if block.page == page and not why_not(block, quick=True):
            assert not run(block, copy)


def test_links_lead_to_files_and_headings_of_the_repository() -> None:
    for page, target, heading in links():
        assert target.exists(), f"{page} links to {target}"
        assert target.is_relative_to(ROOT), f"{page} links to {target}"
        assert not heading or heading in headings(target), f"{page} links to {heading} in {target}"


def test_the_index_leads_to_every_page() -> None:
    linked = {target.name for page, target, _ in links() if page == "index.md"}
    assert {page.name for page in (ROOT / "docs").glob("*.md")} - {"index.md"} <= linked


def test_troubleshooting_answers_each_of_the_forty_complaints_once_with_a_place_and_a_source() -> None:
    rows = re.findall(r"^\| (\d+) \| (.*) \| (.*) \| (.*) \| (.*) \|$", TROUBLESHOOTING.read_text(), re.MULTILINE)
    assert sorted(int(number) for number, *_ in rows) == list(range(1, 41))
    for number, symptom, answer, place, source in rows:
        assert symptom, number
        assert answer, number
        assert "](" in place, f"row {number} leads nowhere"
        assert re.fullmatch(r"[\w-]+#\d+(, ([\w-]+)?#\d+)*", source), source


def test_parameters_and_arguments_named_in_troubleshooting_exist() -> None:
    text = TROUBLESHOOTING.read_text()
    known = yaml.safe_load((ROOT / "config" / "perception.yaml").read_text())["/**"]["ros__parameters"]
    lists = re.findall(r"[Pp]arameters? ((?:`\w+`(?:, )?)+)", text)
    assert {name for names in lists for name in re.findall(r"`(\w+)`", names)} <= known.keys()
    arguments = set(re.findall(r"`(\w+):=", text))
    assert arguments <= launch_arguments(ROOT / "launch" / "perception.launch.py")
    assert len(lists) > 10
    assert len(arguments) > 3
