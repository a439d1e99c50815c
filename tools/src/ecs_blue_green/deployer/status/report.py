"""What people and scripts read about an environment as it is now."""

import time
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from rich.text import Text

from ecs_blue_green.deployer import commands
from ecs_blue_green.deployer.cloudformation.describe import Stack
from ecs_blue_green.deployer.environment import Environment
from ecs_blue_green.deployer.execution.history import Record
from ecs_blue_green.deployer.planning.report import left_documents, output_lines
from ecs_blue_green.deployer.planning.text import LEFT
from ecs_blue_green.deployer.release.live import TaskSet, short
from ecs_blue_green.deployer.status.current import Status
from ecs_blue_green.deployer.terminal import console, hanging


def show(environment: Environment, status: Status) -> None:
    """Every stack with its status and outputs, what is live, then what a person should know of."""
    out = console()
    for slug, stack in status.stacks.items():
        out.print(_stack_line(environment, slug, stack))
        if stack:
            for line in output_lines(stack.outputs, out):
                out.print(line)
    for slug, stack in status.left.items():
        _row(slug, f"{stack.status}, {LEFT}", style="yellow")
    now = status.live
    _row("live", f"{now.colour} ({now.traffic})" if now.traffic and not now.gone else now.colour)
    if now.revision:
        _row("revision", short(now.revision))
        _row("image", status.images.get(now.revision, "unknown"))
        if status.commits:
            _row("commit", " or ".join(status.commits))
    for task_set in now.task_sets:
        out.print(Text(f"    {_task_set(status, task_set)}"))
    if now.deployment:
        _row("deployment", f"{now.deployment} is running")
    if now.execution:
        _row("pipeline", f"execution {now.execution} is running")
    if now.approval:
        approve = commands.make("approve", environment.name)
        _row("approval", f"execution {now.approval} waits for a person: {approve}")
    if status.deployed.commits:
        _row("last deployed commit", _deployed(status.deployed))
    for word, text in _warnings(environment, status):
        _row(word, text, style="bold yellow")


def _deployed(record: Record) -> str:
    """The commit that was deployed last, and the layers that were deployed from others."""
    others: dict[str, list[str]] = {}
    for slug, commit in record.layers.items():
        if commit != record.commit:
            others.setdefault(commit[:12], []).append(slug)
    told = [f"{', '.join(slugs)} from {commit}" for commit, slugs in others.items()]
    text = "; ".join([*([record.commit[:12]] if record.commit else []), *told])
    return f"{text}, with files that were in no commit" if record.uncommitted else text


def _row(word: str, text: str, style: str = "") -> None:
    out = console()
    for line in hanging(out, Text(f"{word:<22}", style=style), Text(text, style=style)):
        out.print(line)


def _stack_line(environment: Environment, slug: str, stack: Stack | None) -> Text:
    status = stack.status if stack else "not deployed"
    bad = "FAILED" in status or "ROLLBACK" in status
    line = Text(f"{slug:<22}")
    line.append(status, style="dim" if stack is None else "red" if bad else "green")
    if stack and stack.reason and not status.endswith("_COMPLETE"):
        line.append(f": {stack.reason}")
    if environment.protected and stack and not stack.protected:
        line.append(" (not protected from deletion)", style="yellow")
    return line


def _task_set(status: Status, task_set: TaskSet) -> str:
    place = _colour(status, task_set) or "no target group of ours"
    steady = "" if task_set.steady else ", not steady"
    revision = short(task_set.task_definition)
    return f"{task_set.status:<10}{revision}, {place}, {task_set.running} running{steady}"


def _colour(status: Status, task_set: TaskSet) -> str | None:
    colours = {status.live.blue: "blue", status.live.green: "green"}
    return colours.get(task_set.target_group) if task_set.target_group else None


def _warnings(environment: Environment, status: Status) -> Iterator[tuple[str, str]]:
    """What a person should know of, each with a word that docs/operations.md has a section about."""
    now = status.live
    if now.gone:
        yield (
            "service",
            f"{now.service} is gone, somebody deleted it (ECS: {now.state}); to create it again: "
            + commands.make("restore", environment.name),
        )
    if now.idle:
        newest = f"; ECS: {now.event}" if now.event else ""
        yield "service", f"no task of {now.service} runs, and {now.desired} should{newest}"
    if status.image_gone:
        yield "image", "is gone from its repository, so no other task can start with it"
    for alarm in status.alarms:
        stops = "stops every release" if status.alarms_watched else "stops no release: they are disabled"
        yield "alarm", f"{alarm} is in ALARM, which {stops}"
    if status.alarms_watched is False:
        where = f" ({status.alarms_parameter})" if status.alarms_parameter else ""
        yield "alarms", f"are disabled for deployments{where}: no alarm stops a release"
    for layer, names in status.lifted.items():
        yield "stack policy", f"of {layer} is lifted for {', '.join(names)}; deploy puts it back"
    for other in status.owners.others:
        yield (
            "repository",
            f"this is the environment of {other.repository}, as {other.place} says, and not of"
            f" {status.owners.own}: nothing can be changed from here",
        )
    if status.holder:
        yield "lock", f"held by {status.holder}"
    for reason in status.unread:
        yield "not known", reason


def document(environment: Environment, status: Status) -> dict[str, Any]:
    """The same for scripts."""
    now, holder = status.live, status.holder
    weights = now.weights
    return {
        "stacks": [
            {
                "layer": slug,
                "stack": environment.stack_name(slug),
                "status": stack.status if stack else None,
                "reason": stack.reason or None if stack else None,
                "termination_protection": stack.protected if stack else None,
                "policy_lifted_for": list(status.lifted.get(slug, ())),
                "outputs": dict(stack.outputs) if stack else {},
            }
            for slug, stack in status.stacks.items()
        ],
        "live": {
            "colour": now.colour,
            "weights": {"blue": weights.get(now.blue, 0), "green": weights.get(now.green, 0)},
            "revision": now.revision,
            "image": status.images.get(now.revision or ""),
            "commits": list(status.commits),
            "service": {"name": now.service, "state": now.state, "desired": now.desired}
            if now.service
            else None,
            "task_sets": [
                asdict(one)
                | {"colour": _colour(status, one), "image": status.images.get(one.task_definition)}
                for one in now.task_sets
            ],
            "deployment": now.deployment,
            "pipeline_execution": now.execution,
        },
        "alarms": {"watched": status.alarms_watched, "in_alarm": list(status.alarms)},
        "lock": holder
        and {
            "who": holder.who,
            "host": holder.host,
            "process": holder.process,
            "verb": holder.verb,
            "since": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(holder.since)),
        },
        "last_commit": status.deployed.commit,
        "last_layers": dict(status.deployed.layers),
        "last_uncommitted": status.deployed.uncommitted,
        "left": left_documents(status.left),
        "repository": {
            "own": status.owners.own,
            "found": [asdict(one) for one in status.owners.found],
        },
        "unread": list(status.unread),
    }
