"""Pre-deployment validation: a change set that is bound to fail never becomes available.

CloudFormation user guide, validate-stack-deployments; rain#744 for the reasons.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ecs_blue_green.emulator import engine, resources, validation
from ecs_blue_green.emulator.cloudformation.stacks import (
    change_set_of,
    conditions,
    declared,
    made_change_set,
    parameter,
    resolved,
)
from ecs_blue_green.emulator.engine import Record
from ecs_blue_green.emulator.services.api import new_id

# Known only when the change set is executed; text, so that the functions around it can be resolved.
UNKNOWN = "{{changeSet:KNOWN_AFTER_APPLY}}"

PROPERTIES = "PROPERTY_VALIDATION"
NAMES = "NAME_CONFLICT_VALIDATION"
HOOKS = {PROPERTIES: "PropertyValidation", NAMES: "ResourceExistenceCheck"}

# The page lists the types that are not validated; these are the ones of our templates.
NOT_VALIDATED = {
    "AWS::CodeBuild::Project",
    "AWS::CodeDeploy::DeploymentGroup",
    "AWS::ElasticLoadBalancingV2::ListenerCertificate",
}


@dataclass(frozen=True)
class Finding:
    """What is wrong with one resource of a change set."""

    logical_id: str
    resource_type: str
    validation: str
    path: str
    reason: str


def install() -> None:
    """Validate every change set that is made, and tell of it in DescribeEvents."""
    engine.wrap_stack_operation("CreateChangeSet", _create_change_set)
    engine.wrap_stack_operation("DescribeEvents", _describe_events)


def findings(change_set: Record) -> Iterator[Finding]:
    """What is wrong with the resources that a change set adds or modifies."""
    template = declared(change_set["_template"], conditions(change_set))
    for change in change_set["Changes"]:
        resource_change = change["ResourceChange"]
        logical_id, kind = resource_change["LogicalResourceId"], resource_change["ResourceType"]
        if resource_change["Action"] not in ("Add", "Modify") or kind in NOT_VALIDATED:
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


def _create_change_set(operation: Any, request: Any) -> Any:
    answer = operation(request)
    change_set = made_change_set(answer)
    if change_set and change_set["Status"] == "CREATE_COMPLETE" and change_set["ChangeSetType"] != "IMPORT":
        found = list(findings(change_set))
        if found:
            _fail(change_set, found)
    return answer


def _fail(change_set: Record, found: list[Finding]) -> None:
    hooks = sorted({f"AWS::EarlyValidation::{HOOKS[finding.validation]}" for finding in found})
    operation = {
        "OperationId": new_id(),
        "OperationType": "CREATE_CHANGESET",
        "StackId": change_set["StackId"],
    }
    base = {**operation, "Timestamp": change_set["CreationTime"]}
    change_set |= {
        "Status": "FAILED",
        "ExecutionStatus": "UNAVAILABLE",
        "StatusReason": (
            f"The following hook(s)/validation failed: [{', '.join(hooks)}]. To troubleshoot Early "
            "Validation errors, use the DescribeEvents API for detailed failure information."
        ),
        "Changes": [],
        "_operation_events": [
            {**base, "EventId": new_id(), "EventType": "STACK_EVENT", "OperationStatus": "FAILED"},
            *(
                {
                    **base,
                    "EventId": new_id(),
                    "EventType": "VALIDATION_ERROR",
                    "LogicalResourceId": finding.logical_id,
                    "ResourceType": finding.resource_type,
                    "ValidationFailureMode": "FAIL",
                    "ValidationName": finding.validation,
                    "ValidationStatus": "FAILED",
                    "ValidationStatusReason": finding.reason,
                    "ValidationPath": finding.path,
                }
                for finding in found
            ),
        ],
    }


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
    return engine.helpers._xml(200, "DescribeEventsResponse", inner)


def _early_properties(resource: Record, template: Record, change_set: Record) -> Record:
    """The properties as they are known before anything is deployed."""
    marked = _marked(resource.get("Properties", {}), set(template))
    properties = resolved(marked, change_set, {})
    kept = {name: value for name, value in properties.items() if value is not engine.stacks._NO_VALUE}
    return validation.coerced(resource["Type"], kept)


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
                and any(
                    reference in resources_declared
                    for reference, _ in engine.stacks._intrinsic_references(value)
                )
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
        # Two that are not known yet are only here the same.
        return value.count(UNKNOWN) > 1
    return isinstance(value, str) and UNKNOWN in value
