"""Where reality differs from the templates, and whose doing that is.

CloudFormation compares only properties that a template sets, and leaves out resource types that it cannot
read: those are named here, and never count as clean.
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
# "DetectStackDrift can take up to several minutes": one that takes much longer will not end.
PATIENCE_SECONDS = 1800
# An environment variable that somebody set by hand may hold what nobody should read in a log.
HIDDEN = "(not shown)"
_VARIABLES = re.compile(r"/(EnvironmentVariables|Variables)(/|$)|/Environment(/\d|$)")
_VARIABLES_WITHIN = re.compile(r'"(Environment|EnvironmentVariables|Variables)"')


@dataclass(frozen=True)
class Difference:
    """One property that is not as the template says. `owner` is who may have changed it, or None."""

    path: str
    kind: str
    expected: str
    actual: str
    owner: str | None


@dataclass(frozen=True)
class ResourceDrift:
    """What became of one resource. `status` is CloudFormation's word, `reason` why it was not checked."""

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
    """Have CloudFormation compare every stack, all at the same time, and sort what it finds.

    `stacks` are the environment's stacks by layer, none of them with an operation running; `owners` says
    for each of them who else changes what in it.
    """
    client = aws.client("cloudformation")

    def stack_drift(item: tuple[str, Stack | None]) -> StackDrift:
        layer, stack = item
        return _stack(client, layer, stack, owners[layer], sleep)

    say("CloudFormation compares the stacks with their templates")
    with interrupts.threads(WORKERS) as pool:
        return list(pool.map(stack_drift, stacks.items()))


def _stack(client: Any, layer: str, stack: Stack | None, owners: Owners, sleep: Sleep) -> StackDrift:
    if stack is None or not stack.exists:
        return StackDrift(layer, None)
    if stack.status not in CHECKABLE:
        return StackDrift(layer, stack, failure=f"it is {stack.status}")
    detection = _detection(client, stack.arn, sleep)
    fresh = {}
    for item in _pages(client, stack.arn):
        # What could not be read this time keeps the result of an earlier detection.
        if item["Timestamp"] >= detection["Timestamp"]:
            fresh[item["LogicalResourceId"]] = item
    failed = detection["DetectionStatus"] == "DETECTION_FAILED"
    failure = detection.get("DetectionStatusReason", "no reason given") if failed else ""
    resources = tuple(_resources(client, stack, fresh, failure, owners))
    return StackDrift(layer, stack, resources, failure)


def _detection(client: Any, stack_arn: str, sleep: Sleep) -> Any:
    """The finished detection of one stack; one that somebody else has begun is waited for."""
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
        f"the drift detection of {stack_arn.split('/')[1]} does not end",
        f"it was waited for {PATIENCE_SECONDS // 60} minutes",
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
    client: Any, stack: Stack, fresh: Mapping[str, Any], failure: str, owners: Owners
) -> Iterator[ResourceDrift]:
    for page in client.get_paginator("list_stack_resources").paginate(StackName=stack.arn):
        for resource in page["StackResourceSummaries"]:
            if resource["ResourceStatus"] == "DELETE_COMPLETE":
                continue
            logical_id, kind = resource["LogicalResourceId"], resource["ResourceType"]
            item = fresh.get(logical_id)
            if item is None:
                # It does not say why: a type without drift detection is left out.
                # https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-stack-drift.html
                reason = "the detection failed" if failure else "CloudFormation gave no answer"
                physical_id = resource.get("PhysicalResourceId", "")
                yield ResourceDrift(logical_id, kind, physical_id, "NOT_CHECKED", "not checked", reason)
            else:
                yield _judged(item, owners)


def _judged(item: Any, owners: Owners) -> ResourceDrift:
    status = item["StackResourceDriftStatus"]
    differences = tuple(_differences(item, owners)) if status == "MODIFIED" else ()
    verdict: Verdict
    if status == "IN_SYNC":
        # As the template says; what a release has moved must not be.
        differences = tuple(_moved_back(item, owners))
        verdict = "real" if differences else "in sync"
    elif status == "DELETED":
        verdict = "real"
    elif status == "MODIFIED":
        # A modification without any detail is nobody's that we know of.
        delegated = differences and all(difference.owner for difference in differences)
        verdict = "delegated" if delegated else "real"
    else:
        verdict = "not checked"
    return ResourceDrift(
        logical_id=item["LogicalResourceId"],
        type=item["ResourceType"],
        physical_id=item.get("PhysicalResourceId", ""),
        status=status,
        verdict=verdict,
        reason=item.get("DriftStatusReason", "") if verdict == "not checked" else "",
        differences=differences,
    )


def _differences(item: Any, owners: Owners) -> Iterator[Difference]:
    expected = json.loads(item.get("ExpectedProperties") or "{}")
    actual = json.loads(item.get("ActualProperties") or "{}")
    for found in item.get("PropertyDifferences", []):
        path = found["PropertyPath"]
        yield Difference(
            path=path,
            kind=found["DifferenceType"],
            expected=_shown(path, found.get("ExpectedValue", "")),
            actual=_shown(path, found.get("ActualValue", "")),
            owner=owners.of(item["LogicalResourceId"], path, expected, actual),
        )


def _moved_back(item: Any, owners: Owners) -> Iterator[Difference]:
    expected = json.loads(item.get("ExpectedProperties") or "{}")
    actual = json.loads(item.get("ActualProperties") or "{}")
    for name, wanted in owners.beyond(item["LogicalResourceId"], expected, actual):
        yield Difference(f"/{name}", "NOT_EQUAL", json.dumps(wanted), json.dumps(actual.get(name)), None)


def _shown(path: str, value: str) -> str:
    return HIDDEN if _VARIABLES.search(path) or _VARIABLES_WITHIN.search(value) else value
