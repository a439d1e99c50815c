"""Create, read and delete change sets, with CloudFormation's traps in one place.

Every function takes the client as its first argument. A change set is named by its ARN.
"""

import re
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

from botocore.exceptions import BotoCoreError, ClientError

from ecs_blue_green.deployer import aws, clock, interrupts
from ecs_blue_green.deployer.changes import RECREATIONS, Action, PropertyChange, ResourceChange
from ecs_blue_green.deployer.clock import Sleep
from ecs_blue_green.deployer.cloudformation import describe
from ecs_blue_green.deployer.cloudformation.describe import LONG_AGO, Stack
from ecs_blue_green.deployer.pace import Pace

if TYPE_CHECKING:
    from mypy_boto3_cloudformation.client import CloudFormationClient

# The reasons that CloudFormation gives for a change set without changes.
# https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-updating-stacks-changesets-create.html
EMPTY = ("didn't contain changes", "No updates are to be performed")
# Asked for property values, DescribeChangeSet can leave resources out; it then says so in StatusReason.
INCOMPLETE = "--include-property-values option can return incomplete"
# CloudFormation's placeholder for a value that is not known before the execution.
KNOWN_AFTER_APPLY = "{{changeSet:KNOWN_AFTER_APPLY}}"
CHANGE_SET_GONE = ("ChangeSetNotFound", "ChangeSetNotFoundException")
# A change set that was just created may not be found for a moment.
UNKNOWN_SECONDS = 30.0
# A change set is created for one run, or for a plan that is saved in a file. Its name tells which; a change
# set with another name is somebody else's.
EPHEMERAL, SAVED = "deploy", "plan"
_OURS = re.compile(rf"({EPHEMERAL}|{SAVED})-[0-9a-f]{{16}}")


@dataclass(frozen=True)
class ChangeSet:
    """A change set that is ready to execute."""

    arn: str
    stack_arn: str
    changes: tuple[ResourceChange, ...]


@dataclass(frozen=True)
class Request:
    """What a change set is created from.

    `template` is the argument with the template: its text, or its URL in S3. Without a `name` the change set
    is ephemeral: only this run needs it.
    """

    stack_name: str
    kind: Literal["CREATE", "UPDATE"]
    template: Mapping[str, str]
    parameters: Mapping[str, str]
    tags: Mapping[str, str]
    capabilities: list[str]
    role_arn: str | None = None
    description: str = ""
    name: str | None = None

    @property
    def arguments(self) -> dict[str, Any]:
        """The arguments of CreateChangeSet."""
        extra: dict[str, Any] = {"RoleARN": self.role_arn} if self.role_arn else {}
        if self.description:
            extra["Description"] = self.description
        return {
            "StackName": self.stack_name,
            "ChangeSetName": self.name or _ephemeral_name(),
            "ChangeSetType": self.kind,
            **self.template,
            "Parameters": [
                {"ParameterKey": key, "ParameterValue": value} for key, value in self.parameters.items()
            ],
            "Tags": [{"Key": key, "Value": value} for key, value in self.tags.items()],
            "Capabilities": self.capabilities,
            **extra,
        }


@dataclass(frozen=True)
class Revert:
    """A change set that reverts the drift of a stack.

    It recreates resources that somebody deleted, and reverts changes, except for those that AWS makes itself.
    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/drift-aware-change-sets.html
    """

    stack: Stack
    description: str

    @property
    def arguments(self) -> dict[str, Any]:
        """The arguments of CreateChangeSet."""
        stack = self.stack
        extra: dict[str, Any] = {"RoleARN": stack.role_arn} if stack.role_arn else {}
        return {
            "StackName": stack.arn,
            "ChangeSetName": _ephemeral_name(),
            "ChangeSetType": "UPDATE",
            "DeploymentMode": "REVERT_DRIFT",
            "UsePreviousTemplate": True,
            "Parameters": [{"ParameterKey": key, "UsePreviousValue": True} for key in stack.parameters],
            "Tags": [{"Key": key, "Value": value} for key, value in stack.tags.items()],
            "Capabilities": ["CAPABILITY_NAMED_IAM"],
            "Description": self.description,
            **extra,
        }


