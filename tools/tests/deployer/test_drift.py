"""Drift: what is found, whose it is, and that what nobody could check is never called clean."""

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from ecs_blue_green.deployer.cloudformation.describe import Stack
from ecs_blue_green.deployer.drift import detection, report
from ecs_blue_green.deployer.drift.detection import ResourceDrift, StackDrift
from ecs_blue_green.deployer.drift.ownership import Owners
from ecs_blue_green.deployer.environment import Environment
from ecs_blue_green.runtime import Changed, Delegation
from tests.deployer.releases import Releases, client
from tests.deployer.shop import Shop
from tests.paths import RUNTIME

RULE_ACTIONS = Delegation("Actions", "CodeDeploy", "forwards-to-target-groups")
NOW = datetime(2026, 1, 1, tzinfo=UTC)
BLUE = "arn:aws:elasticloadbalancing:ap-northeast-1:000000000000:targetgroup/blue/1"
GREEN = "arn:aws:elasticloadbalancing:ap-northeast-1:000000000000:targetgroup/green/2"
OTHER = "arn:aws:elasticloadbalancing:ap-northeast-1:000000000000:targetgroup/other/3"
REVISION = "arn:aws:ecs:ap-northeast-1:000000000000:task-definition/sample-dev-api:7"


class FakeCloudFormation:
    """The drift calls of CloudFormation for one stack; pages hold one resource."""

    def __init__(self, resources: Mapping[str, str], drifts: list[dict[str, Any]]) -> None:
        self.resources = resources
        self.drifts = drifts
        self.busy = 0
        self.polls = 0
        self.detection: dict[str, Any] = {"DetectionStatus": "DETECTION_COMPLETE"}

    def client(self, service: str) -> "FakeCloudFormation":
        assert service == "cloudformation"
        return self

    def detect_stack_drift(self, StackName: str) -> dict[str, str]:  # noqa: N803
        if self.busy:
            self.busy -= 1
            message = f"Drift detection is already in progress for stack [{StackName}]"
            raise ClientError({"Error": {"Code": "ValidationError", "Message": message}}, "DetectStackDrift")
        return {"StackDriftDetectionId": "detection"}

    def describe_stack_drift_detection_status(self, StackDriftDetectionId: str) -> dict[str, Any]:  # noqa: N803
        assert StackDriftDetectionId == "detection"
        self.polls += 1
        if self.polls == 1:
            return {"DetectionStatus": "DETECTION_IN_PROGRESS", "Timestamp": NOW}
        return {"Timestamp": NOW} | self.detection

    def describe_stack_resource_drifts(self, StackName: str, NextToken: str = "0") -> dict[str, Any]:  # noqa: N803
        position = int(NextToken)
        following = {"NextToken": str(position + 1)} if position + 1 < len(self.drifts) else {}
        return {"StackResourceDrifts": self.drifts[position : position + 1], **following}

    def get_paginator(self, operation: str) -> "FakeCloudFormation":
        assert operation == "list_stack_resources"
        return self

    def paginate(self, StackName: str) -> Iterator[dict[str, Any]]:  # noqa: N803
        for logical_id, kind in self.resources.items():
            yield {
                "StackResourceSummaries": [
                    {
                        "LogicalResourceId": logical_id,
                        "ResourceType": kind,
                        "PhysicalResourceId": logical_id.lower(),
                        "ResourceStatus": "CREATE_COMPLETE",
                    }
                ]
            }


def found(
    logical_id: str,
    status: str = "IN_SYNC",
    expected: Mapping[str, Any] | None = None,
    actual: Mapping[str, Any] | None = None,
    paths: tuple[str, ...] = (),
    when: datetime = NOW + timedelta(seconds=1),
) -> dict[str, Any]:
    """One resource as DescribeStackResourceDrifts tells of it."""
    return {
        "LogicalResourceId": logical_id,
        "PhysicalResourceId": logical_id.lower(),
        "ResourceType": "AWS::Some::Type",
        "StackResourceDriftStatus": status,
        "ExpectedProperties": json.dumps(expected or {}),
        "ActualProperties": json.dumps(actual or {}),
        "PropertyDifferences": [
            {"PropertyPath": path, "ExpectedValue": "a", "ActualValue": "b", "DifferenceType": "NOT_EQUAL"}
            for path in paths
        ],
        "Timestamp": when,
    }


def stack(layer: str, status: str = "CREATE_COMPLETE") -> Stack:
    outputs = {"BlueTargetGroupArn": BLUE, "GreenTargetGroupArn": GREEN}
    return Stack(f"sample-dev-{layer}", f"arn:stack/sample-dev-{layer}/1", status, outputs=outputs)


