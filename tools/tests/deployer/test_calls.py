"""The calls of AWS that a deploy makes: how many where there is nothing to do, and which side by side."""

import re
import threading
from collections import Counter

import pytest
from botocore.client import BaseClient

from tests.deployer.shop import Shop
from tests.deployer.test_committed import committed
from tests.deployer.test_guarded_deploy import set_parameter
from tests.paths import TOOLS

ROW = re.compile(r"\| (\d+) (`\w+:\w+`(?:, `\w+:\w+`)*) \|")
MOST = 27


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


# What does not wait for one another when one layer changes, in its order.
SIDE_BY_SIDE = [
    {"GetParameters": 1, "DescribeStacks": 6},
    {"ListChangeSets": 6, "GetTemplate": 6, "GetStackPolicy": 2, "DescribeServices": 1},
    {"CreateChangeSet": 1, "DescribeStackEvents": 1, "GetStackPolicy": 1},
    # What CloudFormation warns of, what is live, and whether the lock is still ours.
    {
        "DescribeEvents": 1,
        "DescribeListeners": 1,
        "DescribeServices": 1,
        "ListDeployments": 1,
        "ListPipelineExecutions": 1,
        "GetParametersByPath": 1,
    },
    {"ExecuteChangeSet": 1},
    {"PutParameter": 1, "DeleteParameters": 1},
]


def test_what_does_not_wait_for_one_another_is_asked_side_by_side(
    deployed: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The calls of a group wait for each other: one after the other, none of them would have an answer."""
    set_parameter(deployed, "MaxCapacity: 5")
    call = BaseClient._make_api_call  # type: ignore[attr-defined]
    left = [Counter(group) for group in SIDE_BY_SIDE]

    def go_on() -> None:
        """Called by the last of a group: the next one waits from now on."""
        del left[0]

    barriers = [threading.Barrier(group.total(), action=go_on) for group in left]
    one_at_a_time = threading.Lock()

    def waiting(self: BaseClient, operation: str, request: object) -> object:
        with one_at_a_time:
            barrier = barriers[-len(left)] if left and left[0][operation] else None
            if barrier:
                left[0][operation] -= 1
        if barrier:
            barrier.wait(timeout=60)
        return call(self, operation, request)

    monkeypatch.setattr(BaseClient, "_make_api_call", waiting)
    assert deployed.run("deploy", "--yes")["exit_code"] == 0
    assert not left
