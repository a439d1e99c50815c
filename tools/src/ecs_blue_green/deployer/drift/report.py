"""What people and scripts read about drift."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from typing import Any

from rich.text import Text

from ecs_blue_green.deployer.drift.detection import Difference, ResourceDrift, StackDrift
from ecs_blue_green.deployer.environment import Environment
from ecs_blue_green.deployer.terminal import console, hanging

STYLES = {"real": "bold red", "delegated": "yellow", "not checked": "dim"}


def show(environment: Environment, stacks: Iterable[StackDrift]) -> None:
    """Every resource that is not as its template says; of how many nobody can tell; then the sums."""
    out = console()
    stacks = list(stacks)
    for found in stacks:
        out.print(_stack_line(found))
        for resource in found.resources:
            for first, text in _resource_lines(resource):
                for line in hanging(out, first, text):
                    out.print(line)
    for first, text in _unchecked_lines(stacks):
        for line in hanging(out, first, text):
            out.print(line)
    counts = _counts(stacks)
    out.print(
        f"{environment.name}: {counts['real']} real, {counts['delegated']} delegated, "
        f"{counts['in_sync']} as in the template, {counts['not_checked']} not checked"
    )


def _stack_line(found: StackDrift) -> Text:
    line = Text(f"{found.layer:<22}")
    counts = Counter(resource.verdict for resource in found.resources)
    if found.stack is None:
        line.append("not deployed", style="dim")
    elif found.failure:
        line.append(f"could not be checked: {found.failure}", style="bold red")
    else:
        left = counts.pop("not checked", 0)
        words = [f"{count} {verdict}" for verdict, count in sorted(counts.items()) if verdict != "in sync"]
        clean = "as in the template" if counts or not left else "nothing could be checked"
        line.append(", ".join(words) or clean, style="" if words or not counts else "green")
        if left and counts:
            line.append(f" ({left} not checked)", style="dim")
    return line


def _resource_lines(resource: ResourceDrift) -> Iterator[tuple[Text, Text]]:
    """Lines, each with what those that follow it on a narrow terminal are indented by."""
    if resource.verdict in ("in sync", "not checked"):
        return
    line = Text(f"{resource.logical_id}  ")
    line.append(resource.type, style="dim")
    if resource.status == "DELETED":
        line.append(" is gone")
    yield Text("    ").append(f"{resource.verdict:<12}", style=STYLES[resource.verdict]), line
    for difference in resource.differences:
        whose = f" ({difference.owner})" if difference.owner else ""
        yield Text(" " * 8), Text(f"{difference.path}: {_change(difference)}{whose}")


def _unchecked_lines(stacks: Iterable[StackDrift]) -> Iterator[tuple[Text, Text]]:
    """What nobody can tell anything about: a line for each reason, with the types (--json: the resources)."""
    by_reason: dict[str, Counter[str]] = {}
    for found in stacks:
        for resource in found.resources:
            if resource.verdict == "not checked":
                by_reason.setdefault(resource.reason or resource.status, Counter())[resource.type] += 1
    for reason, types in by_reason.items():
        names = ", ".join(f"{kind} ({count})" if count > 1 else kind for kind, count in sorted(types.items()))
        count = f"{types.total()} not checked "
        yield Text(count, style="dim"), Text(f"({reason}): {names}", style="dim")


def _change(difference: Difference) -> str:
    expected = "(none)" if difference.kind == "ADD" else difference.expected
    actual = "(none)" if difference.kind == "REMOVE" else difference.actual
    return f"{expected} in the template, {actual} in reality"


def document(environment: Environment, stacks: Iterable[StackDrift]) -> dict[str, Any]:
    """The same for scripts, with the resources that are as their template says."""
    stacks = list(stacks)
    return {
        "summary": _counts(stacks),
        "stacks": [
            {
                "layer": found.layer,
                "stack": environment.stack_name(found.layer),
                "status": found.stack.status if found.stack else None,
                "failure": found.failure or None,
                "resources": [
                    asdict(resource)
                    | {"physical_id": resource.physical_id or None, "reason": resource.reason or None}
                    for resource in found.resources
                ],
            }
            for found in stacks
        ],
    }


def _counts(stacks: Iterable[StackDrift]) -> dict[str, int]:
    counts = Counter(resource.verdict for found in stacks for resource in found.resources)
    return {
        "real": counts["real"],
        "delegated": counts["delegated"],
        "in_sync": counts["in sync"],
        "not_checked": counts["not checked"],
    }
