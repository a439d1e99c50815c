"""The pictures of a rehearsal, drawn from its document: traffic, an alarm and its threshold, what ran when.

Colours are classes, so that one style sheet serves light and dark (`page.css`).
"""

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

from ecs_blue_green.rehearsal import svg
from ecs_blue_green.rehearsal.svg import Plot

Document = Mapping[str, Any]

# A picture is drawn for a page, and for a narrow one again: its words stay as large as they are.
WIDTH, NARROW = 960, 384
LEFT, RIGHT = {WIDTH: 64, NARROW: 36}, {WIDTH: 24, NARROW: 18}
TICKS = {WIDTH: 12, NARROW: 5}
HEIGHT, AXIS = 190, 26
# Of a row with its name beside the bar, and of one with the name above it.
ROW, BAR = {WIDTH: 22, NARROW: 34}, 13
# A character of a row's name is about this wide.
CHARACTER = 6.4
# Requests are shown in halves of a minute: what is shorter is chance.
STEP_MINUTES = 0.5
# What is shown before the deployment begins.
BEFORE_MINUTES = 2.0
COLOURS = ("blue", "green")
FAILED = "failed"
# An area in which its name has room is so high, and so long for each character.
NAMED_HEIGHT = 18.0
MARK_LINE = 14.0


def window(document: Document) -> tuple[float, float]:
    """The minutes of the deployment, with a little before it; all of them where there was none."""
    starts = [span["start"] for span in document["spans"] if span["kind"] == "event"]
    return (max(0.0, min(starts) - BEFORE_MINUTES) if starts else 0.0), document["minutes"]


def called(document: Document, colour: str) -> str:
    """A target group by its colour, with a word for the one that has the new version."""
    return f"{colour} (new)" if colour == document["new_colour"] else colour


def traffic(document: Document, width: int = WIDTH) -> str:
    """Requests a minute by who answered them, stacked, 5xx on top; with the changes of the weights."""
    start, end = window(document)
    first, last = int(start / STEP_MINUTES), int(end / STEP_MINUTES)
    edges = [number * STEP_MINUTES for number in range(first, last + 1)]
    answered = {colour: _rates(document, colour, edges, failed=False) for colour in COLOURS}
    failed = [_rates(document, who, edges, failed=True) for who in (*COLOURS, "load balancer")]
    layers = {**answered, FAILED: [sum(values) for values in zip(*failed, strict=True)]}
    totals = [sum(values) for values in zip(*layers.values(), strict=True)]
    plot = _plot(width, 30, HEIGHT, start, end, svg.nice(max([1.0, *totals]) * 1.08))
    drawn = [_frame(plot, "requests a minute", TICKS[width])]
    names = []
    lower = [0.0] * len(totals)
    for who, values in layers.items():
        upper = [low + value for low, value in zip(lower, values, strict=True)]
        if any(values):
            path = "".join(
                svg.area(plot, lower[first:last], upper[first:last], edges[first : last + 1])
                for first, last in _where(values, 0)
            )
            drawn.append(svg.element("path", d=path, class_=f"area {who}"))
            name = "5xx" if who == FAILED else called(document, who)
            names += _name_of_area(plot, name, lower, upper, edges)
        lower = upper
    drawn += [*_weight_marks(document, plot), *names]
    return _picture(drawn, width, plot.bottom + AXIS, "Requests a minute by target group")


def alarm(document: Document, record: Mapping[str, Any], width: int = WIDTH) -> str:
    """An alarm's value in each minute against its threshold; shaded while it was in ALARM."""
    start, end = window(document)
    readings = record["readings"]
    values = [reading["value"] for reading in readings if reading["value"] is not None]
    most = svg.nice(max([record["threshold"], *values]) * 1.15)
    plot = _plot(width, 30, HEIGHT, start, end, most)
    drawn = [_frame(plot, record["label"], TICKS[width])]
    for first, last in _alarm_times(readings, end):
        if last > start:
            x = plot.x(first)
            long = plot.x(last) - x
            drawn.append(
                svg.element("rect", x=x, y=plot.top, width=long, height=plot.height, class_="in-alarm")
            )
            # Where the picture ends, in front of its end.
            place, anchor = (x + 5, "start") if x + 50 < plot.right else (plot.right - 2, "end")
            drawn.append(svg.text(place, plot.top + 14, "ALARM", text_anchor=anchor, class_="alarm-word"))
    y = plot.y(record["threshold"])
    drawn.append(svg.element("line", x1=plot.left, x2=plot.right, y1=y, y2=y, class_="threshold"))
    words = f"threshold {record['threshold']:g}"
    drawn.append(svg.text(plot.right - 4, y - 5, words, text_anchor="end", class_="threshold-word"))
    colour = (record["colours"] or ["balancer"])[0]
    points = [(reading["minute"], reading["value"]) for reading in readings]
    for run in _runs(points):
        path = svg.steps(plot, [point for point in run if point[0] + 1 > start], run[-1][0] + 1)
        drawn.append(svg.element("path", d=path, class_=f"line {colour}"))
    for minute, value in points:
        if value is not None and start <= minute + 0.5 <= end:
            drawn.append(
                svg.element(
                    "circle",
                    svg.tip(f"minute {minute}: {value:.3g}"),
                    cx=plot.x(minute + 0.5),
                    cy=plot.y(value),
                    r=3,
                    class_=f"dot {colour}",
                )
            )
    return _picture(drawn, width, plot.bottom + AXIS, f"{record['label']} against its threshold")