def detect(
    layer: str,
    fake: FakeCloudFormation,
    status: str = "CREATE_COMPLETE",
    brought: tuple[Mapping[str, Any], ...] = (),
) -> StackDrift:
    stacks = {"infrastructure": stack("infrastructure")} | {layer: stack(layer, status)}
    if layer != "infrastructure":
        # The other stack is only there for its outputs.
        stacks["infrastructure"] = Stack(
            "shell", "arn:stack/shell/1", "REVIEW_IN_PROGRESS", outputs=stacks["infrastructure"].outputs
        )
    owners = {slug: Owners(RUNTIME.layers[slug].changed_by, {BLUE, GREEN}, brought) for slug in stacks}
    results = detection.detect(fake, stacks, owners, sleep=lambda seconds: None)  # type: ignore[arg-type]
    return next(result for result in results if result.layer == layer)


def judged(
    layer: str, logical_id: str, expected: Mapping[str, Any], actual: Mapping[str, Any], *paths: str
) -> ResourceDrift:
    fake = FakeCloudFormation(
        {logical_id: "AWS::Some::Type"}, [found(logical_id, "MODIFIED", expected, actual, paths)]
    )
    (resource,) = detect(layer, fake).resources
    return resource


def forward(*arns: str) -> dict[str, Any]:
    groups = [{"TargetGroupArn": arn, "Weight": 50} for arn in arns]
    return {"Type": "forward", "ForwardConfig": {"TargetGroups": groups}}


BLUE_ONLY = {"DefaultActions": [{"Type": "forward", "TargetGroupArn": BLUE}]}
BEHIND_BLUE = {
    "LoadBalancers": [{"ContainerName": "api", "ContainerPort": 1323, "TargetGroupArn": BLUE}],
    "TaskDefinition": "sample-dev-api",
    "PlatformVersion": "LATEST",
}


@pytest.mark.parametrize(
    ("layer", "resource", "expected", "actual", "paths", "owner"),
    [
        (
            "infrastructure",
            "ProductionListener",
            BLUE_ONLY,
            {"DefaultActions": [forward(GREEN, BLUE)]},
            ["/DefaultActions/0/TargetGroupArn", "/DefaultActions/0/ForwardConfig"],
            "CodeDeploy",
        ),
        (
            "infrastructure",
            "TestListener",
            {"DefaultActions": [{"Type": "forward", "TargetGroupArn": GREEN}]},
            BLUE_ONLY,
            ["/DefaultActions/0/TargetGroupArn"],
            "CodeDeploy",
        ),
        # CloudFormation tells a changed entry of a list as one removed and one added, too.
        (
            "infrastructure",
            "ProductionListener",
            BLUE_ONLY,
            {"DefaultActions": [forward(GREEN)]},
            ["/DefaultActions/0"],
            "CodeDeploy",
        ),
        (
            "service",
            "Service",
            BEHIND_BLUE,
            BEHIND_BLUE
            | {"LoadBalancers": [{"ContainerName": "api", "ContainerPort": "1323", "TargetGroupArn": GREEN}]},
            ["/LoadBalancers/0/TargetGroupArn"],
            "CodeDeploy",
        ),
        ("service", "Service", BEHIND_BLUE, {"TaskDefinition": REVISION}, ["/TaskDefinition"], "CodeDeploy"),
        ("service", "Service", BEHIND_BLUE, {"PlatformVersion": "1.4.0"}, ["/PlatformVersion"], "CodeDeploy"),
        ("service", "Service", {}, {"DesiredCount": 3}, ["/DesiredCount"], "Application Auto Scaling"),
    ],
)
def test_what_others_change_at_run_time_is_delegated(
    layer: str,
    resource: str,
    expected: Mapping[str, Any],
    actual: Mapping[str, Any],
    paths: list[str],
    owner: str,
) -> None:
    result = judged(layer, resource, expected, actual, *paths)
    assert result.verdict == "delegated"
    assert {difference.owner for difference in result.differences} == {owner}


