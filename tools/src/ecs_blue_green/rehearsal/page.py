"""`report.html`: one page without anything from outside, for light and dark, readable without scripts."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from ecs_blue_green.rehearsal import charts

STYLE = Path(__file__).with_name("page.css")
# From here on the style sheet is for the pictures, which also stand alone.
PICTURES = "/*PICTURES*/"

Document = Mapping[str, Any]


def html_page(document: Document) -> str:
    """The page for a rehearsal's document."""
    title = f"Rehearsal of a release: {document['environment']}, {document['result']}"
    return "\n".join(
        [
            "<!doctype html>",
            '<html lang="en">',
            "<head>",
            '<meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{escape(title)}</title>",
            f"<style>\n{STYLE.read_text()}</style>",
            "</head>",
            "<body>",
            *_head(document),
            *_pictures(document),
            *_alarms(document),
            *_timeline(document),
            *_settings(document),
            "<footer>Made by <code>make rehearse</code>. The application, the load balancer and the requests"
            " were real; AWS was not: <code>docs/rehearsal.md</code> says what is simulated and what is left"
            " out.</footer>",
            "</body>",
            "</html>",
            "",
        ]
    )


def _head(document: Document) -> Iterator[str]:
    settings = document["settings"]
    yield f"<h1>Rehearsal of a release: {escape(document['environment'])}</h1>"
    yield (
        f"<p class='soft'>Commit <code>{escape(document['commit'][:7])}</code>,"
        f" {escape(settings['deployment_config'])} ({escape(settings['routing'])}),"
        f" {settings['termination_wait_minutes']:g} minutes before the old tasks go</p>"
    )
    result = document["result"]
    yield (
        f"<p class='reason'><span class='result {escape(result.replace(' ', '-'))}'>{escape(result)}</span>"
        f"{escape(document['reason'])}</p>"
    )
    if new := document["new_colour"]:
        before = next(colour for colour in charts.COLOURS if colour != new)
        yield (
            f"<p>{_key(new)}<b>{new}</b> has the new version,"
            f" {_key(before)}<b>{before}</b> the one before it.</p>"
        )
    if document["findings"]:
        items = "".join(f"<li>{escape(finding)}</li>" for finding in document["findings"])
        yield f"<ul class='findings'>{items}</ul>"
    numbers = "".join(
        f"<div{' class=bad' if bad else ''}><b>{escape(value)}</b><span>{escape(what)}</span></div>"
        for value, what, bad in _numbers(document)
    )
    yield f"<div class='numbers'>{numbers}</div>"


def _numbers(document: Document) -> Iterator[tuple[str, str, bool]]:
    """The numbers that a person asks for first: the value, what it is, whether it is bad."""
    requests = document["requests"]
    answered = requests.get("answered", 0)
    yield f"{requests.get('sent', 0):,}", "requests by users", False
    share = 100 * requests.get("five_xx", 0) / answered if answered else 0
    yield f"{share:.1f} %", "of them answered with 5xx", requests.get("five_xx", 0) > 0
    yield str(requests.get("lost", 0)), "had no answer", requests.get("lost", 0) > 0
    yield (
        str(requests.get("by_stopped", 0)),
        "answered by a stopped task",
        requests.get("by_stopped", 0) > 0,
    )
    new = document["new_colour"]
    moved = max((entry.get(new, 0) for entry in document["weights"]), default=0)
    where = f"{new}, the new version" if new else "a new version"
    yield f"{moved} %", f"of the traffic reached {where}", False
    by_new, failed = requests.get("by", {}).get(new, [0, 0])
    rate = f"{100 * failed / by_new:.0f} %" if by_new else "none"
    yield rate, f"5xx among its {by_new:,} answers to users", failed > 0


def _key(colour: str) -> str:
    return f"<span class='key' style='background:var(--{colour})'></span>"


