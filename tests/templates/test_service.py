"""What must never change in the service layer."""

import json
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
    assert properties["LaunchType"] == "FARGATE"


def test_task_definition_is_the_family_without_a_revision(properties: dict[str, Any]) -> None:
    """A revision would be an update at each release, which ECS refuses."""
    assert properties["TaskDefinition"] == {
        "Fn::ImportValue": {"Fn::Sub": "${TaskDefinitionStackName}-TaskDefinitionFamily"}
    }


@pytest.mark.parametrize(
    "name", ["DesiredCount", "DeploymentConfiguration", "CapacityProviderStrategy", "ServiceRegistries"]
)
def test_what_others_own_or_this_controller_refuses_is_absent(name: str, properties: dict[str, Any]) -> None:
    assert name not in properties


def test_service_begins_behind_the_blue_target_group(properties: dict[str, Any]) -> None:
    (load_balancer,) = properties["LoadBalancers"]
    assert load_balancer["TargetGroupArn"] == {
        "Fn::ImportValue": {"Fn::Sub": "${InfrastructureStackName}-BlueTargetGroupArn"}
    }
    assert properties["HealthCheckGracePeriodSeconds"] >= 30


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
