"""What AWS documents for each property ("Update requires"), and one edit of our templates for each.

`documented.csv` has every property that the six templates use, every other property of their resource types
at the top, and what lies one level below these. `source` says where the value is from: `page`, the property's
page of the CloudFormation Template Reference as it was in 2026; `specification`, where that page was not
read: the CloudFormation Resource Specification 186.0.0, from which AWS made these pages, with the page that
it names. What lies inside JSON or a map, such as a policy's statement, has no entry of its own: it is the
property's.
"""

import copy
import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, Literal

from benchmarks.paths import PROJECT
from ecs_blue_green.deployer import environment, layers
from ecs_blue_green.deployer.changes import ResourceChange
from ecs_blue_green.deployer.effects import comparison
from ecs_blue_green.deployer.effects.states import ResolvedState, desired_state
from ecs_blue_green.deployer.environment import Environment
from ecs_blue_green.deployer.layers import Layer
from ecs_blue_green.deployer.resolve import NO_VALUE

TABLE = Path(__file__).with_name("documented.csv")

Answer = Literal["Replacement", "No interruption", "Conditional", "No change"]
ANSWERS: Mapping[str, Answer] = {
    "replace": "Replacement",
    "may replace": "Conditional",
    "modify": "No interruption",
}
# Which answers are right for what is documented. With some interruptions the resource keeps its identity;
# the specification calls by the same name what replaces in some cases.
RIGHT: Mapping[str, tuple[Answer, ...]] = {
    "Replacement": ("Replacement",),
    "No interruption": ("No interruption",),
    "Some interruptions": ("No interruption", "Conditional"),
    # No answer is right: neither schema nor library has a word for it. The templates use no such property.
    "Updates are not supported": (),
}


@dataclass(frozen=True)
class Row:
    """One property of the table."""

    type: str
    property: str
    update_requires: str
    source: str
    url: str


@dataclass(frozen=True)
class Edit:
    """One property of one resource changed in a template; nothing else."""

    row: Row
    layer: str
    logical_id: str
    after: Mapping[str, Any]


def rows() -> list[Row]:
    """The table."""
    with TABLE.open(newline="") as file:
        return [
            Row(line["type"], line["property"], line["update_requires"], line["source"], line["url"])
            for line in csv.DictReader(file)
        ]


@cache
def built() -> Mapping[str, Layer]:
    """The committed layers."""
    return layers.read(PROJECT / "build")


@cache
def environments() -> tuple[Environment, ...]:
    """The environments of the repository, and one in which every choice is the other one."""
    declared = {slug: layer.parameters for slug, layer in built().items()}
    folder = PROJECT / "params"
    found = tuple(environment.load(folder, name, declared) for name in environment.names(folder))
    return (*found, found[-1]._replace(parameters={**found[-1].parameters, **_other_choices()}))


def _other_choices() -> dict[str, str]:
    """Another value for each parameter that a choice may depend on.

    Those are the parameters that are empty by default, have two values, or are numbers in a condition.
    """
    found = {}
    for layer in built().values():
        for name, declared in layer.parameters.items():
            default, allowed = declared.get("Default"), declared.get("AllowedValues", [])
            if default == "":
                found[name] = "given"
            elif len(allowed) == 2:
                found[name] = next(str(value) for value in allowed if str(value) != str(default))
            elif declared["Type"] == "Number" and f"'{name}'" in str(layer.template.get("Conditions")):
                found[name] = str(declared["MaxValue"])
    return found


def edits(row: Row) -> Iterator[Edit]:
    """Edits of this property: where the templates set it, else one that sets it."""
    location = row.property.split("/")
    found = False
    for slug, layer in built().items():
        for logical_id, resource in layer.resources.items():
            if resource["Type"] != row.type:
                continue
            for path in _places(resource.get("Properties", {}), location):
                found = True
                yield Edit(row, slug, logical_id, _with(layer.template, logical_id, path))
    if not found and len(location) == 1:
        for slug, layer in built().items():
            for logical_id, resource in layer.resources.items():
                if resource["Type"] == row.type:
                    yield Edit(row, slug, logical_id, _with(layer.template, logical_id, tuple(location)))


@cache
def states(layer: str) -> tuple[ResolvedState, ...]:
    """One layer as it is in each environment; its imports stay names, which no answer depends on."""
    sides = (desired_state({layer: built()[layer]}, settings) for settings in environments())
    return tuple(ResolvedState(side) for side in sides)


def ours(edit: Edit) -> ResourceChange | None:
    """What the review says of the edited resource; None where the edit is seen in no environment."""
    for before in states(edit.layer):
        stack = replace(before.stacks[edit.layer], template=edit.after)
        after = ResolvedState(replace(before.state, stacks={edit.layer: stack}))
        (layer,) = comparison.compare_resolved(before, after)
        for change in layer.resources:
            if change.logical_id == edit.logical_id:
                return change
    return None


def is_right(row: Row, answer: str) -> bool:
    """Whether an answer agrees with what is documented."""
    return answer in RIGHT[row.update_requires]


def used_properties() -> set[tuple[str, str]]:
    """Every property that the templates set, nested ones too: its type and its location."""
    return {
        (resource["Type"], "/".join(location))
        for layer in built().values()
        for resource in layer.resources.values()
        for location in _locations(resource.get("Properties", {}), ())
    }


def _locations(value: Any, location: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    for member in _members(value):
        for key, inner in member.items():
            yield (*location, key)
            yield from _locations(inner, (*location, key))


def _members(value: Any) -> Iterator[Mapping[str, Any]]:
    """The maps that a value is or holds as a list, through conditions; functions are no maps."""
    if isinstance(value, list):
        for member in value:
            yield from _members(member)
    elif isinstance(value, dict):
        if value.keys() == {"Fn::If"}:
            yield from _members(value["Fn::If"][1:])
        elif not _is_function(value):
            yield value


def _is_function(value: Any) -> bool:
    return isinstance(value, dict) and len(value) == 1 and next(iter(value)).startswith(("Ref", "Fn::"))


def _places(value: Any, location: list[str], path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The keys that lead to each occurrence of a location inside a resource's properties."""
    if not location:
        yield path
    elif isinstance(value, list):
        for index, member in enumerate(value):
            yield from _places(member, location, (*path, index))
    elif isinstance(value, dict) and value.keys() == {"Fn::If"}:
        for index in (1, 2):
            yield from _places(value["Fn::If"][index], location, (*path, "Fn::If", index))
    elif isinstance(value, dict) and location[0] in value:
        yield from _places(value[location[0]], location[1:], (*path, location[0]))


def _with(template: Mapping[str, Any], logical_id: str, path: tuple[Any, ...]) -> Mapping[str, Any]:
    edited: dict[str, Any] = copy.deepcopy(dict(template))
    holder = edited["Resources"][logical_id].setdefault("Properties", {})
    for key in path[:-1]:
        holder = holder[key]
    old = holder.get(path[-1], NO_VALUE) if isinstance(holder, dict) else holder[path[-1]]
    holder[path[-1]] = changed(old)
    return edited


def changed(value: Any) -> Any:
    """Another value of the same kind."""
    if value is NO_VALUE:
        return "added"
    if isinstance(value, bool):
        return not value
    if isinstance(value, int | float):
        return value + 1
    if isinstance(value, str):
        return f"{value}-changed"
    if isinstance(value, list):
        return [*value, "added"]
    # A function, or an object: something else instead of it.
    return "changed" if _is_function(value) else {**value, "Added": "added"}
