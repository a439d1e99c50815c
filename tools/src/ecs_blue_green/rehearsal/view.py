"""The live view: what happens, while it happens."""

import asyncio
import contextlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from rich.console import Console, ConsoleOptions, Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from ecs_blue_green.rehearsal.journal import Entry, Span
from ecs_blue_green.rehearsal.session import Rehearsal

REFRESH_SECONDS = 0.2
# So many lines of what happened last are worth more than blank lines and the table of alarms; so many more
# than how far things are.
LEAST_LINES, FEWEST_LINES = 6, 3
# The frame of the panel in columns and in lines.
FRAME_WIDTH, FRAME_HEIGHT = 4, 2
# Between two steps of a pipeline or a deployment.
GAP = "  "
COLOURS = {"blue": "dodger_blue2", "green": "green3"}
STATES = {"OK": "green", "ALARM": "bold red", "INSUFFICIENT_DATA": "dim"}
RESULTS = {"Succeeded": ("✓", "green"), "Failed": ("✗", "red"), "Stopped": ("■", "yellow")}


def is_drawn(console: Console) -> bool:
    """Whether the view is shown; on a dumb terminal nothing can be drawn twice."""
    return console.is_terminal and not console.is_dumb_terminal


async def show(rehearsal: Rehearsal, console: Console) -> None:
    """Show the rehearsal on a terminal until cancelled; nothing of it stays there."""
    while True:
        size = console.size
        with Live(View(rehearsal), console=console, auto_refresh=False, transient=True) as live:
            while console.size == size:
                live.refresh()
                await asyncio.sleep(REFRESH_SECONDS)
        # A terminal whose size changed has wrapped the lines again: their places are unknown.
        console.clear()


async def print_entries(rehearsal: Rehearsal, console: Console) -> None:
    """Print a line for each thing that happens, until cancelled."""
    shown = 0
    # Nobody reads, for which rich raises SystemExit, or nothing can be written: the rehearsal goes on, its
    # reports are still wanted.
    with contextlib.suppress(SystemExit, OSError):
        while True:
            for entry in rehearsal.stage.journal.entries[shown:]:
                first, text = entry_texts(entry.minute, entry.text, bad=entry.bad)
                console.print(first.append_text(text), soft_wrap=True)
                shown += 1
            await asyncio.sleep(REFRESH_SECONDS)


def entry_texts(minute: float, text: str, *, bad: bool) -> tuple[Text, Text]:
    """One entry of the journal: its minute, and what happened."""
    return Text(f"{minute:7.2f} min  ", style="dim"), Text(text, style="bold red" if bad else "not dim")


def hanging(console: Console, width: int, first: Text, text: Text) -> list[Text]:
    """A text in lines of this width, of which all but the first are indented by what stands in front."""
    texts = text.wrap(console, max(width - first.cell_len, 1))
    lines = [first, *(Text(" " * first.cell_len) for _ in texts[1:])]
    for line, part in zip(lines, texts, strict=True):
        part.rstrip()
        line.append_text(part)
    return lines


def _lines(console: Console, width: int, entry: Entry) -> list[Text]:
    return hanging(console, width, *entry_texts(entry.minute, entry.text, bad=entry.bad))


