"""How plans and reviews are written: lines, and in them a value before and after a change.

Whoever approves a change reads it here. So nothing that differs is left out, and two sides that differ never
read the same: of long values the lines that differ are shown, or the part that differs, and what cannot be
seen is written as its code point.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from difflib import SequenceMatcher
from itertools import zip_longest
from typing import Any, NamedTuple

from ecs_blue_green.deployer.changes import PropertyChange

# So many characters of both sides together stand in one line.
SHORT = 100
# A line of more characters than this is shown around the part that differs.
LONG = 200
# What is shown on each side of what differs, in characters of one line and in lines.
AROUND = 30
LINES_AROUND = 2

# What is said of a parameter that a release brings, and no stack.
MOVES = "moves with the next release, the stack of the service stays"

_ABOUT = {"-": "less", "+": "more", "@": "where", " ": "same"}


class Line(NamedTuple):
    """One line: its text, and what it is about, for a colour.

    `sign` is how the text begins behind its indentation, where that is a sign of diff's.
    """

    text: str
    about: str
    sign: str = ""


def in_one_line(before: str | None, after: str | None) -> str | None:
    """Before and after as in `1323 -> 8080`; None where that takes more than one line."""
    if any("\n" in (side or "") for side in (before, after)):
        return None
    sides = [_short(before), _short(after)]
    return " -> ".join(sides) if sum(map(len, sides)) <= SHORT else None


def difference(before: str | None, after: str | None) -> list[str]:
    """The lines that differ, each behind its sign as in a unified diff; what one side alone has is whole.

    Documents of JSON are laid out before they are compared.
    """
    if before is None or after is None:
        sign, text = ("+", after) if before is None else ("-", before)
        return [sign + visible(line) for line in (_laid_out(text) or text or "").split("\n")]
    old, new = _laid_out(before), _laid_out(after)
    if old is None or new is None or old == new:
        # What says the same in other words differs in the words.
        old, new = before, after
    return list(_unified(old.split("\n"), new.split("\n")))


def differing(before: str | None, after: str | None) -> list[str] | None:
    """What `difference` gives, for scripts; None where before and after stand in one line."""
    return None if before == after or in_one_line(before, after) is not None else difference(before, after)


def lines_of_change(
    head: Line, before: str | None, after: str | None, indent: int, remark: str = ""
) -> Iterator[Line]:
    """What a value is and becomes: behind `head` in one line, or below it, indented, the lines that differ.

    Of sides that read the same nothing is told but the `remark`.
    """
    told = in_one_line(before, after)
    if before == after:
        yield head._replace(text=f"{head.text}{remark}")
    elif told is not None:
        yield head._replace(text=f"{head.text}: {told}{remark}")
    else:
        yield head._replace(text=f"{head.text}{remark}:")
        for line in difference(before, after):
            yield Line(f"{' ' * indent}{line}".rstrip(), _ABOUT[line[0]], line[0].strip())


def lines_of_tags(counts: Mapping[tuple[PropertyChange, ...], Counter[str]]) -> Iterator[Line]:
    """The tags of stacks that change, each once: `counts` says on how many resources of which layer."""
    for tags, found in counts.items():
        keys, count = ", ".join(tag.path for tag in tags), found.total()
        where = f" of {', '.join(found)}" if len(counts) > 1 else ""
        yield Line(f"tags: {keys}, on {count} resource{'s' * (count != 1)}{where}", "title")
        for tag in tags:
            yield from lines_of_change(Line(f"    {tag.path}", "detail"), tag.before, tag.after, 6)


def lines_of_kept_tags(kept: Mapping[str, Iterable[PropertyChange]], taking: Iterable[str]) -> Iterator[Line]:
    """Which layers' stacks keep the tags that they were made with, and which ones take others.

    `kept` has the layers that are there with what they would take if they took any.
    """
    keys = dict.fromkeys(tag.path for tags in kept.values() for tag in tags)
    if not keys:
        return
    keeping, took = (", ".join(layers) for layers in (kept, taking))
    take = f"taken by {took}, " if took else ""
    yield Line(
        f"tags: {', '.join(keys)} {take}not by {keeping}: kept as they were made, since releases move them",
        "title",
    )


def visible(text: str) -> str:
    """The text with everything in it to be seen: other characters, and blanks at its end, as code points."""
    end = len(text.rstrip(" "))
    return "".join(
        character
        if character.isprintable() and (character != " " or index < end)
        else f"<U+{ord(character):04X}>"
        for index, character in enumerate(text)
    )


def fitting(lines: Iterable[Line], limit: int, size: Callable[[str], int] = len) -> tuple[list[Line], int]:
    """The first lines, of which `fenced` makes text of at most this `size`, and how many are left over."""
    lines = list(lines)
    used = size(fenced(()))
    for count, line in enumerate(lines):
        used += size(_signed(line)) + 1
        if used > limit:
            return lines[:count], len(lines) - count
    return lines, 0


def plain(text: str) -> str:
    """Text in which nothing is taken for Markdown, a mention or HTML."""
    for character in "\\`*_<>|[]#@":
        text = text.replace(character, f"\\{character}")
    return " ".join(text.split())


def fenced(lines: Iterable[Line]) -> str:
    """Lines as a block of Markdown that shows them in diff's colours: there a sign is in the first column."""
    text = "\n".join(_signed(line) for line in lines)
    # A fence that is longer than any in the text.
    fence = "```"
    while fence in text:
        fence += "`"
    return f"{fence}diff\n{text}\n{fence}\n"


