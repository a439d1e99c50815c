"""A review in lines of text, the same for the terminal and for the comment on a pull request."""

import difflib
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from ecs_blue_green.deployer.changes import PropertyChange, ResourceChange
from ecs_blue_green.deployer.effects.effects import ExportChange, LayerChange
from ecs_blue_green.deployer.review.review import EnvironmentReview

# A value of more characters than this is shown around the place where it changes.
LONG = 100
CONTEXT = 30
# Lines of a long text's difference; the files themselves are in the pull request.
DIFF_LINES = 12

# What becomes of a resource, in the words of this project and in the order of a summary.
OUTCOMES = ("added", "in place", "released", "no effect", "may be replaced", "replaced", "refused", "removed")
_SIGNS = {"added": "+", "removed": "-", "in place": "~", "released": "~", "no effect": "~"}


class Line(NamedTuple):
    """One line: its text, and what it is about, for a colour (an outcome, `title`, `detail`, `blocked`)."""

    text: str
    about: str


def outcome(change: ResourceChange) -> str:
    """What becomes of a resource, as one of OUTCOMES."""
    if change.action in ("add", "import"):
        return "added"
    if change.action == "remove":
        return "removed"
    return "no effect" if change.effect == "none" else change.effect


def summary(layer: LayerChange) -> str:
    """How many resources of a layer have which outcome: `1 added, 2 in place`."""
    counts = Counter(map(outcome, layer.resources))
    found = [f"{counts[name]} {name}" for name in OUTCOMES if counts[name]]
    return ", ".join(found) or "no resource changes"


def lines(review: EnvironmentReview) -> Iterator[Line]:
    """All that happens to one environment, without its name."""
    for note in review.notes:
        yield Line(note, "title")
    for change in review.settings:
        yield Line(f"~ {change.path}: {told(change)}", "in place")
    for layer in review.changed:
        yield from _layer(layer)
    if review.configuration:
        yield Line("build/config", "title")
        for change in review.configuration:
            yield Line(f"~   {change.path}: {told(change)}", "in place")
    if review.access:
        yield Line("access that opens", "title")
        for access in review.access:
            yield Line(f"!   {access.layer}: {access.resource} {access.words}", "blocked")
    if review.findings:
        yield Line("blocked by the deployer", "title")
        for finding in review.findings:
            where = ":".join(filter(None, (finding.layer, finding.resource)))
            yield Line(f"!   {finding.rule}: {where}: {finding.reason}", "blocked")
            yield Line(f"      {finding.remedy}", "detail")
    yield from (Line(text, "title") for text in ways(review))


def ways(review: EnvironmentReview) -> Iterator[str]:
    """How the changes get into the environment."""
    released = [layer.layer for layer in review.changed if review.is_released(layer)]
    by_hand = [
        layer.layer for layer in review.changed if layer.action != "remove" and layer.layer not in released
    ]
    if by_hand:
        yield f"by `make deploy` only: {', '.join(by_hand)}"
    if review.release:
        files = ", ".join(review.release[:3]) + (", ..." if len(review.release) > 3 else "")
        yield f"a push to {review.branch} starts a release, because of {files}"
    elif released:
        yield f"{', '.join(released)}: with the next release, or by `make deploy`"


def told(change: PropertyChange) -> str:
    """Before and after in one line: `1323 -> 8080`; of long values the part that differs."""
    before, after = change.before, change.after
    if before is None or after is None or before == after:
        return f"{_short(before)} -> {_short(after)}"
    if max(len(before), len(after)) <= LONG:
        return f"{before or '(empty)'} -> {after or '(empty)'}"
    start = next(
        (i for i, (one, other) in enumerate(zip(before, after, strict=False)) if one != other),
        min(len(before), len(after)),
    )
    begin = max(0, start - CONTEXT)
    lead = "..." if begin else ""
    return f"{lead}{_short(before[begin:])} -> {lead}{_short(after[begin:])}"


