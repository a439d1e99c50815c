"""What people and scripts read: the plan, the progress of the stacks, what became of them.

What was asked for goes to standard output; talk and progress go to standard error.
"""

import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from itertools import groupby
from typing import Any

from rich.console import Console
from rich.live import Live
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from ecs_blue_green.deployer.changes import PropertyChange, ResourceChange
from ecs_blue_green.deployer.cloudformation.change_sets import KNOWN_AFTER_APPLY
from ecs_blue_green.deployer.cloudformation.describe import Event
from ecs_blue_green.deployer.cloudformation.operation import OnEvent
from ecs_blue_green.deployer.cloudformation.schedule import Outcome
from ecs_blue_green.deployer.environment import Environment
from ecs_blue_green.deployer.errors import BadInput
from ecs_blue_green.deployer.planning.plan import Plan, Step
from ecs_blue_green.deployer.rules import Finding
from ecs_blue_green.deployer.terminal import console

SYMBOLS = {
    "add": ("+", "green"),
    "import": ("+", "green"),
    "modify": ("~", "yellow"),
    "may replace": ("?", "red"),
    "replace": ("!", "bold red"),
    "remove": ("-", "bold red"),
}
LONGEST_VALUE = 100
FROM_TEMPLATE = "From the template: what it imports is not there yet; AWS is asked when it is."
RESULTS = {
    "done": ("done", "green"),
    "nothing": ("no change", "dim"),
    "failed": ("FAILED", "bold red"),
    "not started": ("not started", "yellow"),
    "left running": ("left running", "yellow"),
}


def say(text: str) -> None:
    """Tell a person something, on standard error."""
    console(stderr=True).print(escape(text))


def say_found_by_type(reason: BadInput) -> None:
    """That what is live is looked for in the stacks, because nothing says where, and what repairs that."""
    say(f"{reason}; so it is found by the types of the stacks' resources ({reason.remedy})")


def say_where(environment: Environment, talks: bool) -> None:
    """Which environment, region and account this is about; nothing for a script."""
    if talks:
        address = os.environ.get("AWS_ENDPOINT_URL")
        account = f"account {environment.account}" + (f" at {address}" if address else "")
        where = "the emulator on this machine" if environment.is_local else account
        say(f"{environment.project}-{environment.name}, {environment.region}, {where}")


def show_plan(plan: Plan, *, whole: bool) -> None:
    """The plan: a line per stack, and a line per resource of an existing stack (`whole`: of every stack)."""
    out = console()
    for slug, step in plan.steps.items():
        out.print(_step_line(slug, step))
        for obstacle in step.obstacles:
            out.print(Text(f"    to be taken away before what is left can be deleted: {obstacle}"))
        if whole or step.act == "update":
            for change in step.changes:
                for line in _change_lines(change):
                    out.print(line)
    if any(map(_is_from_template, plan.steps.values())):
        out.print(Text(FROM_TEMPLATE, style="dim"))
    if plan.changes_something:
        out.print(f"Plan {plan.digest[:12]}", style="dim")
    else:
        out.print(f"Nothing changes in {escape(plan.environment.name)}.")


def show_findings(findings: Iterable[Finding]) -> None:
    """What blocks a plan, each with its rule and its reason; the way out once for those that share it."""
    out = console()
    for (rule, remedy), alike in groupby(findings, key=lambda finding: (finding.rule, finding.remedy)):
        for finding in alike:
            where = f"{finding.layer}:{finding.resource}" if finding.resource else finding.layer
            line = Text("blocked ", style="bold red")
            line.append(f"[{rule}] ", style="bold")
            line.append(f"{where}: {finding.reason}", style="not bold default")
            out.print(line)
        out.print(Text(f"        {remedy}"))


def _is_from_template(step: Step) -> bool:
    return step.act != "nothing" and step.change_set is None


