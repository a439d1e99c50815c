"""A plan as Markdown, for whoever approves it on GitHub: the summary of the job that made it."""

from collections.abc import Sequence

from ecs_blue_green.deployer.planning.plan import Plan
from ecs_blue_green.deployer.planning.text import finding_lines, lines
from ecs_blue_green.deployer.rules import Finding
from ecs_blue_green.deployer.text import fenced, fitting

# GitHub takes 1,024 KiB of a step, and of more nothing; the step adds some lines of its own.
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


def _left_out(count: int) -> str:
    return f"> [!WARNING]\n> {count} lines do not fit here. The artifact of this run has the whole plan.\n\n"


def _bytes(text: str) -> int:
    return len(text.encode())
