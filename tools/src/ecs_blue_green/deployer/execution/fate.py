"""What becomes of each resource when its environment is destroyed.

`destroy` says it, and docs/ownership.md has it in its tables.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from ecs_blue_green.deployer import layers
from ecs_blue_green.deployer.aws import Aws
from ecs_blue_green.deployer.cloudformation import deletion_blockers, describe
from ecs_blue_green.deployer.cloudformation.describe import Stack
from ecs_blue_green.deployer.rules import SERVICE, TASK_DEFINITION

LOG_GROUP = "AWS::Logs::LogGroup"
DELETE, SNAPSHOT = "Delete", "Snapshot"

# What `destroy` does with a resource of this type beyond deleting it with its stack.
_DELETED = {
    deletion_blockers.BUCKET: "emptied, then deleted",
    "AWS::ECR::Repository": "deleted with its images",
    SERVICE: "scaled to 0 and deleted before its stack",
    LOG_GROUP: "deleted with its logs",
}
# What it takes away although the stack retains it, since the next deployment would find it in its way.
_TAKEN_AWAY = {
    TASK_DEFINITION: "retained by the stack, then all revisions of the family are deregistered; "
    "ECS keeps them, INACTIVE",
    LOG_GROUP: "retained by the stack, then deleted with its logs",
}
# Those of which CloudFormation takes a snapshot where nobody says otherwise; of an instance unless it is in a
# cluster. https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-attribute-deletionpolicy.html
_CLUSTER, _INSTANCE = "AWS::RDS::DBCluster", "AWS::RDS::DBInstance"


class Fate(NamedTuple):
    """What becomes of a resource, in words, and whether something of it stays."""

    words: str
    stays: bool


@dataclass(frozen=True)
class Staying:
    """A resource of a stack of which something stays when that is deleted."""

    logical_id: str
    type: str
    physical_id: str
    is_snapshot: bool

    def __str__(self) -> str:
        """For the question to a person."""
        what = "a snapshot of " if self.is_snapshot else ""
        return f"{what}{self.physical_id} ({self.logical_id}, {self.type})"


def of(resource: Mapping[str, Any]) -> Fate:
    """What becomes of a resource of a template."""
    kind, policy = resource["Type"], deletion_policy(resource)
    if policy == SNAPSHOT:
        return Fate("deleted after a snapshot, which stays", True)
    if policy == DELETE:
        return Fate(_DELETED.get(kind, "deleted"), False)
    if is_taken_away(resource):
        return Fate(_TAKEN_AWAY[kind], False)
    return Fate("stays, with all that is in it", True)


def is_taken_away(resource: Mapping[str, Any]) -> bool:
    """Whether `destroy` takes it away although its stack retains it: it must find it by its name."""
    named = {TASK_DEFINITION: "Family", LOG_GROUP: "LogGroupName"}.get(resource["Type"])
    return named is not None and named in resource.get("Properties", {})


def deletion_policy(resource: Mapping[str, Any]) -> str:
    """What CloudFormation does with it when the stack is deleted."""
    in_cluster = "DBClusterIdentifier" in resource.get("Properties", {})
    is_saved = resource["Type"] == _CLUSTER or (resource["Type"] == _INSTANCE and not in_cluster)
    return str(resource.get("DeletionPolicy", SNAPSHOT if is_saved else DELETE))


def staying(aws: Aws, stack: Stack) -> Iterator[Staying]:
    """What stays of a deployed stack: its own template says it, and not the one in `build/`."""
    if not stack.exists:
        return
    body = describe.template_body(aws.client("cloudformation"), stack)
    # GetTemplate gives a JSON template as a dictionary.
    template = layers.parse(body) if isinstance(body, str) else body
    keep = {
        logical_id: deletion_policy(resource) == SNAPSHOT
        for logical_id, resource in template["Resources"].items()
        if of(resource).stays
    }
    if not keep:
        return
    for logical_id, kind, physical_id in deletion_blockers.resources(aws, stack):
        if logical_id in keep:
            yield Staying(logical_id, kind, physical_id, keep[logical_id])
