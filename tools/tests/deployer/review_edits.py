"""Seeded edits of the project's own templates and parameters, each of one stack."""

import json
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from ecs_blue_green.deployer.effects.schemas import document
from ecs_blue_green.deployer.effects.states import StackState
from ecs_blue_green.deployer.rules import references

Json = dict[str, Any]


@dataclass(frozen=True)
class Edit:
    """What a pull request does to one stack: its kind, where, and the stack as it would be."""

    kind: str
    layer: str
    where: str
    after: StackState

    def __str__(self) -> str:
        return f"{self.kind} {self.layer}:{self.where}"


def edits(stacks: Mapping[str, StackState], region: str, seed: int) -> list[Edit]:
    """Every edit of these stacks, in the seed's order; the kinds take turns as long as each has some."""
    shuffled = random.Random(seed)
    kinds: dict[str, list[Edit]] = {}
    for layer, stack in stacks.items():
        for edit in _all(layer, stack, region):
            kinds.setdefault(edit.kind, []).append(edit)
    for found in kinds.values():
        shuffled.shuffle(found)
    in_turns: list[Edit] = []
    while any(kinds.values()):
        in_turns += [found.pop() for found in kinds.values() if found]
    return in_turns


def _all(layer: str, stack: StackState, region: str) -> Iterator[Edit]:
    resources: Json = dict(stack.template["Resources"])
    for logical_id, resource in resources.items():
        schema = dict(document(resource["Type"], region))
        for path, value in _leaves(resource.get("Properties", {}), ()):
            for other in _others(value, _at(schema, schema, path)):
                edited = _plain(stack.template)
                _set(edited["Resources"][logical_id]["Properties"], path, other)
                where = f"{logical_id}/{'/'.join(map(str, path))}"
                yield Edit("property changed", layer, where, replace(stack, template=edited))
        for name in resource.get("Properties", {}):
            if name not in schema.get("required", []):
                edited = _plain(stack.template)
                del edited["Resources"][logical_id]["Properties"][name]
                yield Edit("property removed", layer, f"{logical_id}/{name}", replace(stack, template=edited))
        yield Edit(
            "resource renamed", layer, logical_id, replace(stack, template=_renamed(stack, logical_id))
        )
        if logical_id not in references([stack.template["Resources"], stack.template.get("Outputs", {})]):
            edited = _plain(stack.template)
            del edited["Resources"][logical_id]
            for other_resource in edited["Resources"].values():
                if other_resource.get("DependsOn") in (logical_id, [logical_id]):
                    del other_resource["DependsOn"]
            yield Edit("resource removed", layer, logical_id, replace(stack, template=edited))
    for name, condition in stack.template.get("Conditions", {}).items():
        edited = _plain(stack.template)
        edited["Conditions"][name] = {"Fn::Not": [_plain(condition)]}
        yield Edit("condition flipped", layer, name, replace(stack, template=edited))
    for name, declared in stack.template.get("Parameters", {}).items():
        # The name of a stack that is not there fails every change set.
        if name.endswith("StackName"):
            continue
        for value in _values(declared, stack.parameters.get(name, "")):
            parameters = {**stack.parameters, name: value}
            yield Edit("parameter changed", layer, f"{name}={value}", replace(stack, parameters=parameters))
    for tags in ({**stack.tags, "team": "shop"}, {**stack.tags, "cost": "42"}):
        yield Edit("tag changed", layer, str(tags), replace(stack, tags=tags))


def _plain(template: Any) -> Any:
    """A copy without the YAML library's own kinds of dictionary."""
    return json.loads(json.dumps(template))


def _renamed(stack: StackState, logical_id: str) -> Json:
    def renamed(value: Any) -> Any:
        if isinstance(value, list):
            return [renamed(member) for member in value]
        if isinstance(value, dict):
            return {key: renamed_argument(key, member) for key, member in value.items()}
        return value

    def renamed_argument(key: str, value: Any) -> Any:
        new = f"{logical_id}Renamed"
        if key in ("Ref", "DependsOn") and value == logical_id:
            return new
        if key == "DependsOn" and isinstance(value, list):
            return [new if member == logical_id else member for member in value]
        if key == "Fn::GetAtt":
            owner, attribute = value.split(".", 1) if isinstance(value, str) else value
            return [new if owner == logical_id else owner, attribute]
        if key == "Fn::Sub":
            text, *rest = [value] if isinstance(value, str) else value
            for end in ("}", "."):
                text = text.replace(f"${{{logical_id}{end}", f"${{{new}{end}")
            return [text, *map(renamed, rest)] if rest else text
        return renamed(value)

    found: Json = renamed(_plain(stack.template))
    found["Resources"] = {
        f"{logical_id}Renamed" if name == logical_id else name: resource
        for name, resource in found["Resources"].items()
    }
    return found


def _leaves(value: Any, path: tuple[Any, ...]) -> Iterator[tuple[tuple[Any, ...], Any]]:
    """The literal values in a resource's properties, not those inside functions other than Fn::If."""
    if isinstance(value, dict):
        if value.keys() == {"Fn::If"}:
            for index in (1, 2):
                yield from _leaves(value["Fn::If"][index], (*path, "Fn::If", index))
        elif not any(key == "Ref" or key.startswith("Fn::") for key in value):
            for key, member in value.items():
                yield from _leaves(member, (*path, key))
    elif isinstance(value, list):
        for index, member in enumerate(value):
            yield from _leaves(member, (*path, index))
    else:
        yield path, value


def _set(value: Any, path: tuple[Any, ...], new: Any) -> None:
    for key in path[:-1]:
        value = value[key]
    value[path[-1]] = new


def _others(value: Any, schema: Json) -> Iterator[Any]:
    """Other values that a schema allows, at most two."""
    allowed = [other for other in schema.get("enum", []) if str(other) != str(value)]
    if schema.get("enum"):
        yield from allowed[:2]
    elif isinstance(value, bool):
        yield not value
    elif isinstance(value, int | float):
        yield value + 1
    elif isinstance(value, str):
        yield f"{value}x"


def _values(declared: Json, value: str) -> Iterator[str]:
    """Other values that a parameter allows, at most two."""
    allowed = [str(other) for other in declared.get("AllowedValues", []) if str(other) != value]
    if "AllowedValues" in declared:
        yield from allowed[:2]
    elif declared["Type"] == "Number":
        yield str(int(float(value)) + 1)
    elif declared["Type"] == "String" and value:
        yield f"{value}x"


def _at(schema: Json, root: Json, path: tuple[Any, ...]) -> Json:
    """The schema of a location; empty where it cannot be told."""
    while "$ref" in schema:
        schema = root["definitions"][schema["$ref"].rpartition("/")[2]]
    if not path:
        return schema
    key, *rest = path
    if key == "Fn::If":
        return _at(schema, root, tuple(rest[1:]))
    if isinstance(key, int):
        return (
            _at(schema.get("items", {}), root, tuple(rest)) if isinstance(schema.get("items"), dict) else {}
        )
    inner = schema.get("properties", {}).get(key)
    return _at(inner, root, tuple(rest)) if inner else {}
