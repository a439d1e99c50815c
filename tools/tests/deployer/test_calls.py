"""How many calls of AWS a deploy makes that has nothing to do."""

import re
from collections import Counter

import pytest
from botocore.client import BaseClient

from tests.deployer.shop import Shop
from tests.deployer.test_committed import committed
from tests.paths import TOOLS

ROW = re.compile(r"\| (\d+) (`\w+:\w+`(?:, `\w+:\w+`)*) \|")
MOST = 27


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every call that is made."""
    made: list[str] = []
    call = BaseClient._make_api_call  # type: ignore[attr-defined]

    def recorded(self: BaseClient, operation: str, request: object) -> object:
        made.append(f"{self.meta.service_model.service_name}:{operation}")
        return call(self, operation, request)

    monkeypatch.setattr(BaseClient, "_make_api_call", recorded)
    return made


def documented() -> Counter[str]:
    """The calls in the table, which has each with its purpose: so many of one operation, or one of each."""
    found: Counter[str] = Counter()
    for number, listed in ROW.findall((TOOLS.parent / "docs" / "benchmarks.md").read_text()):
        operations = re.findall(r"`(.+?)`", listed)
        assert len(operations) in (1, int(number)), listed
        found.update(operations * (int(number) // len(operations)))
    return found


def test_each_call_of_a_deploy_with_nothing_to_do_has_its_purpose(deployed: Shop, calls: list[str]) -> None:
    committed(deployed)
    # The first one records the commit.
    assert deployed.run("deploy", "--yes")["exit_code"] == 0
    calls.clear()
    assert deployed.run("deploy", "--yes")["exit_code"] == 0
    assert Counter(calls) == documented()
    assert len(calls) <= MOST
