"""Where two values with everything filled in differ."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any

from ecs_blue_green.deployer.changes import PropertyChange
from ecs_blue_green.deployer.effects.resolve import Expression, canonical
from ecs_blue_green.deployer.effects.schemas import Location


@dataclass(frozen=True)
class Difference:
    """A location inside a value and what is there on each side, None for nothing.

    `because` and `certain` are those of a PropertyChange.
    """

    location: Location
    before: Any
    after: Any
    because: str = ""
    certain: bool = True


def shown(value: Any, layer: str) -> str | None:
    """A value as text: a text as it is, anything else as JSON; None where there is none."""
    if value is None:
        return None
    if isinstance(value, Expression):
        return value.text(layer)
    if isinstance(value, str):
        return value
    return json.dumps(value, default=lambda inner: inner.text(layer), ensure_ascii=False)


def at(value: Any, location: Location) -> Any:
    """What is inside a value at a location, None where there is nothing."""
    for part in location:
        if isinstance(value, dict):
            value = value.get(part)
        elif isinstance(value, list) and part.isdigit() and int(part) < len(value):
            value = value[int(part)]
        else:
            return None
    return value


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


def aligned(before: list[Any], after: list[Any]) -> Iterator[tuple[int, Any, Any]]:
    """The members that differ, in pairs: a member that is added or taken out does not shift the others.

    The index is that of the member in the new list; of one that is taken out, in the old list.
    """
    old, new = [canonical(member) for member in before], [canonical(member) for member in after]
    for what, i, i_end, j, j_end in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if what == "equal":
            # Equal to read; a reference in them may still have moved.
            yield from ((j + k, before[i + k], after[j + k]) for k in range(i_end - i))
            continue
        for k in range(max(i_end - i, j_end - j)):
            one = before[i + k] if i + k < i_end else None
            other = after[j + k] if j + k < j_end else None
            yield (j + k if other is not None else i + k), one, other
