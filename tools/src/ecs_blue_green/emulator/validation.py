"""Resolved properties against their type's schema: converted as CloudFormation does, and checked."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from ecs_blue_green.emulator import engine, schemas
from ecs_blue_green.emulator.schemas import Json


@dataclass(frozen=True)
class Problem:
    """A problem with a resource's properties; `path` is a JSON pointer into them, "" for the whole."""

    path: str
    reason: str


def problems(resource_type: str, properties: dict[str, Any]) -> list[Problem]:
    """What CloudFormation would refuse in resolved properties, in order of their paths."""
    schema = schemas.document(resource_type, engine.region())
    if schema is None:
        return []
    errors = validator(resource_type, engine.region()).iter_errors(properties)
    all_problems = {
        Problem("".join(f"/{part}" for part in error.path), str(error.message)) for error in errors
    }
    settable = schemas.names(schema, "createOnlyProperties")
    all_problems |= {
        Problem("", _not_permitted(name))
        for name in schemas.names(schema, "readOnlyProperties")
        if name in properties and name not in settable
    }
    return sorted(all_problems, key=lambda problem: (problem.path, problem.reason))


def coerced(resource_type: str, properties: dict[str, Any]) -> dict[str, Any]:
    """The properties with their scalars in the types that the schema names, as CloudFormation converts them.

    Parameters and YAML give "true", 80 or "80" where a type wants a boolean, text or a number; what cannot be
    converted stays as it is, and is a problem.
    """
    schema = schemas.document(resource_type, engine.region())
    if schema is None:
        return properties
    converted: dict[str, Any] = _coerce(properties, [schema], schema)
    return converted


@cache
def validator(resource_type: str, region: str) -> Any:
    """What checks properties against the schema of a type in a region."""
    # Imported late: only a stack operation needs it.
    from jsonschema import Draft7Validator, ValidationError, validators

    def keyword(check: Any, kind: type = dict) -> Any:
        def errors(validator: Any, value: Json, instance: Json, schema: Json) -> Iterator[ValidationError]:
            if isinstance(instance, kind):
                yield from map(ValidationError, check(value, instance, schema))

        return errors

    # Draft 7 with CloudFormation's words, and with what cfn-lint's schemas say beyond it.
    keywords = {
        "pattern": keyword(_pattern, str),
        "patternProperties": _pattern_properties,
        "required": keyword(_required),
        "additionalProperties": keyword(_additional_properties),
        "requiredOr": keyword(_required_or),
        "requiredXor": keyword(_required_xor),
        "dependentRequired": keyword(_dependent_required),
        "dependentExcluded": keyword(_dependent_excluded),
    }
    extend: Any = validators.extend
    return extend(Draft7Validator, keywords)(schemas.document(resource_type, region) or {})


def _pattern(pattern: str, text: str, schema: Json) -> Iterator[str]:
    if not _matches(pattern, text):
        yield f"{text!r} does not match {pattern!r}"


def _pattern_properties(
    validator: Any, properties: dict[str, Json], instance: Json, schema: Json
) -> Iterator[Any]:
    if isinstance(instance, dict):
        for pattern, inner in properties.items():
            for name in instance:
                if _matches(pattern, name):
                    yield from validator.descend(instance[name], inner, path=name, schema_path=pattern)


def _matches(pattern: str, text: str) -> bool:
    # The patterns are Java's, with classes such as \p{L} that `re` does not have.
    import regex  # type: ignore[import-untyped]

    return bool(regex.search(pattern, text))


def _required(names: list[str], properties: dict[str, Json], schema: Json) -> Iterator[str]:
    return (f"required key [{name}] not found" for name in names if name not in properties)


def _additional_properties(allowed: Json, properties: dict[str, Json], schema: Json) -> Iterator[str]:
    if not allowed:
        patterns = schema.get("patternProperties", {})
        for name in properties.keys() - schema.get("properties", {}).keys():
            if not any(_matches(pattern, name) for pattern in patterns):
                yield _not_permitted(name)


def _required_or(names: list[str], properties: dict[str, Json], schema: Json) -> Iterator[str]:
    if not properties.keys() & set(names):
        yield f"one of the keys {names} is required"


def _required_xor(names: list[str], properties: dict[str, Json], schema: Json) -> Iterator[str]:
    if len(properties.keys() & set(names)) != 1:
        yield f"exactly one of the keys {names} is required"


def _dependent_required(
    names: dict[str, list[str]], properties: dict[str, Json], schema: Json
) -> Iterator[str]:
    for name in properties.keys() & names.keys():
        yield from (
            f"key [{name}] requires key [{other}]" for other in names[name] if other not in properties
        )


def _dependent_excluded(
    names: dict[str, list[str]], properties: dict[str, Json], schema: Json
) -> Iterator[str]:
    for name in properties.keys() & names.keys():
        yield from (f"key [{name}] excludes key [{other}]" for other in names[name] if other in properties)


def _not_permitted(name: str) -> str:
    return f"extraneous key [{name}] is not permitted"


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
