"""Just enough SVG for the pictures of a rehearsal: elements, paths, and a time axis. Pure functions."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape


@dataclass(frozen=True)
class Plot:
    """An area to draw in: its place in the picture, and the range of minutes and values that it shows."""

    left: float
    top: float
    width: float
    height: float
    start: float
    end: float
    most: float

    @property
    def bottom(self) -> float:
        """The y of the value 0."""
        return self.top + self.height

    @property
    def right(self) -> float:
        """The x of the last minute."""
        return self.left + self.width

    def x(self, minute: float) -> float:
        """Where a minute is; minutes outside of the range are on its edges."""
        inside = min(max(minute, self.start), self.end)
        return self.left + self.width * (inside - self.start) / (self.end - self.start)

    def y(self, value: float) -> float:
        """Where a value is."""
        return self.bottom - self.height * min(value, self.most) / self.most


def element(tag: str, content: str = "", **attributes: object) -> str:
    """An element; `class_` and `text_anchor` are written class and text-anchor. `content` is markup."""
    names = ((name.rstrip("_").replace("_", "-"), value) for name, value in attributes.items())
    written = "".join(f' {name}="{_shown(value)}"' for name, value in names)
    return f"<{tag}{written}>{content}</{tag}>" if content else f"<{tag}{written}/>"


def text(x: float, y: float, words: str, **attributes: object) -> str:
    """Words at a place."""
    return element("text", escape(words), x=x, y=y, **attributes)


def tip(words: str) -> str:
    """What is shown when one points at the element that it is put into."""
    return element("title", escape(words))


def steps(plot: Plot, points: Sequence[tuple[float, float]], until: float) -> str:
    """The path of a line in steps: a value holds until the next point, the last one until `until`."""
    if not points:
        return ""
    path = f"M{_shown(plot.x(points[0][0]))},{_shown(plot.y(points[0][1]))}"
    for minute, value in points[1:]:
        path += f"H{_shown(plot.x(minute))}V{_shown(plot.y(value))}"
    return path + f"H{_shown(plot.x(until))}"


def area(plot: Plot, lower: Sequence[float], upper: Sequence[float], edges: Sequence[float]) -> str:
    """The path of an area in steps between two stacked values for each of the intervals between `edges`."""
    top = "".join(
        f"L{_shown(plot.x(edge))},{_shown(plot.y(value))}"
        for value, start, end in zip(upper, edges, edges[1:], strict=False)
        for edge in (start, end)
    )
    back = "".join(
        f"L{_shown(plot.x(edge))},{_shown(plot.y(value))}"
        for value, start, end in reversed(list(zip(lower, edges, edges[1:], strict=False)))
        for edge in (end, start)
    )
    return "M" + top[1:] + back + "Z"


def minute_ticks(start: float, end: float, most: int = 12) -> list[int]:
    """Whole minutes for an axis, evenly apart, at most about `most` of them."""
    step = next((step for step in (1, 2, 5, 10, 20, 30, 60, 120) if (end - start) / step <= most), 240)
    first = -(-int(start) // step) * step if start >= 0 else 0
    return [minute for minute in range(first, int(end) + 1, step) if start <= minute <= end]


def nice(value: float) -> float:
    """A round number that is not below `value`, for the end of an axis."""
    for magnitude in (1, 10, 100, 1000, 10_000, 100_000):
        for factor in (1, 1.5, 2, 2.5, 3, 4, 5, 7.5):
            if factor * magnitude >= value:
                return factor * magnitude
    return value


def join(parts: Iterable[str]) -> str:
    """Parts of a picture, one a line."""
    return "\n".join(part for part in parts if part)


def _shown(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.2f}".rstrip("0").rstrip(".")
    return escape(str(value))