@pytest.mark.parametrize(
    ("layer", "resource", "expected", "actual", "paths"),
    [
        # The listener's actions are CodeDeploy's, but CodeDeploy only ever forwards to blue and green.
        (
            "infrastructure",
            "ProductionListener",
            BLUE_ONLY,
            {"DefaultActions": [forward(BLUE, OTHER)]},
            ["/DefaultActions/0/ForwardConfig"],
        ),
        (
            "infrastructure",
            "ProductionListener",
            BLUE_ONLY,
            {"DefaultActions": [{"Type": "fixed-response"}]},
            ["/DefaultActions/0/Type"],
        ),
        (
            "infrastructure",
            "ProductionListener",
            BLUE_ONLY | {"Port": 80},
            BLUE_ONLY | {"Port": 81},
            ["/Port"],
        ),
        # The redirect is nobody's but the template's.
        (
            "infrastructure",
            "RedirectListener",
            {"DefaultActions": [{"Type": "redirect"}]},
            {"DefaultActions": [forward(GREEN)]},
            ["/DefaultActions/0/Type"],
        ),
        (
            "service",
            "Service",
            BEHIND_BLUE,
            {"LoadBalancers": [{"ContainerName": "api", "ContainerPort": 80, "TargetGroupArn": BLUE}]},
            ["/LoadBalancers/0/ContainerPort"],
        ),
        (
            "service",
            "Service",
            BEHIND_BLUE,
            {"TaskDefinition": REVISION.replace("sample-dev", "other")},
            ["/TaskDefinition"],
        ),
        (
            "service",
            "Service",
            {"NetworkConfiguration": {"AwsvpcConfiguration": {"Subnets": ["a", "b"]}}},
            {"NetworkConfiguration": {"AwsvpcConfiguration": {"Subnets": ["a"]}}},
            ["/NetworkConfiguration"],
        ),
        # One real difference makes the resource real, whatever else differs.
        (
            "infrastructure",
            "ProductionListener",
            BLUE_ONLY | {"SslPolicy": "a"},
            {"DefaultActions": [forward(GREEN)], "SslPolicy": "b"},
            ["/DefaultActions/0/TargetGroupArn", "/SslPolicy"],
        ),
        # Nobody knows what this is, so it is not called harmless.
        ("service", "Service", BEHIND_BLUE, BEHIND_BLUE, []),
    ],
)
def test_everything_else_is_real(
    layer: str, resource: str, expected: Mapping[str, Any], actual: Mapping[str, Any], paths: list[str]
) -> None:
    assert judged(layer, resource, expected, actual, *paths).verdict == "real"


LOGIN = {"Type": "authenticate-oidc", "Order": "1", "AuthenticateOidcConfig": {"ClientId": "a"}}
RULE = {"ListenerArn": "arn:listener", "Actions": [LOGIN, {"Type": "forward", "TargetGroupArn": BLUE}]}


@pytest.mark.parametrize(
    ("actions", "verdict"),
    [
        pytest.param([LOGIN | {"Order": 1}, forward(GREEN, BLUE)], "delegated", id="moved"),
        pytest.param([LOGIN, forward(OTHER)], "real", id="sent elsewhere"),
        pytest.param([forward(GREEN, BLUE)], "real", id="without its login"),
        pytest.param([LOGIN], "real", id="forwards no more"),
    ],
)
def test_rule_is_moved_by_codedeploy_and_everything_before_stays(actions: list[Any], verdict: str) -> None:
    rule = Changed("ApiRule", "CodeDeploy", properties=(RULE_ACTIONS,))
    fake = FakeCloudFormation(
        {"ApiRule": "AWS::Some::Type"},
        [found("ApiRule", "MODIFIED", RULE, RULE | {"Actions": actions}, ("/Actions/0",))],
    )
    stacks = {"infrastructure": stack("infrastructure")}
    owners = {"infrastructure": Owners((rule,), {BLUE, GREEN})}
    (layer,) = detection.detect(fake, stacks, owners, sleep=lambda seconds: None)  # type: ignore[arg-type]
    assert [resource.verdict for resource in layer.resources] == [verdict]


def network(*subnets: str) -> dict[str, Any]:
    return {"AwsvpcConfiguration": {"Subnets": list(subnets), "AssignPublicIp": "DISABLED"}}


def otherwise_written(*subnets: str) -> dict[str, Any]:
    return {"AwsvpcConfiguration": {"AssignPublicIp": "DISABLED", "Subnets": list(subnets)}}


def strategy(weight: int | str) -> list[dict[str, Any]]:
    return [{"CapacityProvider": "FARGATE_SPOT", "Weight": weight, "Base": 0}]


MADE_WITH = {
    "NetworkConfiguration": network("a", "b"),
    "PlatformVersion": "1.4.0",
    "LaunchType": "FARGATE",
    # CloudFormation may tell a parameter's value as it was given.
    "CapacityProviderStrategy": strategy("1"),
}
FINISHED = {"NetworkConfiguration": network("c", "d"), "PlatformVersion": "LATEST"}
ON_SPOT = {**FINISHED, "LaunchType": None}


