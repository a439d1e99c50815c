"""`report.svg`: the story of a rehearsal in one picture that stands alone, for a README or a pull request."""

from collections.abc import Mapping
from html import escape
from textwrap import shorten
from typing import Any

from ecs_blue_green.rehearsal import charts, svg
from ecs_blue_green.rehearsal.page import PICTURES, STYLE

MARGIN, HEAD = 16, 74
# So many letters of the reason fit into the width.
REASON = 140
# The style sheet's rules for the whole page, up to its colours, which the pictures need too.
COLOURS_END = "* { box-sizing"


def svg_picture(document: Mapping[str, Any]) -> str:
    """The picture for a rehearsal's document: what it was, how it ended, traffic, alarm, lifecycle events."""
    alarm = charts.main_alarm(document)
    # A deployment moves the traffic, and an alarm sees its errors.
    parts = [
        charts.events(document, ("event", "alarm"), whole=False),
        charts.traffic(document),
        *([charts.alarm(document, alarm)] if alarm else []),
    ]
    y = float(HEAD)
    placed = []
    for part in parts:
        height = _height(part)
        placed.append(part.replace("<svg ", f'<svg y="{y:g}" width="{charts.WIDTH}" height="{height:g}" ', 1))
        y += height + MARGIN
    drawn = [
        svg.element("style", _style()),
        svg.element("rect", width=charts.WIDTH, height=y, class_="paper"),
        *_head(document),
        *placed,
    ]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {charts.WIDTH} {y:g}" role="img"'
        f' aria-label="{escape(_title(document))}">\n{svg.join(drawn)}\n</svg>\n'
    )


def _title(document: Mapping[str, Any]) -> str:
    return f"Rehearsal of a release, {document['result']}: {document['reason']}"


def _head(document: Mapping[str, Any]) -> list[str]:
    settings = document["settings"]
    rate = settings["health_rate"]
    what = [f"HEALTH_RATE={rate}"] if rate else ["a healthy version"]
    what += [] if settings["hooks"] else ["HOOK=off"]
    config = settings["deployment_config"].removeprefix("CodeDeployDefault.")
    if new := document["new_colour"]:
        config += f"; {new} has the new version"
    left = charts.LEFT[charts.WIDTH]
    return [
        svg.text(left, 26, f"{document['result'].capitalize()}: {', '.join(what)}", class_="headline"),
        svg.text(left, 45, config, class_="tick"),
        svg.text(left, 61, shorten(document["reason"], REASON, placeholder=" …"), class_="tick"),
    ]


def _height(picture: str) -> float:
    return float(picture.split('viewBox="', 1)[1].split('"', 1)[0].split()[3])


def _style() -> str:
    sheet = STYLE.read_text()
    colours = sheet[: sheet.index(COLOURS_END)]
    pictures = sheet[sheet.index(PICTURES) + len(PICTURES) :]
    family = "svg { font-family: system-ui, -apple-system, 'Segoe UI', Roboto, Arial, sans-serif; }"
    extra = "svg .paper { fill: var(--paper); } svg .headline { font-size: 17px; font-weight: 650; }"
    return f"\n{colours}{family}\n{extra}\n{pictures}"
