"""Exports that other stacks import: they stay as they are, and so does their stack.

CloudFormation user guide, using-cfn-stack-exports; the sentences are from stax#40, serverless#3589
and geostore#630.
"""

from typing import Any

from ecs_blue_green.emulator import engine
from ecs_blue_green.emulator.cloudformation.stacks import stack_of
from ecs_blue_green.emulator.engine import Record


def install() -> None:
    """Check the exports of an update before it counts, and of a stack before it is deleted."""
    resolve = engine.stacks._resolve_stack_outputs

    def resolve_and_check(*arguments: Any) -> Any:
        outputs, exports = resolve(*arguments)
        _check(exports, stack_id=arguments[-1])
        return outputs, exports

    engine.stacks._resolve_stack_outputs = resolve_and_check
    engine.wrap_stack_operation("DeleteStack", _delete)


def _check(exports: Record, stack_id: str) -> None:
    table = engine.cloudformation._exports
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
    """Accept the deletion, and cancel it when an export is in use: the stack stays, with an event."""
    stack = stack_of(request)
    if stack and not stack.get("EnableTerminationProtection"):
        for output in stack["Outputs"]:
            name = output.get("ExportName")
            if name and (importers := _importers(name)):
                _cancel(
                    stack, f"Export {name} cannot be deleted as it is in use by {' and '.join(importers)}"
                )
                return engine.helpers._xml(200, "DeleteStackResponse", "")
    return operation(request)


def _cancel(stack: Record, reason: str) -> None:
    stack["StackStatusReason"] = reason
    engine.stacks._add_event(
        stack["StackId"],
        stack["StackName"],
        stack["StackName"],
        "AWS::CloudFormation::Stack",
        stack["StackStatus"],
        reason,
        stack["StackId"],
    )


def _importers(export: str) -> list[str]:
    return [
        name
        for name, stack in engine.cloudformation._stacks.items()
        if stack["StackStatus"] not in ("DELETE_COMPLETE", "REVIEW_IN_PROGRESS", "ROLLBACK_COMPLETE")
        and export in engine.handlers._imported_export_names(stack, name)
    ]
