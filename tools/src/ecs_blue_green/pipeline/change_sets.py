"""CodePipeline's CloudFormation actions: a change set is replaced, and executed.

https://docs.aws.amazon.com/codepipeline/latest/userguide/action-reference-CloudFormation.html
"""

import json
import time
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

POLL_SECONDS = 0.05
DEADLINE_SECONDS = 300
# How CloudFormation says that there is nothing to do: as a failure with one of these reasons.
EMPTY = ("didn't contain changes", "No updates are to be performed")


class ActionFailed(Exception):
    """An action that failed; the message says why."""


def replace(cloudformation: Any, configuration: Mapping[str, str], inputs: Mapping[str, Path]) -> str:
    """CHANGE_SET_REPLACE: create the change set, replacing one of the same name. Returns its changes.

    `inputs` are the action's artifacts by name. That an empty change set is not a failure is UNVERIFIED in
    AWS's words; pipelines that create and execute a change set at every commit rely on it.
    """
    stack_name, name = configuration["StackName"], configuration["ChangeSetName"]
    file = configuration.get("TemplateConfiguration")
    settings = json.loads(_file(file, inputs)) if file else {}
    unknown = settings.keys() - {"Parameters", "Tags"}
    if unknown:
        raise ActionFailed(f"the template configuration has {sorted(unknown)[0]}, which is not applied here")
    overrides = json.loads(configuration.get("ParameterOverrides", "{}"))
    parameters = settings.get("Parameters", {}) | overrides
    stack = _stack(cloudformation, stack_name)
    is_new = stack is None or stack["StackStatus"] == "REVIEW_IN_PROGRESS"
    if stack:
        cloudformation.delete_change_set(StackName=stack_name, ChangeSetName=name)
    try:
        created = cloudformation.create_change_set(
            StackName=stack_name,
            ChangeSetName=name,
            ChangeSetType="CREATE" if is_new else "UPDATE",
            RoleARN=configuration["RoleArn"],
            TemplateBody=_file(configuration["TemplatePath"], inputs),
            Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()],
            Tags=[{"Key": key, "Value": value} for key, value in settings.get("Tags", {}).items()],
            Capabilities=[item for item in configuration.get("Capabilities", "").split(",") if item],
        )
    except ClientError as error:
        raise ActionFailed(str(error)) from error
    change_set = _described(cloudformation, created["Id"])
    if _is_empty(change_set):
        return "no changes"
    if change_set["Status"] != "CREATE_COMPLETE":
        raise ActionFailed(f"change set {name}: {change_set.get('StatusReason', change_set['Status'])}")
    changes = [change["ResourceChange"] for change in change_set["Changes"]]
    return ", ".join(f"{change['Action'].lower()} {change['LogicalResourceId']}" for change in changes)


def execute(cloudformation: Any, configuration: Mapping[str, str]) -> str:
    """CHANGE_SET_EXECUTE: execute the change set and wait for the stack. Returns its status."""
    stack_name, name = configuration["StackName"], configuration["ChangeSetName"]
    try:
        change_set = cloudformation.describe_change_set(StackName=stack_name, ChangeSetName=name)
    except ClientError as error:
        raise ActionFailed(str(error)) from error
    if _is_empty(change_set):
        return "no changes"
    try:
        cloudformation.execute_change_set(ChangeSetName=change_set["ChangeSetId"])
    except ClientError as error:
        raise ActionFailed(str(error)) from error
    status = _settled(cloudformation, stack_name)
    if status not in ("CREATE_COMPLETE", "UPDATE_COMPLETE"):
        raise ActionFailed(f"{stack_name} is {status}: {_reason(cloudformation, stack_name)}")
    return status


def _file(location: str, inputs: Mapping[str, Path]) -> str:
    """The text of `Artifact::path`."""
    artifact, _, path = location.partition("::")
    with zipfile.ZipFile(inputs[artifact]) as archive:
        try:
            return archive.read(path).decode()
        except KeyError as error:
            raise ActionFailed(f"the artifact {artifact} has no file {path}") from error


def _stack(cloudformation: Any, name: str) -> dict[str, Any] | None:
    try:
        stack: dict[str, Any] = cloudformation.describe_stacks(StackName=name)["Stacks"][0]
    except ClientError as error:
        if "does not exist" in str(error):
            return None
        raise
    return stack


def _described(cloudformation: Any, arn: str) -> dict[str, Any]:
    deadline = time.monotonic() + DEADLINE_SECONDS
    while True:
        change_set: dict[str, Any] = cloudformation.describe_change_set(ChangeSetName=arn)
        if not change_set["Status"].endswith(("_PENDING", "_IN_PROGRESS")) or time.monotonic() > deadline:
            return change_set
        time.sleep(POLL_SECONDS)


def _is_empty(change_set: Mapping[str, Any]) -> bool:
    reason = change_set.get("StatusReason", "")
    return change_set["Status"] == "FAILED" and any(text in reason for text in EMPTY)


def _settled(cloudformation: Any, stack_name: str) -> str:
    deadline = time.monotonic() + DEADLINE_SECONDS
    while True:
        status = str(cloudformation.describe_stacks(StackName=stack_name)["Stacks"][0]["StackStatus"])
        if not status.endswith("_IN_PROGRESS") or time.monotonic() > deadline:
            return status
        time.sleep(POLL_SECONDS)


def _reason(cloudformation: Any, stack_name: str) -> str:
    """The newest event that says why a resource failed."""
    events = cloudformation.describe_stack_events(StackName=stack_name)["StackEvents"]
    return next(
        (
            f"{event['LogicalResourceId']}: {event.get('ResourceStatusReason', 'no reason given')}"
            for event in events
            if event["ResourceStatus"].endswith("_FAILED") and event["LogicalResourceId"] != stack_name
        ),
        "no resource says why",
    )