def events(document: Document, kinds: Sequence[str], width: int = WIDTH, *, whole: bool) -> str:
    """What ran when, a bar each: spans of these kinds, over the whole rehearsal or the deployment only."""
    spans = [span for span in document["spans"] if span["kind"] in kinds]
    start, end = (0.0, document["minutes"]) if whole else window(document)
    row = ROW[width]
    plot = _plot(width, 8, max(1, len(spans)) * row + 6, start, end, 1)
    drawn = [_time_axis(plot, TICKS[width])]
    for number, span in enumerate(spans):
        # The bar is at the foot of its row.
        top = plot.top + 4 + number * row + row - ROW[WIDTH]
        stop = span["end"] if span["end"] is not None else document["minutes"]
        result = span["result"] or "still running"
        x = plot.x(span["start"])
        long = max(3.0, plot.x(stop) - x)
        kind = "alarm" if span["kind"] == "alarm" else result.lower().replace(" ", "-")
        words = f"{span['name']}: minute {span['start']:.1f} to {stop:.1f}, {result}"
        drawn.append(
            svg.element(
                "rect", svg.tip(words), x=x, y=top, width=long, height=BAR, rx=3, class_=f"bar {kind}"
            )
        )
        # A colour alone says nothing to many.
        name = span["name"] if kind == "succeeded" else f"{span['name']}: {_end_of(span)}"
        needed = CHARACTER * len(name)
        if width == NARROW:
            anchor, place = ("start", x) if x + needed < width else ("end", plot.right)
            drawn.append(svg.text(place, top - 5, name, text_anchor=anchor, class_="row"))
            continue
        # Behind its bar, where that is not too far to the right.
        anchor, place = ("start", x + long + 7) if x + long + 8 + needed < width else ("end", x - 7)
        drawn.append(svg.text(place, top + BAR - 2, name, text_anchor=anchor, class_="row"))
    return _picture(drawn, width, plot.bottom + AXIS, "What ran when")


def main_alarm(document: Document) -> Mapping[str, Any] | None:
    """The alarm to show: the first that went off, else the one that had most to say about the new version."""
    alarms: Sequence[Mapping[str, Any]] = document["alarms"]
    for span in document["spans"]:
        if span["kind"] == "alarm":
            return next((record for record in alarms if record["label"] == span["name"]), None)
    new = document["new_colour"]
    rates = [record for record in alarms if new in record["colours"] and "Rate" in record["label"]]
    return rates[0] if rates else (alarms[0] if alarms else None)


def _plot(width: int, top: float, height: float, start: float, end: float, most: float) -> Plot:
    return Plot(LEFT[width], top, width - LEFT[width] - RIGHT[width], height, start, end, most)


def _end_of(span: Mapping[str, Any]) -> str:
    """How something ended that is not simply done, in words beside its bar."""
    if span["kind"] == "alarm":
        return "in ALARM"
    return str(span["result"] or "still running").lower()


def _where(values: Sequence[float], least: float) -> list[tuple[int, int]]:
    """The stretches in which values are above this: the first, and the one behind the last."""
    stretches: list[tuple[int, int]] = []
    for number, value in enumerate(values):
        if value <= least:
            continue
        if stretches and stretches[-1][1] == number:
            stretches[-1] = (stretches[-1][0], number + 1)
        else:
            stretches.append((number, number + 1))
    return stretches