def _layer(layer: LayerChange) -> Iterator[Line]:
    action = {
        "create": "a new stack, ",
        "move": "a new stack beside the old one, which stays; ",
        "remove": "no longer a layer, its stack stays; ",
    }.get(layer.action, "")
    yield Line(f"{layer.layer}: {action}{summary(layer)}", "title")
    new = ", ".join(
        f"{value.path}={value.after}"
        for value in layer.parameters
        if value.before is None and not _is_filled_in(value.path)
    )
    if new:
        yield Line(f"~   new parameters: {new}", "in place")
    for value in layer.parameters:
        if value.before is not None:
            yield Line(f"~   parameter {value.path}: {told(value)}", "in place")
    for value in layer.tags:
        yield Line(f"~   stack tag {value.path}: {told(value)}", "in place")
    if layer.action != "update":
        names = ", ".join(change.logical_id for change in layer.resources)
        yield Line(f"    {names}", "detail")
        return
    tagged = [change.logical_id for change in layer.resources if layer.tags and _only_tagged(change)]
    for change in layer.resources:
        if change.logical_id not in tagged:
            yield from _resource(change, hide_tags=bool(layer.tags))
    if tagged:
        yield Line(f"~   in place: only the stack's tags on {', '.join(tagged)}", "in place")
    for export in layer.exports:
        yield Line(_export(export), "detail")


def _is_filled_in(parameter: str) -> bool:
    """Whether the deployer gives a parameter its value, which then says nothing new."""
    return parameter in ("Project", "Environment", "Protected") or parameter.endswith("StackName")


def _only_tagged(change: ResourceChange) -> bool:
    tags = all(part.path.startswith("/Tags/") for part in change.properties)
    return outcome(change) == "in place" and tags and not change.notes


def _resource(change: ResourceChange, *, hide_tags: bool) -> Iterator[Line]:
    what = outcome(change)
    name = change.logical_id
    if change.renamed:
        name += f" (was {change.renamed})" if what == "added" else f" (now {change.renamed})"
    yield Line(f"{_SIGNS.get(what, '!')}   {what}: {name}  {change.type}", what)
    if change.renamed and what == "added":
        yield Line(
            "      another logical id is another resource: created anew, the old one removed", "detail"
        )
    for part in change.properties:
        if not (hide_tags and part.path.startswith("/Tags/")):
            yield from _property(part)
    for note in change.notes:
        yield Line(f"      {note}", "detail")


def _property(change: PropertyChange) -> Iterator[Line]:
    path = change.path.removeprefix("/Properties/").lstrip("/")
    does = {"Always": ", which replaces it", "Conditionally": ", which may replace it"}.get(
        change.recreation, ""
    )
    if change.because:
        may = "changes" if change.certain else "may change"
        yield Line(f"      {path}: {_short(change.after)} {may}, because {change.because}{does}", "detail")
    elif change.before and change.after and "\n" in change.before + change.after:
        yield Line(f"      {path}:{does}", "detail")
        yield from _text_difference(change.before, change.after)
    else:
        yield Line(f"      {path}: {told(change)}{does}", "detail")


def _text_difference(before: str, after: str) -> Iterator[Line]:
    found = [
        line
        for line in difflib.unified_diff(before.splitlines(), after.splitlines(), lineterm="", n=0)
        if not line.startswith(("---", "+++", "@@"))
    ]
    yield from (Line(f"        {line}", "detail") for line in found[:DIFF_LINES])
    if len(found) > DIFF_LINES:
        yield Line(f"        ... {len(found) - DIFF_LINES} more lines", "detail")


def _export(export: ExportChange) -> str:
    what = {
        "add": "is new",
        "remove": "goes away",
        "change": f"changes: {_short(export.before)} -> {_short(export.after)}",
        "may change": "may change",
    }[export.action]
    if export.because:
        what = f"{export.action}{'s' if export.action == 'change' else ''}, because {export.because}"
    users = f" (imported by {', '.join(export.importers)})" if export.importers else ""
    return f"    export {export.output} {what}{users}"


def _short(value: str | None) -> str:
    if value is None:
        return "(none)"
    value = " ".join(value.split())
    return value if len(value) <= LONG else f"{value[: LONG - 3]}..."


def grouped(reviews: Iterable[EnvironmentReview]) -> list[tuple[str, list[Line]]]:
    """A title and what happens, for each environment in order.

    Those that differ by nothing but their names and ids are put together; the lines are the first one's.
    """
    found: dict[tuple[str, ...], tuple[list[str], list[Line]]] = {}
    for review in reviews:
        text = list(lines(review))
        same = tuple(alike(line.text, review) for line in text)
        found.setdefault(same, ([], text))[0].append(review.name)
    return [(_title(names), text) for names, text in found.values()]


def alike(text: str, review: EnvironmentReview) -> str:
    """A text without what is the environment's own, for comparing it with another environment's."""
    for name in review.own:
        text = text.replace(name, "\0")
    return text


def _title(names: list[str]) -> str:
    return ", ".join(names) + (f" (with the names of {names[0]})" if len(names) > 1 else "")
