"""What people and scripts read: the plan, the progress of the stacks, what became of them.

What was asked for goes to standard output; talk and progress go to standard error.
"""

import os
import re
import textwrap
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from types import MappingProxyType
from typing import Any

from rich.console import Console
from rich.live import Live
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from ecs_blue_green.deployer import clock, rules
from ecs_blue_green.deployer.changes import PropertyChange, ResourceChange
from ecs_blue_green.deployer.cloudformation.describe import Event, Stack, Took
from ecs_blue_green.deployer.cloudformation.operation import OnEvent
from ecs_blue_green.deployer.cloudformation.schedule import Outcome
from ecs_blue_green.deployer.environment import Environment
from ecs_blue_green.deployer.errors import BadInput
from ecs_blue_green.deployer.planning import text
from ecs_blue_green.deployer.planning.beside import Beside
from ecs_blue_green.deployer.planning.plan import Plan, Step
from ecs_blue_green.deployer.planning.text import is_from_template
from ecs_blue_green.deployer.rules import Finding
from ecs_blue_green.deployer.terminal import console
from ecs_blue_green.deployer.text import Line, differing

STYLES: Mapping[str, str] = {
    "title": "bold",
    "nothing": "dim",
    "aside": "dim",
    "note": "italic",
    "blocked": "bold red",
    "add": "green",
    "import": "green",
    "modify": "yellow",
    "change": "yellow",
    "may replace": "red",
    "may change": "red",
    "replace": "bold red",
    "remove": "bold red",
    "less": "red",
    "more": "green",
    "where": "cyan",
}
_COLOURED = re.compile(r" *[-+~?!] (?:may )?\S+|blocked \[\S+\]")
_IN_WORDS = ("blocked", "remedy", "note", "aside")
RESULTS = {
    "done": ("done", "green"),
    "nothing": ("no change", "dim"),
    "failed": ("FAILED", "bold red"),
    "not started": ("not started", "yellow"),
    "left running": ("left running", "yellow"),
}


def say(words: str) -> None:
    """Tell a person something, on standard error."""
    console(stderr=True).print(escape(words))


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
    _show(text.lines(plan, whole=whole))


def show_findings(findings: Iterable[Finding], allowing_all: str) -> None:
    """What blocks a plan, and how to let several through at once."""
    _show(text.finding_lines(findings, allowing_all))


def _show(lines: Iterable[Line]) -> None:
    out = console()
    for line in lines:
        shown, style = Text(_wrapped(line, out)), STYLES.get(line.about, "")
        # Where a line says what becomes of something, or what blocks it, that is what the colour is for.
        found = _COLOURED.match(line.text) if line.about in {*text.SIGNS, "blocked"} else None
        shown.stylize(style, 0, found.end() if found else len(shown))
        out.print(shown)


def _wrapped(line: Line, out: Console) -> str:
    """What is said in words in lines as long as the terminal's; a value is left to the terminal."""
    if line.about not in _IN_WORDS or not out.is_terminal:
        return line.text
    indent = " " * (len(line.text) - len(line.text.lstrip()))
    return textwrap.fill(
        line.text.strip(),
        out.width,
        initial_indent=indent,
        subsequent_indent=indent or "        ",
        break_long_words=False,
        break_on_hyphens=False,
    )


# Given the name of a layer or of other work, and what there is to say of it.
Tell = Callable[[str, str], None]


class Progress:
    """What shows the events of running stacks, and how to keep it quiet while a person is asked.

    `tell` shows what work that is no stack does: its name, then the words. `remark` does so for good.
    """

    def __init__(self, on_event: OnEvent, tell: Tell, remark: Tell, live: Live | None) -> None:
        self.on_event = on_event
        self.tell = tell
        self.remark = remark
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
    began = clock.monotonic()

    def line(name: str, words: str) -> None:
        minutes, seconds = divmod(int(clock.monotonic() - began), 60)
        out.print(Text(f"{minutes:>4}:{seconds:02}  {name:<22}{words}"))

    # On a dumb terminal nothing can be drawn over.
    if not out.is_terminal or out.is_dumb_terminal:
        yield Progress(_plain_lines(line), line, line, None)
        return
    rows: dict[str, Row] = {layer: Row() for layer in layers}
    with Live(_Board(rows), console=out, refresh_per_second=8, transient=True) as live:
        yield Progress(
            lambda layer, event: rows[layer].update(event),
            lambda name, words: rows[name].tell(words),
            line,
            live,
        )


