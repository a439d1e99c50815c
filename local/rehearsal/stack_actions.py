"""CodePipeline's CloudFormation action: replaces and executes a change set, as the pipeline says.

https://docs.aws.amazon.com/codepipeline/latest/userguide/action-reference-CloudFormation.html
"""

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from local.rehearsal.cloud import Cloud

WAIT_SECONDS = 60.0
LOOK_SECONDS = 0.05
NO_CHANGE = ("didn't contain changes", "No updates are to be performed")


class StackActionFailed(Exception):
    """CloudFormation refused or failed; the message says why."""


def run(cloud: Cloud, settings: Mapping[str, str], artifacts: Mapping[str, Path]) -> str:
    """Carry out an action with its configuration and say in a few words what it did.

    Raises StackActionFailed. A change set without changes is no failure: CodePipeline lets it pass.
    """
    try:
        match settings["ActionMode"]:
            case "CHANGE_SET_REPLACE":
                return _replace(cloud, settings, artifacts)
            case "CHANGE_SET_EXECUTE":
                return _execute(cloud, settings)
            case other:
                raise StackActionFailed(f"the rehearsal has no action mode {other}")
    except ClientError as error:
        raise StackActionFailed(str(error)) from error


def _replace(cloud: Cloud, settings: Mapping[str, str], artifacts: Mapping[str, Path]) -> str:
    client = cloud.client("cloudformation")
    stack, name = settings["StackName"], settings["ChangeSetName"]
    client.delete_change_set(StackName=stack, ChangeSetName=name)
    configuration: dict[str, Any] = {}
    if "TemplateConfiguration" in settings:
        configuration = json.loads(_file(settings["TemplateConfiguration"], artifacts).read_text())
    overrides = json.loads(settings.get("ParameterOverrides", "{}"))
    parameters = {**configuration.get("Parameters", {}), **overrides}
    client.create_change_set(
        StackName=stack,
        ChangeSetName=name,
        TemplateBody=_file(settings["TemplatePath"], artifacts).read_text(),
        Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()],
        Tags=[{"Key": key, "Value": value} for key, value in configuration.get("Tags", {}).items()],
        RoleARN=settings["RoleArn"],
        Capabilities=[item for item in settings.get("Capabilities", "").split(",") if item],
    )
    found = _change_set(cloud, stack, name)
    if found["Status"] == "FAILED":
        if _is_empty(found):
            return "no change"
        raise StackActionFailed(found.get("StatusReason", "the change set failed"))
    return ", ".join(
        f"{change['ResourceChange']['Action']} {change['ResourceChange']['LogicalResourceId']}"
        for change in found["Changes"]
    )


def _execute(cloud: Cloud, settings: Mapping[str, str]) -> str:
    client = cloud.client("cloudformation")
    stack, name = settings["StackName"], settings["ChangeSetName"]
    if _is_empty(_change_set(cloud, stack, name)):
        return "no change"
    client.execute_change_set(StackName=stack, ChangeSetName=name)
    deadline = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < deadline:
        status = client.describe_stacks(StackName=stack)["Stacks"][0]["StackStatus"]
        if not status.endswith("_IN_PROGRESS"):
            if status != "UPDATE_COMPLETE":
                raise StackActionFailed(f"{stack} is {status}")
            return f"{stack} updated"
        time.sleep(LOOK_SECONDS)
    raise StackActionFailed(f"{stack} was not updated in {WAIT_SECONDS:g} s")


def _change_set(cloud: Cloud, stack: str, name: str) -> dict[str, Any]:
    client = cloud.client("cloudformation")
    deadline = time.monotonic() + WAIT_SECONDS
    while True:
        found: dict[str, Any] = client.describe_change_set(StackName=stack, ChangeSetName=name)
        if not found["Status"].endswith(("_PENDING", "_IN_PROGRESS")) or time.monotonic() > deadline:
            return found
        time.sleep(LOOK_SECONDS)


def _is_empty(change_set: Mapping[str, Any]) -> bool:
    reason = change_set.get("StatusReason", "")
    return change_set["Status"] == "FAILED" and any(text in reason for text in NO_CHANGE)


def _file(reference: str, artifacts: Mapping[str, Path]) -> Path:
    artifact, _, path = reference.partition("::")
    return artifacts[artifact] / path
