"""The timeline in the terminal, after a rehearsal: what happened when, how it ended, what to know from it."""

import math
from collections.abc import Iterator, Mapping
from typing import Any

from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from ecs_blue_green.rehearsal.view import line

WIDTH = 48
BARS = "·▁▂▃▄▅▆▇█"
MARKS = {"blue": "dodger_blue2", "green": "green3"}
RESULT_STYLES = {"released": "bold green", "rolled back": "bold red", "failed": "bold red"}


def show(document: Mapping[str, Any], console: Console, *, entries: bool) -> None:
    """Print the timeline of a rehearsal's document; without its entries where they were printed before."""
    if entries:
        for entry in document["entries"]:
            console.print(
                line(entry["minute"], entry["text"], bad=entry["bad"]), soft_wrap=not console.is_terminal
            )
    for part in summary(document):
        console.print(part, soft_wrap=not console.is_terminal)


def summary(document: Mapping[str, Any]) -> Iterator[RenderableType]:
    """What is shown below the entries."""
    yield Text()
    yield from _traffic(document)
    yield Text()
    yield _requests(document)
    yield Text()
    yield Text(document["result"].upper(), style=RESULT_STYLES[document["result"]]).append(
        f": {document['reason']}", style="default not bold"
    )
    for finding in document["findings"]:
        yield Text("! ", style="bold yellow").append(finding, style="default not bold")
    settings = document["settings"]
    yield Text(
        f"{document['minutes']:.0f} minutes rehearsed in {document['seconds']:.0f} s"
        f" (a minute takes {settings['seconds_a_minute']:g} s),"
        f" {document['memory_megabytes']} MiB of memory at most",
        style="dim",
    )


def _traffic(document: Mapping[str, Any]) -> Iterator[Text]:
    """One bar per target group: the darker, the more of the traffic it has."""
    end = max(document["minutes"], 1e-9)
    for colour, style in MARKS.items():
        bar = Text(f"{colour:<6}", style=style)
        for place in range(WIDTH):
            share = _share(document["weights"], colour, place * end / WIDTH)
            bar.append(BARS[math.ceil(share * (len(BARS) - 1) / 100)], style=style)
        yield bar
    yield Text(f"{'':<6}0{f'{end:.0f} min':>{WIDTH - 1}}", style="dim")


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
            Text(who, style=MARKS.get(who, "")),
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
