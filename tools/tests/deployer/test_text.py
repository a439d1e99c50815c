"""A value before and after a change, as people read it: nothing that differs is hidden, or reads the same."""

import json
import random
import string

import pytest

from ecs_blue_green.deployer.text import (
    AROUND,
    LONG,
    Line,
    difference,
    differing,
    fenced,
    fitting,
    in_one_line,
    lines_of_change,
    visible,
)

SPECIFICATION = "\n".join(["version: 0.2", "phases:", *(f"  - step {n}" for n in range(20)), ""])


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ("1323", "8080", "1323 -> 8080"),
        (None, "8080", "(none) -> 8080"),
        ("8080", None, "8080 -> (none)"),
        ("", "x", "(empty) -> x"),
        ("x", " x ", "x -> <U+0020>x<U+0020>"),
        ("a b", "a\tb", "a b -> a<U+0009>b"),
        # As a screen shows it: nothing, and the other way round.
        ("ab", "a\u200bb", "ab -> a<U+200B>b"),
        ("ab", "\u202eab", "ab -> <U+202E>ab"),
        ("日本", "日本語", "日本 -> 日本語"),
        ("a\nb", "a\nc", None),
        ("x" * 60, "y" * 60, None),
    ],
)
def test_short_values_stand_in_one_line(before: str | None, after: str | None, told: str | None) -> None:
    assert in_one_line(before, after) == told


def test_of_several_lines_those_that_differ_are_shown() -> None:
    after = SPECIFICATION.replace("step 11", "other step").replace("  - step 19\n", "")
    assert difference(SPECIFICATION, after) == [
        "@@ -12,5 +12,5 @@",
        "   - step 9",
        "   - step 10",
        "-  - step 11",
        "+  - other step",
        "   - step 12",
        "   - step 13",
        "@@ -20,4 +20,3 @@",
        "   - step 17",
        "   - step 18",
        "-  - step 19",
        " ",
    ]


def test_what_one_side_alone_has_is_whole() -> None:
    assert difference(None, SPECIFICATION) == [f"+{line}" for line in SPECIFICATION.split("\n")]
    statement = {"Effect": "Allow", "Action": ["s3:GetObject"], "Resource": "*" * 300}
    laid_out = json.dumps([statement], indent=2)
    assert difference(None, json.dumps([statement])) == [f"+{line}" for line in laid_out.split("\n")]
    assert difference("*" * 300, None) == ["-" + "*" * 300]


@pytest.mark.parametrize(
    ("before", "after", "signed"),
    [
        # The end of the last line, the end of every line, what stands at a line's end.
        ("a\nb\n", "a\nb", ["-"]),
        ("a\nb", "a\r\nb", ["-a", "+a<U+000D>"]),
        ("a\nb", "a  \nb", ["-a", "+a<U+0020><U+0020>"]),
        ("a\n\tb", "a\n  b", ["-<U+0009>b", "+  b"]),
    ],
)
def test_lines_that_differ_do_not_read_the_same(before: str, after: str, signed: list[str]) -> None:
    assert [line for line in difference(before, after) if line[0] in "+-"] == signed


def test_documents_are_laid_out() -> None:
    before = {"rules": [{"rulePriority": n, "selection": {"countNumber": 10}} for n in range(9)]}
    after = json.loads(json.dumps(before))
    after["rules"][4]["selection"]["countNumber"] = 11
    told = difference(json.dumps(before), json.dumps(after))
    assert [line.replace(" ", "") for line in told if line[0] in "+-"] == [
        '-"countNumber":10',
        '+"countNumber":11',
    ]
    assert len(told) <= 7


def test_same_document_in_other_words_differs_in_the_words() -> None:
    before = '{"a": 1, ' + " " * 100 + '"b": 2}'
    less, more = difference(before, before.replace('"a": 1', '"a":1'))
    assert less[1:] != more[1:]


def test_document_is_not_laid_out_where_that_hides_a_value() -> None:
    before = '{"a": "hidden", "a": "x", "b": "' + "y" * 90 + '"}'
    told = "\n".join(difference(before, before.replace("hidden", "changed").replace("y" * 90, "z" * 90)))
    assert "hidden" in told
    assert "changed" in told


def test_of_a_long_line_the_part_that_differs_is_shown() -> None:
    before = "a" * 300 + "old" + "b" * 300
    told = difference(before, before.replace("old", "newer!"))
    around = ("." * 3 + "a" * AROUND, "b" * AROUND + "." * 3)
    assert told == [f"-{around[0]}old{around[1]}", f"+{around[0]}newer!{around[1]}"]


def test_sides_that_differ_never_read_the_same_and_can_be_told_apart() -> None:
    drawn = random.Random(7)
    alphabet = string.ascii_lowercase[:3] + ' \n\t\r\x1b\u00a0{}[]":,.'
    for _ in range(1000):
        length = drawn.choice((3, 12, 120, LONG + 50, 900))
        before = "".join(drawn.choice(alphabet) for _ in range(length))
        where = drawn.randrange(length)
        cut = drawn.randrange(3)
        after = before[:where] + drawn.choice(("", "x", " ", "\t", "\n")) + before[where + cut :]
        if before == after:
            continue
        told = in_one_line(before, after)
        if told is not None:
            assert told.split(" -> ", 1)[0] != told.split(" -> ", 1)[1]
            assert "\n" not in told and told.isprintable()
            continue
        lines = differing(before, after)
        assert lines
        less, more = ([line[1:] for line in lines if line[0] == sign] for sign in "-+")
        assert less != more, (before, after)
        assert all(line.isprintable() for line in lines)


def test_equal_sides_need_no_difference() -> None:
    assert differing("x\ny", "x\ny") is None
    assert differing("1", "2") is None
    head = Line("path", "detail")
    assert list(lines_of_change(head, "****", "****", 2, ", because")) == [Line("path, because", "detail")]


# As Markdown.


def test_sign_is_first_in_markdown_and_what_both_sides_have_is_not_marked() -> None:
    lines = [
        Line("stack", "title"),
        Line("    ~ modify  X", "modify", "~"),
        *lines_of_change(Line("        path", "detail"), "a\n- kept\nb", "a\n- kept\nc", 10),
    ]
    assert fenced(lines) == (
        "```diff\n"
        "stack\n"
        "~     modify  X\n"
        "        path:\n"
        "@@ -1,3 +1,3 @@\n"
        "           a\n"
        "           - kept\n"
        "-          b\n"
        "+          c\n"
        "```\n"
    )


def test_fence_is_longer_than_any_inside() -> None:
    assert fenced([Line("````", "detail")]) == "`````diff\n````\n`````\n"


def test_what_fits_is_counted_in_bytes() -> None:
    lines = [Line("日本" * 10, "detail")] * 10
    shown, left = fitting(lines, 200, lambda text: len(text.encode()))
    assert (len(shown), left) == (3, 7)
    assert len(fenced(shown).encode()) <= 200
    assert fitting(lines, 10_000) == (lines, 0)


def test_visible_leaves_what_can_be_seen() -> None:
    text = "  - run: |  # 日本語 é 👍"
    assert visible(text) == text
