"""The deployed roles, made once for all tests of `make security`."""

import pytest

from security import deployed


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> deployed.Deployed:
    return deployed.read(tmp_path_factory.mktemp("security"))
