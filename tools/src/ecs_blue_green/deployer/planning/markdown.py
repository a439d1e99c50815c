"""A plan as Markdown: the summary of a job, for whoever approves it there, or a comment on a pull request."""

from collections.abc import Iterator, Sequence

from ecs_blue_green.deployer import commands
from ecs_blue_green.deployer.comment import LIMIT as COMMENT_LIMIT
from ecs_blue_green.deployer.comment import allowing, blocks, comment, section
from ecs_blue_green.deployer.planning.plan import Plan, Step
from ecs_blue_green.deployer.planning.text import SIGNS, finding_lines, is_from_template, lines
from ecs_blue_green.deployer.rules import Finding
from ecs_blue_green.deployer.text import fenced, fitting

# GitHub takes 1,024 KiB of a step, and of more nothing; the step adds some lines of its own
# (November 2026).
# https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands
LIMIT = 1_000_000


def markdown(plan: Plan, findings: Sequence[Finding], allowing_all: str = "", limit: int = LIMIT) -> str:
    """The plan and what blocks it, in `limit` bytes at most; where lines are left out, that comes first."""
    head = f"## Plan for {plan.environment.name}\n\n"
    if findings:
        blocked, _ = fitting(finding_lines(findings, allowing_all), limit // 4, _bytes)
        head += f"### Blocked\n\n{fenced(blocked)}\n### What it would do\n\n"
    told = list(lines(plan, whole=True))
    shown, more = fitting(told, limit - _bytes(head + _left_out(len(told))), _bytes)
    return f"{head}{_left_out(more) if more else ''}{fenced(shown)}"


def for_comment(
    plan: Plan, findings: Sequence[Finding], allowing_all: str = "", limit: int = COMMENT_LIMIT
) -> str:
    """The plan and what blocks it as a comment, always the same for the same plan."""
    environment = plan.environment.name
    return comment(
        _head(plan, findings, allowing_all),
        [(environment, lines(plan, whole=True))],
        f"Plan {plan.digest}.",
        commands.make("plan", environment),
        limit,
    )


def _head(plan: Plan, findings: Sequence[Finding], allowing_all: str) -> Iterator[str]:
    # By this line the comment is found again and updated in place, one for each environment.
    yield f"<!-- deploy.py plan {plan.environment.name} -->"
    yield f"## Plan for {plan.environment.name}: {_verdict(plan, findings)}"
    changed = {slug: step for slug, step in plan.steps.items() if step.changes_something}
    if changed:
        found = {change.action for step in changed.values() for change in step.changes}
        actions = [action for action in SIGNS if action in found]
        yield "| layer | stack | " + "".join(f"{action} | " for action in actions) + "blocked by |"
        yield "|---" * (len(actions) + 3) + "|"
        for slug, step in changed.items():
            rules = dict.fromkeys(finding.rule for finding in findings if finding.layer == slug)
            counts = [sum(change.action == action for change in step.changes) for action in actions]
            cells = [slug, _stack(step), *(str(count or "") for count in counts), ", ".join(rules)]
            yield "| " + " | ".join(cells) + " |"
    yield ""
    yield from section("Blocked", dict.fromkeys(blocks(findings), ()))
    if allowing_all:
        yield f"{allowing(allowing_all)}\n"


def _verdict(plan: Plan, findings: Sequence[Finding]) -> str:
    if findings:
        return f"blocked, for {len(findings)} reason{'s' * (len(findings) > 1)}"
    return "changes, and nothing that blocks them" if plan.changes_something else "nothing changes"


def _stack(step: Step) -> str:
    told: list[str] = [step.act] if step.act != "nothing" else []
    told += ["from the template"] if is_from_template(step) else []
    told += ["stack policy set"] if step.sets_policy else []
    return ", ".join([*told, *(["termination protection on"] if step.sets_protection else [])])


def _left_out(count: int) -> str:
    return f"> [!WARNING]\n> {count} lines do not fit here. The artifact of this run has the whole plan.\n\n"


def _bytes(text: str) -> int:
    return len(text.encode())
