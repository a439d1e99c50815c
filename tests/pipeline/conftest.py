"""The local environment deployed to the emulator, made once and copied for each test."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from ecs_blue_green.codebuild import Project
from ecs_blue_green.testing import site as sites
from ecs_blue_green.testing.site import Site

from templates._application import CODE
from templates._code import WHOLE_REPOSITORY
from tests import ROOT

# What a push carries, as far as the pipeline's actions read it: of the whole repository the Dockerfile.
PUSHED = (
    CODE.dockerfile.split("/")[0] if CODE.folder == WHOLE_REPOSITORY else CODE.folder,
    *("build", "params", "templates", "generate.py", ".cfnlintrc"),
)


@pytest.fixture(scope="session")
def deployed_state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the emulator keeps after a deploy."""
    return sites.deployed(ROOT, tmp_path_factory.mktemp("deployed"))


@pytest.fixture
def site(deployed_state: Path, tmp_path: Path) -> Iterator[Site]:
    """A deployed environment of the test's own."""
    with sites.running(ROOT, deployed_state, tmp_path, PUSHED) as site:
        yield site


@pytest.fixture(scope="module")
def shared_site(deployed_state: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A deployed environment for tests that go on from one another."""
    with sites.running(ROOT, deployed_state, tmp_path_factory.mktemp("shared"), PUSHED) as site:
        yield site


def project_of(site: Site, action: str) -> Project:
    """The build project of an action."""
    return site.definition.projects[site.action(action).configuration["ProjectName"]]
