"""The timeline in the terminal, after a rehearsal: what happened when, how it ended, and the findings."""

import math
from collections.abc import Iterator, Mapping
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from ecs_blue_green.rehearsal.charts import called
from ecs_blue_green.rehearsal.view import entry_texts, hanging

WIDTH = 48
# The longest name of a target group, with a blank behind it.
NAME = len("green (new) ")
BARS = "·▁▂▃▄▅▆▇█"
MARKS = {"blue": "dodger_blue2", "green": "green3"}
RESULT_STYLES = {"released": "bold green", "rolled back": "bold red", "failed": "bold red"}


def show(document: Mapping[str, Any], console: Console, *, entries: bool) -> None:
    """Print the timeline of a rehearsal's document; without its entries where they were printed before."""
    if entries:
        for entry in document["entries"]:
            _print(console, *entry_texts(entry["minute"], entry["text"], bad=entry["bad"]))
    for part in (Text(), *_traffic(document), Text(), _requests(document), Text()):
        console.print(part, soft_wrap=not console.is_terminal)
    result = Text(f"{document['result'].upper()}: ", style=RESULT_STYLES[document["result"]])
    _print(console, result, Text(document["reason"], style="default not bold"))
    for finding in document["findings"]:
        _print(console, Text("! ", style="bold yellow"), Text(finding, style="default not bold"))
    settings = document["settings"]
    memory = (
        f"{document['minutes']:.0f} minutes rehearsed in {document['seconds']:.0f} s"
        f" (a minute takes {settings['seconds_a_minute']:g} s),"
        f" {document['memory_megabytes']} MiB of memory at most"
    )
    _print(console, Text(), Text(memory, style="dim"))


def _print(console: Console, first: Text, text: Text) -> None:
    """A line; on a terminal, lines of its width."""
    lines = hanging(console, console.width, first, text) if console.is_terminal else [first.append_text(text)]
    for line in lines:
        console.print(line, soft_wrap=not console.is_terminal)


def _traffic(document: Mapping[str, Any]) -> Iterator[Text]:
    """One bar per target group: the darker, the more of the traffic it has."""
    end = max(document["minutes"], 1e-9)
    for colour, style in MARKS.items():
        bar = Text(f"{called(document, colour):<{NAME}}", style=style)
        for place in range(WIDTH):
            share = _share(document["weights"], colour, place * end / WIDTH)
            bar.append(BARS[math.ceil(share * (len(BARS) - 1) / 100)], style=style)
        yield bar
    yield Text(f"{'':<{NAME}}0{f'{end:.0f} min':>{WIDTH - 1}}", style="dim")


def _share(weights: list[Mapping[str, Any]], colour: str, minute: float) -> float:
    share = 0.0
    for entry in weights:
        if entry["minute"] <= minute or entry is weights[0]:
            share = entry.get(colour, 0)
    return share


def _requests(document: Mapping[str, Any]) -> Table:
    tally = document["requests"]
    table = Table(box=None, pad_edge=False)
    for heading in ("Answered by", "Requests", "5xx", "Rate"):
        table.add_column(heading, justify="left" if heading == "Answered by" else "right")
    for who, (answers, five_xx) in sorted(tally.get("by", {}).items()):
        table.add_row(
            Text(called(document, who), style=MARKS.get(who, "")),
            str(answers),
            str(five_xx),
            f"{100 * five_xx / answers:.1f} %",
        )
    for path, by in tally.get("by_path", {}).items():
        for who, (answers, five_xx) in sorted(by.items()):
            rate = f"{100 * five_xx / answers:.1f} %"
            table.add_row(Text(f"  {who}, {path}", style="dim"), str(answers), str(five_xx), rate)
    table.add_row(
        f"lost {tally.get('lost', 0)}, answered by a stopped task {tally.get('by_stopped', 0)}", "", "", ""
    )
    return table
