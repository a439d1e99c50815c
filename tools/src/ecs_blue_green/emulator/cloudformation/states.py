"""Which operation a stack takes in which state, and what its state is afterwards."""

from typing import Any

from ecs_blue_green.emulator import engine, stores
from ecs_blue_green.emulator.cloudformation.stacks import made_change_set, parameter, stack_of
from ecs_blue_green.emulator.engine import Record
from ecs_blue_green.emulator.refusal import Refused

# The states from which CloudFormation updates a stack (user guide, view-stack-events: stack status codes).
UPDATABLE = {
    "CREATE_COMPLETE",
    "UPDATE_COMPLETE",
    "UPDATE_ROLLBACK_COMPLETE",
    "IMPORT_COMPLETE",
    "IMPORT_ROLLBACK_COMPLETE",
}
IN_REVIEW = "REVIEW_IN_PROGRESS"


def install() -> None:
    """Wrap the operations, and require the capabilities that a template needs."""
    engine.handlers._capabilities_enforced = lambda: True
    engine.wrap_stack_operation("CreateStack", _create_stack)
    engine.wrap_stack_operation("UpdateStack", _update_stack)
    engine.wrap_stack_operation("CreateChangeSet", _create_change_set)
    engine.wrap_stack_operation("ListChangeSets", _list_change_sets)
    engine.wrap_stack_operation("DeleteStack", _delete_stack)
    engine.stacks._roll_back_operation = engine.handlers._roll_back_operation = _keeping_leftovers(
        engine.stacks._roll_back_operation
    )


def _create_stack(operation: Any, request: Any) -> Any:
    if stack := stack_of(request):
        raise Refused("AlreadyExistsException", f"Stack [{stack['StackName']}] already exists")
    return operation(request)


def _update_stack(operation: Any, request: Any) -> Any:
    _require_updatable(stack_of(request))
    return operation(request)


def _create_change_set(operation: Any, request: Any) -> Any:
    stack = stack_of(request)
    if parameter(request, "ChangeSetType") != "CREATE":
        _require_updatable(stack)
        return operation(request)
    if stack and stack["StackStatus"] != IN_REVIEW:
        raise Refused(
            "ValidationError",
            f"Stack [{stack['StackName']}] already exists and cannot be created again with the changeSet "
            f"[{parameter(request, 'ChangeSetName')}].",
        )
    return _for_stack_in_review(stack, operation, request) if stack else operation(request)


def _for_stack_in_review(stack: Record, operation: Any, request: Any) -> Any:
    """Create another change set for a stack in REVIEW_IN_PROGRESS: ministack would replace the stack."""
    name, events = stack["StackName"], stores.stack_events
    known = events[stack["StackId"]]
    answer = operation(request)
    replacement = stores.stacks.get(name)
    stores.stacks[name] = stack
    events[stack["StackId"]] = known
    if (created := made_change_set(answer)) and replacement:
        events.pop(replacement["StackId"], None)
        created["StackId"] = stack["StackId"]
        status, headers, body = answer
        answer = (
            status,
            headers,
            body.replace(replacement["StackId"].encode(), stack["StackId"].encode()),
        )
    return answer


def _list_change_sets(operation: Any, request: Any) -> Any:
    """ministack knows the name of a stack here, but not its ARN."""
    stack = stack_of(request)
    if stack is None:
        raise Refused("ValidationError", f"Stack [{parameter(request, 'StackName')}] does not exist")
    return operation({**request, "StackName": [stack["StackName"]]})


def _delete_stack(operation: Any, request: Any) -> Any:
    stack = stack_of(request)
    if stack and stack["StackStatus"].startswith("UPDATE_") and stack["StackStatus"].endswith("_IN_PROGRESS"):
        raise Refused(
            "ValidationError",
            f"Stack [{stack['StackId']}] cannot be deleted while in status {stack['StackStatus']}",
        )
    return operation(request)


def _require_updatable(stack: Record | None) -> None:
    status = stack["StackStatus"] if stack else ""
    # What failed with its rollback switched off can be updated, too.
    if stack and status not in UPDATABLE and not stack.get("_failed_operation"):
        raise Refused(
            "ValidationError", f"Stack:{stack['StackId']} is in {status} state and can not be updated."
        )


def _keeping_leftovers(roll_back: Any) -> Any:
    """Keep in the stack what the rollback of its creation could not delete, so that DeleteStack finds it."""

    async def roll_back_and_keep(
        stack_name: str, stack_id: str, stack: Record, *rest: Any, **more: Any
    ) -> None:
        await roll_back(stack_name, stack_id, stack, *rest, **more)
        if stack["StackStatus"] == "ROLLBACK_FAILED":
            # In the order of their creation: they are deleted in the reverse order.
            for logical_id, leftover in reversed(stack.get("_rollback_failed", {}).items()):
                stack["_resources"][logical_id] = {
                    "Attributes": {},
                    "LogicalResourceId": logical_id,
                    "ResourceStatus": "DELETE_FAILED",
                    "Timestamp": stack["LastUpdatedTime"],
                    **leftover,
                }

    return roll_back_and_keep