@pytest.mark.parametrize(
    ("actual", "brought", "verdict"),
    [
        pytest.param(
            {"NetworkConfiguration": otherwise_written("d", "c")}, (FINISHED,), "delegated", id="released"
        ),
        pytest.param({"NetworkConfiguration": network("a", "b")}, (FINISHED,), "real", id="not released"),
        pytest.param({"NetworkConfiguration": network("e", "d")}, (FINISHED,), "real", id="by hand"),
        pytest.param({"PlatformVersion": "1.3.0"}, (FINISHED,), "delegated", id="LATEST is any"),
        pytest.param({"PlatformVersion": "1.3.0"}, ({"PlatformVersion": "1.4.1"},), "real", id="a version"),
        pytest.param({"NetworkConfiguration": network("e")}, (), "real", id="no release, by hand"),
        pytest.param(
            {"NetworkConfiguration": network("e")},
            (FINISHED, {"NetworkConfiguration": network("e")}),
            "delegated",
            id="of the release that runs",
        ),
        pytest.param({"LaunchType": None}, (ON_SPOT,), "delegated", id="capacity providers"),
        pytest.param({"LaunchType": None}, (FINISHED,), "real", id="capacity providers by hand"),
        pytest.param(
            {"CapacityProviderStrategy": strategy(2)},
            ({"CapacityProviderStrategy": strategy(2)},),
            "delegated",
            id="weights",
        ),
        pytest.param({"CapacityProviderStrategy": strategy(1)}, (FINISHED,), "delegated", id="as numbers"),
        pytest.param({"CapacityProviderStrategy": strategy(2)}, (FINISHED,), "real", id="weights by hand"),
    ],
)
def test_service_is_compared_with_the_last_deployment(
    actual: dict[str, Any], brought: tuple[Mapping[str, Any], ...], verdict: str
) -> None:
    """CloudFormation compares it with what the stack was created with."""
    is_as_made = all(MADE_WITH[name] == value for name, value in actual.items())
    (path,) = actual
    item = found(
        "Service",
        "IN_SYNC" if is_as_made else "MODIFIED",
        {path: MADE_WITH[path]},
        actual,
        () if is_as_made else (f"/{path}",),
    )
    fake = FakeCloudFormation({"Service": "AWS::ECS::Service"}, [item])
    (resource,) = detect("service", fake, brought=brought).resources
    assert resource.verdict == verdict, resource


def test_what_cloudformation_left_out_is_not_checked() -> None:
    resources = {"Checked": "AWS::IAM::Role", "Stale": "AWS::IAM::Role", "LeftOut": "AWS::Some::Type"}
    results = [found("Checked"), found("Stale", when=NOW - timedelta(days=1)), found("Odd", "UNKNOWN")]
    fake = FakeCloudFormation(resources | {"Odd": "AWS::Some::Type"}, results)
    verdicts = {resource.logical_id: resource.verdict for resource in detect("service", fake).resources}
    assert verdicts == {
        "Checked": "in sync",
        # The result of an earlier detection says nothing about now.
        "Stale": "not checked",
        "LeftOut": "not checked",
        "Odd": "not checked",
    }


def test_missing_resource_is_real() -> None:
    fake = FakeCloudFormation({"Role": "AWS::IAM::Role"}, [found("Role", "DELETED")])
    (resource,) = detect("service", fake).resources
    assert (resource.status, resource.verdict) == ("DELETED", "real")


def test_detection_of_somebody_else_is_waited_for() -> None:
    fake = FakeCloudFormation({"Role": "AWS::IAM::Role"}, [found("Role")])
    fake.busy = 3
    assert detect("service", fake).resources[0].verdict == "in sync"


def test_failed_detection_is_told_and_keeps_what_was_found() -> None:
    fake = FakeCloudFormation(
        {"Role": "AWS::IAM::Role", "Bucket": "AWS::S3::Bucket"}, [found("Role", "DELETED")]
    )
    fake.detection = {
        "DetectionStatus": "DETECTION_FAILED",
        "DetectionStatusReason": "Failed to detect drift on resources [Bucket]",
    }
    result = detect("service", fake)
    assert result.failure == "Failed to detect drift on resources [Bucket]"
    assert {r.logical_id: r.verdict for r in result.resources} == {"Role": "real", "Bucket": "not checked"}


def test_stack_that_cannot_be_checked_says_why() -> None:
    result = detect("service", FakeCloudFormation({}, []), "ROLLBACK_COMPLETE")
    assert result.failure == "it is ROLLBACK_COMPLETE"


