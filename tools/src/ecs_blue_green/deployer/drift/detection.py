"""Where the deployed resources differ from their templates, and who changed them.

CloudFormation compares only properties that a template sets, and skips resource types without drift
detection: those are listed here, and never count as in sync.
https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DescribeStackResourceDrifts.html
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from botocore.exceptions import ClientError

from ecs_blue_green.deployer import clock, interrupts
from ecs_blue_green.deployer.aws import Aws
from ecs_blue_green.deployer.clock import Sleep
from ecs_blue_green.deployer.cloudformation.describe import STEADY, Stack
from ecs_blue_green.deployer.cloudformation.schedule import WORKERS
from ecs_blue_green.deployer.drift.ownership import Owners
from ecs_blue_green.deployer.errors import Failed

Verdict = Literal["in sync", "delegated", "real", "not checked"]

# "Drift detection can be run on stacks in CREATE_COMPLETE, UPDATE_COMPLETE, UPDATE_ROLLBACK_COMPLETE and
# UPDATE_ROLLBACK_FAILED": https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-stack-drift.html
CHECKABLE = STEADY | {"UPDATE_ROLLBACK_FAILED"}
FIRST_DELAY = 0.5
LAST_DELAY = 10.0
# "DetectStackDrift can take up to several minutes": one that takes much longer will not finish.
PATIENCE_SECONDS = 1800
# An environment variable that was set by hand may hold a secret.
HIDDEN = "(not shown)"
_VARIABLES = re.compile(r"/(EnvironmentVariables|Variables)(/|$)|/Environment(/\d|$)")
_VARIABLES_WITHIN = re.compile(r'"(Environment|EnvironmentVariables|Variables)"')


@dataclass(frozen=True)
class Difference:
    """One property that differs from the template. `owner` is who may have changed it, or None."""

    path: str
    kind: str
    expected: str
    actual: str
    owner: str | None


@dataclass(frozen=True)
class ResourceDrift:
    """The drift of one resource. `status` is CloudFormation's own, `reason` says why it was not checked."""

    logical_id: str
    type: str
    physical_id: str
    status: str
    verdict: Verdict
    reason: str = ""
    differences: tuple[Difference, ...] = ()


@dataclass(frozen=True)
class StackDrift:
    """One stack. `failure` is why CloudFormation could not check it, or all of it."""

    layer: str
    stack: Stack | None
    resources: tuple[ResourceDrift, ...] = ()
    failure: str = ""


def detect(
    aws: Aws,
    stacks: Mapping[str, Stack | None],
    owners: Mapping[str, Owners],
    say: Callable[[str], None] = lambda text: None,
    sleep: Sleep = clock.sleep,
) -> list[StackDrift]:
    """Detect the drift of every stack, all at the same time, and say who is responsible for it.

    `stacks` are the environment's stacks by layer, none of them with an operation in progress; `owners` says
    for each of them who else changes its resources.
    """
    client = aws.client("cloudformation")

    def stack_drift(item: tuple[str, Stack | None]) -> StackDrift:
        layer, stack = item
        return _stack(client, layer, stack, owners[layer], sleep)

    say("CloudFormation detects drift of the stacks")
    with interrupts.threads(WORKERS) as pool:
        return list(pool.map(stack_drift, stacks.items()))


def _stack(client: Any, layer: str, stack: Stack | None, owners: Owners, sleep: Sleep) -> StackDrift:
    if stack is None or not stack.exists:
        return StackDrift(layer, None)
    if stack.status not in CHECKABLE:
        return StackDrift(layer, stack, failure=f"it is {stack.status}")
    detection = _detection(client, stack.arn, sleep)
    results = {}
    for item in _pages(client, stack.arn):
        # A resource that could not be read this time still has the result of an earlier detection.
        if item["Timestamp"] >= detection["Timestamp"]:
            results[item["LogicalResourceId"]] = item
    failed = detection["DetectionStatus"] == "DETECTION_FAILED"
    failure = detection.get("DetectionStatusReason", "no reason given") if failed else ""
    resources = tuple(_resources(client, stack, results, failure, owners))
    return StackDrift(layer, stack, resources, failure)


