"""A review as Markdown for a comment on a pull request: what matters first, the details folded."""

from collections.abc import Callable, Iterable, Iterator, Mapping

from ecs_blue_green.deployer.review.review import CHECKED_AT_DEPLOY, EnvironmentReview, Review
from ecs_blue_green.deployer.review.text import OUTCOMES, alike, allowing_all, grouped, outcome, ways
from ecs_blue_green.deployer.text import fenced, fitting, plain

# GitHub answers a longer comment with "Body is too long (maximum is 65536 characters)"
# (November 2026).
LIMIT = 65_536
# By this line the comment is found again and updated in place.
MARKER = "<!-- deploy.py review -->"
# Findings and openings that are listed unfolded; all of them are in the details.
LISTED = 30
LEFT_OUT = "\nDetails that do not fit into a comment: `make review` shows them.\n"


def markdown(review: Review, limit: int = LIMIT) -> str:
    """The comment, of `limit` characters at most: details that do not fit are left out, the last first."""
    head = "\n".join(_head(review))
    foot = f"\nChecked at deploy: {', '.join(CHECKED_AT_DEPLOY)}.\n"
    left = limit - len(head) - len(foot) - len(LEFT_OUT)
    details, left_out = [], ""
    for title, lines in grouped(review.environments):
        shown, more = fitting(lines, left - len(_details(title, "")))
        if more:
            left_out = LEFT_OUT
        if shown:
            details.append(_details(title, fenced(shown)))
            left -= len(details[-1])
    return (head + "".join(details) + left_out)[: limit - len(foot)] + foot


def _head(review: Review) -> Iterator[str]:
    yield MARKER
    yield f"## {_verdict(review)}"
    yield f"{review.head} against {review.base}.\n"
    for warning in review.warnings:
        yield f"> [!WARNING]\n> {plain(warning)}\n"
    changed = [environment for environment in review.environments if environment.changes_something]
    if not changed:
        return
    columns = [name for name in OUTCOMES if any(name in _outcomes(e) for e in changed)]
    yield "| environment | layer | " + " | ".join(columns) + " | blocked by |"
    yield "|---" * (len(columns) + 3) + "|"
    for environment in changed:
        yield from _rows(environment, columns)
    yield ""
    yield from _section("Blocked by the deployer", _said_of(changed, _findings))
    for words, names in _said_of(changed, allowing_all).items():
        said, _, value = words.partition(": ")
        yield f"{said[:1].upper()}{said[1:]}: `{value}` ({', '.join(names)})\n"
    yield from _section("Access that opens", _said_of(changed, _access))
    yield from _section("How it gets there", _said_of(changed, ways))


def _verdict(review: Review) -> str:
    blocked = sum(len(environment.findings) for environment in review.environments)
    if blocked:
        return f"The deployer would block this, for {blocked} reason{'s' * (blocked > 1)}"
    if any(environment.changes_something for environment in review.environments):
        return "Changes, and nothing that the deployer would block"
    return "Nothing changes in any environment"


def _rows(environment: EnvironmentReview, columns: list[str]) -> Iterator[str]:
    for layer in environment.changed:
        counts = [sum(outcome(change) == name for change in layer.resources) for name in columns]
        rules = dict.fromkeys(f.rule for f in environment.findings if f.layer == layer.layer)
        cells = [environment.name, layer.layer, *(str(count or "") for count in counts), ", ".join(rules)]
        yield "| " + " | ".join(cells) + " |"


def _outcomes(environment: EnvironmentReview) -> set[str]:
    return {outcome(change) for layer in environment.changed for change in layer.resources}


def _findings(environment: EnvironmentReview) -> Iterator[str]:
    for finding in environment.findings:
        where = ":".join(filter(None, (finding.layer, finding.resource)))
        remedy = finding.remedy[:1].upper() + finding.remedy[1:]
        yield f"**{finding.rule}** `{where}`: {plain(finding.reason)}. {plain(remedy)}."


def _access(environment: EnvironmentReview) -> Iterator[str]:
    for access in environment.access:
        yield f"`{access.layer}:{access.resource}` {plain(access.words)}"


def _said_of(
    environments: Iterable[EnvironmentReview], say: Callable[[EnvironmentReview], Iterator[str]]
) -> dict[str, list[str]]:
    """What is said of the environments, with their names; alike sentences once, in the words of the first."""
    found: dict[str, tuple[str, list[str]]] = {}
    for environment in environments:
        for text in say(environment):
            found.setdefault(alike(text, environment), (text, []))[1].append(environment.name)
    return dict(found.values())


def _section(title: str, entries: Mapping[str, list[str]]) -> Iterator[str]:
    if not entries:
        return
    yield f"### {title}"
    for text, names in list(entries.items())[:LISTED]:
        yield f"- {text} ({', '.join(names)})"
    if len(entries) > LISTED:
        yield f"- and {len(entries) - LISTED} more, in the details"
    yield ""


def _details(title: str, block: str) -> str:
    summary = f"<summary>Details of {title}</summary>"
    return f"\n<details>{summary}\n\n{block}\n</details>\n"
