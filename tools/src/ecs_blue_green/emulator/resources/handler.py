"""How CloudFormation provisions a resource type here, and what is checked before it does."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from ecs_blue_green.emulator import engine, schemas, validation
from ecs_blue_green.emulator.engine import Record
from ecs_blue_green.emulator.refusal import Refused
from ecs_blue_green.emulator.services.api import new_id

Created = tuple[str, Record]
"""The physical id, which Ref returns, and the attributes, which Fn::GetAtt returns."""

Create = Callable[[str, Record, str], Created]
Update = Callable[[str, Record, Record, str, str], Created]
Delete = Callable[[str, Record, str], None]


@dataclass(frozen=True)
class Handler:
    """What is known of a resource type beyond its schema.

    `create(logical_id, properties, stack_name)`, `update(physical_id, old, new, stack_name, logical_id)` and
    `delete(physical_id, properties, logical_id)` are left out where ministack's own do.
    `name`: the property for a name of the user's choice; `taken(name)`: whether one of that name exists.
    `check(properties)`: raises Refused when something that they name does not exist or does not fit.
    `removable(physical_id, properties)`: raises Refused when the resource cannot be deleted as things are.
    """

    create: Create | None = None
    update: Update | None = None
    delete: Delete | None = None
    name: str | None = None
    taken: Callable[[str], bool] | None = None
    check: Callable[[Record], None] | None = None
    removable: Callable[[str, Record], None] | None = None


class HandlerError(ValueError):
    """A resource failed; the text is the event's reason, as CloudFormation words it."""

    def __init__(self, code: str, message: str) -> None:
        details = f"(RequestToken: {new_id()}, HandlerErrorCode: {code})"
        super().__init__(f'Resource handler returned message: "{message}" {details}')


def checked(resource_type: str, handler: Handler, own: Record) -> Record:
    """An entry of ministack's table of types: the handler's own functions, with the checks around them.

    `given` is ministack's own entry, empty for a type that it lacks.
    """
    entry = dict(own)
    entry["create"] = _checked_create(resource_type, handler, handler.create or own["create"])
    update = handler.update or _adapted(own, "update")
    if update:
        entry["update"] = _checked_update(resource_type, handler, update)
        entry["update_with_logical_id"] = True
    delete = handler.delete or _adapted(own, "delete")
    if delete:
        entry["delete"] = _checked_delete(resource_type, handler, delete)
        entry["delete_with_logical_id"] = True
    return entry


def already_exists(resource_type: str, name: str) -> Refused:
    """The refusal of a name that another resource has."""
    return Refused(
        "AlreadyExists", f"Resource of type '{resource_type}' with identifier '{name}' already exists."
    )


def _checked_create(resource_type: str, handler: Handler, create: Any) -> Create:
    def run(logical_id: str, properties: Record, stack_name: str) -> Created:
        properties = _acceptable(resource_type, logical_id, properties)
        with _reasons(resource_type):
            name = properties.get(handler.name) if handler.name else None
            if name and handler.taken and handler.taken(name):
                raise already_exists(resource_type, name)
            if handler.check:
                handler.check(properties)
            created: Created = create(logical_id, properties, stack_name)
            return created

    return run


def _checked_update(resource_type: str, handler: Handler, update: Any) -> Any:
    def run(physical_id: str, old: Record, new: Record, stack_name: str, logical_id: str) -> Created:
        new = _acceptable(resource_type, logical_id, new)
        with _reasons(resource_type):
            if handler.check:
                handler.check(new)
            updated: Created = update(
                physical_id, validation.coerced(resource_type, old), new, stack_name, logical_id
            )
            return updated

    return run


def _checked_delete(resource_type: str, handler: Handler, delete: Any) -> Any:
    def run(physical_id: str, properties: Record, logical_id: str) -> None:
        properties = validation.coerced(resource_type, properties)
        with _reasons(resource_type):
            if handler.removable:
                handler.removable(physical_id, properties)
            delete(physical_id, properties, logical_id)

    return run


def _adapted(entry: Record, action: str) -> Any:
    """ministack's function for an action, taking the logical id whether it wants one or not."""
    function = entry.get(action)
    if function is None or entry.get(f"{action}_with_logical_id"):
        return function
    return lambda *arguments: function(*arguments[:-1])


def _acceptable(resource_type: str, logical_id: str, properties: Record) -> Record:
    """The properties in the types of the schema; raises ValueError with all that is wrong with them."""
    properties = validation.coerced(resource_type, properties)
    problems = validation.problems(resource_type, _without_system_tags(resource_type, properties))
    if problems:
        lines = "\n".join(f"#{problem.path}: {problem.reason}" for problem in problems)
        raise ValueError(f"Properties validation failed for resource {logical_id} with message:\n{lines}")
    return properties


def _without_system_tags(resource_type: str, properties: Record) -> Record:
    """The properties as the template has them: CloudFormation's own tags may not be set by people."""
    name = schemas.tag_property(resource_type)
    if not name or not properties.get(name):
        return properties
    tags = properties[name]
    own: Any = (
        {key: value for key, value in tags.items() if not key.startswith("aws:")}
        if isinstance(tags, dict)
        else [tag for tag in tags if not str(tag.get("Key", "")).startswith("aws:")]
    )
    rest = {key: value for key, value in properties.items() if key != name}
    return {**rest, name: own} if own else rest


@contextmanager
def _reasons(resource_type: str) -> Iterator[None]:
    """Word a refusal as CloudFormation does in a resource's event."""
    try:
        yield
    except Refused as refused:
        service = resource_type.split("::")[1]
        code = next(
            (code for code in ("AlreadyExists", "NotFound") if code in refused.code), "InvalidRequest"
        )
        origin = (
            "" if refused.code == code else f" (Service: {service}, Status Code: 400, Request ID: {new_id()})"
        )
        raise HandlerError(code, f"{refused.message}{origin}") from refused


def generated_name(stack_name: str, logical_id: str, longest: int) -> str:
    """The name that CloudFormation makes up where a template gives none, of at most `longest` characters."""
    return str(engine.provisioners._physical_name(stack_name, logical_id, max_len=longest))