@dataclass
class View:
    """The whole view, at most as high as the terminal: what does not fit could not be erased."""

    rehearsal: Rehearsal

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[RenderableType]:
        """The panel: the progress, and below it the latest events."""
        journal = self.rehearsal.stage.journal
        width = options.max_width - FRAME_WIDTH
        # The cursor is below it in the end.
        height = console.size.height - FRAME_HEIGHT - 1
        every_line = sum(len(_lines(console, width, entry)) for entry in journal.entries[-LEAST_LINES:])
        for layout, least in (
            (self._spacious, LEAST_LINES),
            (self._dense, LEAST_LINES),
            (self._short, FEWEST_LINES),
            (self._nothing, 0),
        ):
            parts = layout(width)
            inside = options.update(width=width, height=None)
            room = height - sum(len(console.render_lines(part, inside, pad=False)) for part in parts)
            if room >= min(least, every_line):
                break
        yield Panel(
            Group(*parts, *self._newest(console, width, max(room, 1))),
            title=(
                f"Rehearsal of [bold]{self.rehearsal.options.environment}[/]:"
                f" commit {self.rehearsal.stage.source.commit[:7]},"
                f" {self.rehearsal.stage.system.deployment_config.removeprefix('CodeDeployDefault.')}"
            ),
            title_align="left",
            subtitle=f"minute {journal.now():.1f}, each takes {self.rehearsal.options.minute:g} s",
        )

    def _spacious(self, width: int) -> list[RenderableType]:
        parts = self._progress(width)
        return [*parts, Text(), self._target_groups(), Text(), self._alarms(), Text()]

    def _dense(self, width: int) -> list[RenderableType]:
        return [*self._progress(width), self._target_groups(), self._alarms()]

    def _short(self, width: int) -> list[RenderableType]:
        return [*self._progress(width), self._target_groups(), self._alarm_line()]

    def _nothing(self, _width: int) -> list[RenderableType]:
        return []

    def _progress(self, width: int) -> list[RenderableType]:
        spans = self.rehearsal.stage.journal.spans
        return [
            *_spans("Pipeline", [span for span in spans if span.kind == "action"], width),
            *_spans("Deployment", [span for span in spans if span.kind == "event"], width),
        ]

    def _newest(self, console: Console, width: int, room: int) -> list[Text]:
        """What happened last, each entry whole; of one that is too long alone, its beginning."""
        newest: list[Text] = []
        for entry in reversed(self.rehearsal.stage.journal.entries):
            lines = _lines(console, width, entry)
            if len(newest) + len(lines) > room:
                return newest or lines[:room]
            newest = lines + newest
        return newest

    def _target_groups(self) -> Table:
        rehearsal = self.rehearsal
        table = Table(box=None, pad_edge=False)
        for heading in ("Target group", "Traffic", "", "Requests/min", "5xx", "Healthy", "Unhealthy"):
            table.add_column(heading, justify="left" if heading in ("Target group", "") else "right")
        shares = rehearsal.stage.journal.weights[-1][1] if rehearsal.stage.journal.weights else {}
        for arn, colour in rehearsal.stage.system.colours.items():
            share = shares.get(colour, 0)
            recent = rehearsal.stage.journal.recent(colour)
            rate = f"{100 * recent.five_xx / recent.requests:.0f} %" if recent.requests else "-"
            table.add_row(
                Text(f"● {colour}", style=COLOURS[colour]),
                f"{share} %",
                ProgressBar(total=100, completed=share, width=24, complete_style=COLOURS[colour]),
                str(recent.requests),
                Text(rate, style="red" if recent.five_xx else ""),
                str(rehearsal.stage.groups.count(arn, "healthy")),
                str(rehearsal.stage.groups.count(arn, "unhealthy")),
            )
        return table

    def _alarms(self) -> Table:
        table = Table(box=None, pad_edge=False)
        for heading in ("Alarm", "State", "Value"):
            table.add_column(heading, justify="right" if heading == "Value" else "left", no_wrap=True)
        # The first to be shortened where the terminal is narrow.
        table.add_column("Condition")
        for row in self._alarm_rows():
            table.add_row(*row)
        return table

    def _alarm_rows(self) -> Iterator[tuple[RenderableType, ...]]:
        for alarm in self.rehearsal.stage.system.alarms:
            state = self._state(alarm.name)
            readings = self.rehearsal.stage.journal.readings.get(alarm.name, [])
            value = readings[-1].value if readings else None
            shown = "-" if value is None else f"{value:.3g}"
            condition = Text(alarm.condition, style="dim", no_wrap=True, overflow="ellipsis")
            yield alarm.label, Text(state, style=STATES[state]), shown, condition

    def _alarm_line(self) -> Text:
        """Those in ALARM by name, of the others how many there are."""
        states = {alarm.label: self._state(alarm.name) for alarm in self.rehearsal.stage.system.alarms}
        line = Text(f"{'Alarms':<11} ", style="bold", no_wrap=True, overflow="ellipsis")
        for label, state in states.items():
            if state == "ALARM":
                line.append(f"{label} {state}  ", style=f"not bold {STATES[state]}")
        for state, count in Counter(states.values()).items():
            if state != "ALARM":
                line.append(f"{count} {state}  ", style=f"not bold {STATES[state]}")
        return line

    def _state(self, alarm: str) -> str:
        states = self.rehearsal.watch.states if self.rehearsal.watch else {}
        return states.get(alarm, "INSUFFICIENT_DATA")


def _spans(name: str, spans: list[Span], width: int) -> list[Text]:
    """The progress of something, in lines that break only between steps."""
    first = Text(f"{name:<11} ", style="bold")
    if not spans:
        return [first.append("not begun", style="not bold dim")]
    lines: list[list[Text]] = []
    room = 0
    for span in spans:
        mark, style = RESULTS.get(span.result, ("…", "cyan"))
        step = Text.assemble((mark, style), f" {span.name}")
        if step.cell_len > room:
            lines.append([])
            room = width - first.cell_len
        lines[-1].append(step)
        room -= step.cell_len + len(GAP)
    later = Text(" " * first.cell_len)
    return [
        Text.assemble(later if number else first, Text(GAP).join(steps)) for number, steps in enumerate(lines)
    ]
