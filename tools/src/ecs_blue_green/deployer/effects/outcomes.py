"""What becomes of a resource whose properties change, or that leaves its template."""

from collections.abc import Iterable, Iterator

from ecs_blue_green.deployer.changes import Action, Effect, PropertyChange, ResourceChange
from ecs_blue_green.deployer.effects.schemas import Location, Schema
from ecs_blue_green.deployer.effects.states import ATTRIBUTES, Resource
from ecs_blue_green.deployer.resolve import canonical
from ecs_blue_green.deployer.rules import (
    LISTENER,
    SERVICE,
    SERVICE_FIELDS,
    TASK_DEFINITION,
    forwards,
    is_by_codedeploy,
)

RULE_NOTE = (
    "CloudFormation sends the template's actions again: the rule's requests go to blue if green is live"
)
NEW_RULE_NOTE = "its requests go where the template says: to blue, also if green is live"
# What the policies do with a resource that is no longer needed: the one when it leaves its stack, or its
# stack goes; the other when a new one takes its place.
# https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-attribute-deletionpolicy.html
# https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-attribute-updatereplacepolicy.html
_POLICIES = {
    "DeletionPolicy": "when it leaves the stack, or the stack is deleted",
    "UpdateReplacePolicy": "when another one replaces it",
}
_FATES = {
    "kept": "it is retained from now on",
    "snapshot": "only a snapshot of it is kept from now on",
    "deleted": "it is deleted from now on, with its data",
}


def removal(logical_id: str, old: Resource) -> ResourceChange:
    """What becomes of a resource that its template no longer has."""
    notes = {
        "kept": ("it is retained, no longer managed by a stack",),
        "snapshot": ("a snapshot of it is taken",),
    }
    return ResourceChange(logical_id, old.type, "remove", notes=notes.get(_fate(old, "DeletionPolicy"), ()))


def _fate(resource: Resource, policy: str) -> str:
    """What its policy does with a resource. It is deleted by default, but for two kinds of database."""
    kinds = {"Retain": "kept", "RetainExceptOnCreate": "kept", "Snapshot": "snapshot", "Delete": "deleted"}
    saved = resource.type == "AWS::RDS::DBCluster" or (
        resource.type == "AWS::RDS::DBInstance" and "DBClusterIdentifier" not in resource.properties
    )
    default = "snapshot" if saved and policy == "DeletionPolicy" else "deleted"
    return kinds.get(str(resource.attributes.get(policy)), default)


def modification(
    logical_id: str,
    old: Resource,
    new: Resource,
    changes: tuple[PropertyChange, ...],
    type_schema: Schema | None,
    *,
    moved: bool = False,
) -> ResourceChange:
    """What becomes of a resource that has these changes; `found` is its type's schema.

    `moved` is a listener rule of which CodeDeploy changes the actions.
    """
    recreations = {change.recreation for change in changes}
    action: Action = (
        "replace"
        if "Always" in recreations
        else "may replace"
        if "Conditionally" in recreations
        else "modify"
    )
    effects: dict[Action, Effect] = {"replace": "replaced", "may replace": "may be replaced"}
    effect: Effect = effects.get(action, "in place")
    notes = list(_notes(old, new, changes, type_schema, action))
    if moved:
        notes.append(RULE_NOTE)
    fates = list(_fates(old, new))
    notes += fates
    if (
        not fates
        and action == "modify"
        and all(change.path.split("/")[1] in ATTRIBUTES for change in changes)
    ):
        effect = "none"
    if new.type == TASK_DEFINITION and action == "replace":
        effect = "released"
        notes.append("a new revision; running tasks keep the old one until a release")
    if old.type == SERVICE and is_by_codedeploy(old.properties) and action == "modify":
        effect, note = _service_effect(new, changes)
        notes.append(note)
    if type_schema and any(type_schema.is_read_only(location) for location in _locations(changes)):
        effect = "refused"
        notes.append("the template sets a read-only property")
    return ResourceChange(logical_id, new.type, action, properties=changes, effect=effect, notes=tuple(notes))


def _fates(old: Resource, new: Resource) -> Iterator[str]:
    """What a change of its policies means for a later end of a resource, where it means anything."""
    for policy, when in _POLICIES.items():
        fate = _fate(new, policy)
        if fate != _fate(old, policy):
            yield f"{when}, {_FATES[fate]}"


def _notes(
    old: Resource,
    new: Resource,
    changes: Iterable[PropertyChange],
    type_schema: Schema | None,
    action: Action,
) -> Iterator[str]:
    if type_schema is None:
        yield f"there is no schema for {new.type} in this region: the effect of a change is unknown"
    if action in ("replace", "may replace"):
        fate = _fate(new, "UpdateReplacePolicy")
        if fate == "kept":
            yield "the old one is retained, no longer managed by a stack"
        elif fate == "snapshot":
            yield "a snapshot of the old one is taken before it is deleted"
        names = type_schema.named(new.properties) if type_schema else {}
        if names and canonical(names) == canonical(type_schema.named(old.properties) if type_schema else {}):
            # The new one is created first, and the old one has the name.
            # https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-properties-name.html
            yield f"fails: a second one cannot have the same {' and '.join(names)}"
    if new.type == LISTENER and forwards(new.properties):
        yield "CloudFormation sends the template's actions again: traffic goes back to blue if green is live"
    if type_schema:
        hidden = [location for location in _locations(changes) if type_schema.is_write_only(location)]
        if hidden:
            paths = ", ".join("/".join(location) for location in hidden)
            yield f"{paths} is write-only: its drift cannot be detected"


def _locations(changes: Iterable[PropertyChange]) -> list[Location]:
    prefix = "/Properties/"
    paths = (change.path.removeprefix(prefix) for change in changes if change.path.startswith(prefix))
    return [tuple(path.split("/")) for path in paths]


def _service_effect(new: Resource, changes: Iterable[PropertyChange]) -> tuple[Effect, str]:
    """What ECS does with an update of a service that CodeDeploy controls.

    https://docs.aws.amazon.com/AmazonECS/latest/developerguide/update-service-parameters.html
    """
    changed = {
        change.path.split("/")[2] if change.path.startswith("/Properties/") else change.path
        for change in changes
    }
    # Leaving CodeDeploy is an update that ECS accepts; becoming CodeDeploy's is none.
    leaving = set() if is_by_codedeploy(new.properties) else {"DeploymentController"}
    if changed <= SERVICE_FIELDS | leaving:
        return "in place", "ECS accepts this update; CloudFormation has been seen to fail with it"
    return "refused", "ECS refuses this update while CodeDeploy controls the service"
