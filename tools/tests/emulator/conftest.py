"""An emulator of its own for each module, so that modules cannot disturb one another."""

from collections.abc import Iterator

import pytest

from ecs_blue_green import emulator
from ecs_blue_green.emulator.early import DOCUMENTED, Early
from tests.emulator.aws import Aws
from tests.paths import PARAMETER_FILE


@pytest.fixture(scope="module")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Aws]:
    """A running emulator, whose hooks the tests answer; a deployment's minute takes no time to speak of."""
    state = tmp_path_factory.mktemp("state")
    with emulator.running(state, PARAMETER_FILE, minute=0.05, hooks_are_called=True) as endpoint:
        yield Aws(endpoint)


@pytest.fixture(scope="module", params=[DOCUMENTED, Early(every_type=True)], ids=["documented", "every type"])
def either(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Aws]:
    """An emulator that validates new change sets as AWS's page says, and one that looks at every type."""
    state = tmp_path_factory.mktemp("state")
    with emulator.running(state, PARAMETER_FILE, validation=request.param) as endpoint:
        yield Aws(endpoint, request.param)
