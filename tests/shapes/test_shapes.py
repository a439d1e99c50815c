"""Each shape in a copy of its own: generated, linted, reviewed, and the tests of the templates pass in it."""

import ast
from pathlib import Path

import pytest
from ecs_blue_green.testing import copies

from tests import ROOT
from tests.shapes._made import NO_ROWS, SHAPES, TABLES, assigned, made, source

# What a review answers that finds changes, and one that finds what is decided at creation: on an environment
# that runs, such a shape is blocked.
CHANGES, BLOCKED = 4, 3
GENERATED = "build/"


@pytest.mark.parametrize("shape", SHAPES)
def test_shape_is_green_in_a_copy(shape: str, tmp_path: Path) -> None:
    root = made(tmp_path / "copy", shape)
    touched = copies.git(root, "diff", "--name-only", "HEAD~").split()
    templates = [path for path in touched if path.startswith(GENERATED) and path.endswith(".yaml")]
    touched = [path for path in touched if not _is_of_the_application(path, shape)]
    assert _files(touched) <= {TABLES, "params"}, "one file, two with parameters"
    assert touched

    code, said = copies.run(root, ".venv/bin/cfn-lint", "--regions", "us-east-1", "--", *templates)
    assert templates == [] or code == 0, said
    code, said = copies.run(root, ".venv/bin/python", "deploy.py", "review", "--base", "HEAD~")
    assert code in (0, BLOCKED, CHANGES), said
    quiet = ("-q", "-p", "no:cacheprovider", "-n", "0")
    code, said = copies.run(root, ".venv/bin/python", "-m", "pytest", *quiet, "tests/templates")
    assert code == 0, said


def _files(touched: list[str]) -> set[str]:
    """The files that a team edits: those of its environments count as one, since each has the same lines."""
    mine = {path for path in touched if not path.startswith(GENERATED)}
    return {"params" if path.startswith("params/") else path for path in mine}


def _is_of_the_application(path: str, shape: str) -> bool:
    """Whether the shape brings this file, or takes it away with the sample."""
    said = {
        name: ast.literal_eval(node.value)
        for name, node in assigned(ast.parse(source(shape)))
        if name in NO_ROWS
    }
    return path in said.get("FILES", {}) or path.startswith(
        tuple(f"{name}/" for name in said.get("REMOVED", ()))
    )


def test_checks_follow_the_application_into_its_folder(tmp_path: Path) -> None:
    root = made(tmp_path / "copy", "other_language")
    code, said = copies.run(root, "make", "-n", "lint", "lock")
    assert code == 0, said
    assert ".venv/bin/hadolint services/web/Dockerfile\n" in said
    assert " app" not in " ".join(said.split())
    code, said = copies.run(root, ".venv/bin/hadolint", "services/web/Dockerfile")
    assert code == 0, said


@pytest.mark.parametrize("shape", SHAPES)
def test_document_shows_the_lines_of_the_shape(shape: str) -> None:
    page = (ROOT / "docs" / "bring-your-own-application.md").read_text(encoding="utf-8")
    text = source(shape)
    for name, node in assigned(ast.parse(text)):
        if name == "PARAMETERS":
            for title, value in ast.literal_eval(node.value).items():
                # What a shape takes away is told in words.
                assert (f"  {title}: " if value is not None else title) in page, title
        elif name not in NO_ROWS:
            rows = ast.get_source_segment(text, node.value)
            assert rows
            assert rows in page, f"docs/bring-your-own-application.md shows no such {name}"