def _step_line(slug: str, step: Step) -> Text:
    line = Text(f"{slug:<22}")
    if step.act == "nothing":
        line.append("no change", style="dim")
    else:
        count = len(step.changes)
        line.append(f"{step.act}, {count} resource{'s' * (count != 1)}", style="bold")
        if _is_from_template(step):
            line.append(", from the template", style="dim")
        if step.act == "recreate" and step.stack:
            line.append(f" (its first creation failed: it is {step.stack.status})", style="dim")
    if step.sets_policy:
        line.append(", stack policy set")
    if step.sets_protection:
        line.append(", termination protection on")
    return line


def _change_lines(change: ResourceChange) -> Iterator[Text]:
    symbol, style = SYMBOLS[change.action]
    line = Text("    ")
    line.append(f"{symbol} {change.action:<12}", style=style)
    line.append(f"{change.logical_id}  ")
    line.append(change.type, style="dim")
    yield line
    for changed in change.properties:
        yield Text(f"        {_property_text(changed)}")
    for note in change.notes:
        yield Text(f"        {note}", style="italic")


def _property_text(change: PropertyChange) -> str:
    path = change.path.removeprefix("/Properties/").lstrip("/")
    what = {"Always": " (this replaces it)", "Conditionally": " (this may replace it)"}
    suffix = f"{', because ' + change.because if change.because else ''}{what.get(change.recreation, '')}"
    if change.before == change.after:
        return f"{path}{suffix}"
    return f"{path}: {_value(change.before)} -> {_value(change.after)}{suffix}"


def _value(text: str | None) -> str:
    """A value on a person's screen; --json has it whole."""
    if text is None or text == KNOWN_AFTER_APPLY:
        return "(none)" if text is None else "(known only afterwards)"
    return text if len(text) <= LONGEST_VALUE else f"{text[: LONGEST_VALUE - 3]}..."


class Progress:
    """What shows the events of running stacks, and how to keep it quiet while a person is asked.

    `tell` shows what work that is no stack does: its name, then the words.
    """

    def __init__(self, on_event: OnEvent, tell: Callable[[str, str], None], live: Live | None) -> None:
        self.on_event = on_event
        self.tell = tell
        self._live = live

    @property
    def follows(self) -> bool:
        """Whether somebody sees every resource's event as it happens."""
        return self._live is not None

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Leave the terminal alone for the time of the block."""
        if self._live:
            self._live.stop()
        try:
            yield
        finally:
            if self._live:
                self._live.start()


@contextmanager
def progress(layers: Iterable[str]) -> Iterator[Progress]:
    """Show the events of running stacks: a live table on a terminal, plain lines elsewhere."""
    out = console(stderr=True)
    # On a dumb terminal nothing can be drawn over.
    if not out.is_terminal or out.is_dumb_terminal:
        yield Progress(_plain_lines(out), lambda name, text: out.print(escape(f"{name:<22}{text}")), None)
        return
    rows: dict[str, Row] = {layer: Row() for layer in layers}
    with Live(_Board(rows), console=out, refresh_per_second=8, transient=True) as live:
        yield Progress(
            lambda layer, event: rows[layer].update(event), lambda name, text: rows[name].tell(text), live
        )


def _plain_lines(out: Console) -> OnEvent:
    def on_event(layer: str, event: Event) -> None:
        # A resource's start says nothing that its end does not; a stack's start says that work began.
        if event.about_stack or not event.status.endswith("_IN_PROGRESS"):
            reason = f"  {event.reason}" if event.reason and event.failed else ""
            out.print(escape(f"{layer:<22}{event.status:<28}{event.logical_id}{reason}"))

    return on_event


class Row:
    """One stack's line in the live table."""

    def __init__(self) -> None:
        self.status = ""
        self.last = ""
        self.finished: set[str] = set()
        self.begun: float | None = None
        self.ended: float | None = None

    def update(self, event: Event) -> None:
        """Take an event in."""
        self.begun = self.begun or time.monotonic()
        if event.about_stack:
            self.status = event.status
            self.ended = None if event.status.endswith("_IN_PROGRESS") else time.monotonic()
        else:
            self.last = f"{event.logical_id} {event.status}"
            if event.status.endswith("_COMPLETE"):
                self.finished.add(event.logical_id)

    def tell(self, text: str) -> None:
        """Take words in about what is no stack."""
        self.begun = self.begun or time.monotonic()
        self.last = text