def _ephemeral_name() -> str:
    return f"{EPHEMERAL}-{secrets.token_hex(8)}"


class ChangeSetFailedError(Exception):
    """CloudFormation could not create a change set; the message is its reason."""


def create(
    client: "CloudFormationClient",
    request: Request | Revert,
    sleep: Sleep = clock.sleep,
    pace: Pace | None = None,
) -> ChangeSet | None:
    """Create a change set and read all of it; None when it has no changes.

    A change set that fails or is empty is deleted again, and so is one that is not finished because `sleep`
    or a call raises. Raises ChangeSetFailedError with the reason.
    """
    arguments = request.arguments
    kind = arguments["ChangeSetType"]
    name = arn = arguments["ChangeSetName"]
    stack_arn = arguments["StackName"]
    try:
        try:
            # The token keeps a retry, after a lost response, from creating a second one.
            created = client.create_change_set(**arguments, ClientToken=name)
            arn, stack_arn = created["Id"], created["StackId"]
        except ClientError as error:
            if error.response["Error"]["Code"] != "AlreadyExistsException":
                raise
            # A retry after a lost response: the change set with our name is the one that we requested.
            existing = client.describe_change_set(ChangeSetName=name, StackName=stack_arn)
            arn, stack_arn = existing["ChangeSetId"], existing["StackId"]
        answer = _wait_for_change_set(client, arn, sleep, pace or Pace(), kind)
        if answer["Status"] == "CREATE_COMPLETE":
            return _complete(client, arn, stack_arn, answer)
        reason = answer.get("StatusReason", "CloudFormation gave no reason")
        details = _found_by_validation(client, arn, "FAIL") if "DescribeEvents" in reason else ()
    except BaseException as error:
        # After a refusal there is nothing to delete.
        if arn != name or not isinstance(error, ClientError) or aws.is_passing(error):
            _try_to_remove(client, arn, stack_arn, kind)
        raise
    remove(client, arn, stack_arn if kind == "CREATE" else None)
    if any(words in reason for words in EMPTY):
        return None
    raise ChangeSetFailedError("".join(f"\n  {detail}" for detail in details) or reason)


def _try_to_remove(client: "CloudFormationClient", arn: str, stack_arn: str, kind: str) -> None:
    """Delete what may have been created, if possible now; otherwise the next run finds it."""
    try:
        if arn.startswith("arn:"):
            remove(client, arn, stack_arn if kind == "CREATE" else None)
            return
        # Without a response only its name is known.
        client.delete_change_set(ChangeSetName=arn, StackName=stack_arn)
        if kind == "CREATE":
            delete_stack_in_review(client, stack_arn)
    except (ClientError, BotoCoreError):
        return


def _complete(client: "CloudFormationClient", arn: str, stack_arn: str, answer: Any) -> ChangeSet:
    """A change set that can be executed, with all pages of its changes."""
    return ChangeSet(arn, stack_arn, tuple(_changes(client, arn, answer)))


def warnings(client: "CloudFormationClient", change_set: ChangeSet) -> tuple[str, ...]:
    """What CloudFormation's validation found that does not keep a change set from being executed."""
    return _found_by_validation(client, change_set.arn, "WARN")


