"""`continue-rollback` skips only what a stuck stack has."""

import pytest

from ecs_blue_green.deployer.cloudformation.describe import Stack
from ecs_blue_green.deployer.errors import BadInput
from ecs_blue_green.deployer.verbs import continue_rollback

STUCK = {"service": Stack("sample-dev-service", "arn:service", "UPDATE_ROLLBACK_FAILED")}


class Client:
    """CloudFormation with one stack of one resource."""

    def get_paginator(self, operation: str) -> "Client":
        """The client, as the paginator of the one operation that is asked."""
        assert operation == "list_stack_resources"
        return self

    def paginate(self, StackName: str) -> list[dict[str, list[dict[str, str]]]]:  # noqa: N803
        """One page."""
        assert StackName == "arn:service"
        return [{"StackResourceSummaries": [{"LogicalResourceId": "Service"}]}]


def test_resource_of_a_stuck_stack_can_be_skipped() -> None:
    continue_rollback._refuse_unknown(Client(), STUCK, {"service:Service"})


@pytest.mark.parametrize(
    ("name", "told"), [("service:Servise", "did you mean service:Service?"), ("pipeline:Pipeline", "")]
)
def test_what_no_stuck_stack_has_is_refused(name: str, told: str) -> None:
    with pytest.raises(BadInput, match=f"--skip {name} names no resource") as caught:
        continue_rollback._refuse_unknown(Client(), STUCK, {name})
    assert told in caught.value.remedy
