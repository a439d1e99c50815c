"""CloudFormation's resource schemas, as cfn-lint ships them: what a type accepts and what replaces it."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from local import engine

Json = Any


@dataclass(frozen=True)
class Problem:
    """One thing wrong with a resource's properties; `path` is a JSON pointer into them, "" for the whole."""

    path: str
    reason: str


def known(resource_type: str) -> bool:
    """Whether the type exists in the region of the current request."""
    return _schema(resource_type, engine.region()) is not None


def problems(resource_type: str, properties: dict[str, Any]) -> list[Problem]:
    """What CloudFormation would refuse in resolved properties, in order of their paths."""
    schema = _schema(resource_type, engine.region())
    if schema is None:
        return []
    # Imported late: slow, and only a stack operation needs it.
    from cfnlint.jsonschema import StandardValidator  # type: ignore[import-untyped]

    found = {_problem(error) for error in StandardValidator(schema=schema).iter_errors(properties)}
    found |= {
        Problem("", f"extraneous key [{name}] is not permitted")
        for name in _names(schema, "readOnlyProperties")
        if name in properties and name not in _names(schema, "createOnlyProperties")
    }
    return sorted(found, key=lambda problem: (problem.path, problem.reason))


def coerced(resource_type: str, properties: dict[str, Any]) -> dict[str, Any]:
    """The properties with their scalars in the types that the schema names, as CloudFormation converts them.

    Parameters and YAML give "true", 80 or "80" where a type wants a boolean, text or a number; what cannot be
    converted stays as it is, and is a problem.
    """
    schema = _schema(resource_type, engine.region())
    if schema is None:
        return properties
    converted: dict[str, Any] = _coerce(properties, [schema], schema)
    return converted


def replacing(resource_type: str) -> tuple[str, ...]:
    """The properties whose change replaces the resource."""
    return _names(_schema(resource_type, engine.region()), "createOnlyProperties")


def perhaps_replacing(resource_type: str) -> tuple[str, ...]:
    """The properties whose change replaces the resource in some cases."""
    return _names(_schema(resource_type, engine.region()), "conditionalCreateOnlyProperties")


def tag_property(resource_type: str) -> str | None:
    """The property that stack tags are added to, None for a type that takes none."""
    tagging = (_schema(resource_type, engine.region()) or {}).get("tagging", {})
    path = tagging.get("tagProperty") if tagging.get("taggable", True) else None
    return path.removeprefix("/properties/") if path else None


def property_type(resource_type: str, name: str) -> str:
    """The JSON type of a property."""
    properties = (_schema(resource_type, engine.region()) or {}).get("properties", {})
    return str(properties.get(name, {}).get("type", ""))


@cache
def _schema(resource_type: str, region: str) -> dict[str, Any] | None:
    from cfnlint.schema import (  # type: ignore[import-untyped]
        PROVIDER_SCHEMA_MANAGER,
        ResourceNotFoundError,
    )

    try:
        schema: dict[str, Any] = PROVIDER_SCHEMA_MANAGER.get_resource_schema(region, resource_type).schema
    except (ResourceNotFoundError, KeyError):
        return None
    return schema


def _names(schema: dict[str, Any] | None, key: str) -> tuple[str, ...]:
    return _top_level((schema or {}).get(key, []))


def _top_level(paths: list[str]) -> tuple[str, ...]:
    """Top-level property names of schema paths; a nested path says nothing about the whole property."""
    names = (path.removeprefix("/properties/") for path in paths)
    return tuple(name for name in names if "/" not in name)


def _problem(error: Any) -> Problem:
    path = "".join(f"/{part}" for part in error.path)
    if error.validator == "required":
        missing = [name for name in error.validator_value if name not in error.instance]
        name = next((name for name in missing if f"'{name}'" in error.message), missing[0])
        return Problem(path.removesuffix(f"/{name}"), f"required key [{name}] not found")
    if error.validator == "additionalProperties":
        parent, _, name = path.rpartition("/")
        return Problem(parent, f"extraneous key [{name}] is not permitted")
    return Problem(path, str(error.message))


def _coerce(value: Json, schemas: list[Json], root: Json) -> Json:
    """Convert `value`, which any of `schemas` may describe."""
    shapes = list(_alternatives(schemas, root))
    if isinstance(value, dict):
        return {name: _coerce(inner, _of_property(name, shapes), root) for name, inner in value.items()}
    if isinstance(value, list):
        items = [shape["items"] for shape in shapes if isinstance(shape.get("items"), dict)]
        return [_coerce(inner, items, root) for inner in value]
    types: set[str] = set()
    for shape in shapes:
        types.update([shape["type"]] if isinstance(shape.get("type"), str) else shape.get("type", []))
    return _scalar(value, types)


def _alternatives(schemas: list[Json], root: Json) -> Iterator[Json]:
    for schema in schemas:
        if not isinstance(schema, dict):
            continue
        if "$ref" in schema:
            yield from _alternatives([root["definitions"].get(schema["$ref"].rpartition("/")[2])], root)
        yield schema
        for combined in ("allOf", "anyOf", "oneOf"):
            yield from _alternatives(schema.get(combined, []), root)


def _of_property(name: str, shapes: list[Json]) -> list[Json]:
    named = [shape["properties"][name] for shape in shapes if name in shape.get("properties", {})]
    patterns = [inner for shape in shapes for inner in shape.get("patternProperties", {}).values()]
    return named or patterns


def _scalar(value: Json, types: set[str]) -> Json:
    if isinstance(value, bool):
        return str(value).lower() if types == {"string"} else value
    if isinstance(value, int | float):
        return str(value) if types == {"string"} else value
    if not isinstance(value, str) or "string" in types:
        return value
    if "boolean" in types and value.lower() in ("true", "false"):
        return value.lower() == "true"
    for kind, number in (("integer", int), ("number", float)):
        if kind in types:
            try:
                return number(value)
            except ValueError:
                continue
    return value
