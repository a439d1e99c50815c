"""Looks at report.html in headless Chromium, where one is installed: `make report-check`.

In light and dark, wide and narrow: nothing is fetched, nothing is wider than the window, no picture's words
leave it, words stand out from the paper. Screenshots are written beside the page.
"""

import html
import json
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
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
WIDTHS = (1100, 420)
SECONDS = 60
# WCAG's least contrast for text: https://www.w3.org/TR/WCAG22/#contrast-minimum
CONTRAST = 4.5

# Put at the end of a copy of the page; what it finds is read from the title.
LOOK = """<script>
addEventListener("load", () => {
  const light = (colour) => {
    const [r, g, b] = colour.match(/[\\d.]+/g).slice(0, 3).map((part) => {
      const value = part / 255;
      return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const paper = light(getComputedStyle(document.body).backgroundColor);
  const contrast = (colour) => {
    const [more, less] = [light(colour), paper].sort((a, b) => b - a);
    return (more + 0.05) / (less + 0.05);
  };
  const words = [...document.querySelectorAll("svg text")];
  const outside = words.filter((word) => {
    const box = word.getBBox(), view = word.ownerSVGElement.viewBox.baseVal;
    return box.x < -1 || box.x + box.width > view.width + 1 || box.y + box.height > view.height + 1;
  });
  const plain = [...document.querySelectorAll("p, td, th, dt, dd, figcaption, footer, h1, h2")];
  document.title = JSON.stringify({
    tooWide: document.documentElement.scrollWidth > innerWidth + 1,
    outside: outside.map((word) => word.textContent),
    pictures: document.querySelectorAll("svg").length,
    fetched: performance.getEntriesByType("resource").map((entry) => entry.name),
    faint: [...new Set([
      ...plain.map((item) => getComputedStyle(item).color),
      ...words.map((item) => getComputedStyle(item).fill),
    ])].filter((colour) => contrast(colour) < LEAST),
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
        for width in WIDTHS:
            found = _look(program, report, [*flags, f"--window-size={width},1200"])
            where = f"{scheme}, {width} wide"
            papers.add(found["paper"])
            if found["fetched"]:
                yield f"{where}: fetches {', '.join(found['fetched'])}"
            if found["tooWide"]:
                yield f"{where}: the page is wider than the window"
            if found["outside"]:
                yield f"{where}: words leave their picture: {', '.join(found['outside'])}"
            if found["faint"]:
                yield f"{where}: words that hardly stand out: {', '.join(found['faint'])}"
            if not found["pictures"]:
                yield f"{where}: no picture"
        picture = report.with_name(f"report-{scheme}.png")
        _run(program, [*flags, "--window-size=1100,2400", f"--screenshot={picture}", report.as_uri()])
    if len(papers) != len(SCHEMES):
        yield "light and dark look alike"


def _look(program: str, report: Path, flags: list[str]) -> Mapping[str, Any]:
    """What the page looks like with these flags."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "report.html"
        page = report.read_text()
        copy.write_text(page.replace("</body>", LOOK.replace("LEAST", str(CONTRAST)) + "</body>"))
        dom = _run(program, [*flags, "--dump-dom", copy.as_uri()])
        title = re.search(r"<title>(.*?)</title>", dom, re.DOTALL)
        if title is None:
            raise RuntimeError(f"{program} shows no page")
        found: Mapping[str, Any] = json.loads(html.unescape(title[1]))
        return found


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
