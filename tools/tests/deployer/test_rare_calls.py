"""Calls that hardly any deploy makes, put to botocore's models with scripted answers."""

from types import SimpleNamespace
from typing import Any, cast

import pytest
from botocore.stub import ANY

from ecs_blue_green.deployer.aws import Aws
from ecs_blue_green.deployer.cloudformation import deletion_blockers
from ecs_blue_green.deployer.environment import Environment
from ecs_blue_green.deployer.execution import services
from ecs_blue_green.deployer.preflight import network
from ecs_blue_green.deployer.project import Project
from ecs_blue_green.deployer.session import Session
from ecs_blue_green.deployer.verbs import deploy
from tests.deployer.shop import LAYERS
from tests.deployer.test_preflight import Clients
from tests.deployer.test_stuck import described
from tests.paths import PROJECT, RUNTIME

SHOP = Environment("dev", "0" * 12, "ap-northeast-1", "sample", False, {}, {}, tuple(LAYERS))
STACK = "arn:aws:cloudformation:ap-northeast-1:000000000000:stack/sample-dev-service/1"
SERVICE = "arn:aws:ecs:ap-northeast-1:000000000000:service/common/sample-dev-api"


@pytest.fixture
def clients() -> Clients:
    return Clients()


def aws(clients: Clients) -> Aws:
    return cast("Aws", clients)


def script(clients: Clients, service: str, operation: str, answer: Any, request: Any = None) -> None:
    clients.client(service)
    clients.stubbers[service].add_response(operation, answer, request)


def finished(clients: Clients) -> None:
    for stubber in clients.stubbers.values():
        stubber.assert_no_pending_responses()


def test_bucket_is_emptied_of_every_version_and_marker(clients: Clients) -> None:
    pages = {
        "Versions": [{"Key": "a", "VersionId": "1"}, {"Key": "a", "VersionId": "2"}],
        "DeleteMarkers": [{"Key": "b", "VersionId": "3"}],
    }
    deleted = [{"Key": key, "VersionId": version} for key, version in (("a", "1"), ("a", "2"), ("b", "3"))]
    script(clients, "s3", "list_object_versions", pages)
    request = {"Bucket": "artifacts", "Delete": {"Objects": deleted, "Quiet": True}}
    script(clients, "s3", "delete_objects", {}, request)
    deletion_blockers._empty_bucket(aws(clients), "artifacts")
    finished(clients)


def test_groups_of_the_endpoints_in_the_network_are_known(clients: Clients) -> None:
    endpoint = {"VpcEndpointId": "vpce-1", "Groups": [{"GroupId": "sg-1", "GroupName": "ends"}]}
    answers: dict[str, Any] = {
        "DescribeVpcEndpoints": {"VpcEndpoints": [endpoint]},
        "DescribeSecurityGroups": {"SecurityGroups": [{"GroupId": "sg-1"}]},
        "DescribeVpcs": {"Vpcs": []},
        "DescribeSubnets": {"Subnets": []},
        "DescribeRouteTables": {"RouteTables": []},
        "DescribeNatGateways": {"NatGateways": []},
    }
    # They come side by side, in no order.
    clients.client("ec2")
    clients.stubbers["ec2"].deactivate()
    clients.made["ec2"].meta.events.register(
        "before-call", lambda model, **_: (SimpleNamespace(status_code=200), answers[model.name])
    )
    found = network.read_network(aws(clients), "vpc-1", ["subnet-1"])
    assert (found.endpoints, found.groups) == ([endpoint], {"sg-1": {"GroupId": "sg-1"}})


def test_newest_event_of_a_service_that_is_made_is_asked_of_ecs(clients: Clients) -> None:
    resource = {
        "ResourceType": "AWS::ECS::Service",
        "ResourceStatus": "CREATE_IN_PROGRESS",
        "LogicalResourceId": "Service",
        "PhysicalResourceId": SERVICE,
        "LastUpdatedTimestamp": 0,
    }
    script(clients, "cloudformation", "list_stack_resources", {"StackResourceSummaries": [resource]})
    events = {"services": [{"events": [{"message": "no tasks"}, {"message": "older"}]}]}
    script(clients, "ecs", "describe_services", events, {"cluster": "common", "services": [SERVICE]})
    assert list(services.newest_events(aws(clients), STACK)) == [("Service", "no tasks")]
    finished(clients)


def test_update_that_runs_is_cancelled_when_a_person_says_so(clients: Clients) -> None:
    script(clients, "cloudformation", "describe_stacks", described("UPDATE_IN_PROGRESS"))
    script(clients, "cloudformation", "cancel_update_stack", {}, {"StackName": ANY})
    project = Project(PROJECT, {}, RUNTIME, SHOP, waits_for={})
    deploy._cancel(Session(project, aws(clients), print), {"service"})
    finished(clients)
