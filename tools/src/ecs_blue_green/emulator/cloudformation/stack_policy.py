"""Stack policies: what an update may not touch, and what refers to it.

CloudFormation user guide, protect-stack-resources; sfn#238 for the check of logical ids.
"""

import fnmatch
import json
from dataclasses import dataclass
from typing import Any

from ecs_blue_green.emulator import engine, stores
from ecs_blue_green.emulator.cloudformation.stacks import declared, parameter, stack_of
from ecs_blue_green.emulator.engine import Record
from ecs_blue_green.emulator.refusal import Refused

PREFIX = "LogicalResourceId/"
ACTIONS = ("Update:Modify", "Update:Replace", "Update:Delete", "Update:*")


@dataclass(frozen=True)
class Denial:
    """Why a policy denies an action; `statement` is None where no statement allows it."""

    statement: int | None
    action: str
    logical_id: str

    def __str__(self) -> str:
        """The reason that CloudFormation gives."""
        by = "" if self.statement is None else f"Statement [#{self.statement}] "
        return (
            f"Action denied by stack policy: {by}does not allow [{self.action}] "
            f"for resource [{PREFIX}{self.logical_id}]"
        )


def denial(policy: str, action: str, logical_id: str, resource_type: str) -> Denial | None:
    """Why the policy denies the action on the resource, None when it allows it.

    A Deny beats every Allow; what no statement allows is denied.
    """
    allowed = False
    for number, statement in enumerate(_list(json.loads(policy).get("Statement")), start=1):
        if not _applies(statement, action, logical_id, resource_type):
            continue
        if statement["Effect"] == "Deny":
            return Denial(number, action, logical_id)
        allowed = True
    return None if allowed else Denial(None, action, logical_id)


def install() -> None:
    """Enforce the policy of a stack on its updates, and check policies that are set."""
    engine.wrap_stack_operation("SetStackPolicy", _set_policy)
    engine.stacks._update_resource = _enforcing(engine.stacks._update_resource)
    for module in (engine.handlers, engine.changesets):
        module._deploy_stack_async = _keeping_protected(module._deploy_stack_async)


def _enforcing(update: Any) -> Any:
    """Refuse to update a resource where the policy forbids that, or an update of what refers to it."""

    def checked(
        resource_type: str, physical_id: str, old: Record, new: Record, stack_name: str, *rest: Any
    ) -> Any:
        stack = stores.stacks[stack_name]
        # A rollback is no update, and needs no permission.
        if old != new and stack.get("_stack_policy") and stack["StackStatus"] == "UPDATE_IN_PROGRESS":
            replaced = engine.provisioners._replacing_change(resource_type, old, new)
            _require_permission(
                stack, rest[0], resource_type, "Update:Replace" if replaced else "Update:Modify"
            )
        return update(resource_type, physical_id, old, new, stack_name, *rest)

    return checked


def _require_permission(stack: Record, logical_id: str, resource_type: str, action: str) -> None:
    policy = stack["_stack_policy"]
    concerned = [(logical_id, resource_type, action)]
    for name, resource in declared(stack["_template"], stack["_conditions"]).items():
        named = engine.references(resource.get("Properties"))
        # What the update adds to the stack is not there to be denied anything.
        if logical_id in named and name in stack["_resources"]:
            concerned.append((name, resource["Type"], "Update:Modify"))
    for name, kind, action_on in concerned:
        if denied := denial(policy, action_on, name, kind):
            raise ValueError(str(denied))


def _keeping_protected(deploy: Any) -> Any:
    """Roll an update back before it starts where it would remove a resource that the policy protects."""

    async def checked(
        stack_name: str, stack_id: str, template: Record, values: Record, *rest: Any, **more: Any
    ) -> Any:
        stack = stores.stacks[stack_name]
        previous = more.get("previous_stack")
        if stack.get("_stack_policy") and previous:
            conditions = engine.conditions(template, values)
            for name in previous["_resources"].keys() - declared(template, conditions).keys():
                resource_type = previous["_resources"][name]["ResourceType"]
                if denied := denial(stack["_stack_policy"], "Update:Delete", name, resource_type):
                    await _roll_back(stack, previous, template, values, name, str(denied))
                    return
        await deploy(stack_name, stack_id, template, values, *rest, **more)

    return checked


async def _roll_back(
    stack: Record, previous: Record, template: Record, values: Record, logical_id: str, reason: str
) -> None:
    resource = previous["_resources"][logical_id]
    identity = (resource["ResourceType"], resource["PhysicalResourceId"])
    engine.add_event(stack, (logical_id, *identity), "UPDATE_FAILED", reason)
    failure = (logical_id, *identity, None, None, None)
    operation = engine.stacks._failed_operation(
        True,
        previous,
        [],
        failure,
        logical_id,
        [],
        False,
        template,
        values,
        False,
        stack["Tags"],
        previous["Tags"],
    )
    await engine.stacks._roll_back_operation(stack["StackName"], stack["StackId"], stack, operation)


def _set_policy(operation: Any, request: Any) -> Any:
    stack = stack_of(request)
    if stack and (body := parameter(request, "StackPolicyBody")):
        _require_valid(body, set(stack["_resources"]))
    return operation(request)


def _require_valid(body: str, logical_ids: set[str]) -> None:
    try:
        statements = _list(json.loads(body)["Statement"])
    except (ValueError, TypeError, LookupError):
        raise _invalid("Invalid stack policy") from None
    for statement in statements:
        if statement.get("Effect") not in ("Allow", "Deny"):
            raise _invalid("Invalid effect")
        if statement.get("Principal") != "*":
            raise _invalid("Invalid principal: only * is supported")
        actions = _list(statement.get("Action")) + _list(statement.get("NotAction"))
        if not actions or set(actions) - set(ACTIONS):
            raise _invalid(f"Unknown action in {actions}")
        for resource in _list(statement.get("Resource")) + _list(statement.get("NotResource")):
            known = any(fnmatch.fnmatchcase(f"{PREFIX}{name}", resource) for name in logical_ids)
            if resource != "*" and not known:
                raise _invalid(
                    f"Unknown logical id '{resource}' in statement {{}} - stack policies can only be applied "
                    "to logical ids referenced in the template"
                )


def _invalid(why: str) -> Refused:
    return Refused("ValidationError", f"Error validating stack policy: {why}")


def _applies(statement: Record, action: str, logical_id: str, resource_type: str) -> bool:
    return (
        _named(statement, "Action", action)
        and _named(statement, "Resource", f"{PREFIX}{logical_id}")
        and all(
            any(
                fnmatch.fnmatchcase(resource_type, pattern)
                for pattern in _list(condition.get("ResourceType"))
            )
            for condition in statement.get("Condition", {}).values()
        )
    )


def _named(statement: Record, element: str, value: str) -> bool:
    negated = f"Not{element}"
    patterns = _list(statement.get(negated if negated in statement else element))
    return any(fnmatch.fnmatchcase(value, pattern) for pattern in patterns) != (negated in statement)


def _list(value: Any) -> list[Any]:
    if value is None:
        return []
    return value if isinstance(value, list) else [value]
