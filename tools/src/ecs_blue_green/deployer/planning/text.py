"""A plan in lines of text, the same for the terminal and for the approval on GitHub."""

from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import groupby

from ecs_blue_green.deployer.changes import PropertyChange, ResourceChange
from ecs_blue_green.deployer.cloudformation.change_sets import KNOWN_AFTER_APPLY, SAVED, Listed
from ecs_blue_green.deployer.effects.comparison import OutputChange
from ecs_blue_green.deployer.planning.plan import Plan, Step
from ecs_blue_green.deployer.rules import Finding
from ecs_blue_green.deployer.text import (
    MOVES,
    Line,
    in_one_line,
    lines_of_change,
    lines_of_kept_tags,
    lines_of_tags,
    visible,
)

# What takes less is over before anybody waits.
SHORTEST_SECONDS = 5
QUANTITIES = (
    "The permanent resources of a new environment, in quantities: docs/first-run.md, Permanent resources"
)
FROM_TEMPLATE = (
    "From the template: a stack that exports to it does not exist yet; CloudFormation is asked when it does."
)
LEFT = "is no layer of this project any more: nothing changes it, and destroy deletes it"
# The sign of what happens to a resource or an output.
SIGNS = {
    "add": "+",
    "import": "+",
    "modify": "~",
    "change": "~",
    "may replace": "?",
    "may change": "?",
    "replace": "!",
    "remove": "-",
}
_DOES = {"Always": " (this replaces it)", "Conditionally": " (this may replace it)"}


def lines(plan: Plan, *, whole: bool) -> Iterator[Line]:
    """What happens to every stack, and to its resources where it exists (`whole`: also where it is new)."""
    told = _Told()
    for slug, step in plan.steps.items():
        yield Line(_step(slug, step), "title" if step.act != "nothing" else "nothing")
        for blocker in step.deletion_blockers:
            yield Line(f"    to be taken away before what is left can be deleted: {blocker}", "detail")
        yield from map(_displaced, step.displaced)
        yield from (Line(f"    {warning(found)}", "note") for found in step.warnings)
        if step.act == "update":
            yield from told.resources(slug, step)
            yield from (line for output in step.outputs for line in _output(output))
        elif whole:
            yield from (_resource(change) for change in step.changes)
    for slug, stack in plan.left.items():
        yield Line(f"{slug:<22}{LEFT}; the stack is {stack.status}", "note")
    yield from lines_of_tags(told.tags)
    for change in plan.changes_in_part:
        behind = " and ".join(change.behind)
        said = (
            f"{change.parameter} changes in {change.layer}; {behind}, left out of this plan, would get it too"
        )
        yield Line(said, "note")
    for secret in plan.plain_secrets:
        yield Line(f"warning: {visible(str(secret))}", "note")
    for move in plan.moves:
        head = Line(f"{move.path} {MOVES}", "title")
        yield from lines_of_change(head, move.before, move.after, 4)
    yield from lines_of_kept_tags(plan.kept_tags, [slug for slug, step in plan.steps.items() if step.tags])
    if any(map(is_from_template, plan.steps.values())):
        yield Line(FROM_TEMPLATE, "aside")
    if is_new(plan):
        yield Line(QUANTITIES, "aside")
    if plan.changes_something:
        yield Line(f"Plan {plan.digest[:12]}", "aside")
    else:
        yield Line(f"Nothing changes in {plan.environment.name}.", "detail")


def warning(found: str) -> str:
    """What CloudFormation's validation warns of, in a line."""
    return f"CloudFormation warns: {visible(found)}"


def finding_lines(findings: Iterable[Finding], allowing_all: str = "") -> Iterator[Line]:
    """What blocks a plan, each with its rule and its reason; the way out once for those that share it.

    `allowing_all` is the one that is of several at once.
    """
    for (rule, remedy), alike in groupby(findings, key=lambda finding: (finding.rule, finding.remedy)):
        for finding in alike:
            where = f"{finding.layer}:{finding.resource}" if finding.resource else finding.layer
            yield Line(f"blocked [{rule}] {where}: {finding.reason}", "blocked")
        yield Line(f"        {remedy}", "remedy")
    if allowing_all:
        # The command has a line of its own, to be copied.
        words, _, command = allowing_all.partition(": ")
        yield Line(f"{words}:", "remedy")
        yield Line(f"        {command}", "command")


