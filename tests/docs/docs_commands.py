"""The commands that the documentation shows, and what a test needs to run them."""

import re
import shlex
from pathlib import Path
from typing import NamedTuple

REPOSITORY = Path(__file__).resolve().parents[2]
LIST = REPOSITORY / "docs/commands.md"
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
ROW = re.compile(r"^\| `(.+?)` \| (.+?) \|$", re.MULTILINE)
DAY = re.compile(r"by hand, 2\d{3}-\d\d-\d\d\b")

# What stands for what a reader has: the tiny study for the default one, and its last round.
STAND_INS = {
    "results/digits/config.yaml": "tests/pipeline/tiny.yaml",
    "results/digits": "results/tiny",
    "digits-": "tiny-",
    "results/mine": "results/tiny",
    "results/fashion-mnist": "results/tiny",
    "results/tickets": "results/tiny",
    "results/finetuned": "results/other",
    "--round 0 10": "--round 0 2",
    "--round 10": "--round 2",
    "round10": "round02",
    "--count 500": "--count 40",
}


class Command(NamedTuple):
    """A command: the page that shows it, and its words as a shell would give them, after ``A=...`` of its block."""

    page: str
    text: str
    assigned: dict

    @property
    def words(self):
        text = self.text
        for name, value in self.assigned.items():
            text = text.replace(f"${name}", value)
        for written, stands_in in STAND_INS.items():
            text = text.replace(written, stands_in)
        return shlex.split(text)


def pages():
    """Return the pages of the documentation, by their path from the root of the repository."""
    found = [*REPOSITORY.glob("*.md"), *REPOSITORY.glob("config/*.md"), *REPOSITORY.glob("docs/**/*.md")]
    return sorted(str(path.relative_to(REPOSITORY)) for path in found if "_build" not in path.parts)


def commands(page):
    """Return the commands of a page: all lines of blocks of shell, and what follows a prompt in other blocks."""
    found = []
    for language, body in BLOCK.findall((REPOSITORY / page).read_text(encoding="utf-8")):
        lines = body.replace("\\\n", " ").splitlines()
        if language != "sh":
            lines = [line.removeprefix("$ ") for line in lines if line.startswith("$ ")]
        assigned = {}
        for line in lines:
            text = _without_comment(line)
            if match := re.fullmatch(r"([A-Z]+)=(\S+)", text):
                assigned[match[1]] = match[2]
            elif text:
                found.append(Command(page, text, dict(assigned)))
    return found


def _without_comment(line):
    """Return a line of shell less its comment, with one blank where there are several."""
    return re.sub(r"\s+", " ", re.sub(r"(^|\s)#.*", "", line)).strip()


def listed():
    """Return the commands that a test does not run as they stand, with who holds them, from their list."""
    return dict(ROW.findall(LIST.read_text(encoding="utf-8")))
