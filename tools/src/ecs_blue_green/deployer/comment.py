"""A comment on a pull request: what matters first, the details folded, and no longer than GitHub takes."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from ecs_blue_green.deployer.rules import Finding
from ecs_blue_green.deployer.text import Line, fenced, fitting, plain

# GitHub answers a longer comment with "Body is too long (maximum is 65536 characters)"
# (November 2026).
LIMIT = 65_536
# What is listed unfolded of one kind; all of it is in the details.
LISTED = 30


def comment(
    head: Iterable[str],
    details: Iterable[tuple[str, Iterable[Line]]],
    foot: str,
    shown_by: str,
    limit: int = LIMIT,
) -> str:
    """The comment, of `limit` characters at most: details that do not fit are left out, the last first.

    `details` are titles and what stands under each; `shown_by` is the command that shows all of them.
    """
    begin, end = "\n".join(head), f"\n{foot}\n"
    said_left_out = f"\nDetails that do not fit into a comment: `{shown_by}` shows them.\n"
    left = limit - len(begin) - len(end) - len(said_left_out)
    folded, left_out = [], ""
    for title, lines in details:
        shown, more = fitting(lines, left - len(_folded(title, "")))
        if more:
            left_out = said_left_out
        if shown:
            folded.append(_folded(title, fenced(shown)))
            left -= len(folded[-1])
    return (begin + "".join(folded) + left_out)[: limit - len(end)] + end


def section(title: str, entries: Mapping[str, Sequence[str]]) -> Iterator[str]:
    """A list under a title, each entry with the names that it is about; nothing where there is none."""
    if not entries:
        return
    yield f"### {title}"
    for text, names in list(entries.items())[:LISTED]:
        yield f"- {text} ({', '.join(names)})" if names else f"- {text}"
    if len(entries) > LISTED:
        yield f"- and {len(entries) - LISTED} more, in the details"
    yield ""


def blocks(findings: Iterable[Finding]) -> Iterator[str]:
    """What blocks, as entries of a list."""
    for finding in findings:
        where = ":".join(filter(None, (finding.layer, finding.resource)))
        remedy = finding.remedy[:1].upper() + finding.remedy[1:]
        yield f"**{finding.rule}** `{where}`: {plain(finding.reason)}. {plain(remedy)}."


def allowing(words: str) -> str:
    """How to let several through at once, with what is to be copied as code."""
    said, _, value = words.partition(": ")
    return f"{said[:1].upper()}{said[1:]}: `{value}`"


def _folded(title: str, block: str) -> str:
    summary = f"<summary>Details of {title}</summary>"
    return f"\n<details>{summary}\n\n{block}\n</details>\n"
