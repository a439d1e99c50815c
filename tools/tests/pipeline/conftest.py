"""The emulator with everything deployed, made once and copied for each test."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from ecs_blue_green.testing import site as sites
from ecs_blue_green.testing.site import Site
from tests.paths import PROJECT
from tests.pipeline.site import PUSHED


@pytest.fixture(scope="session")
def deployed_state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the emulator keeps after a deploy of the local environment."""
    return sites.deployed(PROJECT, tmp_path_factory.mktemp("deployed"))


@pytest.fixture
def site(deployed_state: Path, tmp_path: Path) -> Iterator[Site]:
    """A deployed environment of the test's own."""
    with sites.running(PROJECT, deployed_state, tmp_path, PUSHED) as site:
        yield site


@pytest.fixture(scope="module")
def shared_site(deployed_state: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A deployed environment for tests that go on from one another."""
    with sites.running(PROJECT, deployed_state, tmp_path_factory.mktemp("shared"), PUSHED) as site:
        yield site
