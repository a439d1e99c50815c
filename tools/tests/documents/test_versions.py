"""Versions: of the package, in the changelogs, and what each asks of a team (docs/updating.md)."""

import json
import re
import subprocess
import tomllib
from importlib import metadata

import pytest

from ecs_blue_green.deployer import command_line
from tests.paths import TOOLS

ROOT = TOOLS.parent
CHANGELOG = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
UPDATING = (ROOT / "docs" / "updating.md").read_text(encoding="utf-8")
VERSIONS = re.findall(r"^## \[(\d.*?)\]", CHANGELOG, re.MULTILINE)


def test_changelogs_begin_with_the_version_of_the_package() -> None:
    """What comes after it stands under Unreleased, until the next version is made."""
    package = tomllib.loads((TOOLS / "pyproject.toml").read_text())["project"]["version"]
    its_own = re.findall(r"^## \[(\d.*?)\]", (TOOLS / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert [VERSIONS[0], its_own[0]] == [package, package]


def test_deploy_says_its_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        command_line.main(["--version"], ROOT)
    assert ended.value.code == 0
    assert capsys.readouterr().out == f"ecs-blue-green {metadata.version('ecs-blue-green')}\n"


def test_each_version_says_how_to_take_it() -> None:
    """In docs/updating.md, the newest first, as in CHANGELOG.md."""
    sections = re.findall(r"^### (\d[\d.]*)", UPDATING, re.MULTILINE)
    assert sections == VERSIONS[:-1]


def commit_before() -> str:
    """The commit of the version before the newest, where this clone has it."""
    (name, *_) = re.findall(r"^From [\d.]+ \(commit (\w+)\)", UPDATING, re.MULTILINE)
    command = ["git", "cat-file", "-e", f"{name}^{{commit}}"]
    known = subprocess.run(command, cwd=ROOT, stderr=subprocess.DEVNULL, check=False)
    return name if known.returncode == 0 else ""


def is_a_copy() -> bool:
    """Whether a team's changes are in it: a copy leaves this folder out."""
    return not (ROOT / "tests" / "shapes").exists()


@pytest.mark.skipif(is_a_copy() or not commit_before(), reason="the templates or the history are another's")
def test_newest_version_names_every_resource_that_a_deploy_changes(
    capsys: pytest.CaptureFixture[str],
) -> None:
    # Something changes, and may be blocked until somebody asks for it.
    assert command_line.main(["review", "--base", commit_before(), "--json"], ROOT) in (3, 4)
    changed = {
        (layer["layer"], resource["logical_id"])
        for environment in json.loads(capsys.readouterr().out)["environments"]
        for layer in environment["layers"]
        for resource in layer["resources"]
    }
    section = re.split(r"^###? ", UPDATING.partition("\n### ")[2], flags=re.MULTILINE)[0]
    rows = re.findall(r"^\| ([a-z-]+) \| (.*?) \| .* \|$", section, re.MULTILINE)
    assert {(layer, name) for layer, names in rows for name in re.findall(r"`(\w+)`", names)} == changed
