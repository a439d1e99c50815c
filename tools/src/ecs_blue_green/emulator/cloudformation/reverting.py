"""Drift-aware change sets: deleted resources are created again.

CloudFormation user guide, drift-aware-change-sets, and "Recreate Deleted Resources" in
https://aws.amazon.com/blogs/devops/safely-handle-configuration-drift-with-cloudformation-drift-aware-change-sets
Neither shows which `Action` such a resource has in the change set; Add is a guess. What somebody changed
would be changed back as well: that is not emulated, and refused.
"""

from typing import Any

from ecs_blue_green.emulator import engine, stores
from ecs_blue_green.emulator.cloudformation.stacks import (
    change_set_of,
    declared,
    made_change_set,
    parameter,
    stack_of,
)
from ecs_blue_green.emulator.engine import Record
from ecs_blue_green.emulator.refusal import Refused

MODE = "REVERT_DRIFT"
_NO_CHANGES = "The submitted information didn't contain changes."


def install() -> None:
    """Compare with the live resources where a change set asks for it, and execute it."""
    engine.wrap_stack_operation("CreateChangeSet", _create_change_set)
    engine.wrap_stack_operation("ExecuteChangeSet", _execute_change_set)


def _create_change_set(operation: Any, request: Any) -> Any:
    stack = stack_of(request)
    if parameter(request, "DeploymentMode") != MODE or stack is None:
        return operation(request)
    drifts = {logical_id: _drift(stack, logical_id) for logical_id in stack["_resources"]}
    changed = [logical_id for logical_id, drift in drifts.items() if drift == "MODIFIED"]
    if changed:
        raise Refused(
            "ValidationError",
            f"the local emulator makes again what is gone, and does not change back {', '.join(changed)}",
        )
    answer = operation(request)
    change_set = made_change_set(answer)
    if change_set:
        gone = [logical_id for logical_id, drift in drifts.items() if drift == "DELETED"]
        _add(change_set, [logical_id for logical_id in gone if logical_id in _resources(change_set)])
    return answer


def _drift(stack: Record, logical_id: str) -> str:
    record = stack["_resources"][logical_id]
    if not engine.drift.supports_drift(record["ResourceType"]):
        return "UNSUPPORTED"
    result = engine.drift.detect_resource_drift(stack, logical_id, record, "")
    return str(result["StackResourceDriftStatus"])


def _resources(change_set: Record) -> Record:
    template = change_set["_template"]
    return declared(template, engine.conditions(template, change_set["_resolved_params"]))


def _add(change_set: Record, gone: list[str]) -> None:
    """Add the deleted resources to the change set."""
    change_set |= {"DeploymentMode": MODE, "_gone": gone}
    if not gone:
        return
    if change_set["StatusReason"].startswith(_NO_CHANGES):
        change_set |= {"Status": "CREATE_COMPLETE", "ExecutionStatus": "AVAILABLE", "StatusReason": ""}
    others = [
        change
        for change in change_set["Changes"]
        if change["ResourceChange"]["LogicalResourceId"] not in gone
    ]
    added = [
        {
            "ResourceChange": {
                "Action": "Add",
                "LogicalResourceId": logical_id,
                "ResourceType": _resources(change_set)[logical_id]["Type"],
                "ResourceDriftStatus": "DELETED",
                "Scope": [],
                "Details": [],
            }
        }
        for logical_id in gone
    ]
    change_set["Changes"] = [*others, *added]


def _execute_change_set(operation: Any, request: Any) -> Any:
    change_set = change_set_of(request)
    if change_set and change_set["ExecutionStatus"] == "AVAILABLE":
        resources = stores.stacks[change_set["StackName"]]["_resources"]
        for logical_id in change_set.get("_gone", ()):
            # The stack creates what it does not have.
            resources.pop(logical_id, None)
    return operation(request)
