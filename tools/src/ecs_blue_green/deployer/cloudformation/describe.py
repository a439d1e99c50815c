"""Stacks as CloudFormation describes them: what is deployed, what is in progress, and the events.

Every function takes the client as its first argument. A stack is named by its ARN as soon as that is known:
another stack can get the same name.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from mypy_boto3_cloudformation.client import CloudFormationClient

# A stack in review has no resources: only its first change set was created. For CreateChangeSet it is still a
# stack to create.
IN_REVIEW = "REVIEW_IN_PROGRESS"
# A first creation that failed. All but CREATE_FAILED can only be deleted.
FAILED_CREATIONS = {"CREATE_FAILED", "ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "DELETE_FAILED"}
STEADY = {
    "CREATE_COMPLETE",
    "UPDATE_COMPLETE",
    "UPDATE_ROLLBACK_COMPLETE",
    "IMPORT_COMPLETE",
    "IMPORT_ROLLBACK_COMPLETE",
}
SUCCESSES = {"CREATE_COMPLETE", "UPDATE_COMPLETE", "DELETE_COMPLETE", "IMPORT_COMPLETE"}
# An operation begins with one of these; a rollback belongs to the operation that it rolls back.
STARTS = {"CREATE_IN_PROGRESS", "UPDATE_IN_PROGRESS", "DELETE_IN_PROGRESS", "IMPORT_IN_PROGRESS"}
# Every status of a stack with an operation in progress.
# https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_ListStacks.html
IN_PROGRESS = [
    *sorted(STARTS),
    "ROLLBACK_IN_PROGRESS",
    "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS",
    "UPDATE_ROLLBACK_IN_PROGRESS",
    "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS",
    "IMPORT_ROLLBACK_IN_PROGRESS",
]

# A resource that was cancelled because another one failed is not the cause.
CANCELLED = ("Resource creation cancelled", "Resource update cancelled", "Resource deletion cancelled")

STACK_TYPE = "AWS::CloudFormation::Stack"
LONG_AGO = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True)
class Stack:
    """A stack as it is deployed."""

    name: str
    arn: str
    status: str
    reason: str = ""
    parameters: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    outputs: Mapping[str, str] = field(default_factory=dict)
    exports: Mapping[str, str] = field(default_factory=dict)
    role_arn: str | None = None
    protected: bool = False
    changed: datetime = LONG_AGO

    @property
    def exists(self) -> bool:
        """Whether it can have resources."""
        return self.status != IN_REVIEW

    @property
    def moving(self) -> bool:
        """Whether an operation is in progress."""
        return self.status.endswith("_IN_PROGRESS") and self.exists

    def since(self, before: "Stack") -> bool:
        """Whether an operation has begun since `before` was read."""
        return self.changed > before.changed

    @property
    def event(self) -> "Event":
        """Its status as an event."""
        return Event("", self.name, STACK_TYPE, self.status, self.reason, self.changed, "", True)


@dataclass(frozen=True)
class Event:
    """One line of a stack's history."""

    id: str
    logical_id: str
    type: str
    status: str
    reason: str
    time: datetime
    token: str
    about_stack: bool

    @property
    def failed(self) -> bool:
        """Whether it is a failure, and not a cancellation because of one."""
        return self.status.endswith("_FAILED") and not self.reason.startswith(CANCELLED)


def stack(client: "CloudFormationClient", name: str) -> Stack | None:
    """The stack of this name or ARN, or None. A deleted stack, which only its ARN still finds, is None."""
    try:
        description = client.describe_stacks(StackName=name)["Stacks"][0]
    except ClientError as error:
        if "does not exist" in error.response["Error"].get("Message", ""):
            return None
        raise
    if description["StackStatus"] == "DELETE_COMPLETE":
        return None
    outputs = description.get("Outputs", [])
    return Stack(
        name=description["StackName"],
        arn=description["StackId"],
        status=description["StackStatus"],
        reason=description.get("StackStatusReason", ""),
        parameters={
            item["ParameterKey"]: item["ParameterValue"] for item in description.get("Parameters", [])
        },
        tags={item["Key"]: item["Value"] for item in description.get("Tags", [])},
        outputs={item["OutputKey"]: item["OutputValue"] for item in outputs},
        exports={item["ExportName"]: item["OutputValue"] for item in outputs if "ExportName" in item},
        role_arn=description.get("RoleARN"),
        protected=description.get("EnableTerminationProtection", False),
        # Each is the time at which an operation began.
        changed=max(
            description[key]
            for key in ("CreationTime", "LastUpdatedTime", "DeletionTime")
            if key in description
        ),
    )


