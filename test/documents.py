"""The commands that README.md, CONTRIBUTING.md and docs/ show, and what they say about being run.

A comment on the line before each ```bash block says who runs it; it does not show on the rendered page:

    <!-- run -->           every test run, and scripts/check_docs
    <!-- run: slow -->     scripts/check_docs
    <!-- needs: a GPU -->  nobody here: the test checks names, options and files of its commands only
"""

from __future__ import annotations

import re
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
NEEDS = {
    "a camera", "a GPU", "a Jetson", "a ROS 2 installation", "data sets", "Docker", "files of your own", "hours",
}  # fmt: skip
"""What a block may lack here."""

_BLOCK = re.compile(r"(?ms)(?:^<!-- (?P<mark>[^\n]*) -->\n)?^```(?P<language>\w*)\n(?P<text>.*?)^```$")
_INLINE = re.compile(r"`([^`]+)`")


@dataclass(frozen=True)
class Block:
    """A fenced block.

    Attributes:
        page: file, relative to the repository.
        line: of the fence.
        mark: what the comment before it says; empty: there is none.
    """

    page: str
    line: int
    language: str
    mark: str
    text: str

    @property
    def where(self) -> str:
        return f"{self.page}:{self.line}"

    @property
    def runs(self) -> bool:
        return self.mark in ("run", "run: slow")

    @property
    def uses_shared_data(self) -> bool:
        return "../shared/" in self.text


def blocks(language: str = "bash") -> list[Block]:
    """All blocks of a language, page by page."""
    return [block for page in PAGES for block in _blocks(page) if block.language == language]


def inline_commands() -> list[tuple[str, str]]:
    """Commands of ours in running text and tables, each with its page."""
    found = []
    for page in PAGES:
        for span in _INLINE.findall(_BLOCK.sub("", page.read_text())):
            command = " ".join(span.split())
            if re.match(r"(python3? -m deephar_ros|ros2 \w+ \S|scripts/(?!env)\w+)", command):
                found.append((page.name, command))
    return found


def calls(text: str) -> list[list[str]]:
    """The commands, as lists of arguments, that bash would call to run `text`; loops and variables are resolved.

    Bash itself runs the text, but finds no program at all, and tells of each that it looks for.

    Raises:
        ValueError: bash cannot run the text, or a script of the repository that it calls does not exist.
    """
    scripts = [str(file.relative_to(ROOT)) for folder in ("scripts", ".ci") for file in (ROOT / folder).iterdir()]
    functions = "\n".join(f'{name}() {{ record {name} "$@"; }}' for name in ["source", "cd", "exec", *scripts])
    with tempfile.TemporaryDirectory() as folder:
        trace = Path(folder, "trace")
        trace.touch()
        program = f"""
            record() {{ printf '%s\\0' "$#" "$@" >>{trace}; }}
            command_not_found_handle() {{ record "$@"; }}
            {functions}
        """
        environment = {"PATH": "/nonexistent", "HOME": "/home/you", "ROS_DISTRO": "jazzy", "PWD": "/home/you"}
        done = subprocess.run(
            ["/bin/bash", "-euc", f"{program}\n{text}\nwait"],
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=20,
            check=False,
        )
        if done.returncode or done.stderr:
            raise ValueError(done.stderr.strip() or f"exit status {done.returncode}")
        return list(_commands(trace.read_text().split("\0")[:-1]))


def _blocks(page: Path) -> Iterator[Block]:
    text = page.read_text()
    for match in _BLOCK.finditer(text):
        line = text.count("\n", 0, match.start()) + 1 + (match["mark"] is not None)
        yield Block(str(page.relative_to(ROOT)), line, match["language"], match["mark"] or "", match["text"])


def _commands(words: list[str]) -> Iterator[list[str]]:
    while words:
        count = int(words[0])
        yield words[1 : 1 + count]
        words = words[1 + count :]
