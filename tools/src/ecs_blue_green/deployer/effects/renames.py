"""A resource under another logical id, or in another layer, is another resource: these are recognised."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from difflib import SequenceMatcher
from typing import Any

from ecs_blue_green.deployer.changes import ResourceChange
from ecs_blue_green.deployer.effects.schemas import Location, schema
from ecs_blue_green.deployer.effects.states import Resource
from ecs_blue_green.deployer.resolve import canonical

# Two resources of a type that agree in this share of their values are one that was renamed.
NEARLY = 0.75


def with_renames(
    changes: list[ResourceChange],
    old: Mapping[str, Resource],
    new: Mapping[str, Resource],
    region: str,
) -> tuple[ResourceChange, ...]:
    """The changes, with those marked that are one resource under another logical id."""
    renamed: dict[str, ResourceChange] = {change.logical_id: change for change in changes}
    added = [change.logical_id for change in changes if change.action == "add"]
    for removed in (change.logical_id for change in changes if change.action == "remove"):
        scores = {
            title: (_likeness(old[removed], new[title]), SequenceMatcher(None, removed, title).ratio())
            for title in added
            if new[title].type == old[removed].type
        }
        best = max(scores, key=lambda title: scores[title], default="")
        if not best or scores[best][0] < NEARLY:
            continue
        added.remove(best)
        renamed[removed] = replace(renamed[removed], renamed=best)
        shape = schema(new[best].type, region)
        names = shape.named(new[best].properties) if shape else {}
        taken = bool(names) and canonical(names) == canonical(
            shape.named(old[removed].properties) if shape else {}
        )
        note = (f"fails: {removed} still has the same {' and '.join(names)}",) if taken else ()
        renamed[best] = replace(renamed[best], renamed=removed, notes=(*renamed[best].notes, *note))
    return tuple(renamed.values())


def _likeness(removed: Resource, added: Resource) -> float:
    """The share of values in which two resources agree, from 0 to 1."""
    first, second = dict(_leaves(removed.properties, ())), dict(_leaves(added.properties, ()))
    together = first.keys() | second.keys()
    equal = sum(1 for key in together if first.get(key) == second.get(key))
    return equal / len(together) if together else 1.0


def _leaves(value: Any, location: Location) -> Iterator[tuple[Location, str]]:
    if isinstance(value, dict):
        for key, member in value.items():
            yield from _leaves(member, (*location, key))
    elif isinstance(value, list):
        for index, member in enumerate(value):
            yield from _leaves(member, (*location, str(index)))
    else:
        yield location, canonical(value)