def _name_of_area(
    plot: Plot, name: str, lower: Sequence[float], upper: Sequence[float], edges: Sequence[float]
) -> list[str]:
    """The name in the longest part of an area where it has room, or none."""
    heights = [plot.y(low) - plot.y(high) for low, high in zip(lower, upper, strict=True)]
    first, last = max(_where(heights, NAMED_HEIGHT), key=lambda part: part[1] - part[0], default=(0, 0))
    left, right = plot.x(edges[first]), plot.x(edges[last])
    if right - left < CHARACTER * len(name):
        return []
    middle = (first + last) // 2
    x = (left + right) / 2
    y = (plot.y(lower[middle]) + plot.y(upper[middle])) / 2 + 4
    return [svg.text(x, y, name, text_anchor="middle", class_="area-name")]


def _rates(document: Document, who: str, edges: Sequence[float], *, failed: bool) -> list[float]:
    """Requests a minute, 5xx or the others, in each of the intervals between `edges`."""
    per_minute = document["bins_a_minute"]
    known = {item["bin"]: item for item in document["counts"].get(who, [])}
    rates = []
    for start, end in itertools.pairwise(edges):
        bins = [
            known[number]
            for number in range(int(start * per_minute), int(end * per_minute))
            if number in known
        ]
        count = sum(item["five_xx"] if failed else item["requests"] - item["five_xx"] for item in bins)
        rates.append(count / (end - start))
    return rates


def _frame(plot: Plot, title: str, ticks: int) -> str:
    lines = [svg.text(plot.left, plot.top - 12, title, class_="title")]
    for share in (0, 0.5, 1):
        value = plot.most * share
        y = plot.y(value)
        lines.append(svg.element("line", x1=plot.left, x2=plot.right, y1=y, y2=y, class_="grid"))
        lines.append(svg.text(plot.left - 8, y + 4, f"{value:g}", text_anchor="end", class_="tick"))
    return svg.join([*lines, _time_axis(plot, ticks)])


def _time_axis(plot: Plot, ticks: int) -> str:
    lines = []
    for minute in svg.minute_ticks(plot.start, plot.end, ticks):
        x = plot.x(minute)
        lines.append(svg.element("line", x1=x, x2=x, y1=plot.top, y2=plot.bottom, class_="grid"))
        lines.append(svg.text(x, plot.bottom + 16, f"{minute} min", text_anchor="middle", class_="tick"))
    return svg.join(lines)


def _weight_marks(document: Document, plot: Plot) -> list[str]:
    """A line where the weights changed, with the share of the target group that the change is about."""
    marks = []
    new = document["new_colour"]
    # Where the words of each line end: those that would meet are in lines of their own.
    ends: list[float] = []
    for place, weights in enumerate(document["weights"]):
        if place == 0 or weights["minute"] < plot.start:
            continue
        x = plot.x(weights["minute"])
        words = f"{weights.get(new, 0)} % {new}"
        near_end = x + 5 + CHARACTER * len(words) > plot.right
        anchor, shift = ("end", -5) if near_end else ("start", 5)
        left = x - near_end * CHARACTER * len(words)
        free = (number for number, end in enumerate(ends) if end < left)
        line = next(free, len(ends))
        ends[line : line + 1] = [left + CHARACTER * len(words) + 8]
        y = plot.top + 12 + MARK_LINE * line
        marks.append(svg.element("line", x1=x, x2=x, y1=plot.top, y2=plot.bottom, class_="mark"))
        marks.append(svg.text(x + shift, y, words, text_anchor=anchor, class_="mark-word"))
    return marks


def _alarm_times(readings: Sequence[Mapping[str, Any]], end: float) -> list[tuple[float, float]]:
    """The minutes in which an alarm was in ALARM: from the evaluation at a minute's end to the next one."""
    times: list[tuple[float, float]] = []
    for reading in readings:
        if reading["state"] != "ALARM":
            continue
        first, last = reading["minute"] + 1.0, min(reading["minute"] + 2.0, end)
        if times and times[-1][1] >= first:
            times[-1] = (times[-1][0], last)
        else:
            times.append((first, last))
    return times


def _runs(points: Sequence[tuple[float, float | None]]) -> list[list[tuple[float, float]]]:
    """The points without gaps between them: a missing value is no line."""
    runs: list[list[tuple[float, float]]] = []
    before = None
    for minute, value in points:
        if value is not None:
            if before is None or minute != before + 1:
                runs.append([])
            runs[-1].append((minute, value))
            before = minute
    return runs


def _picture(parts: Sequence[str], width: int, height: float, title: str) -> str:
    return svg.element(
        "svg",
        svg.join([svg.tip(title), *parts]),
        viewBox=f"0 0 {width} {height:g}",
        role="img",
        aria_label=title,
    )
