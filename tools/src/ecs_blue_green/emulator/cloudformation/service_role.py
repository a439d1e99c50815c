"""The service role of a stack: checked, kept, and used by every later operation that names none.

CloudFormation user guide, using-iam-servicerole; aws-cdk#10116 for the sentence.
"""

import re
from typing import Any

from ecs_blue_green.emulator import engine, references, stores
from ecs_blue_green.emulator.cloudformation.stacks import change_set_of, made_change_set, parameter, stack_of
from ecs_blue_green.emulator.refusal import Refused

PRINCIPAL = "cloudformation.amazonaws.com"


def install() -> None:
    """Wrap the operations that take or use a role, and show the role of a stack."""
    for name in ("CreateStack", "UpdateStack", "DeleteStack", "ContinueUpdateRollback", "RollbackStack"):
        engine.wrap_stack_operation(name, _operate)
    engine.wrap_stack_operation("CreateChangeSet", _create_change_set)
    engine.wrap_stack_operation("ExecuteChangeSet", _execute_change_set)
    engine.wrap_stack_operation("DescribeStacks", _describe_stacks)


def _operate(operation: Any, request: Any) -> Any:
    role = _usable_role(request)
    answer = operation(request)
    if (stack := stack_of(request)) and role:
        stack["_role"] = role
    return answer


def _create_change_set(operation: Any, request: Any) -> Any:
    role = _usable_role(request)
    answer = operation(request)
    if change_set_now := made_change_set(answer):
        change_set_now["_role"] = role
    return answer


def _execute_change_set(operation: Any, request: Any) -> Any:
    change_set = change_set_of(request)
    role = change_set.get("_role") if change_set else None
    _require_assumable(role)
    stack = engine.stack(change_set["StackName"]) if change_set else None
    answer = operation(request)
    if stack and role:
        stack["_role"] = role
    return answer


def _describe_stacks(operation: Any, request: Any) -> Any:
    """Add the role to each stack of the answer."""
    status, headers, body = operation(request)
    roles = {stack["StackId"]: stack["_role"] for stack in stores.stacks.values() if stack.get("_role")}

    def with_role(match: re.Match[bytes]) -> bytes:
        role = roles.get(match[1].decode())
        return match[0] + (f"<RoleARN>{role}</RoleARN>".encode() if role else b"")

    return status, headers, re.sub(rb"<StackId>(.*?)</StackId>", with_role, body)


def _usable_role(request: Any) -> str | None:
    stack = stack_of(request)
    role = parameter(request, "RoleARN") or (stack or {}).get("_role")
    _require_assumable(role)
    return role


def _require_assumable(role: str | None) -> None:
    if role and not references.assumable(role, PRINCIPAL):
        raise Refused("ValidationError", f"Role {role} is invalid or cannot be assumed")
