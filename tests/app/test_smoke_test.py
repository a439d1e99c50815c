"""The smoke test on the sample: its health check passes in both cases."""

import pytest

from tests.app.test_process import running
from tests.templates.test_smoke_test import Aws, aws, environment, run  # noqa: F401 (fixtures)


@pytest.mark.parametrize(("health_rate", "status"), [("1.0", "Succeeded"), ("0.5", "Failed")])
def test_application(
    health_rate: str,
    status: str,
    aws: Aws,  # noqa: F811
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The real application."""
    with running("-m", "app", HEALTH_RATE=health_rate) as (_, port):
        assert run(port, capsys)["status"] == status
