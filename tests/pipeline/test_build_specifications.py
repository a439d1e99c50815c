"""What all build specifications have in common. What they do is in the modules beside this one."""

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from templates.pipeline import build_projects

BASH = shutil.which("bash") or "bash"
SPECIFICATIONS = sorted(build_projects.BUILDSPECS.glob("*.yml"))


def commands(path: Path) -> list[str]:
    specification: dict[str, Any] = yaml.safe_load(path.read_text())
    assert specification["version"] == 0.2
    assert specification["env"]["shell"] == "bash"
    return [command for phase in specification["phases"].values() for command in phase["commands"]]


@pytest.mark.parametrize("path", SPECIFICATIONS, ids=lambda path: path.stem)
def test_commands_are_bash(path: Path) -> None:
    for command in commands(path):
        checked = subprocess.run([BASH, "-n", "-c", command], capture_output=True, text=True, check=False)
        assert (checked.returncode, checked.stderr) == (0, "")


@pytest.mark.parametrize("path", SPECIFICATIONS, ids=lambda path: path.stem)
def test_commands_need_bash_the_aws_cli_and_python_only(path: Path) -> None:
    words = set(path.read_text().split())
    assert not words & {"jq", "sed", "awk", "curl", "pip", "npm", "make", "git", "envsubst"}


def test_verify_installs_locked_requirements_and_checks_what_was_generated() -> None:
    assert commands(build_projects.BUILDSPECS / "verify.yml") == [
        "sh requirements/install .venv requirements/generate.txt",
        ".venv/bin/python generate.py --check",
        ".venv/bin/cfn-lint",
    ]
