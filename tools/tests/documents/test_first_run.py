"""The first run on AWS: its questions are those that the code has, and its numbers those of the templates."""

import re
from pathlib import Path

import pytest

from ecs_blue_green.documents import generated, transcripts
from ecs_blue_green.documents.generated import LAYERS

ROOT = Path(__file__).resolve().parents[3]
TEXT = (ROOT / "docs" / "first-run.md").read_text(encoding="utf-8")
ROWS = [
    [cell.strip() for cell in line.strip("|").split(" | ")]
    for line in TEXT.splitlines()
    if re.match(r"\| \d+ \|", line)
]


def test_questions_are_numbered_and_whole() -> None:
    assert [row[0] for row in ROWS] == [str(number) for number in range(1, len(ROWS) + 1)]
    assert {len(row) for row in ROWS} == {6}


@pytest.mark.parametrize("row", ROWS, ids=[row[0] for row in ROWS])
def test_question_names_what_relies_on_its_answer(row: list[str]) -> None:
    assert (ROOT / row[5].strip("`")).is_file()


def test_steps_take_at_most_two_hours() -> None:
    steps = re.findall(
        r"^##+ (?:Before the first command|(\d+)\. [^(]+) \((\d+) minutes\)$", TEXT, re.MULTILINE
    )
    assert [number for number, _ in steps] == ["", *(str(number) for number in range(1, 7))]
    assert sum(int(minutes) for _, minutes in steps) <= 120


def test_questions_that_decide_most_come_first() -> None:
    """As many as fit into the head of whoever asks."""
    decisive, _, others = TEXT.partition("### Those that decide most")[2].partition("### The others")
    assert 0 < len(re.findall(r"^\| \d+ \|", decisive, re.MULTILINE)) <= 15
    assert re.search(r"^\| \d+ \|", others, re.MULTILINE)


def test_what_the_code_marks_as_unverified_is_asked() -> None:
    marked = {
        str(path.relative_to(ROOT))
        for folder in ("templates", "tools/src/ecs_blue_green/deployer")
        for path in (ROOT / folder).rglob("*.py")
        if "UNVERIFIED" in path.read_text(encoding="utf-8")
    }
    assert marked <= {row[5].strip("`") for row in ROWS}


def test_output_is_that_of_a_first_deployment() -> None:
    shown = [line for line in TEXT.splitlines() if re.match(r"[a-z-]+ +create, ", line)]
    # There all stacks are new, and what imports is told from the template; here the others are there.
    printed = transcripts.first_deployment().replace(", from the template", "").splitlines()
    assert shown
    assert set(shown) <= set(printed)


def test_quantities_are_of_types_that_there_are() -> None:
    types = {resource["Type"] for layer in LAYERS.values() for resource in layer.resources.values()}
    assert generated.texts("idle").keys() <= types
