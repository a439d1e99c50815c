"""Say what is wrong with the files where GitHub shows it: at the line, in the pull request's diff.

Usage: python -m ecs_blue_green.workflows.annotate

Runs what `make check` finds wrong in single lines: a stale `build/`, cfn-lint, ruff and mypy. Exit status 1
when one of them does.
https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands
"""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from ecs_blue_green import project

ROOT = project.root()
BIN = Path(sys.executable).parent


class Annotation(NamedTuple):
    """One thing that is wrong: how bad, where, and what."""

    level: str
    file: str
    line: int
    title: str
    text: str

    def __str__(self) -> str:
        """As GitHub reads it from a job's output."""
        where = f"file={_escaped(self.file)},line={self.line},title={_escaped(self.title)}"
        text = self.text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
        return f"::{self.level} {where}::{text}"


def main() -> int:
    """Run the checks and print the annotations."""
    annotations = [
        *stale(_output("python", "generate.py", "--check")),
        *linted(_output("cfn-lint", "--format", "json")),
        *ruffed(_output("ruff", "check", "--output-format", "json", ".")),
        *typed(_output("mypy")),
    ]
    sys.stdout.writelines(f"{annotation}\n" for annotation in annotations)
    return 1 if annotations else 0


def stale(difference: str) -> Iterator[Annotation]:
    """Where files in build/ are not what the modules give: each hunk of `generate.py --check`'s diff."""
    text = "the modules in templates/ give something else here: run make generate"
    file, line_number, annotated = "", 0, True
    for line in difference.splitlines():
        if match := re.match(r"--- (\S+) \((?:on disk|missing)\)", line):
            file = match[1]
        elif match := re.match(r"@@ -(\d+)", line):
            line_number, annotated = max(1, int(match[1])), False
        elif line.startswith(" "):
            line_number += 1
        elif not annotated and line.startswith(("-", "+")):
            annotated = True
            yield Annotation("error", file, line_number, "build/ is stale", text)


def linted(report: str) -> Iterator[Annotation]:
    """What cfn-lint finds in the templates."""
    levels = {"Error": "error", "Warning": "warning"}
    for match in json.loads(report or "[]"):
        yield Annotation(
            levels.get(match["Level"], "notice"),
            match["Filename"],
            match["Location"]["Start"]["LineNumber"],
            f"cfn-lint {match['Rule']['Id']}",
            match["Message"],
        )


def ruffed(report: str) -> Iterator[Annotation]:
    """What ruff finds in the code."""
    for problem in json.loads(report or "[]"):
        file = Path(problem["filename"]).relative_to(ROOT)
        title = f"ruff {problem['code'] or 'syntax'}"
        yield Annotation("error", str(file), problem["location"]["row"], title, problem["message"])


def typed(output: str) -> Iterator[Annotation]:
    """What mypy finds in the code."""
    for line in output.splitlines():
        if match := re.match(r"([^:]+):(\d+): error: (.*)", line):
            yield Annotation("error", match[1], int(match[2]), "mypy", match[3])


def _output(tool: str, *arguments: str) -> str:
    done = subprocess.run([BIN / tool, *arguments], cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False)
    return done.stdout


def _escaped(value: str) -> str:
    for character, code in (("%", "%25"), ("\r", "%0D"), ("\n", "%0A"), (":", "%3A"), (",", "%2C")):
        value = value.replace(character, code)
    return value


if __name__ == "__main__":
    sys.exit(main())