def _pictures(document: Document) -> Iterator[str]:
    """What led to what: the pipeline deploys, the deployment moves the traffic, an alarm sees its errors."""
    yield "<h2>Pipeline</h2>"
    yield _figure(
        lambda width: charts.events(document, ("action",), width, whole=True),
        "Build steps take as long as they do on this machine; only AWS's waits are shortened.",
    )
    if any(span["kind"] == "event" for span in document["spans"]):
        yield "<h2>Deployment</h2>"
        yield _figure(
            lambda width: charts.events(document, ("event", "alarm"), width, whole=False),
            "Lifecycle events, and alarms in ALARM.",
        )
    yield "<h2>Traffic</h2>"
    colours = "".join(f"{_key(colour)}{charts.called(document, colour)} " for colour in charts.COLOURS)
    yield _figure(
        lambda width: charts.traffic(document, width),
        f"{colours}{_key('red')}answered with 5xx. Dotted lines: CodeDeploy changed the listener.",
    )
    if alarm := charts.main_alarm(document):
        yield "<h2>Alarm</h2>"
        watched = _watched(document, alarm)
        caption = (
            f"{alarm['label']} watches {watched}: in ALARM when {alarm['condition']}. One value a minute."
        )
        yield _figure(lambda width: charts.alarm(document, alarm, width), escape(caption))


def _figure(draw: Callable[[int], str], caption: str) -> str:
    """A picture, and the same for a narrow window: one of the two is shown."""
    wide, narrow = draw(charts.WIDTH), draw(charts.NARROW)
    return (
        f"<figure><div class='wide'>{wide}</div><div class='narrow'>{narrow}</div>"
        f"<figcaption>{caption}</figcaption></figure>"
    )


def _watched(document: Document, alarm: Mapping[str, Any]) -> str:
    return ", ".join(charts.called(document, colour) for colour in alarm["colours"]) or "the load balancer"


def _alarms(document: Document) -> Iterator[str]:
    yield "<h2>Alarms of the deployment group</h2>"
    if not document["settings"]["watches_alarms"]:
        yield "<p>The deployment group watches no alarm.</p>"
    yield _table(
        ("Alarm", "Watches", "In ALARM when", "-Highest value", "Went off"),
        [
            (
                alarm["label"],
                _watched(document, alarm),
                alarm["condition"],
                _highest(alarm["readings"]),
                "yes" if any(reading["state"] == "ALARM" for reading in alarm["readings"]) else "no",
            )
            for alarm in document["alarms"]
        ],
    )


def _highest(readings: Sequence[Mapping[str, Any]]) -> str:
    values = [reading["value"] for reading in readings if reading["value"] is not None]
    return f"{max(values):.3g}" if values else "no data"


def _timeline(document: Document) -> Iterator[str]:
    yield "<h2>Timeline</h2>"
    rows = "".join(
        f"<tr{' class=bad' if entry['bad'] else ''}><td class='number'>{entry['minute']:.2f}</td>"
        f"<td>{escape(entry['text'])}</td></tr>"
        for entry in document["entries"]
    )
    yield f"<table><tr><th class='number'>Minute</th><th>What happened</th></tr>{rows}</table>"


def _settings(document: Document) -> Iterator[str]:
    settings, requests = document["settings"], document["requests"]
    facts = {
        "Health rate": settings["health_rate"] or "as committed",
        "Hooks": "as in the AppSpec" if settings["hooks"] else "left out (--no-hook)",
        "Tasks": f"{settings['tasks']} in each task set",
        "Load": f"{settings['requests_a_minute']:g} requests a minute",
        "Slowest answer": f"{1000 * requests.get('slowest', 0):.0f} ms",
        "Pace": f"a minute takes {settings['seconds_a_minute']:g} s",
        "Took": f"{document['seconds']:.0f} s, {document['memory_megabytes']} MiB of memory at most",
        "Files left out": f"{document['uncommitted_files']} uncommitted",
    }
    items = "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in facts.items())
    yield f"<h2>How it was rehearsed</h2><dl>{items}</dl>"


def _table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table; a heading that begins with - is over numbers."""
    classes = [" class='number'" if heading.startswith("-") else "" for heading in headings]
    head = "".join(
        f"<th{kind}>{escape(heading.lstrip('-'))}</th>"
        for heading, kind in zip(headings, classes, strict=True)
    )
    body = "".join(
        "<tr>"
        + "".join(
            f"<td{kind} data-heading='{escape(heading.lstrip('-'))}'>{escape(cell)}</td>"
            for heading, cell, kind in zip(headings, row, classes, strict=True)
        )
        + "</tr>"
        for row in rows
    )
    return f"<table class='stacks'><tr>{head}</tr>{body}</table>"
