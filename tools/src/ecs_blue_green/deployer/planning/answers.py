"""Two answers to "what does this change": CloudFormation's and the resource schemas'. The worse one counts.

CloudFormation knows the deployed values, but tells a nested property as one long text. The schemas' answer
(`effects.py`) names exactly what differs and says in words what that does.

Whatever reads an attribute of a resource that changes is listed by CloudFormation too, and what reads an
attribute of that, and so on: it knows whether the value changes only when it executes. The schemas' answer
knows that an ARN stays where nothing is replaced. There, and only there, the better answer counts.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace

from ecs_blue_green.deployer.changes import RECREATIONS, UPDATES, PropertyChange, ResourceChange, holds


def worse(
    answered: Iterable[ResourceChange], expected: Iterable[ResourceChange]
) -> tuple[ResourceChange, ...]:
    """CloudFormation's changes, each made worse where the schemas expect worse, and told as exactly."""
    by_id = {change.logical_id: change for change in expected}
    merged = []
    for told in answered:
        other = by_id.get(told.logical_id)
        change = _without_rereads(told, other.properties if other else ())
        if other is None:
            merged.append(change)
            continue
        # Whether a resource is added or removed is CloudFormation's to say.
        both = change.action in UPDATES and other.action in UPDATES
        merged.append(
            replace(
                change,
                action=max(change.action, other.action, key=UPDATES.index) if both else change.action,
                properties=tuple(_properties(change.properties, other.properties)),
                effect=other.effect,
                notes=other.notes,
                renamed=other.renamed,
            )
        )
    return tuple(merged)


def _without_rereads(told: ResourceChange, expected: Iterable[PropertyChange]) -> ResourceChange:
    """CloudFormation's change, where what it only reads again and the schemas know to stay replaces nothing.

    `expected` are the properties that change according to the schemas.
    """
    changing = [changed.path for changed in expected]
    staying = [
        one
        for one in told.properties
        if one.reread and not any(holds(one.path, path) or holds(path, one.path) for path in changing)
    ]
    if not staying or told.action not in ("modify", "may replace"):
        return told
    properties = tuple(replace(one, recreation="Never") if one in staying else one for one in told.properties)
    if any(one.recreation != "Never" for one in properties):
        return replace(told, properties=properties)
    change = replace(told, action="modify", properties=properties)
    if changing or len(staying) < len(properties):
        return change
    return replace(change, effect="none", notes=("CloudFormation reads what it refers to again; that stays",))


def _properties(
    answered: Iterable[PropertyChange], expected: Iterable[PropertyChange]
) -> Iterator[PropertyChange]:
    left, answered = list(expected), list(answered)
    # CloudFormation tells a tag of the stack as one of the resource's own, by its place among them.
    places = {"/Tags", *("/".join(told.path.split("/")[:3]) for told in answered if told.of_tags)}
    tags = {one.path for one in left if any(holds(place, one.path) for place in places)}
    for told in answered:
        by_key = told.of_tags and tags
        below = [one for one in left if (one.path in tags if by_key else holds(told.path, one.path))]
        if not below and not by_key:
            yield told
        for exact in below:
            left.remove(exact)
            # One that is taken out of a list and one that is put in can have one index.
            same = len(below) == 1 and exact.path == told.path and told.after is not None
            values = told if same else exact
            yield replace(
                exact,
                before=values.before,
                after=values.after,
                recreation=max(exact.recreation, told.recreation, key=RECREATIONS.index),
            )
    # What CloudFormation did not mention counts only where it would replace the resource.
    yield from (changed for changed in left if changed.recreation != "Never")
