"""The conversations with CloudFormation, call by call."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from botocore.stub import ANY, Stubber

from ecs_blue_green.deployer.changes import PropertyChange, ResourceChange
from ecs_blue_green.deployer.cloudformation import change_sets, describe
from ecs_blue_green.deployer.cloudformation.change_sets import Request

STACK_ARN = "arn:aws:cloudformation:eu-west-1:111111111111:stack/shop-dev-service/1"
CHANGE_SET_ARN = "arn:aws:cloudformation:eu-west-1:111111111111:changeSet/deploy-1/1"
NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def client() -> Any:
    return boto3.client(
        "cloudformation", region_name="eu-west-1", aws_access_key_id="a", aws_secret_access_key="b"
    )


@pytest.fixture
def stubber(client: Any) -> Iterator[Stubber]:
    with Stubber(client) as stubber:
        yield stubber
        stubber.assert_no_pending_responses()


def create(client: Any, sleeps: list[float] | None = None) -> change_sets.ChangeSet | None:
    request = Request(
        stack_name="shop-dev-service",
        kind="UPDATE",
        template={"TemplateBody": "Resources: {}"},
        parameters={"Project": "shop"},
        tags={"Layer": "service"},
        capabilities=[],
    )
    return change_sets.create(client, request, (sleeps if sleeps is not None else []).append)


def expect_creation(stubber: Stubber) -> None:
    stubber.add_response(
        "create_change_set",
        {"Id": CHANGE_SET_ARN, "StackId": STACK_ARN},
        {
            "StackName": "shop-dev-service",
            "ChangeSetName": ANY,
            "ChangeSetType": "UPDATE",
            "TemplateBody": "Resources: {}",
            "Parameters": [{"ParameterKey": "Project", "ParameterValue": "shop"}],
            "Tags": [{"Key": "Layer", "Value": "service"}],
            "Capabilities": [],
            "ClientToken": ANY,
        },
    )


def answer(stubber: Stubber, response: dict[str, Any], **request: Any) -> None:
    stubber.add_response("describe_change_set", response, {"ChangeSetName": CHANGE_SET_ARN} | request)


def change(logical_id: str, **more: Any) -> dict[str, Any]:
    resource = {"Action": "Modify", "LogicalResourceId": logical_id, "ResourceType": "AWS::SNS::Topic"}
    return {"Type": "Resource", "ResourceChange": resource | more}


def test_change_set_is_waited_for_by_arn_and_all_pages_are_read(client: Any, stubber: Stubber) -> None:
    expect_creation(stubber)
    values = {"IncludePropertyValues": True}
    answer(stubber, {"Status": "CREATE_IN_PROGRESS"}, **values)
    answer(stubber, {"Status": "CREATE_COMPLETE", "Changes": [change("One")], "NextToken": "two"}, **values)
    answer(stubber, {"Status": "CREATE_COMPLETE", "Changes": [change("Two")]}, **values, NextToken="two")
    sleeps: list[float] = []
    made = create(client, sleeps)
    assert made is not None
    assert [resource.logical_id for resource in made.changes] == ["One", "Two"]
    assert (made.arn, made.stack_arn) == (CHANGE_SET_ARN, STACK_ARN)
    assert len(sleeps) == 1


@pytest.mark.parametrize(
    "reason",
    [
        "The submitted information didn't contain changes. Submit different information.",
        "No updates are to be performed.",
    ],
)
def test_empty_change_set_is_removed_and_is_no_error(reason: str, client: Any, stubber: Stubber) -> None:
    expect_creation(stubber)
    answer(stubber, {"Status": "FAILED", "StatusReason": reason}, IncludePropertyValues=True)
    stubber.add_response("delete_change_set", {}, {"ChangeSetName": CHANGE_SET_ARN})
    assert create(client) is None


def test_failed_change_set_is_removed_and_its_reason_told(client: Any, stubber: Stubber) -> None:
    expect_creation(stubber)
    answer(stubber, {"Status": "FAILED", "StatusReason": "No export named x"}, IncludePropertyValues=True)
    stubber.add_response("delete_change_set", {}, {"ChangeSetName": CHANGE_SET_ARN})
    with pytest.raises(change_sets.ChangeSetFailedError, match="No export named x"):
        create(client)


def test_resources_that_the_answer_with_values_leaves_out_are_added(client: Any, stubber: Stubber) -> None:
    expect_creation(stubber)
    warning = "[WARN] --include-property-values option can return incomplete ChangeSet data because ..."
    answer(
        stubber,
        {"Status": "CREATE_COMPLETE", "StatusReason": warning, "Changes": [change("One")]},
        IncludePropertyValues=True,
    )
    answer(stubber, {"Status": "CREATE_COMPLETE", "Changes": [change("One"), change("Two")]})
    made = create(client)
    assert made is not None
    assert [resource.logical_id for resource in made.changes] == ["One", "Two"]


@pytest.mark.parametrize(
    ("more", "action"),
    [
        pytest.param({"Action": "Add"}, "add", id="add"),
        pytest.param({"Action": "Remove"}, "remove", id="remove"),
        pytest.param({"Replacement": "False"}, "modify", id="in place"),
        pytest.param({"Replacement": "True"}, "replace", id="replacement"),
        pytest.param({"Replacement": "Conditional"}, "may replace", id="conditional"),
        pytest.param({"PolicyAction": "ReplaceAndRetain"}, "replace", id="policy action alone"),
        pytest.param({"Action": "Dynamic"}, "may replace", id="dynamic"),
    ],
)
def test_action_of_a_change(more: dict[str, Any], action: str, client: Any, stubber: Stubber) -> None:
    expect_creation(stubber)
    answer(
        stubber,
        {"Status": "CREATE_COMPLETE", "Changes": [change("One", **more)]},
        IncludePropertyValues=True,
    )
    made = create(client)
    assert made is not None
    assert [resource.action for resource in made.changes] == [action]


def test_property_is_told_once_with_its_values_and_the_worst_recreation(
    client: Any, stubber: Stubber
) -> None:
    target = {"Attribute": "Properties", "Name": "TopicName", "Path": "/Properties/TopicName"}
    details: list[dict[str, Any]] = [
        {"Target": target | {"RequiresRecreation": "Always", "BeforeValue": "a", "AfterValue": "b"}},
        {"Target": target | {"RequiresRecreation": "Never"}},
        {"Target": {"Attribute": "Tags", "RequiresRecreation": "Never"}},
    ]
    expect_creation(stubber)
    answer(
        stubber,
        {"Status": "CREATE_COMPLETE", "Changes": [change("One", Replacement="True", Details=details)]},
        IncludePropertyValues=True,
    )
    made = create(client)
    assert made is not None
    assert made.changes == (
        ResourceChange(
            "One",
            "AWS::SNS::Topic",
            "replace",
            "",
            (
                PropertyChange("/Properties/TopicName", "a", "b", "Always"),
                PropertyChange("/Tags", of_tags=True),
            ),
        ),
    )


def test_stack_that_does_not_exist_is_none(client: Any, stubber: Stubber) -> None:
    stubber.add_client_error("describe_stacks", "ValidationError", "Stack with id x does not exist")
    assert describe.stack(client, "x") is None


def test_deleted_stack_that_its_arn_still_finds_is_none(client: Any, stubber: Stubber) -> None:
    stack = {
        "StackName": "x",
        "StackId": STACK_ARN,
        "StackStatus": "DELETE_COMPLETE",
        "CreationTime": NOW,
    }
    stubber.add_response("describe_stacks", {"Stacks": [stack]})
    assert describe.stack(client, STACK_ARN) is None


def event(number: int) -> dict[str, Any]:
    return {
        "StackId": STACK_ARN,
        "EventId": str(number),
        "StackName": "shop-dev-service",
        "LogicalResourceId": "Service",
        "Timestamp": NOW,
    }


def test_events_are_read_over_all_pages(client: Any, stubber: Stubber) -> None:
    first: dict[str, Any] = {"StackEvents": [event(5), event(4)], "NextToken": "more"}
    stubber.add_response("describe_stack_events", first)
    stubber.add_response("describe_stack_events", {"StackEvents": [event(3), event(2), event(1)]})
    assert [found.id for found in describe.events(client, STACK_ARN)] == ["5", "4", "3", "2", "1"]


@pytest.mark.parametrize(
    ("summaries", "deleted"), [([], True), ([{"ChangeSetName": "theirs", "ChangeSetId": "arn"}], False)]
)
def test_stack_in_review_is_deleted_only_when_it_has_no_other_change_set(
    summaries: list[dict[str, str]], deleted: bool, client: Any, stubber: Stubber
) -> None:
    shell = {
        "StackName": "x",
        "StackId": STACK_ARN,
        "StackStatus": "REVIEW_IN_PROGRESS",
        "CreationTime": NOW,
    }
    stubber.add_response("describe_stacks", {"Stacks": [shell]})
    stubber.add_response("list_change_sets", {"Summaries": summaries})
    if deleted:
        stubber.add_response("delete_stack", {}, {"StackName": STACK_ARN})
    change_sets.delete_stack_in_review(client, STACK_ARN)
