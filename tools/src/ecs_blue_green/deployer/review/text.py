"""A review in lines of text, the same for the terminal and for the comment on a pull request."""

from collections import Counter
from collections.abc import Iterable, Iterator

from ecs_blue_green.deployer import rules
from ecs_blue_green.deployer.changes import PropertyChange, ResourceChange
from ecs_blue_green.deployer.effects.comparison import ExportChange, LayerChange, OutputChange
from ecs_blue_green.deployer.review.environments import CHECKED_AT_DEPLOY, EnvironmentReview, is_filled_in
from ecs_blue_green.deployer.review.like import Access, Like
from ecs_blue_green.deployer.text import MOVES, Line, lines_of_change, lines_of_kept_tags, lines_of_tags

# A value that reads the same before and after is cut where it has more characters than this.
LONG = 100

OPENS = "new access (permissions and open ports that do not exist now)"

AT_DEPLOY = (
    f"Checked only at deploy, against what is running: {', '.join(CHECKED_AT_DEPLOY)} "
    "(docs/operations.md has each)."
)

# The outcomes of a change for a resource, in the order of a summary.
OUTCOMES = ("added", "in place", "released", "no effect", "may be replaced", "replaced", "refused", "removed")
# Explanations of the outcomes that need one.
MEANINGS = {
    "in place": "the resource is updated",
    "released": "a new revision, which the next release deploys",
    "no effect": "nothing happens to the resource",
    "may be replaced": "a new resource may replace it, which only the deploy shows",
    "replaced": "a new resource replaces it",
    "refused": "AWS refuses this change",
}
_SIGNS = {"added": "+", "removed": "-", "in place": "~", "released": "~", "no effect": "~"}


def outcome(change: ResourceChange) -> str:
    """The outcome of a change for a resource, one of OUTCOMES."""
    if change.action in ("add", "import"):
        return "added"
    if change.action == "remove":
        return "removed"
    return "no effect" if change.effect == "none" else change.effect


def meanings(reviews: Iterable[EnvironmentReview]) -> dict[str, str]:
    """The explanations of the outcomes of these environments."""
    named = {
        outcome(change)
        for review in reviews
        for layer in review.changed
        if layer.action == "update"
        for change in layer.resources
    }
    return {name: meaning for name, meaning in MEANINGS.items() if name in named}


def summary(layer: LayerChange) -> str:
    """How many resources of a layer have which outcome: `1 added, 2 in place`."""
    counts = Counter(map(outcome, layer.resources))
    counted = [f"{counts[name]} {name}" for name in OUTCOMES if counts[name]]
    return ", ".join(counted) or "no resource changes"


def lines(review: EnvironmentReview) -> Iterator[Line]:
    """All changes of one environment, without its name.

    A line is about an outcome, a `title`, a `detail`, what is `blocked`, or a part of a difference.
    """
    if review.like:
        yield from _new(review, review.like)
        yield from (Line(text, "title") for text in ways(review))
        return
    for note in review.notes:
        yield Line(note, "title")
    for change in review.settings:
        yield from _changed("", change)
    for layer in review.changed:
        yield from _layer(layer)
    tags = _tags(review.changed)
    yield from lines_of_tags(tags)
    yield from lines_of_kept_tags(review.kept_tags, [slug for counts in tags.values() for slug in counts])
    for move in review.moves:
        head = Line(f"{move.path} {MOVES}", "title")
        yield from lines_of_change(head, move.before, move.after, 4)
    if review.configuration:
        yield Line("build/config", "title")
        for change in review.configuration:
            yield from _changed("  ", change)
    if review.access:
        yield Line(OPENS, "title")
        yield from _opening(review.access)
    if review.findings:
        yield Line("blocked by the deployer", "title")
        for finding in review.findings:
            where = ":".join(filter(None, (finding.layer, finding.resource)))
            yield Line(f"!   {finding.rule}: {where}: {finding.reason}", "blocked")
            yield Line(f"      {finding.remedy}", "detail")
        yield from (Line(f"    {words}", "title") for words in allowing_all(review))
    yield from (Line(text, "title") for text in ways(review))


def _new(review: EnvironmentReview, like: Like) -> Iterator[Line]:
    """A new environment by its differences from another one."""
    count = sum(len(layer.resources) for layer in review.changed)
    stacks = f"{len(review.changed)} stacks with {count} resources"
    excepted = f", except ({like.name} -> {review.name}):" if like.differences > len(like.access) else ""
    yield Line(f"a new environment, {stacks}: as {like.name}{excepted}", "title")
    for value in like.values:
        yield from _changed("  ", value)
    for one in like.added:
        yield Line(f"+   {one.layer}: {one.resource}  {one.type}", "added")
    for one in like.missing:
        yield Line(f"-   {one.layer}: {one.resource}  {one.type}", "removed")
    same = len(review.access) - len(like.access)
    if like.access:
        yield Line(f"{OPENS}: {same} times as in {like.name}, which --json lists, and", "title")
        yield from _opening(like.access)
    elif same:
        yield Line(f"{OPENS}: {same} times as in {like.name}, which --json lists", "title")


def _opening(access: Iterable[Access]) -> Iterator[Line]:
    for entry in access:
        yield Line(f"!   {entry.layer}: {entry.resource} {entry.words}", "blocked")


