"""The growth as a picture: seconds a layer over the number of layers, a panel for each shape."""

import math
from collections.abc import Sequence
from itertools import pairwise

from benchmarks.deploy.growth import Series
from benchmarks.deploy.sets import SHAPES
from ecs_blue_green.rehearsal import svg

WIDTH, HEIGHT = 960, 380
LEFT, TOP, BOTTOM, GAP = 64.0, 84.0, 316.0, 28.0
PANEL = (WIDTH - LEFT - 20 - GAP * (len(SHAPES) - 1)) / len(SHAPES)
TITLES = {
    "chain": "chain: each layer imports from the one before",
    "fan": "fan: all import from the first",
    "independent": "independent: none imports",
}
TITLE = "Creating sets of small layers: seconds a layer, over the number of layers"

STYLE = """
:root { color-scheme: light dark; --paper: #ffffff; --ink: #1c2330; --soft: #5b6675; --edge: #dfe4ea;
  --first: #2b6cd4; --second: #c2570c; --third: #6b7686; }
@media (prefers-color-scheme: dark) {
  :root { --paper: #0f141b; --ink: #e4e9f0; --soft: #98a4b3; --edge: #2a323d;
    --first: #6ba3ff; --second: #f0904a; --third: #98a4b3; }
}
svg { font-family: system-ui, -apple-system, 'Segoe UI', Roboto, Arial, sans-serif; }
svg .paper { fill: var(--paper); }
svg text { fill: var(--ink); font-size: 12px; }
svg .headline { font-size: 17px; font-weight: 650; }
svg .tick { fill: var(--soft); font-size: 11px; }
svg .grid { stroke: var(--edge); stroke-width: 1; }
svg .line { fill: none; stroke-width: 2; }
svg .first { stroke: var(--first); } svg .dot.first { fill: var(--first); }
svg .second { stroke: var(--second); } svg .dot.second { fill: var(--second); }
svg .third { stroke: var(--third); stroke-dasharray: 6 4; }
svg .dot.third { fill: var(--third); stroke-dasharray: none; }
"""
CLASSES = ("first", "second", "third")


def drawn(series: Sequence[Series]) -> str:
    """The picture, as the text of an SVG file."""
    names = list(dict.fromkeys(one.name for one in series))
    values = [value for one in series for value in one.seconds_a_layer().values()]
    decades = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))
    parts = [
        svg.element("rect", width=WIDTH, height=HEIGHT, class_="paper"),
        svg.text(LEFT, 28, TITLE, class_="headline"),
        *_legend(names),
    ]
    for index, shape in enumerate(SHAPES):
        left = LEFT + index * (PANEL + GAP)
        # A loop has no shapes: what it needs for chains, it needs for all.
        shown = [one for one in series if one.shape == shape or not _has(series, one.name, shape)]
        parts += _panel(shape, shown, names, left, decades)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        f'aria-label="{TITLE}">\n<style>{STYLE}</style>\n{svg.join(parts)}\n</svg>\n'
    )


def _has(series: Sequence[Series], name: str, shape: str) -> bool:
    return any(one.name == name and one.shape == shape for one in series)


def _legend(names: Sequence[str]) -> list[str]:
    parts, x = [], LEFT
    for name, kind in zip(names, CLASSES, strict=True):
        parts.append(svg.element("line", x1=x, x2=x + 26, y1=50, y2=50, class_=f"line {kind}"))
        parts.append(svg.text(x + 34, 54, name))
        x += 64 + 7.0 * len(name)
    return parts


def _panel(
    shape: str, series: Sequence[Series], names: Sequence[str], left: float, decades: tuple[int, int]
) -> list[str]:
    lowest, highest = decades
    # The values are drawn by their logarithms.
    counts = sorted({count for one in series for count in one.pairs})
    plot = svg.Plot(left, TOP, PANEL, BOTTOM - TOP, 0, counts[-1] * 1.05, highest - lowest)
    parts = [svg.text(left, TOP - 10, TITLES[shape])]
    for decade in range(lowest, highest + 1):
        y = plot.y(decade - lowest)
        parts.append(svg.element("line", x1=plot.left, x2=plot.right, y1=y, y2=y, class_="grid"))
        if left == LEFT:
            parts.append(svg.text(left - 8, y + 4, f"{10.0**decade:g} s", text_anchor="end", class_="tick"))
    for count in counts:
        parts.append(svg.text(plot.x(count), BOTTOM + 18, str(count), text_anchor="middle", class_="tick"))
    parts.append(svg.text(left + PANEL / 2, BOTTOM + 40, "layers", text_anchor="middle", class_="tick"))
    for one in series:
        kind = CLASSES[names.index(one.name)]
        points = [
            (plot.x(count), plot.y(math.log10(seconds) - lowest), count, seconds)
            for count, seconds in one.seconds_a_layer().items()
        ]
        for (x1, y1, *_), (x2, y2, *_) in pairwise(points):
            parts.append(svg.element("line", x1=x1, y1=y1, x2=x2, y2=y2, class_=f"line {kind}"))
        for x, y, count, seconds in points:
            words = svg.tip(f"{one.name}, {count} layers: {seconds:.2f} s a layer")
            parts.append(svg.element("circle", words, cx=x, cy=y, r=3.5, class_=f"dot {kind}"))
    return parts