def _found_by_validation(
    client: "CloudFormationClient", arn: str, mode: Literal["FAIL", "WARN"]
) -> tuple[str, ...]:
    """The findings of CloudFormation's validation of a change set, each with its path in the template.

    A finding in mode FAIL makes the change set fail. With findings in mode WARN (a quota, a bucket or a
    repository that is not empty) the change set is created, and only this call returns them; a failed change
    set can have both. A validation that was skipped has no findings.
    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/validate-stack-deployments.html

    The call needs the ARN of the change set: with its name it fails. It does not filter failed events:
    whether a warning is one is not documented. Without permission for this call there is only the change
    set's own, shorter reason, and no warnings.
    """
    extra: dict[str, Any] = {}
    messages: dict[str, None] = {}
    try:
        while True:
            page = client.describe_events(ChangeSetName=arn, **extra)
            for event in page["OperationEvents"]:
                if (
                    event.get("EventType") == "VALIDATION_ERROR"
                    and event.get("ValidationStatus") != "SKIPPED"
                    and event.get("ValidationFailureMode", "FAIL") == mode
                ):
                    path = event.get("ValidationPath") or event.get("LogicalResourceId", "")
                    messages[f"{path}: {event.get('ValidationStatusReason', '')}".rstrip(".")] = None
            if not page.get("NextToken"):
                return tuple(messages)
            extra = {"NextToken": page["NextToken"]}
    except ClientError:
        return tuple(messages)


def read_change_set(client: "CloudFormationClient", arn: str) -> ChangeSet | None:
    """A change set that can still be executed, or None."""
    try:
        answer = client.describe_change_set(ChangeSetName=arn, IncludePropertyValues=True)
    except ClientError as error:
        if error.response["Error"]["Code"] in CHANGE_SET_GONE:
            return None
        raise
    if answer.get("ExecutionStatus") != "AVAILABLE":
        return None
    return _complete(client, arn, answer["StackId"], answer)


def is_executed(client: "CloudFormationClient", arn: str) -> bool:
    """Whether a change set is being executed, or has been."""
    try:
        answer = client.describe_change_set(ChangeSetName=arn)
    except ClientError as error:
        if error.response["Error"]["Code"] in CHANGE_SET_GONE:
            return False
        raise
    return answer.get("ExecutionStatus", "").startswith("EXECUTE_")


def _wait_for_change_set(
    client: "CloudFormationClient", arn: str, sleep: Sleep, pace: Pace, kind: str
) -> Any:
    waited = 0.0
    began_all = clock.monotonic()
    while True:
        began = clock.monotonic()
        try:
            answer = client.describe_change_set(ChangeSetName=arn, IncludePropertyValues=True)
            if answer["Status"] == "CREATE_COMPLETE":
                pace.took(kind, began - began_all)
            if answer["Status"] in ("CREATE_COMPLETE", "FAILED"):
                return answer
        except ClientError as error:
            if error.response["Error"]["Code"] not in CHANGE_SET_GONE or waited > UNKNOWN_SECONDS:
                raise
        pace.answered(clock.monotonic() - began)
        delay = pace.delay(waited, kind, is_near=kind == "UPDATE")
        sleep(delay)
        waited += delay


def _changes(client: "CloudFormationClient", arn: str, first_page: Any) -> Iterator[ResourceChange]:
    changes = _all_pages(client, arn, first_page, values=True)
    if INCOMPLETE in first_page.get("StatusReason", ""):
        # Without values the list is complete; the missing changes come from it.
        logical_ids = {change["ResourceChange"]["LogicalResourceId"] for change in changes}
        page = client.describe_change_set(ChangeSetName=arn)
        complete = _all_pages(client, arn, page, values=False)
        changes += [c for c in complete if c["ResourceChange"]["LogicalResourceId"] not in logical_ids]
    for change in changes:
        if change.get("Type", "Resource") == "Resource":
            yield _resource_change(change["ResourceChange"])


def _all_pages(client: "CloudFormationClient", arn: str, page: Any, *, values: bool) -> list[Any]:
    changes = list(page.get("Changes", []))
    while page.get("NextToken"):
        page = client.describe_change_set(
            ChangeSetName=arn, NextToken=page["NextToken"], IncludePropertyValues=values
        )
        changes += page.get("Changes", [])
    return changes