def in_progress(client: "CloudFormationClient") -> dict[str, Event]:
    """All stacks of the account and region with an operation in progress: ARN to status."""
    pages = client.get_paginator("list_stacks").paginate(StackStatusFilter=IN_PROGRESS)  # type: ignore[arg-type]
    return {
        summary["StackId"]: Event(
            "",
            summary["StackName"],
            STACK_TYPE,
            summary["StackStatus"],
            summary.get("StackStatusReason", ""),
            summary.get("LastUpdatedTime", summary["CreationTime"]),
            "",
            True,
        )
        for page in pages
        for summary in page["StackSummaries"]
    }


def template_body(client: "CloudFormationClient", stack: Stack) -> Any:
    """The template of a stack, as it was sent: text for YAML, a dictionary for JSON."""
    return client.get_template(StackName=stack.arn, TemplateStage="Original")["TemplateBody"]


def importers(client: "CloudFormationClient", export: str) -> list[str]:
    """The stacks that import this export."""
    try:
        pages = client.get_paginator("list_imports").paginate(ExportName=export)
        return [name for page in pages for name in page["Imports"]]
    except ClientError as error:
        # This is how CloudFormation says that there are none.
        if "is not imported by any stack" in error.response["Error"].get("Message", ""):
            return []
        raise


def events(client: "CloudFormationClient", stack_arn: str) -> Iterator[Event]:
    """The stack's events, newest first. Pages are read as they are needed."""
    for page in client.get_paginator("describe_stack_events").paginate(StackName=stack_arn):
        yield from map(_event, page["StackEvents"])


@dataclass(frozen=True)
class Took:
    """How long the last successful creation or update of a stack took."""

    created: bool
    seconds: float


# Only so many pages of a hundred events are read: an older duration says little.
PAGES_LOOKED_THROUGH = 3


def took(client: "CloudFormationClient", stack_arn: str) -> Took | None:
    """How long the last successful operation took; None when it is not among the newest events."""
    pages = client.get_paginator("describe_stack_events").paginate(StackName=stack_arn)
    end: datetime | None = None
    for page in islice(pages, PAGES_LOOKED_THROUGH):
        for event in map(_event, page["StackEvents"]):
            if not event.about_stack:
                continue
            if event.status in ("CREATE_COMPLETE", "UPDATE_COMPLETE"):
                end = event.time
            elif event.status in ("CREATE_IN_PROGRESS", "UPDATE_IN_PROGRESS") and end:
                return Took(event.status.startswith("CREATE"), (end - event.time).total_seconds())
            elif "CLEANUP" not in event.status:
                # An operation that was rolled back does not count.
                end = None
    return None


def about_stack(stack_arn: str, status: str) -> Event:
    """An event about a stack that is known without asking AWS."""
    name = stack_arn.split("/")[1] if "/" in stack_arn else stack_arn
    return Event("", name, STACK_TYPE, status, "", datetime.now(UTC), "", True)


def newest_events(client: "CloudFormationClient", stack_arn: str) -> list[Event]:
    """The newest page of the stack's events, newest first."""
    return [_event(item) for item in client.describe_stack_events(StackName=stack_arn)["StackEvents"]]


def _event(item: Any) -> Event:
    return Event(
        id=item["EventId"],
        logical_id=item["LogicalResourceId"],
        type=item.get("ResourceType", ""),
        status=item.get("ResourceStatus", ""),
        reason=item.get("ResourceStatusReason", ""),
        time=item["Timestamp"],
        token=item.get("ClientRequestToken", ""),
        about_stack=item.get("PhysicalResourceId") == item["StackId"],
    )
