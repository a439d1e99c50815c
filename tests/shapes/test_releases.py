"""Each shape, and some together, on the emulator: what a copy's own tests of the pipeline say with it.

They deploy it, release twice through all stages, look for drift, roll back and destroy. They take minutes:
`make test-shapes` runs them.
"""

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from ecs_blue_green.deployer import command_line, environment
from ecs_blue_green.deployer.errors import EXIT_BLOCKED as BLOCKED
from ecs_blue_green.testing import copies

from tests import ROOT
from tests.shapes._made import COMBINATIONS, SHAPES, made, write

pytestmark = pytest.mark.skipif(os.environ.get("SHAPES") != "all", reason="make test-shapes runs these")


@pytest.mark.parametrize("shapes", [*((shape,) for shape in SHAPES), *COMBINATIONS], ids=" and ".join)
def test_shape_lives_on_the_emulator(shapes: tuple[str, ...], tmp_path: Path) -> None:
    root = made(tmp_path / "copy", *shapes)
    quiet = ("-q", "-p", "no:cacheprovider", "-n", "0")
    code, said = copies.run(root, ".venv/bin/python", "-m", "pytest", *quiet, "tests/pipeline")
    assert code == 0, said


@pytest.mark.parametrize(
    ("shape", "at_creation", "allow", "changed", "moved"),
    [
        (
            "slow_start",
            "HealthCheckGracePeriodSeconds",
            ("infrastructure:BlueTargetGroup", "infrastructure:GreenTargetGroup"),
            {"infrastructure", "task-definition"},
            [],
        ),
        ("spot", "", (), {"pipeline"}, ["CapacityProviderStrategy"]),
    ],
)
def test_shape_comes_to_an_environment_that_runs(
    shape: str,
    at_creation: str,
    allow: tuple[str, ...],
    changed: set[str],
    moved: list[str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """As the document says it, without what is decided at creation; else nothing is changed."""
    root = copies.copied(ROOT, tmp_path / "copy", without="tests/shapes")

    def deploy(*options: str) -> dict[str, Any]:
        command_line.main(["deploy", "--env", environment.LOCAL, "--yes", "--json", *options], root)
        document: dict[str, Any] = json.loads(capsys.readouterr().out)
        return document

    assert deploy()["exit_code"] == 0
    write(root, shape)
    code, said = copies.run(root, ".venv/bin/python", "generate.py")
    assert code == 0, said
    if at_creation:
        blocked = deploy()
        assert blocked["exit_code"] == BLOCKED
        assert "service-frozen" in {finding["rule"] for finding in blocked["findings"]}
        for path in copies.parameter_files(root):
            copies.edit(path, parameters={at_creation: None})
        code, said = copies.run(root, ".venv/bin/python", "generate.py")
        assert code == 0, said
    deployed = deploy(*(part for name in allow for part in ("--allow", name)))
    assert deployed["exit_code"] == 0, deployed
    assert {step["layer"] for step in deployed["plan"] if step["action"] != "nothing"} == changed
    assert [move["parameter"] for move in deployed["moves_with_next_release"]] == moved
    assert {step["action"] for step in deploy()["plan"]} == {"nothing"}


@pytest.mark.skipif(not shutil.which("node"), reason="node is not on PATH")
def test_program_of_another_language_is_rehearsed(tmp_path: Path) -> None:
    root = made(tmp_path / "copy", "other_language")
    code, said = copies.run(root, ".venv-emulator/bin/python", "-m", "ecs_blue_green", "rehearse")
    assert code == 0, said
    assert "RELEASED: all lifecycle events succeeded" in said