def _resource_change(change: Any) -> ResourceChange:
    properties: dict[str, PropertyChange] = {}
    for detail in change.get("Details", []):
        target = detail.get("Target", {})
        attribute = target.get("Attribute", "")
        path = target.get("Path") or f"/{attribute}/{target.get('Name', '')}".rstrip("/")
        recreation = target.get("RequiresRecreation", "Never")
        known = properties.get(path)
        if known and RECREATIONS.index(known.recreation) > RECREATIONS.index(recreation):
            recreation = known.recreation
        properties[path] = PropertyChange(
            path=path,
            before=target.get("BeforeValue", known.before if known else None),
            after=target.get("AfterValue", known.after if known else None),
            recreation=recreation,
            reread=_is_reread(detail) and (known is None or known.reread),
            of_tags=attribute == "Tags",
        )
    return ResourceChange(
        logical_id=change["LogicalResourceId"],
        type=change["ResourceType"],
        action=_action(change),
        physical_id=change.get("PhysicalResourceId", ""),
        properties=tuple(properties.values()),
    )


def _is_reread(detail: Any) -> bool:
    """Whether it is known only at execution if the value of another resource's attribute changes."""
    return (detail.get("Evaluation"), detail.get("ChangeSource")) == ("Dynamic", "ResourceAttribute")


def _action(change: Any) -> Action:
    action = change["Action"]
    if action in ("Add", "Remove", "Import"):
        return action.lower()  # type: ignore[no-any-return]
    # Each of the two has been seen without the other.
    if change.get("PolicyAction", "").startswith("ReplaceAnd") or change.get("Replacement") == "True":
        return "replace"
    if action == "Dynamic" or change.get("Replacement") == "Conditional":
        return "may replace"
    return "modify"


def delete(client: "CloudFormationClient", arn: str) -> None:
    """Delete a change set; it is no error if it no longer exists."""
    try:
        client.delete_change_set(ChangeSetName=arn)
    except ClientError as error:
        if error.response["Error"]["Code"] not in CHANGE_SET_GONE:
            raise


@interrupts.uninterrupted()
def remove(client: "CloudFormationClient", arn: str, in_review_arn: str | None) -> None:
    """Delete a change set, and the stack in review that was created for it."""
    delete(client, arn)
    if in_review_arn:
        delete_stack_in_review(client, in_review_arn, but=arn)


@interrupts.uninterrupted()
def delete_stack_in_review(client: "CloudFormationClient", stack_name: str, but: str = "") -> None:
    """Delete a stack in review, which has no resources, unless it has other change sets.

    `but` is a change set that was just deleted; the list may have it for a moment longer.
    """
    stack = describe.stack(client, stack_name)
    if stack is None or stack.exists:
        return
    if not any(change_set.arn != but for change_set in waiting(client, stack.arn)):
        client.delete_stack(StackName=stack.arn)


@dataclass(frozen=True)
class Listed:
    """A change set as ListChangeSets returns it."""

    arn: str
    name: str
    description: str
    created: datetime
    executable: bool

    @property
    def purpose(self) -> str | None:
        """What the deployer created it for, None when somebody else did."""
        match = _OURS.fullmatch(self.name)
        return match[1] if match else None


def waiting(client: "CloudFormationClient", stack_name: str) -> list[Listed]:
    """The change sets of a stack that have not been executed and are not being deleted."""
    pages = client.get_paginator("list_change_sets").paginate(StackName=stack_name)
    return [
        Listed(
            summary["ChangeSetId"],
            summary["ChangeSetName"],
            summary.get("Description", ""),
            summary.get("CreationTime", LONG_AGO),
            summary.get("ExecutionStatus") == "AVAILABLE",
        )
        for page in pages
        for summary in page["Summaries"]
        if not summary.get("Status", "").startswith("DELETE_")
        and not summary.get("ExecutionStatus", "").startswith("EXECUTE_")
    ]
