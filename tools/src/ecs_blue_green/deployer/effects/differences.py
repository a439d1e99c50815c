"""Where two values with everything filled in differ."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any

from ecs_blue_green.deployer.changes import PropertyChange
from ecs_blue_green.deployer.effects.schemas import Location
from ecs_blue_green.deployer.layers import Layer
from ecs_blue_green.deployer.resolve import Expression, canonical

# By which property the members of a list are known, where all of them have it: containers, variables and
# stages; tags; metrics.
NAMES = ("Name", "Key", "Id")


@dataclass(frozen=True)
class Difference:
    """A location inside a value and what is there on each side, None for nothing.

    `label` is the location with the names of a list's members in the place of their indexes. `because` and
    `certain` are those of a PropertyChange.
    """

    location: Location
    label: Location
    before: Any
    after: Any
    because: str = ""
    certain: bool = True


@dataclass(frozen=True)
class Pair:
    """What stands on each side in the place of one member of a list, None for nothing.

    The index is that of the member in the new list; of one that is taken out, in the old list. `label` is its
    name, or the index where it has none.
    """

    index: int
    label: str
    before: Any
    after: Any


def text_of(value: Any, layer: str) -> str | None:
    """A value as text: a text as it is, anything else as JSON; None where there is none."""
    if value is None:
        return None
    if isinstance(value, Expression):
        return value.text(layer)
    if isinstance(value, str):
        return value
    return json.dumps(value, default=lambda inner: inner.text(layer), ensure_ascii=False)


def placed(value: Any, label: Location) -> tuple[Location, Any]:
    """The location that a label names inside a value, and what is there, None where there is nothing."""
    location: list[str] = []
    for part in label:
        if isinstance(value, list):
            key = name_key(value, value)
            names = [_text(member[key]) for member in value] if key else []
            index = names.index(part) if part in names else None
            location.append(part if index is None else str(index))
            value = None if index is None else value[index]
        else:
            location.append(part)
            value = value.get(part) if isinstance(value, dict) else None
    return tuple(location), value


def same(before: Any, after: Any) -> bool:
    """Whether CloudFormation takes two values as the same."""
    if isinstance(before, dict) and isinstance(after, dict):
        return before.keys() == after.keys() and all(same(before[key], after[key]) for key in before)
    if isinstance(before, list) and isinstance(after, list):
        return len(before) == len(after) and all(map(same, before, after))
    return before == after or canonical(before) == canonical(after)


def map_changes(before: Mapping[str, str], after: Mapping[str, str]) -> Iterator[PropertyChange]:
    """The entries that differ, by name."""
    for name in {**before, **after}:
        if before.get(name) != after.get(name):
            yield PropertyChange(name, before.get(name), after.get(name))


def moved_by_releases(
    layers: Mapping[str, Layer],
    before: Mapping[str, Mapping[str, str]],
    after: Mapping[str, Mapping[str, str]],
) -> Iterator[PropertyChange]:
    """The parameters that a release brings, where the stack that gives them gets other values.

    `before` and `after` have the parameters of the stacks that exist, by layer.
    """
    unreleased = {
        str(title): layer.fixed.get(title, "")
        for layer in layers.values()
        for title in layer.runtime.moved_by_releases
    }
    for slug, values in after.items():
        for title in map(str, layers[slug].runtime.gives_to_releases):
            # A stack from before it had the parameter: what the service's stack keeps is what runs.
            old = before[slug].get(title, unreleased.get(title, ""))
            if old != values[title]:
                yield PropertyChange(title, old, values[title])


def pairs(before: list[Any], after: list[Any]) -> Iterator[Pair]:
    """The members of two lists in pairs: by name where they have names, in order where they have none."""
    key = name_key(before, after)
    if key is None:
        yield from _aligned(before, after)
        return
    old, new = (
        {_text(member[key]): index for index, member in enumerate(members)} for members in (before, after)
    )
    for name, index in new.items():
        yield Pair(index, name, before[old[name]] if name in old else None, after[index])
    for name, index in old.items():
        if name not in new:
            yield Pair(index, name, before[index], None)


def orders(before: list[Any], after: list[Any]) -> tuple[list[str], list[str]]:
    """The names of the members that two lists share, in the order of each; nothing where they have none."""
    key = name_key(before, after)
    names = [
        [_text(member[key]) for member in member_names] if key else [] for member_names in (before, after)
    ]
    shared = set(names[0]) & set(names[1])
    old, new = ([name for name in member_names if name in shared] for member_names in names)
    return old, new


def name_key(before: list[Any], after: list[Any]) -> str | None:
    """The property by which the members of two lists are told apart, such as Name of a container."""
    if not before or not after or not all(isinstance(member, dict) for member in [*before, *after]):
        return None
    return next(
        (
            key
            for key in NAMES
            if all(
                len({_text(member[key]) for member in members if key in member}) == len(members)
                for members in (before, after)
            )
        ),
        None,
    )


def _text(name: Any) -> str:
    return name if isinstance(name, str) else canonical(name)


def _aligned(before: list[Any], after: list[Any]) -> Iterator[Pair]:
    """A member that is added or taken out does not shift the others."""
    old, new = [canonical(member) for member in before], [canonical(member) for member in after]
    for what, i, i_end, j, j_end in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if what == "equal":
            # Equal to read; a reference in them may still have moved.
            yield from (Pair(j + k, str(j + k), before[i + k], after[j + k]) for k in range(i_end - i))
            continue
        for k in range(max(i_end - i, j_end - j)):
            old_member = before[i + k] if i + k < i_end else None
            new_member = after[j + k] if j + k < j_end else None
            index = j + k if new_member is not None else i + k
            yield Pair(index, str(index), old_member, new_member)
