"""The emulator with everything deployed, made once and copied for each test."""

import shutil
from pathlib import Path

import pytest

from ecs_blue_green.deployer import command_line
from tests.paths import PROJECT
from tests.rehearsal.place import Place


@pytest.fixture(scope="session")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `build/`, `params/` and, in `.local`, what the emulator keeps after a deploy."""
    root = tmp_path_factory.mktemp("deployed")
    for name in ("build", "params"):
        shutil.copytree(PROJECT / name, root / name)
    assert command_line.main(["deploy", "--env", "local", "--yes"], root) == 0
    return root


@pytest.fixture
def place(deployed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    """A deployed place of the test's own."""
    root = tmp_path / "place"
    shutil.copytree(deployed, root)
    return Place(root, monkeypatch)
