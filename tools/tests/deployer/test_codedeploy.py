"""The conversations with CodeDeploy, as AWS answers: revisions by their hash, pages, batches, refusals."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from ecs_blue_green.deployer.errors import Blocked, Failed
from ecs_blue_green.deployer.release import codedeploy
from ecs_blue_green.deployer.release.codedeploy import AppSpec, Deployment, Group

NOW = datetime(2026, 1, 1, tzinfo=UTC)
GROUP = Group("app", "group", "CodeDeployDefault.ECSAllAtOnce", ("a", "b"), True)
REVISION = "arn:aws:ecs:ap-northeast-1:000000000000:task-definition/sample-dev-api:7"
CONTENT = json.dumps(
    {
        "version": 0.0,
        "Resources": [
            {
                "TargetService": {
                    "Type": "AWS::ECS::Service",
                    "Properties": {
                        "TaskDefinition": REVISION,
                        "LoadBalancerInfo": {"ContainerName": "api", "ContainerPort": 1323},
                    },
                }
            }
        ],
    }
)


@pytest.fixture
def client() -> Any:
    return boto3.client(
        "codedeploy", region_name="ap-northeast-1", aws_access_key_id="x", aws_secret_access_key="x"
    )


@pytest.fixture
def stub(client: Any) -> Iterator[Stubber]:
    with Stubber(client) as stubber:
        yield stubber
        stubber.assert_no_pending_responses()


def deployment(revision: dict[str, Any]) -> Deployment:
    return Deployment("d-1", "Succeeded", NOW, "user", "", revision, "", None, "")


@pytest.mark.parametrize(("kind", "member"), [("AppSpecContent", "appSpecContent"), ("String", "string")])
def test_content_of_a_revision_is_asked_for_by_its_hash(
    client: Any, stub: Stubber, kind: str, member: str
) -> None:
    asked = {"revisionType": kind, member: {"sha256": "abc"}}
    stub.add_response(
        "get_application_revision",
        {"applicationName": "app", "revision": {"revisionType": kind, member: {"content": CONTENT}}},
        {"applicationName": "app", "revision": asked},
    )
    properties = json.loads(CONTENT)["Resources"][0]["TargetService"]["Properties"]
    assert codedeploy.app_spec(client, GROUP, deployment(asked)) == AppSpec(CONTENT, REVISION, properties)


def test_yaml_revision_is_read_too(client: Any, stub: Stubber) -> None:
    content = (
        "version: 0.0\nResources:\n- TargetService:\n    Type: AWS::ECS::Service\n    Properties:\n"
        f"      TaskDefinition: {REVISION}\n"
    )
    revision = {"revisionType": "AppSpecContent", "appSpecContent": {"content": content}}
    assert codedeploy.app_spec(client, GROUP, deployment(revision)).task_definition == REVISION


def test_revision_in_a_bucket_is_not_guessed(client: Any, stub: Stubber) -> None:
    revision = {"revisionType": "S3", "s3Location": {"bucket": "b", "key": "k", "bundleType": "YAML"}}
    with pytest.raises(Failed, match="its type is S3"):
        codedeploy.app_spec(client, GROUP, deployment(revision))


def test_history_is_read_whole_and_sorted(client: Any, stub: Stubber) -> None:
    ids = [f"d-{number}" for number in range(30)]
    expected = {
        "applicationName": "app",
        "deploymentGroupName": "group",
        "includeOnlyStatuses": ["Succeeded"],
        "createTimeRange": {"start": NOW},
    }
    stub.add_response("list_deployments", {"deployments": ids[:20], "nextToken": "more"}, expected)
    stub.add_response("list_deployments", {"deployments": ids[20:]}, expected | {"nextToken": "more"})
    for batch in (ids[:25], ids[25:]):
        infos = [
            {"deploymentId": one, "status": "Succeeded", "createTime": NOW - timedelta(hours=int(one[2:]))}
            for one in batch
        ]
        stub.add_response("batch_get_deployments", {"deploymentsInfo": infos}, {"deploymentIds": batch})
    assert [one.id for one in codedeploy.succeeded(client, GROUP, NOW)] == ids[::-1]


def creation(extra: dict[str, Any]) -> dict[str, Any]:
    return {
        "applicationName": "app",
        "deploymentGroupName": "group",
        "revision": {"revisionType": "AppSpecContent", "appSpecContent": {"content": CONTENT}},
        "description": "why",
        **extra,
    }


@pytest.mark.parametrize(
    ("alarms", "configuration", "extra"),
    [
        (("a", "b"), None, {}),
        (("a", "b"), "Fast", {"deploymentConfigName": "Fast"}),
        (
            ("b",),
            None,
            {
                "overrideAlarmConfiguration": {
                    "enabled": True,
                    "ignorePollAlarmFailure": False,
                    "alarms": [{"name": "b"}],
                }
            },
        ),
        (
            (),
            None,
            {
                "overrideAlarmConfiguration": {
                    "enabled": False,
                    "ignorePollAlarmFailure": False,
                    "alarms": [],
                }
            },
        ),
    ],
)
def test_alarms_are_overridden_only_where_some_are_left_out(
    client: Any, stub: Stubber, alarms: tuple[str, ...], configuration: str | None, extra: dict[str, Any]
) -> None:
    stub.add_response("create_deployment", {"deploymentId": "d-2"}, creation(extra))
    spec = AppSpec(CONTENT, REVISION)
    made = codedeploy.create(client, GROUP, spec, "why", configuration=configuration, alarms=alarms)
    assert made == "d-2"


def test_deployment_that_began_meanwhile_blocks(client: Any, stub: Stubber) -> None:
    stub.add_client_error("create_deployment", "DeploymentLimitExceededException", "d-9 is active")
    with pytest.raises(Blocked, match="d-9 is active"):
        codedeploy.create(
            client, GROUP, AppSpec(CONTENT, REVISION), "why", configuration=None, alarms=("a", "b")
        )


def test_deployment_that_ended_meanwhile_blocks(client: Any, stub: Stubber) -> None:
    stub.add_client_error("stop_deployment", "DeploymentAlreadyCompletedException", "")
    with pytest.raises(Blocked, match="d-1 has ended meanwhile"):
        codedeploy.stop(client, "d-1")
