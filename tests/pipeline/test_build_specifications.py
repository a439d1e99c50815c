"""What all build specifications have in common. What they do is in the modules beside this one."""

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from templates._application import BUILD_STEPS
from templates._steps import BuildStep, specification
from templates.pipeline import build_projects

BASH = shutil.which("bash") or "bash"
SPECIFICATIONS = sorted(build_projects.BUILDSPECS.glob("*.yml"))
# Of the team's own steps, by their names.
STEPS = {step.name: specification(step) for step in BUILD_STEPS}


def commands(text: str) -> list[str]:
    specification: dict[str, Any] = yaml.safe_load(text)
    assert specification["version"] == 0.2
    assert specification["env"]["shell"] == "bash"
    return [command for phase in specification["phases"].values() for command in phase["commands"]]


def test_commands_of_a_step_are_its_row() -> None:
    step = BuildStep("Audit", ('echo "a: $B" # c', "for one in a b; do\n  echo $one\ndone"))
    (script,) = commands(specification(step))
    assert script == "\n".join(("set -euo pipefail", *step.commands)) + "\n"


def test_commands_are_bash() -> None:
    texts = {path.stem: path.read_text() for path in SPECIFICATIONS} | STEPS
    for command in (command for text in texts.values() for command in commands(text)):
        checked = subprocess.run([BASH, "-n", "-c", command], capture_output=True, text=True, check=False)
        assert (checked.returncode, checked.stderr) == (0, "")


@pytest.mark.parametrize("path", SPECIFICATIONS, ids=lambda path: path.stem)
def test_commands_need_bash_the_aws_cli_and_python_only(path: Path) -> None:
    words = set(path.read_text().split())
    assert not words & {"jq", "sed", "awk", "curl", "pip", "npm", "make", "git", "envsubst"}


def test_verify_installs_locked_requirements_and_checks_what_was_generated() -> None:
    assert commands((build_projects.BUILDSPECS / "verify.yml").read_text()) == [
        "sh requirements/install .venv requirements/generate.txt",
        ".venv/bin/python generate.py --check",
        ".venv/bin/cfn-lint",
    ]