def _detection(client: Any, stack_arn: str, sleep: Sleep) -> Any:
    """The finished detection of one stack; waits for one that is already in progress."""
    waited, delay, started = 0.0, FIRST_DELAY, None
    while waited < PATIENCE_SECONDS:
        if started is None:
            started = _begin(client, stack_arn)
        if started:
            detection = client.describe_stack_drift_detection_status(StackDriftDetectionId=started)
            if detection["DetectionStatus"] != "DETECTION_IN_PROGRESS":
                return detection
        sleep(delay)
        waited += delay
        delay = min(delay * 1.5, LAST_DELAY)
    raise Failed(
        f"the drift detection of {stack_arn.split('/')[1]} did not finish",
        f"the deployer waited {PATIENCE_SECONDS // 60} minutes",
        "run again later",
    )


def _begin(client: Any, stack_arn: str) -> str | None:
    """The id of a new detection, or None while another one runs on the stack."""
    try:
        return str(client.detect_stack_drift(StackName=stack_arn)["StackDriftDetectionId"])
    except ClientError as error:
        # The wording is UNVERIFIED: no page of AWS's has it.
        if "already in progress" in error.response["Error"].get("Message", ""):
            return None
        raise


def _pages(client: Any, stack_arn: str) -> Iterator[Any]:
    extra: dict[str, str] = {}
    while True:
        page = client.describe_stack_resource_drifts(StackName=stack_arn, **extra)
        yield from page["StackResourceDrifts"]
        if not page.get("NextToken"):
            return
        extra = {"NextToken": page["NextToken"]}


def _resources(
    client: Any, stack: Stack, results: Mapping[str, Any], failure: str, owners: Owners
) -> Iterator[ResourceDrift]:
    for page in client.get_paginator("list_stack_resources").paginate(StackName=stack.arn):
        for resource in page["StackResourceSummaries"]:
            if resource["ResourceStatus"] == "DELETE_COMPLETE":
                continue
            logical_id, kind = resource["LogicalResourceId"], resource["ResourceType"]
            result = results.get(logical_id)
            if result is None:
                # It does not say why: a type without drift detection is left out.
                # https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-stack-drift.html
                reason = "the detection failed" if failure else "CloudFormation returned no result"
                physical_id = resource.get("PhysicalResourceId", "")
                yield ResourceDrift(logical_id, kind, physical_id, "NOT_CHECKED", "not checked", reason)
            else:
                yield _judged(result, owners)


def _judged(result: Any, owners: Owners) -> ResourceDrift:
    status = result["StackResourceDriftStatus"]
    differences = tuple(_differences(result, owners)) if status == "MODIFIED" else ()
    verdict: Verdict
    if status == "IN_SYNC":
        # Equal to the template, although a release has changed it since.
        differences = tuple(_moved_back(result, owners))
        verdict = "real" if differences else "in sync"
    elif status == "DELETED":
        verdict = "real"
    elif status == "MODIFIED":
        # A modification without details cannot be attributed to anybody.
        delegated = differences and all(difference.owner for difference in differences)
        verdict = "delegated" if delegated else "real"
    else:
        verdict = "not checked"
    return ResourceDrift(
        logical_id=result["LogicalResourceId"],
        type=result["ResourceType"],
        physical_id=result.get("PhysicalResourceId", ""),
        status=status,
        verdict=verdict,
        reason=result.get("DriftStatusReason", "") if verdict == "not checked" else "",
        differences=differences,
    )


def _differences(result: Any, owners: Owners) -> Iterator[Difference]:
    expected = json.loads(result.get("ExpectedProperties") or "{}")
    actual = json.loads(result.get("ActualProperties") or "{}")
    for difference in result.get("PropertyDifferences", []):
        path = difference["PropertyPath"]
        yield Difference(
            path=path,
            kind=difference["DifferenceType"],
            expected=_shown(path, difference.get("ExpectedValue", "")),
            actual=_shown(path, difference.get("ActualValue", "")),
            owner=owners.of(result["LogicalResourceId"], path, expected, actual),
        )


def _moved_back(result: Any, owners: Owners) -> Iterator[Difference]:
    expected = json.loads(result.get("ExpectedProperties") or "{}")
    actual = json.loads(result.get("ActualProperties") or "{}")
    for name, deployed in owners.beyond(result["LogicalResourceId"], expected, actual):
        yield Difference(f"/{name}", "NOT_EQUAL", json.dumps(deployed), json.dumps(actual.get(name)), None)


def _shown(path: str, value: str) -> str:
    return HIDDEN if _VARIABLES.search(path) or _VARIABLES_WITHIN.search(value) else value
