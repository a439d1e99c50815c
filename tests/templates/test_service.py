"""What must never change in the service layer."""

import json
import re
from typing import Any

import pytest

from templates import service
from tests.templates.conftest import Document


@pytest.fixture(scope="module")
def properties(documents: dict[str, Document]) -> dict[str, Any]:
    found: dict[str, Any] = documents["service"]["Resources"]["Service"]["Properties"]
    return found


def test_deployments_are_codedeploys(properties: dict[str, Any]) -> None:
    assert properties["DeploymentController"] == {"Type": "CODE_DEPLOY"}


def test_tasks_start_where_a_release_will_start_them(properties: dict[str, Any]) -> None:
    """On Fargate without a value; else FARGATE:2:1,FARGATE_SPOT:3 is what it says, and never both."""
    no_value = {"Ref": "AWS::NoValue"}
    condition, without, launch_type = properties["LaunchType"]["Fn::If"]
    assert (without, launch_type) == (no_value, "FARGATE")
    assert properties["CapacityProviderStrategy"]["Fn::If"][::2] == [condition, no_value]
    for given, expected in (
        ("FARGATE:2:1,FARGATE_SPOT:3", [("FARGATE", "2", "1"), ("FARGATE_SPOT", "3", 0)]),
        # The branch that is not taken: no index is out of bounds.
        ("", [("FARGATE", "0", "0"), ("FARGATE_SPOT", "0", 0)]),
    ):
        providers = taken_apart(properties["CapacityProviderStrategy"]["Fn::If"][1], given)
        found = [(one["CapacityProvider"], one["Weight"], one["Base"]) for one in providers]
        assert found == expected


def test_cluster_of_the_stack_has_these_providers(documents: dict[str, Document]) -> None:
    cluster = documents["infrastructure"]["Resources"]["Cluster"]["Properties"]
    assert cluster["CapacityProviders"] == ["FARGATE", "FARGATE_SPOT"]


def taken_apart(value: Any, given: str) -> Any:
    """What CloudFormation makes of functions on the parameter, as far as the service uses them."""
    match value:
        case {"Fn::Select": [index, members]}:
            return taken_apart(members, given)[index]
        case {"Fn::Split": [delimiter, text]}:
            return taken_apart(text, given).split(delimiter)
        case {"Fn::Sub": str(text)}:
            return text.replace("${CapacityProviderStrategy}", given)
        case dict():
            return {name: taken_apart(member, given) for name, member in value.items()}
        case list():
            return [taken_apart(member, given) for member in value]
    return value


@pytest.mark.parametrize(
    ("given", "fits"),
    [
        ("", True),
        ("FARGATE:1:1,FARGATE_SPOT:3", True),
        ("FARGATE:1:2,FARGATE_SPOT:0", True),
        ("FARGATE:1000:100000,FARGATE_SPOT:1000", True),
        ("FARGATE:1:0,FARGATE_SPOT:3", False),
        ("FARGATE:1,FARGATE_SPOT:3", False),
        ("FARGATE:0:1,FARGATE_SPOT:3", False),
        ("FARGATE_SPOT:1", False),
        ("FARGATE_SPOT:3,FARGATE:1:1", False),
        ("FARGATE:1:1,OTHER:3", False),
        ("FARGATE:1001:1,FARGATE_SPOT:3", False),
    ],
)
def test_one_task_at_least_is_on_demand(given: str, fits: bool, documents: dict[str, Document]) -> None:
    """Spot can be taken away at any moment, all of it at once."""
    for layer in ("service", "pipeline"):
        pattern = documents[layer]["Parameters"]["CapacityProviderStrategy"]["AllowedPattern"]
        assert bool(re.fullmatch(pattern, given)) is fits


def test_task_definition_is_the_family_without_a_revision(properties: dict[str, Any]) -> None:
    """A revision would be an update at each release, which ECS refuses."""
    assert properties["TaskDefinition"] == {
        "Fn::ImportValue": {"Fn::Sub": "${TaskDefinitionStackName}-TaskDefinitionFamily"}
    }


@pytest.mark.parametrize("name", ["DesiredCount", "DeploymentConfiguration", "ServiceRegistries"])
def test_what_others_own_or_this_controller_refuses_is_absent(name: str, properties: dict[str, Any]) -> None:
    assert name not in properties


def test_service_begins_behind_the_blue_target_group(properties: dict[str, Any]) -> None:
    (load_balancer,) = properties["LoadBalancers"]
    assert load_balancer["TargetGroupArn"] == {
        "Fn::ImportValue": {"Fn::Sub": "${InfrastructureStackName}-BlueTargetGroupArn"}
    }


def test_tasks_have_no_public_address(properties: dict[str, Any]) -> None:
    network = properties["NetworkConfiguration"]["AwsvpcConfiguration"]
    assert network["AssignPublicIp"] == "DISABLED"
    assert network["Subnets"] == {"Ref": "PrivateSubnetIds"}
    assert len(network["SecurityGroups"]) == 1


def test_what_cannot_be_changed_later_is_decided_at_creation(properties: dict[str, Any]) -> None:
    assert properties["AvailabilityZoneRebalancing"] == "DISABLED"
    assert properties["EnableExecuteCommand"] == {"Fn::If": ["IsExecuteCommandEnabled", True, False]}
    assert properties["EnableECSManagedTags"] is True
    assert properties["PropagateTags"] == "SERVICE"


def test_stack_policy_keeps_updates_from_the_service() -> None:
    policy = service.RUNTIME.stack_policy
    assert policy
    allow, deny = json.loads(policy.to_json())["Statement"]
    assert (allow["Effect"], allow["Action"], allow["Resource"]) == ("Allow", ["Update:*"], ["*"])
    assert (deny["Effect"], deny["Action"], deny["Resource"]) == (
        "Deny",
        ["Update:*"],
        ["LogicalResourceId/Service"],
    )
