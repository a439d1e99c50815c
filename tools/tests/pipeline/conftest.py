"""The emulator with everything deployed, made once and copied for each test."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ecs_blue_green import emulator
from ecs_blue_green.deployer import command_line
from tests.paths import PROJECT
from tests.pipeline.site import Site

# A deployment's waits take no time to speak of.
SECONDS_A_MINUTE = 0.02


@pytest.fixture(scope="session")
def deployed_state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the emulator keeps after a deploy of the local environment."""
    root = tmp_path_factory.mktemp("deployed")
    for name in ("build", "params"):
        shutil.copytree(PROJECT / name, root / name)
    assert command_line.main(["deploy", "--env", "local", "--yes"], root) == 0
    return root / ".local"


@pytest.fixture
def site(deployed_state: Path, tmp_path: Path) -> Iterator[Site]:
    """A deployed environment of the test's own."""
    with _running(deployed_state, tmp_path) as site:
        yield site


@pytest.fixture(scope="module")
def shared_site(deployed_state: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A deployed environment for tests that go on from one another."""
    with _running(deployed_state, tmp_path_factory.mktemp("shared")) as site:
        yield site


@contextmanager
def _running(deployed_state: Path, folder: Path) -> Iterator[Site]:
    shutil.copytree(deployed_state, folder / "state")
    with emulator.running(
        folder / "state",
        PROJECT / "params" / "local.yaml",
        minute=SECONDS_A_MINUTE,
        hooks_are_called=True,
    ) as endpoint:
        yield Site(endpoint, folder)
