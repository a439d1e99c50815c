"""Each shape, and some together, on the emulator: what a copy's own tests of the pipeline say with it.

They deploy it, release twice through all stages, look for drift, roll back and destroy. They take minutes:
`make test-shapes` runs them.
"""

import os
import shutil
from pathlib import Path

import pytest
from ecs_blue_green.testing import copies

from tests.shapes._made import COMBINATIONS, SHAPES, made

pytestmark = pytest.mark.skipif(os.environ.get("SHAPES") != "all", reason="make test-shapes runs these")


@pytest.mark.parametrize("shapes", [*((shape,) for shape in SHAPES), *COMBINATIONS], ids=" and ".join)
def test_shape_lives_on_the_emulator(shapes: tuple[str, ...], tmp_path: Path) -> None:
    root = made(tmp_path / "copy", *shapes)
    quiet = ("-q", "-p", "no:cacheprovider", "-n", "0")
    code, said = copies.run(root, ".venv/bin/python", "-m", "pytest", *quiet, "tests/pipeline")
    assert code == 0, said


@pytest.mark.skipif(not shutil.which("node"), reason="node is not on PATH")
def test_program_of_another_language_is_rehearsed(tmp_path: Path) -> None:
    root = made(tmp_path / "copy", "other_language")
    code, said = copies.run(root, ".venv-emulator/bin/python", "-m", "ecs_blue_green", "rehearse")
    assert code == 0, said
    assert "RELEASED: all lifecycle events succeeded" in said
