"""Reading requests, stacks and change sets as ministack keeps them."""

import re
from http import HTTPStatus
from typing import Any

from ecs_blue_green.emulator import engine, stores
from ecs_blue_green.emulator.engine import Record


def parameter(request: Any, name: str) -> str:
    """A parameter of a query request, "" when it is absent."""
    return str(engine.helpers._p(request, name))


def stack_of(request: Any) -> Record | None:
    """The stack that a request names, by name or ARN; None when there is none or it has been deleted."""
    stack = engine.stack(parameter(request, "StackName"))
    return stack if stack and stack["StackStatus"] != "DELETE_COMPLETE" else None


def change_set_of(request: Any) -> Record | None:
    """The change set that a request names, by ARN or by its name and its stack's."""
    stack = stack_of(request)
    name = stack["StackName"] if stack else parameter(request, "StackName")
    change_set: Record | None = engine.changesets._find_change_set(parameter(request, "ChangeSetName"), name)[
        1
    ]
    return change_set


def made_change_set(answer: Any) -> Record | None:
    """The change set that CreateChangeSet has answered with; None when it refused."""
    status, _, body = answer
    if status != HTTPStatus.OK:
        return None
    identifier = re.search(rb"<Id>(.*?)</Id>", body)
    change_set: Record | None = stores.change_sets.get(identifier[1].decode()) if identifier else None
    return change_set


def declared(template: Record, conditions: Record) -> dict[str, Record]:
    """The resources that a template has under its conditions."""
    return {
        logical_id: resource
        for logical_id, resource in template.get("Resources", {}).items()
        if conditions.get(resource.get("Condition"), True)
    }


def resolved(value: Any, change_set: Record, resources: Record) -> Any:
    """A value of a change set's template with its functions resolved, against `resources` as they are."""
    template, parameters = change_set["_template"], change_set["_resolved_params"]
    return engine.stacks._resolve_refs(
        value,
        resources,
        parameters,
        conditions(change_set),
        template.get("Mappings", {}),
        change_set["StackName"],
        change_set["StackId"],
    )


def conditions(change_set: Record) -> Record:
    """The values of the conditions of a change set's template."""
    return engine.conditions(change_set["_template"], change_set["_resolved_params"])