class _Board:
    def __init__(self, rows: Mapping[str, Row]) -> None:
        self._rows = rows

    def __rich__(self) -> Table:
        table = Table(box=None, show_header=False, pad_edge=False)
        now = time.monotonic()
        for layer, row in self._rows.items():
            if row.begun is None:
                table.add_row(layer, "waiting", "", "", style="dim")
                continue
            seconds = (row.ended or now) - row.begun
            style = "red" if "ROLLBACK" in row.status or "FAILED" in row.status else ""
            style = "green" if not style and row.ended else style
            table.add_row(
                layer,
                Text(row.status, style=style),
                f"{len(row.finished)} resource{'s' * (len(row.finished) != 1)}",
                f"{seconds:.0f} s",
                Text("" if row.ended else row.last, style="dim"),
            )
        return table


def show_outcomes(outcomes: Iterable[Outcome], *, outputs: bool) -> None:
    """What became of each layer, the outputs of the stacks, and what to type next."""
    out = console()
    for outcome in outcomes:
        word, style = RESULTS[outcome.result]
        line = Text(f"{outcome.layer:<22}")
        line.append(word, style=style)
        if outcome.why:
            line.append(f": {outcome.why}")
        if outcome.notes:
            line.append(f" ({'; '.join(outcome.notes)})", style="dim")
        out.print(line)
        if outputs:
            for line in output_lines(outcome.outputs):
                out.print(line)
    for outcome in outcomes:
        if outcome.remedy:
            console(stderr=True).print(f"[bold]next:[/]  {escape(outcome.layer)}: {escape(outcome.remedy)}")


def say_way_on(outcomes: Iterable[Outcome], command: str) -> None:
    """What to type after an interrupt, or when CloudFormation was left at work: `command`."""
    if any(outcome.result == "left running" for outcome in outcomes):
        say(f"next:  CloudFormation goes on; to follow it: {command}")
    elif any(outcome.interrupted for outcome in outcomes):
        say(f"next:  nothing is left running; to go on from there: {command}")


def output_lines(outputs: Mapping[str, str]) -> Iterator[Text]:
    """A stack's outputs, one a line."""
    for key, value in outputs.items():
        line = Text(f"    {key:<36}", style="dim")
        line.append(value, style="not dim")
        yield line


def plan_document(plan: Plan, findings: Iterable[Finding]) -> dict[str, Any]:
    """The plan and what blocks it, for scripts."""
    return {
        "digest": plan.digest,
        "plan": [_step_document(plan, slug, step) for slug, step in plan.steps.items()],
        "findings": [asdict(finding) for finding in findings],
    }


def _step_document(plan: Plan, slug: str, step: Step) -> dict[str, Any]:
    return {
        "layer": slug,
        "stack": plan.environment.stack_name(slug),
        "action": step.act,
        "from_template": _is_from_template(step),
        "change_set": step.change_set.arn if step.change_set else None,
        "sets_stack_policy": step.sets_policy,
        "sets_termination_protection": step.sets_protection,
        "obstacles": [str(obstacle) for obstacle in step.obstacles],
        "changes": [_change_document(change) for change in step.changes],
    }


def _change_document(change: ResourceChange) -> dict[str, Any]:
    return {
        "logical_id": change.logical_id,
        "type": change.type,
        "action": change.action,
        "physical_id": change.physical_id or None,
        "properties": [
            {
                "path": changed.path,
                "before": changed.before,
                "after": changed.after,
                "requires_recreation": changed.recreation,
            }
            for changed in change.properties
        ],
    }


def outcome_documents(outcomes: Iterable[Outcome]) -> list[dict[str, Any]]:
    """What became of each layer, for scripts."""
    return [
        {
            "layer": outcome.layer,
            "result": outcome.result,
            "why": outcome.why or None,
            "remedy": outcome.remedy or None,
            "notes": outcome.notes,
            "outputs": dict(outcome.outputs),
        }
        for outcome in outcomes
    ]
