"""Drift as text and as JSON."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from typing import Any

from rich.text import Text

from ecs_blue_green.deployer.drift.detection import Difference, ResourceDrift, StackDrift
from ecs_blue_green.deployer.environment import Environment
from ecs_blue_green.deployer.terminal import console, hanging

STYLES = {"real": "bold red", "delegated": "yellow", "not checked": "dim"}


def show_drift(environment: Environment, stacks: Iterable[StackDrift]) -> None:
    """Every resource that has drifted, how many could not be checked, and the totals."""
    out = console()
    stacks = list(stacks)
    for stack in stacks:
        out.print(_stack_line(stack))
        for resource in stack.resources:
            for first, text in _resource_lines(resource):
                for line in hanging(out, first, text):
                    out.print(line)
    for first, text in _unchecked_lines(stacks):
        for line in hanging(out, first, text):
            out.print(line)
    counts = _counts(stacks)
    out.print(
        f"{environment.name}: {counts['real']} real, {counts['delegated']} delegated, "
        f"{counts['in_sync']} in sync, {counts['not_checked']} not checked"
    )


def _stack_line(drift: StackDrift) -> Text:
    line = Text(f"{drift.layer:<22}")
    counts = Counter(resource.verdict for resource in drift.resources)
    if drift.stack is None:
        line.append("not deployed", style="dim")
    elif drift.failure:
        line.append(f"could not be checked: {drift.failure}", style="bold red")
    else:
        unchecked = counts.pop("not checked", 0)
        words = [f"{count} {verdict}" for verdict, count in sorted(counts.items()) if verdict != "in sync"]
        clean = "in sync" if counts or not unchecked else "nothing could be checked"
        line.append(", ".join(words) or clean, style="" if words or not counts else "green")
        if unchecked and counts:
            line.append(f" ({unchecked} not checked)", style="dim")
    return line


def _resource_lines(resource: ResourceDrift) -> Iterator[tuple[Text, Text]]:
    """Lines, each after the text that sets the indent of its continuation lines on a narrow terminal."""
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
    """What was not checked: a line for each reason, with the types (--json: the resources)."""
    by_reason: dict[str, Counter[str]] = {}
    for stack in stacks:
        for resource in stack.resources:
            if resource.verdict == "not checked":
                by_reason.setdefault(resource.reason or resource.status, Counter())[resource.type] += 1
    for reason, types in by_reason.items():
        names = ", ".join(f"{kind} ({count})" if count > 1 else kind for kind, count in sorted(types.items()))
        count = f"{types.total()} not checked "
        yield Text(count, style="dim"), Text(f"({reason}): {names}", style="dim")


def _change(difference: Difference) -> str:
    expected = "(none)" if difference.kind == "ADD" else difference.expected
    actual = "(none)" if difference.kind == "REMOVE" else difference.actual
    return f"expected {expected}, actual {actual}"


def drift_document(environment: Environment, stacks: Iterable[StackDrift]) -> dict[str, Any]:
    """The same for scripts, with the resources that are in sync."""
    stacks = list(stacks)
    return {
        "summary": _counts(stacks),
        "stacks": [
            {
                "layer": drift.layer,
                "stack": environment.stack_name(drift.layer),
                "status": drift.stack.status if drift.stack else None,
                "failure": drift.failure or None,
                "resources": [
                    asdict(resource)
                    | {"physical_id": resource.physical_id or None, "reason": resource.reason or None}
                    for resource in drift.resources
                ],
            }
            for drift in stacks
        ],
    }


def _counts(stacks: Iterable[StackDrift]) -> dict[str, int]:
    counts = Counter(resource.verdict for stack in stacks for resource in stack.resources)
    return {
        "real": counts["real"],
        "delegated": counts["delegated"],
        "in_sync": counts["in sync"],
        "not_checked": counts["not checked"],
    }
