"""Looks at report.html in headless Chromium, where one is installed: `make report-check`.

In light and dark, wide and narrow: nothing is fetched, nothing is wider than the window, no picture's words
leave it or become small, words stand out from what is behind them. Screenshots are written beside the page.
"""

import html
import json
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ecs_blue_green import project

PROGRAMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
REPORT = project.root() / ".local" / "rehearsal" / "report.html"
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    # Neither the page nor Chromium itself reaches anything.
    "--host-resolver-rules=MAP * ~NOTFOUND",
)
SCHEMES = {"light": (), "dark": ("--blink-settings=preferredColorScheme=0",)}
# The height is for the screenshots.
SIZES = {1280: 2600, 420: 4400}
SECONDS = 60
# WCAG's least contrast for text: https://www.w3.org/TR/WCAG22/#contrast-minimum
CONTRAST = 4.5
# Pixels of a picture's words at least.
LEAST_PIXELS = 10

# Chromium has no window below 500 pixels, but a frame.
FRAME = """<!doctype html><meta charset="utf-8"><meta name="color-scheme" content="light dark">
<style>body { margin: 0 } iframe { border: 0; display: block; width: WIDTHpx; height: HEIGHTpx }</style>
<iframe srcdoc="PAGE"></iframe>
"""

# Put at the end of the page in the frame; what it finds is read from the title outside.
LOOK = """<script>
addEventListener("load", () => {
  const light = (colour) => {
    const [r, g, b] = colour.match(/[\\d.]+/g).slice(0, 3).map((part) => {
      const value = part / 255;
      return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = (item) => {
    const colour = getComputedStyle(item).backgroundColor;
    return /, 0\\)$|transparent/.test(colour) && item.parentElement ? behind(item.parentElement) : colour;
  };
  const isFaint = ([colour, item]) => {
    const [more, less] = [light(colour), light(behind(item))].sort((a, b) => b - a);
    return (more + 0.05) / (less + 0.05) < LEAST;
  };
  const pictures = [...document.querySelectorAll("svg")].filter((picture) => picture.clientWidth);
  const words = pictures.flatMap((picture) => [...picture.querySelectorAll("text")]);
  const outside = words.filter((word) => {
    const box = word.getBBox(), view = word.ownerSVGElement.viewBox.baseVal;
    return box.x < -1 || box.x + box.width > view.width + 1 || box.y + box.height > view.height + 1;
  });
  const small = words.filter((word) => {
    const shrunk = word.ownerSVGElement.clientWidth / word.ownerSVGElement.viewBox.baseVal.width;
    return parseFloat(getComputedStyle(word).fontSize) * shrunk < PIXELS;
  });
  const plain = [...document.querySelectorAll("p, b, span, li, td, th, dt, dd, figcaption, footer, h1, h2")];
  parent.document.title = JSON.stringify({
    width: innerWidth,
    tooWide: [...document.querySelectorAll("html, body *")]
      .filter((item) => item.scrollWidth > item.clientWidth + 1)
      .filter((item) => getComputedStyle(item).display !== "inline")
      .map((item) => `${item.tagName.toLowerCase()} ${item.textContent.trim().slice(0, 30)}`),
    outside: outside.map((word) => word.textContent),
    small: small.map((word) => word.textContent),
    pictures: pictures.length,
    fetched: performance.getEntriesByType("resource").map((entry) => entry.name),
    faint: [...new Set([
      ...plain.filter((item) => item.textContent).map((item) => [getComputedStyle(item).color, item]),
      ...words.map((item) => [getComputedStyle(item).fill, item]),
    ].filter(isFaint).map(([colour, item]) => `${colour} on ${behind(item)}`))],
    paper: getComputedStyle(document.body).backgroundColor,
  });
});
</script>"""


def main(arguments: list[str]) -> int:
    """Check a page, or that of the last rehearsal; gives 0, 1 with problems, 2 where there is no page."""
    report = Path(arguments[0]).resolve() if arguments else REPORT
    if not report.exists():
        sys.stderr.write(f"there is no {report}: run make rehearse first\n")
        return 2
    program = next(filter(None, map(shutil.which, PROGRAMS)), None)
    if program is None:
        sys.stdout.write("no Chromium is installed: the report was not looked at\n")
        return 0
    problems = list(check(program, report))
    for problem in problems:
        sys.stdout.write(f"{problem}\n")
    sys.stdout.write(f"{report.name}: {len(problems) or 'no'} problem{'s' * (len(problems) != 1)}\n")
    return 1 if problems else 0


def check(program: str, report: Path) -> Iterator[str]:
    """The problems of the page, each in one line."""
    papers = set()
    for scheme, flags in SCHEMES.items():
        for width in SIZES:
            layout = look(program, report, width, flags)
            where = f"{scheme}, {width} wide"
            papers.add(layout["paper"])
            if layout["width"] != width:
                yield f"{where}: the page was shown {layout['width']} wide"
            if layout["fetched"]:
                yield f"{where}: fetches {', '.join(layout['fetched'])}"
            if layout["tooWide"]:
                yield f"{where}: wider than there is room: {', '.join(layout['tooWide'])}"
            if layout["outside"]:
                yield f"{where}: words leave their picture: {', '.join(layout['outside'])}"
            if layout["small"]:
                yield f"{where}: words of pictures that are too small: {', '.join(layout['small'])}"
            if layout["faint"]:
                yield f"{where}: words that hardly stand out: {', '.join(layout['faint'])}"
            if not layout["pictures"]:
                yield f"{where}: no picture"
    if len(papers) != len(SCHEMES):
        yield "light and dark look alike"


def look(program: str, report: Path, width: int, flags: Sequence[str]) -> Mapping[str, Any]:
    """What the page looks like at this width and with these flags; it is drawn as well."""
    look = LOOK.replace("LEAST", str(CONTRAST)).replace("PIXELS", str(LEAST_PIXELS))
    page = html.escape(report.read_text().replace("</body>", look + "</body>"))
    scheme = next(name for name, known in SCHEMES.items() if known == flags)
    drawn = report.with_name(f"report-{scheme}-{width}.png")
    with tempfile.TemporaryDirectory() as folder:
        frame = Path(folder) / "frame.html"
        height = SIZES[width]
        frame.write_text(
            FRAME.replace("WIDTH", str(width)).replace("HEIGHT", str(height)).replace("PAGE", page)
        )
        size = f"--window-size={width},{height}"
        dom = _run(program, [*flags, size, "--dump-dom", frame.as_uri()])
        _run(program, [*flags, size, f"--screenshot={drawn}", frame.as_uri()])
        title = re.search(r"<title>(.*?)</title>", dom, re.DOTALL)
        if title is None:
            raise RuntimeError(f"{program} shows no page")
        layout: Mapping[str, Any] = json.loads(html.unescape(title[1]))
        return layout


def _run(program: str, arguments: list[str]) -> str:
    with tempfile.TemporaryDirectory() as profile:
        done = subprocess.run(
            [program, *FLAGS, f"--user-data-dir={profile}", *arguments],
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=True,
        )
    return done.stdout


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
