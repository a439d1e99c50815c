"""DescribeChangeSet with the values of the properties that change, page by page.

CloudFormation API reference, DescribeChangeSet and ResourceTargetDefinition.
"""

import json
import re
from typing import Any

from ecs_blue_green.emulator import engine, stores
from ecs_blue_green.emulator.cloudformation.early_validation import UNKNOWN
from ecs_blue_green.emulator.cloudformation.stacks import (
    change_set_of,
    declared,
    made_change_set,
    parameter,
    resolved,
)
from ecs_blue_green.emulator.engine import Record
from ecs_blue_green.emulator.refusal import Refused
from ecs_blue_green.emulator.services import shapes

# AWS does not say how many; small enough that a client which reads one page is found out.
PAGE = 20
# In DescribeStacks, a status of a stack that has change sets and no resources yet.
_NEVER_UPDATED = re.compile(
    rb"(<StackStatus>REVIEW_IN_PROGRESS</StackStatus><StackStatusReason>[^<]*</StackStatusReason>"
    rb"<CreationTime>[^<]*</CreationTime>)<LastUpdatedTime>[^<]*</LastUpdatedTime>"
)


def install() -> None:
    """Keep the values when a change set is created, and show them when it is described."""
    engine.changesets._resolve_props_for_diff = _comparable(engine.changesets._resolve_props_for_diff)
    engine.changesets._diff_resources = _by_value(engine.changesets._diff_resources)
    engine.wrap_stack_operation("CreateChangeSet", _create_change_set)
    engine.wrap_stack_operation("DescribeChangeSet", _describe_change_set)
    engine.wrap_stack_operation("DescribeStacks", _describe_stacks)


def _comparable(resolve: Any) -> Any:
    """A template in the form that is compared: its conditions applied, attributes named by their resource."""

    def of_stack(template: Record, values: Record, *names: str) -> Record:
        if not template:
            return template
        present = declared(template, engine.conditions(template, values))
        resources = {name: _with_names(resource) for name, resource in present.items()}
        compared: Record = resolve({**template, "Resources": resources}, values, *names)
        return compared

    return of_stack


def _by_value(diff: Any) -> Any:
    """What changes; a new parameter of the stack counts as unchanged.

    Where its Ref replaces the same value, nothing changes: in a Static evaluation, such as that of a
    parameter, CloudFormation knows whether the value will change (UNVERIFIED for new parameters).
    https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_ResourceChangeDetail.html
    """

    def of_stack(old: Record, new: Record, resources: Any, template: Record, changed: Any, retag: Any) -> Any:
        stacks = stores.stacks.values()
        known: Record = next(
            (other["_resolved_params"] for other in stacks if other.get("_resources") is resources), {}
        )
        return diff(old, new, resources, template, set(changed) & set(known), retag)

    return of_stack


def _with_names(value: Any) -> Any:
    """A part of a template with the names that it refers to instead of their values.

    A reference to another resource's attribute is a change, also before its value is known. Another import
    is one although its value is the same: CloudFormation compares the functions (aws-cdk#38492).
    """
    if isinstance(value, list):
        return [_with_names(item) for item in value]
    if not isinstance(value, dict):
        return value
    named = value.get("Fn::GetAtt")
    if named is not None:
        return named if isinstance(named, str) else ".".join(map(str, named))
    if "Fn::ImportValue" in value:
        return {"Fn::Join": ["", ["the import of ", value["Fn::ImportValue"]]]}
    return {name: _with_names(item) for name, item in value.items()}


def _create_change_set(operation: Any, request: Any) -> Any:
    answer = operation(request)
    change_set = made_change_set(answer)
    if change_set and change_set["Status"] == "CREATE_COMPLETE":
        stack = stores.stacks[change_set["StackName"]]
        for change in change_set["Changes"]:
            if change["ResourceChange"]["Action"] == "Modify":
                _add_values(change["ResourceChange"], change_set, stack)
    return answer


def _add_values(change: Record, change_set: Record, stack: Record) -> None:
    logical_id = change["LogicalResourceId"]
    before = stack["_resources"].get(logical_id, {}).get("Properties", {})
    properties = change_set["_template"]["Resources"][logical_id].get("Properties", {})
    for detail in change["Details"]:
        target = detail["Target"]
        if target["Attribute"] == "Tags":
            target |= {"Path": "/Tags", "AttributeChangeType": "Modify"}
        if target["Attribute"] != "Properties":
            continue
        name = target["Name"]
        old = _text(before[name]) if name in before else None
        new = _after(properties[name], change_set, stack) if name in properties else None
        kind = "Add" if old is None else "Remove" if new is None else "Modify"
        target |= {"Path": f"/Properties/{name}", "AttributeChangeType": kind}
        if old is not None:
            target["BeforeValue"] = old
        if new is not None:
            target["AfterValue"] = new


def _after(value: Any, change_set: Record, stack: Record) -> str | None:
    moving = {
        change["ResourceChange"]["LogicalResourceId"]
        for change in change_set["Changes"]
        if change["ResourceChange"]["Action"] == "Add"
        or change["ResourceChange"].get("Replacement") == "True"
    }
    if not moving.isdisjoint(engine.references(value)):
        return UNKNOWN
    try:
        return _text(resolved(value, change_set, stack["_resources"]))
    except ValueError:
        return UNKNOWN


def _text(value: Any) -> str | None:
    """A value as a change set shows it; None for one that a condition removes."""
    if value is engine.NO_VALUE:
        return None
    return value if isinstance(value, str) else json.dumps(value)


def _describe_change_set(operation: Any, request: Any) -> Any:
    change_set = change_set_of(request)
    if change_set is None:
        raise Refused(
            "ChangeSetNotFound", f"ChangeSet [{parameter(request, 'ChangeSetName')}] does not exist"
        )
    start = int(parameter(request, "NextToken") or 0)
    with_values = parameter(request, "IncludePropertyValues").lower() == "true"
    answer = {
        **{name: value for name, value in change_set.items() if not name.startswith("_")},
        "Changes": [
            {"Type": "Resource", "ResourceChange": _shown(change["ResourceChange"], with_values)}
            for change in change_set["Changes"][start : start + PAGE]
        ],
    }
    if start + PAGE < len(change_set["Changes"]):
        answer["NextToken"] = str(start + PAGE)
    shape = shapes.operation_model("cloudformation", "DescribeChangeSet").output_shape
    body = shapes.to_xml({name: value for name, value in answer.items() if value not in ("", None)}, shape)
    inner = f"<DescribeChangeSetResult>{body}</DescribeChangeSetResult>"
    return engine.stack_response("DescribeChangeSet", inner)


def _describe_stacks(operation: Any, request: Any) -> Any:
    """LastUpdatedTime is there when a stack was updated (CloudFormation API reference, Stack)."""
    status, headers, body = operation(request)
    return status, headers, _NEVER_UPDATED.sub(rb"\1", body)


def _shown(change: Record, with_values: bool) -> Record:
    if with_values or "Details" not in change:
        return change
    values = ("BeforeValue", "AfterValue")
    details = [
        {**detail, "Target": {name: value for name, value in detail["Target"].items() if name not in values}}
        for detail in change["Details"]
    ]
    return {**change, "Details": details}