def test_environment_variables_are_not_shown() -> None:
    for path in ("/Environment/EnvironmentVariables/0/Value", "/ContainerDefinitions/0/Environment/1/Value"):
        result = judged("pipeline", "VerifyProject", {}, {}, path)
        assert [(d.expected, d.actual) for d in result.differences] == [("(not shown)", "(not shown)")]
    (shown,) = judged("pipeline", "VerifyProject", {}, {}, "/Environment/Image").differences
    assert (shown.expected, shown.actual) == ("a", "b")


def verdicts(document: dict[str, Any], verdict: str) -> dict[str, set[str]]:
    """The resources of a verdict, each with the owners of its differences."""
    return {
        resource["logical_id"]: {difference["owner"] for difference in resource["differences"]}
        for found_in in document["stacks"]
        for resource in found_in["resources"]
        if resource["verdict"] == verdict
    }


def test_fresh_environment_has_no_drift(deployed: Shop) -> None:
    answer = deployed.run("drift")
    assert answer["exit_code"] == 0
    assert answer["summary"]["real"] == answer["summary"]["delegated"] == 0
    assert answer["summary"]["in_sync"] > 0
    # What nobody can read is named, and not counted as clean.
    assert "Pipeline" in verdicts(answer, "not checked")


def test_what_was_not_checked_is_one_line_for_each_reason(capsys: pytest.CaptureFixture[str]) -> None:
    unknown = {"StackResourceDriftStatus": "UNKNOWN", "DriftStatusReason": "Access denied"}
    kinds = {
        "One": "AWS::A::A",
        "Two": "AWS::A::A",
        "Three": "AWS::B::B",
        "Odd": "AWS::Some::Type",
        "Role": "AWS::D::D",
    }
    fake = FakeCloudFormation(kinds | {"Role": "AWS::D::D"}, [found("Role"), found("Odd") | unknown])
    dev = Environment("dev", "0" * 12, "ap-northeast-1", "sample", False, {}, {}, ("service",))
    report.show_drift(dev, [detect("service", fake)])
    lines = capsys.readouterr().out.splitlines()
    assert lines == [
        "service               in sync (4 not checked)",
        "3 not checked (CloudFormation returned no result): AWS::A::A (2), AWS::B::B",
        "1 not checked (Access denied): AWS::Some::Type",
        "dev: 0 real, 0 delegated, 1 in sync, 4 not checked",
    ]


def test_change_by_hand_is_real_drift(deployed: Shop) -> None:
    logs: Any = client("logs")
    logs.put_retention_policy(logGroupName="/ecs/sample-dev-api", retentionInDays=1)
    answer = deployed.run("drift")
    assert answer["exit_code"] == 4
    real = [
        (found_in["layer"], resource["logical_id"], [d["path"] for d in resource["differences"]])
        for found_in in answer["stacks"]
        for resource in found_in["resources"]
        if resource["verdict"] == "real"
    ]
    assert real == [("task-definition", "LogGroup", ["/RetentionInDays"])]
    code, shown, _ = deployed.talk("drift")
    assert code == 4
    assert "/RetentionInDays: expected 7, actual 1" in shown


def test_release_is_delegated_drift(deployed: Shop) -> None:
    releases = Releases()
    deployment = releases.start(releases.register("example.com/app:2"))
    shifting = deployed.run("drift")
    assert (shifting["exit_code"], verdicts(shifting, "real")) == (0, {})
    assert "ProductionListener" in verdicts(shifting, "delegated")

    releases.codedeploy.stop_deployment(deploymentId=deployment, autoRollbackEnabled=True)
    releases.release("example.com/app:3")
    assert deployed.run("status")["live"]["colour"] == "green"
    released = deployed.run("drift")
    assert (released["exit_code"], verdicts(released, "real")) == (0, {})
    assert verdicts(released, "delegated")["ProductionListener"] == {"CodeDeploy"}
    code, shown, _ = deployed.talk("drift")
    assert code == 0
    assert "delegated" in shown


def test_listener_that_a_person_sent_elsewhere_is_real_drift(deployed: Shop) -> None:
    elb: Any = client("elbv2")
    outputs = {stack["layer"]: stack["outputs"] for stack in deployed.run("status")["stacks"]}
    elb.modify_listener(
        ListenerArn=outputs["infrastructure"]["ProductionListenerArn"],
        DefaultActions=[{"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "503"}}],
    )
    answer = deployed.run("drift")
    assert (answer["exit_code"], set(verdicts(answer, "real"))) == (4, {"ProductionListener"})


def test_nothing_deployed_is_no_drift(dev: Shop) -> None:
    answer = dev.run("drift")
    assert answer["exit_code"] == 0
    assert {found_in["status"] for found_in in answer["stacks"]} == {None}
