"""An emulator of its own for each module, so that modules cannot disturb one another."""

from collections.abc import Iterator

import pytest

from local import emulator
from tests.local.aws import Aws


@pytest.fixture(scope="module")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Aws]:
    """A running emulator; a minute of a deployment takes no time to speak of."""
    with emulator.running(tmp_path_factory.mktemp("state"), minute=0.05) as endpoint:
        yield Aws(endpoint)