def is_new(plan: Plan) -> bool:
    """Whether nothing of the environment is there yet, and it will cost something."""
    there = any(stack and stack.exists for stack in plan.stacks.values())
    made = all(step.act in ("create", "recreate") for step in plan.steps.values())
    return made and not there and not plan.environment.is_local


def is_from_template(step: Step) -> bool:
    """Whether the template alone tells what happens, since CloudFormation could not be asked."""
    return step.act != "nothing" and step.change_set is None


class _Told:
    """The resources of all layers, without the tags of their stacks, which are told once at the end."""

    def __init__(self) -> None:
        # By tags with their values before and after: how many resources of which layer.
        self.tags: dict[tuple[PropertyChange, ...], Counter[str]] = {}

    def resources(self, layer: str, step: Step) -> Iterator[Line]:
        for change in step.changes:
            # CloudFormation promises no order of what it lists.
            others = sorted(
                (one for one in change.properties if not (step.tags and _is_tag(one))),
                key=lambda one: one.path,
            )
            tagged = len(others) < len(change.properties)
            if tagged:
                self.tags.setdefault(step.tags, Counter())[layer] += 1
            if not tagged or others or change.notes or change.action != "modify":
                yield _resource(change)
                yield from (line for one in others for line in _property(one, stays=change.stays))
                yield from (Line(f"        {note}", "note") for note in change.notes)


def _is_tag(change: PropertyChange) -> bool:
    """Whether it is a tag of the stack; of some resources only that their tags change is known."""
    return change.recreation == "Never" and (change.is_stack_tag or change.path == "/Tags")


def _step(slug: str, step: Step) -> str:
    line = f"{slug:<22}"
    if step.act == "nothing":
        line += "no change"
    else:
        count = len(step.changes)
        what = f"{count} resource{'s' * (count != 1)}" if count or not step.outputs else "outputs alone"
        line += f"{step.act}, {what}"
        if is_from_template(step):
            line += ", from the template"
        if step.act == "recreate" and step.stack:
            line += f" (its first creation failed: it is {step.stack.status})"
    if step.took and step.took.seconds >= SHORTEST_SECONDS:
        when = "to be made" if step.took.created else "last time"
        line += f", took {_duration(step.took.seconds)} {when}"
    if step.sets_policy:
        line += ", stack policy set"
    if step.sets_protection:
        line += ", termination protection on"
    return line


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def _displaced(listed: Listed) -> Line:
    whose = "of a saved plan" if listed.purpose == SAVED else "of somebody else"
    said = f", {visible(listed.description)}" if listed.description else ""
    return Line(
        f"    change set {listed.name} {whose} (made {listed.created:%Y-%m-%d %H:%M} UTC{said}) is deleted by"
        " CloudFormation when this is executed",
        "note",
    )


def _resource(change: ResourceChange) -> Line:
    sign = SIGNS[change.action]
    return Line(f"    {sign} {change.action:<12}{change.logical_id}  {change.type}", change.action, sign)


def _property(change: PropertyChange, *, stays: bool) -> Iterator[Line]:
    remark = f"{_because(change.because)}{_DOES.get(change.recreation, '')}"
    if change.reread and not stays and change.before == change.after:
        remark = f", which CloudFormation reads again{remark}"
    head = Line(f"        {change.name}", "detail")
    yield from lines_of_change(head, _known(change.before), _known(change.after), 10, remark)


def _output(change: OutputChange) -> Iterator[Line]:
    sign = SIGNS[change.action]
    exported = " (exported)" if change.export else ""
    head = Line(f"    {sign} output {change.output}{exported}", change.action, sign)
    if change.action == "remove":
        yield head
    elif change.because:
        may = " may change" if change.action == "may change" else ""
        yield head._replace(text=f"{head.text}{may}{_because(change.because)}")
    elif change.action == "add" and in_one_line(None, change.after):
        yield head._replace(text=f"{head.text}: {visible(change.after or '')}")
    else:
        yield from lines_of_change(head, change.before, change.after, 6)


def _because(reason: str) -> str:
    return f", because {reason}" if reason else ""


def _known(value: str | None) -> str | None:
    return value if value is None else value.replace(KNOWN_AFTER_APPLY, "(known only afterwards)")
