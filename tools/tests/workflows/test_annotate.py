"""`workflows.annotate`: findings become annotations at their lines."""

import difflib
import json

from ecs_blue_green.workflows import annotate


def test_each_hunk_of_a_stale_file_is_shown_at_its_first_line_that_differs() -> None:
    on_disk = [f"line {n}\n" for n in range(1, 40)]
    generated = [*on_disk[:9], "new 10\n", *on_disk[10:30], *on_disk[31:]]
    difference = difflib.unified_diff(
        on_disk, generated, "build/x.yaml (on disk)", "build/x.yaml (generated)"
    )
    found = list(annotate.stale("".join(difference) + "error: build/ is stale in 1 file(s)\n"))
    assert [(a.file, a.line, a.level) for a in found] == [
        ("build/x.yaml", 10, "error"),
        ("build/x.yaml", 31, "error"),
    ]


def test_missing_file_is_shown_at_its_first_line() -> None:
    difference = difflib.unified_diff([], ["a\n"], "build/x.yaml (missing)", "build/x.yaml (generated)")
    assert [(a.file, a.line) for a in annotate.stale("".join(difference))] == [("build/x.yaml", 1)]


def test_finding_of_cfn_lint_is_shown_in_the_template() -> None:
    report = [
        {
            "Filename": "build/service.yaml",
            "Level": "Warning",
            "Location": {"Start": {"LineNumber": 12, "ColumnNumber": 3}},
            "Message": "bad: 100%\nvery",
            "Rule": {"Id": "W1"},
        }
    ]
    (found,) = annotate.linted(json.dumps(report))
    assert str(found) == "::warning file=build/service.yaml,line=12,title=cfn-lint W1::bad: 100%25%0Avery"


def test_findings_of_ruff_and_mypy_are_shown_in_the_code() -> None:
    problem = {
        "code": "E501",
        "filename": str(annotate.ROOT / "stacks" / "x.py"),
        "location": {"row": 3, "column": 1},
        "message": "too long",
    }
    (found,) = annotate.ruffed(json.dumps([problem]))
    assert str(found) == "::error file=stacks/x.py,line=3,title=ruff E501::too long"
    (found,) = annotate.typed(
        "stacks/x.py:7: error: wrong\nstacks/x.py:8: note: more\nFound 1 error in 1 file\n"
    )
    assert (found.file, found.line, found.text) == ("stacks/x.py", 7, "wrong")


def test_nothing_wrong_is_no_annotation() -> None:
    assert not [*annotate.stale(""), *annotate.linted(""), *annotate.ruffed("[]"), *annotate.typed("Success")]


def test_text_that_looks_like_a_command_is_escaped() -> None:
    assert str(annotate.Annotation("error", "a,b:c", 1, "t", "x\r\n::error::y")) == (
        "::error file=a%2Cb%3Ac,line=1,title=t::x%0D%0A::error::y"
    )
