"""A review as Markdown for a comment on a pull request: what matters first, the details folded."""

from collections.abc import Callable, Iterable, Iterator

from ecs_blue_green.deployer.comment import LIMIT, allowing, blocks, comment, section
from ecs_blue_green.deployer.review.environments import EnvironmentReview, Review
from ecs_blue_green.deployer.review.text import (
    AT_DEPLOY,
    OUTCOMES,
    alike,
    allowing_all,
    grouped,
    meanings,
    outcome,
    ways,
)
from ecs_blue_green.deployer.text import plain

# This line marks the comment, so that it is found and updated.
MARKER = "<!-- deploy.py review -->"


def markdown(review: Review, limit: int = LIMIT) -> str:
    """The comment, of `limit` characters at most."""
    return comment(_head(review), grouped(review.environments), AT_DEPLOY, "make review", limit)


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
    if explained := meanings(changed):
        yield "; ".join(f"*{name}*: {meaning}" for name, meaning in explained.items()) + ".\n"
    yield from section(
        "Blocked by the deployer", _said_of(changed, lambda environment: blocks(environment.findings))
    )
    for words, names in _said_of(changed, allowing_all).items():
        yield f"{allowing(words)} ({', '.join(names)})\n"
    yield from section("New access", _said_of(changed, _access))
    yield from section("How it gets there", _said_of(changed, ways))


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


def _access(environment: EnvironmentReview) -> Iterator[str]:
    like = environment.like
    for access in like.access if like else environment.access:
        yield f"`{access.layer}:{access.resource}` {plain(access.words)}"
    if like and (same := len(environment.access) - len(like.access)):
        yield f"{same} times as in {like.name}, which `--json` lists"


def _said_of(
    environments: Iterable[EnvironmentReview], say: Callable[[EnvironmentReview], Iterator[str]]
) -> dict[str, list[str]]:
    """What is said of the environments, with their names; similar sentences once, as for the first."""
    groups: dict[str, tuple[str, list[str]]] = {}
    for environment in environments:
        for text in say(environment):
            groups.setdefault(alike(text, environment), (text, []))[1].append(environment.name)
    return dict(groups.values())
