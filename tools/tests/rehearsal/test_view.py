"""The live view, on a terminal of a given size: what is on it while it runs, and what is left of it."""

import asyncio
import contextlib
import io
import re
from types import SimpleNamespace
from typing import Any, cast

import pytest
from rich.console import Console, ConsoleDimensions

from ecs_blue_green.rehearsal import view
from ecs_blue_green.rehearsal.journal import Entry, Journal, Reading
from ecs_blue_green.rehearsal.session import Rehearsal

SMALL, LARGE = (80, 24), (120, 40)
ALARMS = (
    "BlueFiveXxRate",
    "GreenFiveXxRate",
    "BlueTargetGroupUnhealthyHost",
    "GreenTargetGroupUnhealthyHost",
)
ACTIONS = (
    "Source",
    "Verify",
    "ImageBuild",
    "PrepareTaskDefinition",
    "ExecuteTaskDefinition",
    "Render",
    "Deploy",
)
EVENTS = ("Install", "AllowTestTraffic", "AfterAllowTestTraffic", "AllowTraffic", "wait before termination")
LONG = (
    "sample-local-smoke-test: paths (/health (requests 25, latencyMs 14), / (requests 25, latencyMs 8)),"
    " status Succeeded"
)
FRAME = set("╭╮╰╯│")


class Terminal(io.StringIO):
    """What rich writes, as a terminal shows it: lines above the screen are those that scrolled away."""

    def __init__(self, width: int, height: int) -> None:
        super().__init__()
        self.width, self.height = width, height
        self.lines = [""]
        self.row = self.column = 0

    def write(self, text: str) -> int:
        for part in re.findall(r"\x1b\[[?0-9;]*[A-Za-z]|[\r\n]|[^\x1b\r\n]+", text):
            if part == "\r":
                self.column = 0
            elif part == "\n":
                self._to(self.row + 1)
                self.column = 0
            elif part.startswith("\x1b["):
                self._obey(part[2:-1], part[-1])
            else:
                assert self.column + len(part) <= self.width, f"wraps: {part}"
                line = self.lines[self.row].ljust(self.column)
                self.lines[self.row] = line[: self.column] + part + line[self.column + len(part) :]
                self.column += len(part)
        return len(text)

    def _obey(self, number: str, letter: str) -> None:
        top = max(len(self.lines) - self.height, 0)
        if letter == "A":
            # No further up than the screen: what scrolled away is out of reach.
            self.row = max(self.row - int(number or 1), top)
        elif letter == "K":
            self.lines[self.row] = ""
        elif letter == "H":
            self.row, self.column = top, 0
        elif letter == "J":
            self.lines[top:] = [""] * (len(self.lines) - top)
        else:
            assert letter in "hlm", letter

    def _to(self, row: int) -> None:
        self.lines += [""] * (row + 1 - len(self.lines))
        self.row = row

    @property
    def screen(self) -> list[str]:
        return [line.rstrip() for line in self.lines[-self.height :]]


def console(terminal: Terminal) -> Console:
    return Console(
        file=terminal,
        force_terminal=True,
        color_system=None,
        width=terminal.width,
        height=terminal.height,
        legacy_windows=False,
        # Else a terminal that is dumb to those who run the tests would be one here.
        _environ={"TERM": "xterm"},
    )


def rehearsal(entries: int = 0) -> Rehearsal:
    """One that is near its end, with so many entries: each tenth is a long one."""
    journal = Journal(now=lambda: 12.3, is_open=True)
    for name in ACTIONS:
        journal.finish(journal.begin("action", name), "Succeeded")
    for name in EVENTS:
        journal.finish(journal.begin("event", name), "Succeeded")
    journal.set_weights({"blue": 0, "green": 100})
    for number in range(1, entries + 1):
        journal.note("note", LONG if number % 10 == 0 else f"step {number} of {entries}")
    for alarm in ALARMS:
        journal.readings[alarm].append(Reading(1, 0.0, "OK"))
    stage = SimpleNamespace(
        journal=journal,
        source=SimpleNamespace(commit="3077d13" * 5),
        system=SimpleNamespace(
            deployment_config="CodeDeployDefault.ECSCanary10Percent5Minutes",
            colours={"arn:blue": "blue", "arn:green": "green"},
            alarms=[
                SimpleNamespace(
                    name=alarm, label=f"{alarm}Alarm", condition="≥ 20 in 2 of 3 periods of 1 min"
                )
                for alarm in ALARMS
            ],
        ),
        groups=SimpleNamespace(count=lambda _arn, state: int(state == "healthy")),
    )
    return cast(
        Rehearsal,
        SimpleNamespace(
            stage=stage,
            options=SimpleNamespace(environment="local", minute=1.0),
            watch=SimpleNamespace(states=dict.fromkeys(ALARMS, "OK")),
        ),
    )