def allowing_all(review: EnvironmentReview) -> Iterator[str]:
    """How to allow several resources at once with ALLOW."""
    if words := rules.allowing_all(review.findings, lambda names: f'ALLOW="{" ".join(names)}"'):
        yield words


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
    push = "that push" if review.release else "the next release"
    for layer in dict.fromkeys(need.layer for need in review.needs):
        reasons = "; ".join(need.reason for need in review.needs if need.layer == layer)
        yield f"`make deploy` of {layer} comes before {push}, or the release fails: {reasons}"


def _layer(layer: LayerChange) -> Iterator[Line]:
    action = {
        "create": "a new stack, ",
        "move": "a new stack, the old one remains; ",
        "remove": "no longer a layer, its stack remains; ",
    }.get(layer.action, "")
    yield Line(f"{layer.layer}: {action}{summary(layer)}", "title")
    new = ", ".join(
        f"{value.path}={value.after}"
        for value in layer.parameters
        if value.before is None and not is_filled_in(value.path)
    )
    if new:
        yield Line(f"~   new parameters: {new}", "in place")
    for value in layer.parameters:
        if value.before is not None:
            yield from _changed("  parameter ", value)
    if layer.action != "update":
        names = ", ".join(change.logical_id for change in layer.resources)
        yield Line(f"    {names}", "detail")
        return
    for change in layer.resources:
        if not (layer.tags and _only_tagged(change)):
            yield from _resource(change, hide_tags=bool(layer.tags))
    for export in layer.exports:
        yield from _export(export)
    # Changes of exports have been listed already.
    exported = {export.output for export in layer.exports}
    for output in layer.outputs:
        if output.output not in exported:
            yield from _output(output)


def _changed(name: str, change: PropertyChange) -> Iterator[Line]:
    """A change outside of resources: of a setting, a parameter or a tag."""
    yield from lines_of_change(Line(f"~ {name}{change.path}", "in place"), change.before, change.after, 6)


def _tags(layers: Iterable[LayerChange]) -> dict[tuple[PropertyChange, ...], Counter[str]]:
    """The tags of stacks that change, with the number of each layer's resources that get them."""
    counts: dict[tuple[PropertyChange, ...], Counter[str]] = {}
    for layer in layers:
        if layer.tags and layer.action == "update":
            tagged = [
                change for change in layer.resources if any(part.is_stack_tag for part in change.properties)
            ]
            counts.setdefault(layer.tags, Counter())[layer.layer] = len(tagged)
    return counts


def _only_tagged(change: ResourceChange) -> bool:
    tags = all(part.is_stack_tag for part in change.properties)
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
        if not (hide_tags and part.is_stack_tag and part.recreation == "Never"):
            yield from _property(part)
    for note in change.notes:
        yield Line(f"      {note}", "detail")


def _property(change: PropertyChange) -> Iterator[Line]:
    path = change.name
    does = {"Always": ", which replaces it", "Conditionally": ", which may replace it"}.get(
        change.recreation, ""
    )
    if change.because:
        may = "changes" if change.certain else "may change"
        yield Line(f"      {path}: {_short(change.after)} {may}, because {change.because}{does}", "detail")
    else:
        yield from lines_of_change(Line(f"      {path}", "detail"), change.before, change.after, 8, does)


def _export(export: ExportChange) -> Iterator[Line]:
    users = f" (imported by {', '.join(export.importers)})" if export.importers else ""
    yield from _becoming(f"    export {export.output}", export, users)


def _output(output: OutputChange) -> Iterator[Line]:
    yield from _becoming(f"    output {output.output}", output)


def _becoming(head: str, change: ExportChange | OutputChange, users: str = "") -> Iterator[Line]:
    if change.because:
        may = "may change" if change.action == "may change" else "changes"
        yield Line(f"{head} {may}, because {change.because}{users}", "detail")
    elif change.action == "change":
        changes = Line(f"{head} changes", "detail")
        yield from lines_of_change(changes, change.before, change.after, 8, users)
    else:
        what = {"add": "is new", "remove": "is removed", "may change": "may change"}[change.action]
        yield Line(f"{head} {what}{users}", "detail")


def _short(value: str | None) -> str:
    if value is None:
        return "(none)"
    value = " ".join(value.split())
    return value if len(value) <= LONG else f"{value[: LONG - 3]}..."


def grouped(reviews: Iterable[EnvironmentReview]) -> list[tuple[str, list[Line]]]:
    """A title and what happens, for each environment in order.

    Those that differ by nothing but their names and ids are put together; the lines are the first one's.
    """
    groups: dict[tuple[str, ...], tuple[list[str], list[Line]]] = {}
    for review in reviews:
        text = list(lines(review))
        same = tuple(alike(line.text, review) for line in text)
        groups.setdefault(same, ([], text))[0].append(review.name)
    return [(_title(names), text) for names, text in groups.values()]


def alike(text: str, review: EnvironmentReview) -> str:
    """A text without what is the environment's own, for comparing it with another environment's."""
    for name in review.own:
        text = text.replace(name, "\0")
    return text


def _title(names: list[str]) -> str:
    return ", ".join(names) + (f" (with the names of {names[0]})" if len(names) > 1 else "")
