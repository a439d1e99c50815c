"""The second project as it is, and deployed: made once, and copied for each test."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from ecs_blue_green.deployer import command_line
from tests.second_project.place import PROJECT, STAGING, Harbour, reached


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A copy of the project."""
    return _copied(tmp_path)


@pytest.fixture
def harbour_on_disk(root: Path, capsys: pytest.CaptureFixture[str]) -> Harbour:
    """The files of the staging environment; there is no AWS."""
    return Harbour(root, STAGING, capsys)


@pytest.fixture
def empty(root: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[Harbour]:
    """The staging environment, reached by AWS_ENDPOINT_URL as AWS is, and asking; nothing is deployed."""
    with reached(root):
        yield Harbour(root, STAGING, capsys)


@pytest.fixture
def harbour(deployed: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[Harbour]:
    """The same environment with its three stacks deployed."""
    root = tmp_path / deployed.name
    shutil.copytree(deployed, root)
    with reached(root):
        yield Harbour(root, STAGING, capsys)


@pytest.fixture(scope="session")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project with what the emulator keeps after a deploy."""
    root = _copied(tmp_path_factory.mktemp("deployed"))
    with reached(root):
        assert command_line.main(["deploy", "--env", STAGING, "--yes"], root) == 0
    return root


def _copied(folder: Path) -> Path:
    root = folder / "harbour"
    shutil.copytree(PROJECT, root, ignore=shutil.ignore_patterns("__pycache__"))
    return root