def rendered(found: Rehearsal, size: tuple[int, int]) -> list[str]:
    """The lines of the view, without its frame."""
    terminal = Terminal(*size)
    console(terminal).print(view.View(found))
    lines = [line.rstrip() for line in terminal.lines if line]
    assert len(lines) < size[1], "there is no line left for the cursor"
    return [line.strip("│").strip() for line in lines[1:-1]]


@pytest.mark.parametrize("size", [SMALL, LARGE, (80, 15), (60, 24), (200, 60)])
@pytest.mark.parametrize("entries", [0, 1, 9, 10, 100])
def test_what_happened_last_is_there_last_and_whole(size: tuple[int, int], entries: int) -> None:
    found = rehearsal(entries)
    lines = rendered(found, size)
    words = " ".join(" ".join(lines).split())
    for entry in found.stage.journal.entries[-3:]:
        assert entry.text in words
    if entries:
        assert words.endswith(found.stage.journal.entries[-1].text)
    # As many as there is room for, and none in part.
    shown = [line for line in lines if " min  " in line]
    assert (
        len(shown) == len([entry for entry in found.stage.journal.entries if entry.text in words])
        or entries == 100
    )
    assert len(shown) >= min(entries, 3)


@pytest.mark.parametrize("size", [SMALL, LARGE])
def test_the_rest_is_whole_too(size: tuple[int, int]) -> None:
    """Every alarm in one line with name, state and value; a step is never torn from its mark."""
    lines = rendered(rehearsal(100), size)
    for alarm in ALARMS:
        assert any(re.match(rf"{alarm}Alarm +OK +0 +≥ 20 in", line) for line in lines), lines
    text = "\n".join(lines)
    for step in (*ACTIONS, *EVENTS):
        assert f"✓ {step}" in text
    assert re.search(r"● green +100 %", text)


def test_alarms_become_one_line_where_there_is_little_room() -> None:
    found = rehearsal(9)
    cast(Any, found.watch).states["BlueFiveXxRate"] = "ALARM"
    (line,) = (line for line in rendered(found, (80, 15)) if line.startswith("Alarms"))
    assert line == "Alarms      BlueFiveXxRateAlarm ALARM  3 OK"


def test_an_entry_longer_than_the_terminal_does_not_break_it() -> None:
    found = rehearsal()
    found.stage.journal.entries.append(Entry(1.0, "note", "x" * 5000))
    assert rendered(found, (40, 8))


@pytest.mark.parametrize(("name", "drawn"), [("xterm", True), ("dumb", False)])
def test_on_a_dumb_terminal_lines_are_printed(name: str, drawn: bool) -> None:
    assert view.is_drawn(Console(file=io.StringIO(), force_terminal=True, _environ={"TERM": name})) is drawn
    assert not view.is_drawn(Console(file=io.StringIO(), _environ={"TERM": name}))


async def watched(found: Rehearsal, shown: Console, entries: int) -> None:
    """Show it while things happen, and end."""
    task = asyncio.create_task(view.show(found, shown))
    for number in range(entries):
        await asyncio.sleep(0)
        found.stage.journal.note("note", f"{number}: {LONG}")
        await asyncio.sleep(view.REFRESH_SECONDS)
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


@pytest.mark.parametrize("size", [SMALL, LARGE, (40, 8)])
def test_nothing_of_it_is_left(size: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(view, "REFRESH_SECONDS", 0.001)
    terminal = Terminal(*size)
    shown = console(terminal)
    for number in range(size[1] + 3):
        shown.print(f"before {number}")
    asyncio.run(watched(rehearsal(), shown, 30))
    shown.print("after")
    assert [line for line in terminal.lines if line] == [
        *(f"before {number}" for number in range(size[1] + 3)),
        "after",
    ]


def test_a_terminal_of_another_size_begins_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its lines are wrapped anew, so nobody knows where those of the view are."""
    monkeypatch.setattr(view, "REFRESH_SECONDS", 0.001)
    terminal = Terminal(*LARGE)
    shown = console(terminal)

    async def resized() -> None:
        found = rehearsal(9)
        first = asyncio.create_task(watched(found, shown, 20))
        await asyncio.sleep(0.01)
        terminal.width, terminal.height = SMALL
        shown.size = ConsoleDimensions(*SMALL)
        await first

    asyncio.run(resized())
    assert not FRAME & set("".join(terminal.screen))
