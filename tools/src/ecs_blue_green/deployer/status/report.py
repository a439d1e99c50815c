"""The status of an environment as text and as JSON."""

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


def show_status(environment: Environment, status: Status) -> None:
    """Every stack with its status and outputs, what is live, then the warnings."""
    out = console()
    for slug, stack in status.stacks.items():
        out.print(_stack_line(environment, slug, stack))
        if stack:
            for line in output_lines(stack.outputs, out):
                out.print(line)
    for slug, stack in status.left.items():
        _row(slug, f"{stack.status}, {LEFT}", style="yellow")
    live = status.live
    _row(
        "live",
        f"{live.colour} ({live.traffic})" if live.traffic and not live.gone else live.colour,
    )
    if live.revision:
        _row("revision", short(live.revision))
        _row("image", status.images.get(live.revision, "unknown"))
        if status.commits:
            _row("commit", " or ".join(status.commits))
    for task_set in live.task_sets:
        out.print(Text(f"    {_task_set(status, task_set)}"))
    if live.deployment:
        _row("deployment", f"{live.deployment} is running")
    if live.execution:
        _row("pipeline", f"execution {live.execution} is running")
    if live.approval:
        approve = commands.make("approve", environment.name)
        _row("approval", f"execution {live.approval} waits for approval: {approve}")
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
    sources = [f"{', '.join(slugs)} from {commit}" for commit, slugs in others.items()]
    text = "; ".join([*([record.commit[:12]] if record.commit else []), *sources])
    return f"{text}, with uncommitted files" if record.uncommitted else text


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
    place = _colour(status, task_set) or "another target group"
    steady = "" if task_set.steady else ", not steady"
    revision = short(task_set.task_definition)
    return f"{task_set.status:<10}{revision}, {place}, {task_set.running} running{steady}"


def _colour(status: Status, task_set: TaskSet) -> str | None:
    colours = {status.live.blue: "blue", status.live.green: "green"}
    return colours.get(task_set.target_group) if task_set.target_group else None


def _warnings(environment: Environment, status: Status) -> Iterator[tuple[str, str]]:
    """The warnings, each with a word that docs/operations.md explains."""
    live = status.live
    if live.gone:
        yield (
            "service",
            f"{live.service} is gone, somebody deleted it (ECS: {live.state}); to create it again: "
            + commands.make("restore", environment.name),
        )
    if live.idle:
        newest = f"; ECS: {live.event}" if live.event else ""
        yield "service", f"no task of {live.service} runs, and {live.desired} should{newest}"
    if status.image_gone:
        yield "image", "no longer exists in its repository: no new task can start"
    for alarm in status.alarms:
        stops = "stops every release" if status.alarms_watched else "stops no release: they are disabled"
        yield "alarm", f"{alarm} is in ALARM, which {stops}"
    if status.alarms_watched is False:
        where = f" ({status.alarms_parameter})" if status.alarms_parameter else ""
        yield "alarms", f"are disabled for deployments{where}: no alarm stops a release"
    for layer, names in status.lifted.items():
        yield "stack policy", f"of {layer} is lifted for {', '.join(names)}; the next deploy restores it"
    for owner in status.owners.others:
        yield (
            "repository",
            f"this is the environment of {owner.repository}, as {owner.place} says, and not of"
            f" {status.owners.own}: nothing can be changed from here",
        )
    if status.holder:
        yield "lock", f"held by {status.holder}"
    for reason in status.unread:
        yield "not known", reason


def status_document(environment: Environment, status: Status) -> dict[str, Any]:
    """The same for scripts."""
    live, holder = status.live, status.holder
    weights = live.weights
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
            "colour": live.colour,
            "weights": {"blue": weights.get(live.blue, 0), "green": weights.get(live.green, 0)},
            "revision": live.revision,
            "image": status.images.get(live.revision or ""),
            "commits": list(status.commits),
            "service": {"name": live.service, "state": live.state, "desired": live.desired}
            if live.service
            else None,
            "task_sets": [
                asdict(task_set)
                | {
                    "colour": _colour(status, task_set),
                    "image": status.images.get(task_set.task_definition),
                }
                for task_set in live.task_sets
            ],
            "deployment": live.deployment,
            "pipeline_execution": live.execution,
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
            "found": [asdict(owner) for owner in status.owners.found],
        },
        "unread": list(status.unread),
    }