def _short(value: str | None) -> str:
    if value is None:
        return "(none)"
    begin = len(value) - len(value.lstrip(" "))
    return "<U+0020>" * begin + visible(value[begin:]) if value else "(empty)"


def _signed(line: Line) -> str:
    if not line.sign or line.text.startswith(line.sign):
        return line.text
    behind = line.text.lstrip()
    # A place in a text is one word with its sign; what else has a sign stays below what it is of.
    return behind if line.about == "where" else line.sign + line.text.replace(line.sign, " ", 1)[1:]


def _laid_out(text: str | None) -> str | None:
    """A document of JSON with a line for each of its values; None for any other text."""
    try:
        document = json.loads(text or "", object_pairs_hook=_without_doubles)
    except (ValueError, RecursionError):
        return None
    return json.dumps(document, indent=2, ensure_ascii=False) if isinstance(document, dict | list) else None


def _without_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    # Of two values of one name the laid out document would hide the first.
    if len(found := dict(pairs)) < len(pairs):
        raise ValueError
    return found


def _unified(old: list[str], new: list[str]) -> Iterator[str]:
    whole = len(old) == len(new) == 1
    for group in SequenceMatcher(None, old, new, autojunk=False).get_grouped_opcodes(LINES_AROUND):
        (_, i, _, j, _), (_, _, i_end, _, j_end) = group[0], group[-1]
        if not whole:
            yield f"@@ -{i + 1},{i_end - i} +{j + 1},{j_end - j} @@"
        for what, i, i_end, j, j_end in group:
            if what == "equal":
                yield from (f" {visible(line)}" for line in old[i:i_end])
                continue
            pairs = [_apart(*pair) for pair in zip_longest(old[i:i_end], new[j:j_end])]
            yield from (f"-{one}" for one, _ in pairs if one is not None)
            yield from (f"+{other}" for _, other in pairs if other is not None)


def _apart(one: str | None, other: str | None) -> tuple[str | None, str | None]:
    """Two lines, one in the place of the other, to be seen; of long ones the part that differs."""
    if one is None or other is None or max(len(one), len(other)) <= LONG:
        return one if one is None else visible(one), other if other is None else visible(other)
    begin = _alike(one, other)
    end = _alike(one[begin:][::-1], other[begin:][::-1])
    return _cut(one, begin, end), _cut(other, begin, end)


def _alike(one: str, other: str) -> int:
    """How many characters two texts have in common at their beginning."""
    return next(
        (index for index, (a, b) in enumerate(zip(one, other, strict=False)) if a != b),
        min(len(one), len(other)),
    )


def _cut(line: str, begin: int, end: int) -> str:
    """A line without most of what it has before `begin` and in its last `end` characters."""
    first, last = max(0, begin - AROUND), min(len(line), len(line) - end + AROUND)
    return visible(f"{'...' if first else ''}{line[first:last]}{'...' if last < len(line) else ''}")
