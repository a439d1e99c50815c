"""This repository's layers, and an environment whose calls the documents have to allow."""

from collections.abc import Mapping

import pytest

from ecs_blue_green.deployer import layers
from ecs_blue_green.deployer.layers import Layer
from ecs_blue_green.documents import generated
from tests.deployer.conftest import deployed, deployed_state, project, validation  # noqa: F401 (fixtures)
from tests.paths import TOOLS


@pytest.fixture(scope="session")
def built() -> Mapping[str, Layer]:
    """The committed layers, which the documents describe."""
    return layers.read(TOOLS.parent / "build", generated.RUNTIME)
