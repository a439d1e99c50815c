"""The live view: what happens, while it happens."""

import asyncio
import contextlib
from collections.abc import Iterator

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from ecs_blue_green.rehearsal.journal import Span
from ecs_blue_green.rehearsal.rehearsal import Rehearsal

REFRESH_SECONDS = 0.2
ENTRIES = 8
COLOURS = {"blue": "dodger_blue2", "green": "green3"}
STATES = {"OK": "green", "ALARM": "bold red", "INSUFFICIENT_DATA": "dim"}
RESULTS = {"Succeeded": "[green]✓[/]", "Failed": "[red]✗[/]", "Stopped": "[yellow]■[/]"}


async def show(rehearsal: Rehearsal, console: Console) -> None:
    """Show the rehearsal on a terminal until cancelled."""
    with Live(console=console, auto_refresh=False, transient=True) as live:
        while True:
            live.update(render(rehearsal), refresh=True)
            await asyncio.sleep(REFRESH_SECONDS)


async def tell(rehearsal: Rehearsal, console: Console) -> None:
    """Print a line for each thing that happens, until cancelled."""
    shown = 0
    # Nobody reads, for which rich raises SystemExit, or nothing can be written: the rehearsal goes on, its
    # reports are still wanted.
    with contextlib.suppress(SystemExit, OSError):
        while True:
            for entry in rehearsal.journal.entries[shown:]:
                console.print(line(entry.minute, entry.text, bad=entry.bad), soft_wrap=True)
                shown += 1
            await asyncio.sleep(REFRESH_SECONDS)


def line(minute: float, text: str, *, bad: bool) -> Text:
    """One entry of the journal as a line: its minute, then what happened."""
    return Text(f"{minute:7.2f} min  ", style="dim").append(text, style="bold red" if bad else "not dim")


def render(rehearsal: Rehearsal) -> RenderableType:
    """The whole view."""
    journal, options = rehearsal.journal, rehearsal.options
    title = (
        f"Rehearsal of [bold]{options.environment}[/]: commit {rehearsal.source.commit[:7]},"
        f" {rehearsal.system.deployment_config.removeprefix('CodeDeployDefault.')},"
        f" a minute takes {options.minute:g} s"
    )
    parts: list[RenderableType] = [
        _spans("Pipeline", [span for span in journal.spans if span.kind == "action"]),
        _spans("Deployment", [span for span in journal.spans if span.kind == "event"]),
        Text(),
        _target_groups(rehearsal),
        Text(),
        _alarms(rehearsal),
        Text(),
        *(line(entry.minute, entry.text, bad=entry.bad) for entry in journal.entries[-ENTRIES:]),
    ]
    return Panel(Group(*parts), title=title, subtitle=f"minute {journal.now():.1f}", title_align="left")


def _spans(name: str, spans: list[Span]) -> Text:
    words = [f"{RESULTS.get(span.result, '[cyan]…[/]')} {span.name}" for span in spans]
    return Text.from_markup(f"[bold]{name:<11}[/] " + "  ".join(words or ["[dim]not begun[/]"]))


def _target_groups(rehearsal: Rehearsal) -> Table:
    table = Table(box=None, pad_edge=False)
    for heading in ("Target group", "Traffic", "", "Requests/min", "5xx", "Healthy", "Unhealthy"):
        table.add_column(heading, justify="left" if heading in ("Target group", "") else "right")
    shares = rehearsal.journal.weights[-1][1] if rehearsal.journal.weights else {}
    for arn, colour in rehearsal.system.colours.items():
        share = shares.get(colour, 0)
        recent = rehearsal.journal.recent(colour)
        rate = f"{100 * recent.five_xx / recent.requests:.0f} %" if recent.requests else "-"
        table.add_row(
            Text(f"● {colour}", style=COLOURS[colour]),
            f"{share} %",
            ProgressBar(total=100, completed=share, width=24, complete_style=COLOURS[colour]),
            str(recent.requests),
            Text(rate, style="red" if recent.five_xx else ""),
            str(rehearsal.groups.count(arn, "healthy")),
            str(rehearsal.groups.count(arn, "unhealthy")),
        )
    return table


def _alarms(rehearsal: Rehearsal) -> Table:
    table = Table(box=None, pad_edge=False)
    for heading in ("Alarm", "State", "Value", "Condition"):
        table.add_column(heading, justify="right" if heading == "Value" else "left")
    for row in _alarm_rows(rehearsal):
        table.add_row(*row)
    return table


def _alarm_rows(rehearsal: Rehearsal) -> Iterator[tuple[RenderableType, ...]]:
    states = rehearsal.watch.states if rehearsal.watch else {}
    for alarm in rehearsal.system.alarms:
        state = states.get(alarm.name, "INSUFFICIENT_DATA")
        readings = rehearsal.journal.readings.get(alarm.name, [])
        value = readings[-1].value if readings else None
        shown = "-" if value is None else f"{value:.3g}"
        yield alarm.label, Text(state, style=STATES[state]), shown, Text(alarm.condition, style="dim")
