"""Outputs and exports: changing them is a change, and an export that is imported must exist and stay.

CloudFormation user guide, using-cfn-stack-exports; the sentences are from stax#40, serverless#3589,
geostore#630 and aws-cloudformation-templates#464. "If only stack Outputs are changed, CloudFormation
generates a ChangeSet that is executable but has 0 changes": aws-cdk#2029.
"""

import re
from collections.abc import Iterator
from typing import Any

from ecs_blue_green.emulator import engine, stores
from ecs_blue_green.emulator.cloudformation.stacks import (
    conditions,
    declared,
    made_change_set,
    resolved,
    stack_of,
)
from ecs_blue_green.emulator.engine import Record
from ecs_blue_green.imported_exports import import_values

_EMPTY = "The submitted information didn't contain changes."
_resolve_outputs = engine.stacks._resolve_stack_outputs


def install() -> None:
    """Look at outputs and imports when a change set is made, and at exports before a stack loses them."""

    def resolve_and_check(*arguments: Any) -> Any:
        outputs, exports = _resolve_outputs(*arguments)
        _check(exports, stack_id=arguments[-1])
        return outputs, exports

    engine.stacks._resolve_stack_outputs = resolve_and_check
    engine.stacks._resolve_refs = _naming_missing_exports(engine.stacks._resolve_refs)
    engine.handlers._imported_export_names = _imported_names
    engine.wrap_stack_operation("CreateChangeSet", _create_change_set)
    engine.wrap_stack_operation("DeleteStack", _delete)


def _create_change_set(operation: Any, request: Any) -> Any:
    answer = operation(request)
    change_set = made_change_set(answer)
    if change_set is None or change_set["ChangeSetType"] == "IMPORT":
        return answer
    if change_set["StatusReason"].startswith(_EMPTY) and _changes_outputs(change_set):
        change_set |= {"Status": "CREATE_COMPLETE", "ExecutionStatus": "AVAILABLE", "StatusReason": ""}
    missing = [name for name in _imported(change_set) if name not in stores.exports]
    if change_set["Status"] == "CREATE_COMPLETE" and missing:
        reason = f"No export named {missing[0]} found"
        change_set |= {
            "Status": "FAILED",
            "ExecutionStatus": "UNAVAILABLE",
            "StatusReason": reason,
            "Changes": [],
        }
    return answer


def _changes_outputs(change_set: Record) -> bool:
    """Whether a change set that changes no resource changes the stack's outputs."""
    stack = stores.stacks[change_set["StackName"]]
    template = change_set["_template"]
    try:
        outputs, _ = _resolve_outputs(
            template.get("Outputs", {}),
            conditions(change_set),
            stack["_resources"],
            change_set["_resolved_params"],
            template.get("Mappings", {}),
            change_set["StackName"],
            change_set["StackId"],
        )
    except ValueError:
        # What cannot be resolved is another output; its execution fails.
        return True
    return _comparable(outputs) != _comparable(stack["Outputs"])


def _comparable(outputs: list[Record]) -> set[tuple[str, str, str]]:
    """Outputs without their descriptions: whether a change of those alone counts on AWS is not known."""
    return {(output["OutputKey"], output["OutputValue"], output.get("ExportName", "")) for output in outputs}


def _imported(change_set: Record) -> Iterator[str]:
    """The names of the exports that a change set's template imports under its conditions."""
    template, held = change_set["_template"], conditions(change_set)
    outputs = [
        output for output in template.get("Outputs", {}).values() if held.get(output.get("Condition"), True)
    ]
    for part in (*declared(template, held).values(), *outputs):
        for argument in import_values(part, held.__getitem__):
            yield str(resolved(argument, change_set, {}))


def _imported_names(stack: Record, _name: str) -> set[str]:
    """The exports that a stack imports. Leaving out those behind a false condition is UNVERIFIED on AWS."""
    return set(_imported(stack)) if stack.get("_template") else set()


def _naming_missing_exports(resolve: Any) -> Any:
    """Resolve as before, with AWS's words for an export that was deleted after the change set was created."""

    def resolved_or_named(*arguments: Any) -> Any:
        try:
            return resolve(*arguments)
        except ValueError as error:
            missing = re.fullmatch(r"Export '(.*)' not found", str(error))
            raise ValueError(f"No export named {missing[1]} found") if missing else error from None

    return resolved_or_named


def _check(exports: Record, stack_id: str) -> None:
    table = stores.exports
    for name in exports:
        if name in table and table[name]["StackId"] != stack_id:
            owner = table[name]["StackId"].split("/")[1]
            raise ValueError(f"Export with name {name} is already exported by stack {owner}.")
    mine = {name: export["Value"] for name, export in table.items() if export["StackId"] == stack_id}
    for name, value in mine.items():
        if name in exports and exports[name]["Value"] == value:
            continue
        if importers := _importers(name):
            change = "updated" if name in exports else "deleted"
            raise ValueError(f"Export {name} cannot be {change} as it is in use by {' and '.join(importers)}")
    for name in mine.keys() - exports.keys():
        del table[name]


def _delete(operation: Any, request: Any) -> Any:
    """Accept the deletion, and cancel it when an export is in use: the stack stays and gets an event."""
    stack = stack_of(request)
    if stack and not stack.get("EnableTerminationProtection"):
        for output in stack["Outputs"]:
            name = output.get("ExportName")
            if name and (importers := _importers(name)):
                _cancel(
                    stack, f"Export {name} cannot be deleted as it is in use by {' and '.join(importers)}"
                )
                return engine.stack_response("DeleteStack")
    return operation(request)


def _cancel(stack: Record, reason: str) -> None:
    stack["StackStatusReason"] = reason
    resource = (stack["StackName"], "AWS::CloudFormation::Stack", stack["StackId"])
    engine.add_event(stack, resource, stack["StackStatus"], reason)


def _importers(export: str) -> list[str]:
    return [
        name
        for name, stack in stores.stacks.items()
        if stack["StackStatus"] not in ("DELETE_COMPLETE", "REVIEW_IN_PROGRESS", "ROLLBACK_COMPLETE")
        and export in engine.handlers._imported_export_names(stack, name)
    ]