def _plain_lines(line: Tell) -> OnEvent:
    def on_event(layer: str, event: Event) -> None:
        # A resource's start says nothing that its end does not; a stack's start says that work began.
        if event.about_stack or not event.status.endswith("_IN_PROGRESS"):
            reason = f"  {event.reason}" if event.reason and event.failed else ""
            line(layer, f"{event.status:<28}{event.logical_id}{reason}")

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


def show_outcomes(
    outcomes: Iterable[Outcome], outputs: Mapping[str, Mapping[str, str]] = MappingProxyType({})
) -> None:
    """What became of each layer, some `outputs` of it, and what to type next."""
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
        for line in output_lines(outputs.get(outcome.layer, {}), out):
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


def output_lines(outputs: Mapping[str, str], out: Console) -> Iterator[Text]:
    """A stack's outputs, one a line; on a narrow terminal, what would be broken has a line of its own."""
    for key, value in outputs.items():
        line = Text(f"    {key:<36}", style="dim")
        if out.is_terminal and len(line) + len(value) > out.width:
            line = Text(f"    {key}", style="dim")
            line.append(f"\n{value}" if len(value) > out.width - 6 else f"\n      {value}", style="not dim")
        else:
            line.append(value, style="not dim")
        yield line


def plan_document(plan: Plan, findings: Sequence[Finding], passing: Iterable[Beside] = ()) -> dict[str, Any]:
    """The plan, what blocks it, and what does not although a release runs (`passing`), for scripts."""
    return {
        "digest": plan.digest,
        "moves_with_next_release": [
            {"parameter": move.path, "before": move.before, "after": move.after} for move in plan.moves
        ],
        "changes_in_part": [
            {"layer": change.layer, "parameter": change.parameter, "left_out": list(change.behind)}
            for change in plan.changes_in_part
        ],
        "plain_secrets": [secret._asdict() for secret in plan.plain_secrets],
        "plan": [_step_document(plan, slug, step) for slug, step in plan.steps.items()],
        "left": left_documents(plan.left),
        "findings": [asdict(finding) for finding in findings],
        "allow": rules.allowable(findings),
        "beside_release": [
            {"layer": found.layer, "resource": found.resource, "why": found.why} for found in passing
        ],
    }


def left_documents(stacks: Mapping[str, Stack]) -> list[dict[str, str]]:
    """The stacks whose layer has left the project, for scripts."""
    return [{"layer": slug, "stack": stack.name, "status": stack.status} for slug, stack in stacks.items()]


def _step_document(plan: Plan, slug: str, step: Step) -> dict[str, Any]:
    return {
        "layer": slug,
        "stack": plan.environment.stack_name(slug),
        "action": step.act,
        "from_template": is_from_template(step),
        "change_set": step.change_set.arn if step.change_set else None,
        "last_operation": _took_document(step.took) if step.took else None,
        "sets_stack_policy": step.sets_policy,
        "sets_termination_protection": step.sets_protection,
        "obstacles": [str(blocker) for blocker in step.deletion_blockers],
        "displaced_change_sets": [listed.arn for listed in step.displaced],
        "warnings": list(step.warnings),
        "changes": [_change_document(change) for change in step.changes],
        "tags": [_tag_document(tag) for tag in step.tags],
        "kept_tags": [_tag_document(tag) for tag in plan.kept_tags.get(slug, ())],
        "outputs": [change.document() for change in step.outputs],
    }


def _took_document(took: Took) -> dict[str, str | float]:
    return {"kind": "creation" if took.created else "update", "seconds": took.seconds}


def _tag_document(tag: PropertyChange) -> dict[str, str | None]:
    return {"key": tag.path, "before": tag.before, "after": tag.after}


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
                "difference": differing(changed.before, changed.after),
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
            "stack": outcome.stack or None,
            "start": outcome.start.isoformat() if outcome.start else None,
            "end": outcome.end.isoformat() if outcome.end else None,
            "failed_events": [_event_document(event) for event in outcome.failed],
        }
        for outcome in outcomes
    ]


def _event_document(event: Event) -> dict[str, str]:
    return {
        "logical_id": event.logical_id,
        "type": event.type,
        "status": event.status,
        "reason": event.reason,
        "time": event.time.isoformat(),
    }
