"""The reports: one document, and a page that needs nothing else and is well-formed."""

import io
import json
import re
import shutil
import xml.etree.ElementTree as ET
from collections.abc import Mapping
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from ecs_blue_green.rehearsal import charts, document, page, picture, report, report_check, svg, timeline
from ecs_blue_green.rehearsal.journal import Journal
from tests.rehearsal.place import problems

VOID = {"meta"}


def rolled_back() -> dict[str, Any]:
    """The document of a release that the alarm stopped after 10 % of the traffic."""
    now = [0.0]
    journal = Journal(lambda: now[0], is_open=True)

    def at(minute: float) -> None:
        now[0] = minute

    journal.set_weights({"blue": 100, "green": 0})
    journal.note("note", "the service runs 1 x shop:1 on blue, healthy")
    build = journal.begin("action", "Build")
    at(1)
    journal.finish(build, "Succeeded")
    install = journal.begin("event", "Install")
    at(2)
    journal.finish(install, "Succeeded")
    shift = journal.begin("event", "AllowTraffic")
    journal.set_weights({"blue": 90, "green": 10})
    at(5)
    alarm = journal.begin("alarm", "GreenRateAlarm")
    journal.note("alarm", "GreenRateAlarm: OK → ALARM & <more>", bad=True)
    journal.finish(shift, "Failed")
    journal.set_weights({"blue": 100, "green": 0})
    at(8)
    journal.finish(alarm, "OK")
    for quarter in range(32):
        for number in range(10):
            new = 8 <= quarter < 20 and number == 0
            journal.count(quarter / 4, "green" if new else "blue", five_xx=new and quarter % 2 == 0)
    values = [None, 0.0, 50.0, 60.0, 55.0, 0.0, 0.0]
    states = ["OK", "OK", "OK", "ALARM", "ALARM", "ALARM", "OK"]
    return {
        "schema": document.SCHEMA,
        "environment": "local",
        "exit_code": 5,
        "result": "rolled back",
        "reason": "One or more alarms have been activated: GreenRateAlarm",
        "findings": ["no hook tried the green tasks: <users> were the first"],
        "commit": "0123456789abcdef",
        "uncommitted_files": 3,
        "settings": {
            "seconds_a_minute": 1.0,
            "requests_a_minute": 40.0,
            "health_rate": "0.5",
            "hooks": False,
            "deployment_config": "CodeDeployDefault.ECSCanary10Percent5Minutes",
            "routing": "10 %, the rest after 5 minutes",
            "termination_wait_minutes": 10.0,
            "tasks": 1,
            "watches_alarms": True,
        },
        "deployment": {"status": "Stopped", "error": None, "rollback": None},
        "new_colour": "green",
        "minutes": 8.0,
        "requests": {
            "planned": 320,
            "sent": 320,
            "answered": 320,
            "five_xx": 6,
            "lost": 0,
            "by_stopped": 0,
            "reconnected": 1,
            "slowest": 0.12,
            "by": {"blue": [308, 0], "green": [12, 6]},
        },
        "alarms": [
            {
                "name": "green-rate-1",
                "label": "GreenRateAlarm",
                "colours": ["green"],
                "condition": "≥ 20 in 2 of 3 periods of 1 min",
                "threshold": 20.0,
                "readings": [
                    {"minute": minute, "value": value, "state": state}
                    for minute, (value, state) in enumerate(zip(values, states, strict=True))
                ],
            }
        ],
        **journal.document(),
        "seconds": 21.4,
        "memory_megabytes": 321,
    }


