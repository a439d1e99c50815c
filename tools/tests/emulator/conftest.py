"""An emulator of its own for each module, so that modules cannot disturb one another."""

from collections.abc import Iterator

import pytest

from ecs_blue_green import emulator
from tests.emulator.aws import Aws
from tests.paths import PARAMETER_FILE


@pytest.fixture(scope="module")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Aws]:
    """A running emulator, whose hooks the tests answer; a deployment's minute takes no time to speak of."""
    state = tmp_path_factory.mktemp("state")
    with emulator.running(state, PARAMETER_FILE, minute=0.05, hooks_are_called=True) as endpoint:
        yield Aws(endpoint)
