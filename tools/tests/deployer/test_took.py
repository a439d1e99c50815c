"""What a plan says of the time that each part took, and of what a new environment holds."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from ecs_blue_green.deployer.cloudformation import describe
from ecs_blue_green.deployer.cloudformation.describe import Took
from ecs_blue_green.deployer.layers import Layer
from ecs_blue_green.deployer.planning import text
from tests.deployer.shop import Shop
from tests.deployer.test_plan_text import plan_of, shown

ROOT = Path(__file__).resolve().parents[3]

ARN = "arn:aws:cloudformation:eu-west-1:111111111111:stack/sample-dev-pipeline/1"
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


class Events:
    """CloudFormation, with the events of one stack, the oldest first: seconds after noon, and a status."""

    def __init__(self, *events: tuple[float, str], resources: int = 0) -> None:
        self.events = [self.event(seconds, status, ARN) for seconds, status in events]
        # Each of the last operation's resources has some between its first event and its last.
        self.events[1:1] = [self.event(1, "UPDATE_COMPLETE", "Topic")] * resources
        self.pages = 0

    @staticmethod
    def event(seconds: float, status: str, physical_id: str) -> dict[str, Any]:
        return {
            "EventId": f"{seconds} {status}",
            "StackId": ARN,
            "PhysicalResourceId": physical_id,
            "LogicalResourceId": "x",
            "ResourceStatus": status,
            "Timestamp": NOON + timedelta(seconds=seconds),
        }

    def get_paginator(self, name: str) -> "Events":
        assert name == "describe_stack_events"
        return self

    def paginate(self, **arguments: str) -> Iterable[Any]:
        assert arguments == {"StackName": ARN}
        newest_first = self.events[::-1]
        for begin in range(0, len(newest_first), 100):
            self.pages += 1
            yield {"StackEvents": newest_first[begin : begin + 100]}


CREATED = [(0, "REVIEW_IN_PROGRESS"), (5, "CREATE_IN_PROGRESS"), (185, "CREATE_COMPLETE")]
UPDATED = [
    (900, "UPDATE_IN_PROGRESS"),
    (942, "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS"),
    (943.5, "UPDATE_COMPLETE"),
]
FAILED = [
    (2000, "UPDATE_IN_PROGRESS"),
    (2500, "UPDATE_ROLLBACK_IN_PROGRESS"),
    (2900, "UPDATE_ROLLBACK_COMPLETE"),
]


@pytest.mark.parametrize(
    ("events", "wanted"),
    [
        pytest.param(CREATED, Took(True, 180), id="created"),
        pytest.param([*CREATED, *UPDATED], Took(False, 43.5), id="updated"),
        pytest.param([*CREATED, *UPDATED, *FAILED], Took(False, 43.5), id="what failed is passed over"),
        pytest.param(
            [*UPDATED, *FAILED[:2], (2600, "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS"), FAILED[2]],
            Took(False, 43.5),
            id="what failed and was tidied up",
        ),
        pytest.param(FAILED, None, id="nothing that ended well"),
        pytest.param(UPDATED[1:], None, id="its begin is forgotten"),
    ],
)
def test_last_operation_that_ended_well_tells(events: list[tuple[float, str]], wanted: Took | None) -> None:
    assert describe.took(Events(*events), ARN) == wanted  # type: ignore[arg-type]


def test_only_the_newest_pages_are_looked_through() -> None:
    found = Events(*UPDATED, resources=150)
    assert describe.took(found, ARN) == Took(False, 43.5)  # type: ignore[arg-type]
    assert found.pages == 2
    found = Events(*UPDATED, resources=1000)
    assert describe.took(found, ARN) is None  # type: ignore[arg-type]
    assert found.pages == describe.PAGES_LOOKED_THROUGH


def test_plan_says_how_long_each_part_took(built: Mapping[str, Layer]) -> None:
    lines = shown(
        plan_of(
            built,
            infrastructure={"took": Took(True, 184.6)},
            pipeline={"took": Took(False, 43.5)},
            service={"took": Took(False, 4.9)},
        )
    )
    assert lines == [
        "infrastructure        update, 0 resources, took 3 min 5 s to be made",
        "pipeline              update, 0 resources, took 44 s last time",
        "service               update, 0 resources",
    ]


def test_events_are_asked_for_where_a_change_set_is_made_and_told_where_it_changes_something(
    deployed: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def took(client: Any, arn: str) -> Took:
        asked.append(arn.split("/")[1])
        return Took(False, 61)

    monkeypatch.setattr(describe, "took", took)
    assert {step["last_operation"] for step in deployed.run("plan")["plan"]} == {None}
    assert asked == []
    deployed.replace("infrastructure", "Description: Name of the cluster", "Description: The cluster's name")
    deployed.replace("container-repository", "\n      ImageTagMutability: IMMUTABLE", "")
    steps = {step["layer"]: step["last_operation"] for step in deployed.run("plan")["plan"]}
    # CloudFormation sees no change in a description.
    assert [slug for slug, last in steps.items() if last] == ["container-repository"]
    assert steps["container-repository"] == {"kind": "update", "seconds": 61}
    assert sorted(asked) == ["sample-dev-container-repository", "sample-dev-infrastructure"]
    assert ", took 1 min 1 s last time" in deployed.talk("plan")[1]


def test_plan_does_not_fail_for_want_of_the_events(deployed: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    def took(client: Any, arn: str) -> Took:
        raise ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "DescribeStackEvents")

    monkeypatch.setattr(describe, "took", took)
    deployed.replace("container-repository", "\n      ImageTagMutability: IMMUTABLE", "")
    assert deployed.run("plan", "--exit-code")["exit_code"] == 4


def test_plan_of_a_new_environment_leads_to_the_quantities(dev: Shop, deployed_state: Any) -> None:
    assert text.QUANTITIES in dev.talk("plan")[1].splitlines()
    file, _, title = text.QUANTITIES.partition(": ")[2].partition(", ")
    assert f"\n## {title}\n" in (ROOT / file).read_text()