class Balance(HTMLParser):
    """Whether every element that begins also ends; collects what the page refers to."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.references: list[str] = []
        self.tags: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.references += [value or "" for name, value in attrs if name in ("src", "href", "srcset", "data")]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.fixture(scope="module")
def shown() -> Mapping[str, Any]:
    return rolled_back()


def test_document_is_what_its_schema_says(shown: Mapping[str, Any]) -> None:
    assert problems(shown) == []
    assert problems({**shown, "exit_code": 3, "secret": 1})


def test_page_is_well_formed_and_needs_nothing_else(shown: Mapping[str, Any]) -> None:
    text = page.html_page(shown)
    parser = Balance()
    parser.feed(text)
    assert parser.open == []
    assert parser.references == []
    assert "script" not in parser.tags
    assert not re.findall(r"url\(|@import|https?://", text)
    assert "prefers-color-scheme: dark" in text


def test_page_escapes_what_it_is_given(shown: Mapping[str, Any]) -> None:
    text = page.html_page(shown)
    assert "<users>" not in text
    assert "&lt;users&gt;" in text
    assert "ALARM &amp; &lt;more&gt;" in text


@pytest.mark.parametrize("wanted", [charts.WIDTH, charts.NARROW])
def test_pictures_are_well_formed(shown: Mapping[str, Any], wanted: int) -> None:
    pictures = [
        charts.traffic(shown, wanted),
        charts.alarm(shown, shown["alarms"][0], wanted),
        charts.events(shown, ("event", "alarm"), wanted, whole=False),
        charts.events(shown, ("action",), wanted, whole=True),
    ]
    for drawn in pictures:
        root = ET.fromstring(drawn)  # noqa: S314 - our own
        width, height = (float(value) for value in root.attrib["viewBox"].split()[2:])
        assert width == wanted
        for item in root.iter("rect"):
            x, y, w, h = (float(item.attrib[name]) for name in ("x", "y", "width", "height"))
            assert 0 <= x <= x + w <= width + 1
            assert 0 <= y <= y + h <= height


def test_alarm_is_shaded_while_it_was_in_alarm(shown: Mapping[str, Any]) -> None:
    root = ET.fromstring(charts.alarm(shown, shown["alarms"][0]))  # noqa: S314 - our own
    (shade,) = [item for item in root.iter("rect") if item.attrib["class"] == "in-alarm"]
    left, right = charts.LEFT[charts.WIDTH], charts.RIGHT[charts.WIDTH]
    plot = svg.Plot(left, 30, charts.WIDTH - left - right, charts.HEIGHT, 0, 8, 100)
    assert float(shade.attrib["x"]) == pytest.approx(plot.x(4), abs=0.01)
    assert float(shade.attrib["width"]) == pytest.approx(plot.x(7) - plot.x(4), abs=0.01)


def test_alarm_that_went_off_is_the_one_that_is_shown(shown: Mapping[str, Any]) -> None:
    found = charts.main_alarm(shown)
    assert found is not None
    assert found["label"] == "GreenRateAlarm"


def test_picture_of_a_pipeline_that_never_came_to_a_deployment(shown: Mapping[str, Any]) -> None:
    early = {
        **shown,
        "spans": [span for span in shown["spans"] if span["kind"] == "action"],
        "weights": shown["weights"][:1],
        "alarms": [],
        "counts": {},
        "result": "failed",
        "new_colour": None,
    }
    text = page.html_page(early)
    assert "Rehearsal of a release" in text
    assert "new version," not in text
    assert "(new)" not in text


def words(text: str) -> str:
    """What a page says, without its marks."""
    return " ".join(re.sub(r"<style>.*?</style>|<[^>]+>", " ", text, flags=re.DOTALL).split())


def test_page_says_which_colour_is_new(shown: Mapping[str, Any]) -> None:
    text = words(page.html_page(shown))
    assert "green has the new version, blue the one before it." in text
    assert "10 % of the traffic reached green, the new version" in text
    assert "blue green (new) answered with 5xx." in text
    assert "GreenRateAlarm watches green (new): in ALARM when" in text
    assert "green has the new version" in words(picture.svg_picture(shown))
    other = words(page.html_page({**shown, "new_colour": "blue"}))
    assert "blue has the new version, green the one before it." in other


def test_causes_come_before_effects(shown: Mapping[str, Any]) -> None:
    """The pipeline deploys, the deployment moves the traffic, an alarm sees its errors."""
    headings = re.findall("<h2>(.*?)</h2>", page.html_page(shown))
    assert headings[:4] == ["Pipeline", "Deployment", "Traffic", "Alarm"]
    drawn = picture.svg_picture(shown)
    places = [
        drawn.index(title) for title in ("What ran when", "Requests a minute by", "against its threshold")
    ]
    assert places == sorted(places)


@pytest.mark.parametrize("width", [charts.WIDTH, charts.NARROW])
def test_no_colour_is_alone_with_what_it_says(shown: Mapping[str, Any], width: int) -> None:
    """Areas have their names, and a bar says how it ended where that is not well."""
    ran = words(charts.events(shown, ("event", "alarm"), width, whole=False))
    assert "AllowTraffic: failed" in ran
    assert "GreenRateAlarm: in ALARM" in ran
    assert "Install: " not in ran.replace("Install: minute", "")
    many = {**shown, "counts": {"blue": _bins(0, 14, 0), "green": _bins(14, 32, 8)}}
    names = re.findall(r'class="area-name">(.*?)<', charts.traffic(many, width))
    assert names == ["blue", "green (new)", "5xx"]


def _bins(first: int, last: int, five_xx: int) -> list[dict[str, int]]:
    return [{"bin": number, "requests": 20, "five_xx": five_xx} for number in range(first, last)]


@pytest.mark.parametrize("width", [charts.WIDTH, charts.NARROW])
def test_words_at_changes_of_the_traffic_do_not_meet(shown: Mapping[str, Any], width: int) -> None:
    weights = [{"minute": 2 + number / 2, "blue": 90 - number, "green": 10 + number} for number in range(8)]
    drawn = charts.traffic({**shown, "weights": [shown["weights"][0], *weights]}, width)
    found = re.findall(r'<text x="([\d.]+)" y="([\d.]+)" text-anchor="(\w+)" class="mark-word">(.*?)<', drawn)
    boxes = []
    for x, y, anchor, text in found:
        long = charts.CHARACTER * len(text)
        left = float(x) - (long if anchor == "end" else 0)
        boxes.append((float(y), left, left + long))
    assert len(boxes) == len(weights)
    for line, left, right in boxes:
        beside = [box for box in boxes if box[0] == line and box != (line, left, right)]
        assert all(right <= box[1] or box[2] <= left for box in beside), boxes


PROGRAM = next(filter(None, map(shutil.which, report_check.PROGRAMS)), None)


@pytest.mark.skipif(PROGRAM is None, reason="no Chromium is installed")
def test_page_reads_in_a_browser_wide_and_narrow(shown: Mapping[str, Any], tmp_path: Path) -> None:
    """And the check sees a page that does not."""
    assert PROGRAM is not None
    assert [*report_check.check(PROGRAM, report.write(shown, tmp_path))] == []
    assert {path.stem for path in tmp_path.glob("*.png")} == {
        f"report-{scheme}-{width}" for scheme in ("light", "dark") for width in (1280, 420)
    }
    text = (tmp_path / "report.html").read_text()
    wide = tmp_path / "wide.html"
    wide.write_text(
        text.replace("class='narrow'", "class='wide'").replace(
            "<h1>", "<p style='width: 500px; color: #ddd; background: #fff'>too wide</p><h1>"
        )
    )
    found = report_check.look(PROGRAM, wide, 420, report_check.SCHEMES["light"])
    assert found["width"] == 420
    assert any(name.startswith("html") for name in found["tooWide"])
    assert found["faint"] == ["rgb(221, 221, 221) on rgb(255, 255, 255)"]


def test_picture_stands_alone(shown: Mapping[str, Any]) -> None:
    drawn = picture.svg_picture(shown)
    root = ET.fromstring(drawn)  # noqa: S314 - our own
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    assert "prefers-color-scheme: dark" in drawn
    assert not re.findall(r"url\(|@import|href", drawn)
    assert "Rolled back: HEALTH_RATE=0.5, HOOK=off" in "".join(root.itertext())


def test_files_hold_the_document_and_the_page(shown: Mapping[str, Any], tmp_path: Path) -> None:
    written = report.write(shown, tmp_path / "new")
    assert written.name == "report.html"
    assert json.loads(written.with_name("report.json").read_text()) == json.loads(json.dumps(shown))


def test_timeline_is_indented_on_a_terminal(shown: Mapping[str, Any]) -> None:
    """What is wrapped stands below what it belongs to, not below its minute."""
    long = {"minute": 1.0, "kind": "note", "text": "word " * 30, "bad": False}
    console = Console(file=io.StringIO(), width=80, force_terminal=True, color_system=None)
    timeline.show({**shown, "entries": [long], "findings": ["word " * 30]}, console, entries=True)
    lines = [line for line in console.file.getvalue().splitlines() if "word" in line]  # type: ignore[attr-defined]
    assert [len(line) - len(line.lstrip()) for line in lines] == [3, 13, 13, 0, 2]


def test_timeline_tells_the_story_in_the_terminal(shown: Mapping[str, Any]) -> None:
    console = Console(width=200, record=True, file=io.StringIO())
    timeline.show(shown, console, entries=True)
    told = console.export_text()
    assert "5.00 min  GreenRateAlarm: OK → ALARM" in told
    assert "ROLLED BACK: One or more alarms have been activated: GreenRateAlarm" in told
    assert re.search(r"green \(new\) +12 +6 +50.0 %", told)
    assert re.search(r"^green \(new\) [·▁]+$", told, re.MULTILINE)
    assert "! no hook tried the green tasks" in told
    assert "8 minutes rehearsed in 21 s (a minute takes 1 s), 321 MiB of memory at most" in told


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [(0, 5, [0, 1, 2, 3, 4, 5]), (3.5, 26, [4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26]), (0, 0.4, [0])],
)
def test_ticks_are_whole_minutes_and_not_too_many(start: float, end: float, expected: list[int]) -> None:
    assert svg.minute_ticks(start, end) == expected
