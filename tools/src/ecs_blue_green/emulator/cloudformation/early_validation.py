"""Pre-deployment validation: a change set that is bound to fail never becomes available.

CloudFormation user guide, validate-stack-deployments; rain#744 for the reasons.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ecs_blue_green.emulator import engine, resources, stores, validation
from ecs_blue_green.emulator.cloudformation.stacks import (
    change_set_of,
    conditions,
    declared,
    made_change_set,
    parameter,
    resolved,
)
from ecs_blue_green.emulator.early import DOCUMENTED, Early
from ecs_blue_green.emulator.engine import Record
from ecs_blue_green.emulator.refusal import Refused
from ecs_blue_green.emulator.services.api import new_id

# Known only when the change set is executed; text, so that the functions around it can be resolved.
UNKNOWN = "{{changeSet:KNOWN_AFTER_APPLY}}"

PROPERTIES = "PROPERTY_VALIDATION"
NAMES = "NAME_CONFLICT_VALIDATION"
HOOKS = {PROPERTIES: "PropertyValidation", NAMES: "ResourceExistenceCheck"}

# What the page calls a validation that warns, by type. Its reasons are UNVERIFIED, as are their names.
NOT_EMPTY = {
    "AWS::S3::Bucket": "BUCKET_EMPTINESS_VALIDATION",
    "AWS::ECR::Repository": "REPOSITORY_DELETE_VALIDATION",
}
QUOTAS = "SERVICE_QUOTA_VALIDATION"


@dataclass(frozen=True)
class Finding:
    """What is wrong with one resource of a change set."""

    logical_id: str
    resource_type: str
    validation: str
    path: str
    reason: str
    mode: str = "FAIL"
    status: str = "FAILED"


_early = DOCUMENTED


def install(early: Early) -> None:
    """Validate every change set that is created, and report it in DescribeEvents."""
    global _early
    _early = early
    engine.wrap_stack_operation("CreateChangeSet", _create_change_set)
    engine.wrap_stack_operation("DescribeEvents", _describe_events)


def findings(change_set: Record) -> Iterator[Finding]:
    """What is wrong with the resources that a change set adds or modifies."""
    template = declared(change_set["_template"], conditions(change_set))
    for change in change_set["Changes"]:
        resource_change = change["ResourceChange"]
        logical_id, kind = resource_change["LogicalResourceId"], resource_change["ResourceType"]
        yield from _given(resource_change)
        if resource_change["Action"] == "Remove":
            yield from _not_empty(change_set, resource_change)
        if resource_change["Action"] not in ("Add", "Modify"):
            continue
        if not _early.looks_at(kind):
            continue
        properties = _early_properties(template[logical_id], template, change_set)
        where = f"/Resources/{logical_id}/Properties"
        for problem in validation.problems(kind, properties):
            if not _unknown_at(properties, problem.path):
                yield Finding(
                    logical_id, kind, PROPERTIES, where + problem.path, f"#{problem.path}: {problem.reason}"
                )
        handler = resources.HANDLERS.get(kind)
        name = str(properties.get(handler.name, "")) if handler and handler.name else ""
        added = resource_change["Action"] == "Add" and name and UNKNOWN not in name
        if added and handler and handler.taken and handler.taken(name):
            reason = f"Resource of type '{kind}' with identifier '{name}' already exists."
            yield Finding(logical_id, kind, NAMES, f"/Resources/{logical_id}", reason)


def _given(change: Record) -> Iterator[Finding]:
    """What this emulator was started to find in resources of a type (`--finding`)."""
    kind, logical_id = change["ResourceType"], change["LogicalResourceId"]
    match _early.findings.get(kind):
        case "FAIL":
            yield Finding(
                logical_id,
                kind,
                PROPERTIES,
                f"/Resources/{logical_id}",
                "found for serve's --finding",
            )
        case "WARN":
            reason = f"The quota for resources of type {kind} would be exceeded."
            yield Finding(logical_id, kind, QUOTAS, f"/Resources/{logical_id}", reason, "WARN")
        case "SKIPPED":
            reason = "The validation was skipped: access denied."
            path = f"/Resources/{logical_id}"
            yield Finding(logical_id, kind, QUOTAS, path, reason, "WARN", "SKIPPED")


def _not_empty(change_set: Record, change: Record) -> Iterator[Finding]:
    """A bucket or a repository whose deletion is bound to fail."""
    kind, logical_id, name = (
        change["ResourceType"],
        change["LogicalResourceId"],
        change.get("PhysicalResourceId", ""),
    )
    before = stores.stacks[change_set["StackName"]]["_template"]["Resources"][logical_id]
    if kind not in NOT_EMPTY or before.get("DeletionPolicy", "Delete") not in (
        "Delete",
        "RetainExceptOnCreate",
    ):
        return
    if kind == "AWS::S3::Bucket":
        handler = resources.HANDLERS[kind]
        try:
            handler.removable(name, {})  # type: ignore[misc]
            return
        except Refused:
            pass
    elif before.get("Properties", {}).get("EmptyOnDelete") or not stores.images.get(name):
        return
    reason = f"The resource '{name}' of type '{kind}' is not empty; its deletion will fail."
    yield Finding(logical_id, kind, NOT_EMPTY[kind], f"/Resources/{logical_id}", reason, "WARN")


def _create_change_set(operation: Any, request: Any) -> Any:
    answer = operation(request)
    change_set = made_change_set(answer)
    if change_set and change_set["Status"] == "CREATE_COMPLETE" and change_set["ChangeSetType"] != "IMPORT":
        results = list(findings(change_set))
        causes = [finding for finding in results if (finding.mode, finding.status) == ("FAIL", "FAILED")]
        if results:
            _keep(change_set, results, failed=bool(causes))
        if causes:
            _fail(change_set, causes)
    return answer


def _fail(change_set: Record, causes: list[Finding]) -> None:
    hooks = sorted({f"AWS::EarlyValidation::{HOOKS[finding.validation]}" for finding in causes})
    change_set |= {
        "Status": "FAILED",
        "ExecutionStatus": "UNAVAILABLE",
        "StatusReason": (
            f"The following hook(s)/validation failed: [{', '.join(hooks)}]. To troubleshoot Early "
            "Validation errors, use the DescribeEvents API for detailed failure information."
        ),
        "Changes": [],
    }


def _keep(change_set: Record, results: list[Finding], *, failed: bool) -> None:
    """Keep what DescribeEvents reports of a change set: also the warnings of one that has not failed."""
    operation = {
        "OperationId": new_id(),
        "OperationType": "CREATE_CHANGESET",
        "StackId": change_set["StackId"],
    }
    base = {**operation, "Timestamp": change_set["CreationTime"]}
    status = "FAILED" if failed else "SUCCEEDED"
    change_set["_operation_events"] = [
        {**base, "EventId": new_id(), "EventType": "STACK_EVENT", "OperationStatus": status},
        *(
            {
                **base,
                "EventId": new_id(),
                "EventType": "VALIDATION_ERROR",
                "LogicalResourceId": finding.logical_id,
                "ResourceType": finding.resource_type,
                "ValidationFailureMode": finding.mode,
                "ValidationName": finding.validation,
                "ValidationStatus": finding.status,
                "ValidationStatusReason": finding.reason,
                "ValidationPath": finding.path,
            }
            for finding in results
        ),
    ]


def _describe_events(operation: Any, request: Any) -> Any:
    change_set = change_set_of(request) if parameter(request, "ChangeSetName") else None
    if change_set is None:
        return operation(request)
    escape = engine.helpers._esc
    members = "".join(
        "<member>"
        + "".join(f"<{name}>{escape(str(value))}</{name}>" for name, value in event.items())
        + "</member>"
        for event in change_set.get("_operation_events", [])
        if parameter(request, "Filters.FailedEvents") != "true" or "OperationStatus" not in event
    )
    inner = f"<DescribeEventsResult><OperationEvents>{members}</OperationEvents></DescribeEventsResult>"
    return engine.stack_response("DescribeEvents", inner)


def _early_properties(resource: Record, template: Record, change_set: Record) -> Record:
    """The properties as they are known before anything is deployed."""
    marked = _marked(resource.get("Properties", {}), set(template))
    properties = resolved(marked, change_set, {})
    known = {name: value for name, value in properties.items() if value is not engine.NO_VALUE}
    return validation.coerced(resource["Type"], known)


def _marked(value: Any, resources_declared: set[str]) -> Any:
    """Put the marker where a function needs a resource, or another stack's export."""
    if isinstance(value, list):
        return [_marked(item, resources_declared) for item in value]
    if not isinstance(value, dict):
        return value
    if len(value) == 1:
        name = next(iter(value))
        if name == "Fn::If":
            condition, *branches = value[name]
            return {name: [condition, *(_marked(branch, resources_declared) for branch in branches)]}
        if (
            name == "Fn::ImportValue"
            or (
                (name == "Ref" or name.startswith("Fn::"))
                and not resources_declared.isdisjoint(engine.references(value))
            )
            or ("Fn::ImportValue" in str(value) and name.startswith("Fn::"))
        ):
            return UNKNOWN
    return {name: _marked(item, resources_declared) for name, item in value.items()}


def _unknown_at(properties: Any, path: str) -> bool:
    """Whether a problem at a path may only be there because a value is not known yet."""
    value = properties
    for part in filter(None, path.split("/")):
        if isinstance(value, list):
            value = value[int(part)]
        elif isinstance(value, dict):
            value = value.get(part)
    if isinstance(value, list):
        # Two that are not known yet are equal only here.
        return value.count(UNKNOWN) > 1
    return isinstance(value, str) and UNKNOWN in value
