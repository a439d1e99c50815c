"""What must be true of every run, whatever went wrong, and of the environment after an undisturbed one."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from ecs_blue_green import runtime
from ecs_blue_green.deployer import environment, layers, template
from ecs_blue_green.deployer.environment import Environment
from ecs_blue_green.deployer.layers import Layer
from tests.deployer.documents import problems
from tests.faults.processes import Ending, Processes
from tests.faults.world import World

GOOD = {"CREATE_COMPLETE", "UPDATE_COMPLETE"}
CODES = {0, 1, 3, 130}
THEIRS = "somebody-elses"
THEIR_STACK = "sample-dev-service"
Stacks = Mapping[str, dict[str, Any]]


class Wanted:
    """The environment as the project's files want it."""

    def __init__(self, processes: Processes) -> None:
        # With the values that stacks are made with once for their life.
        known = runtime.read_runtime(processes.root / "build")
        self.layers: dict[str, Layer] = layers.read(processes.root / "build", known)
        declared = {slug: layer.parameters for slug, layer in self.layers.items()}
        self.settings: Environment = environment.load(processes.root / "params", "dev", declared, known)

    def difference(self, slug: str, stack: dict[str, Any] | None) -> str:
        """How a stack differs from what is wanted of it, "" where it does not."""
        layer = self.layers[slug]
        if stack is None:
            return "is not there"
        if stack["StackStatus"] not in GOOD | {"UPDATE_ROLLBACK_COMPLETE"}:
            return f"is {stack['StackStatus']}"
        if stack["_template_body"] != layer.sent:
            return "has another template"
        values = {one["ParameterKey"]: one["ParameterValue"] for one in stack["Parameters"]}
        # What releases bring, the stack keeps as it was made.
        moved = {title: values[title] for title in map(str, layer.runtime.moved_by_releases)}
        if values != template.parameter_values(layer, self.settings) | moved:
            return "has other parameters"
        tags = {one["Key"]: one["Value"] for one in stack["Tags"]}
        if tags != self.settings.stack_tags(slug):
            return "has other tags"
        deployed = stack.get("_stack_policy")
        if layer.stack_policy and not (deployed and json.loads(deployed) == json.loads(layer.stack_policy)):
            return "has another stack policy"
        return ""


def ending(
    processes: Processes, wanted: Wanted, verb: str, ended: Ending, before: Stacks, after: Stacks
) -> Iterator[str]:
    """What is not true of the end of a run that met faults. `before` and `after` are the stacks."""
    if ended.code is None:
        return
    if ended.code not in CODES:
        yield f"exit code {ended.code}"
    for problem in problems(verb, ended.document):
        yield f"the document: {problem}"
    if "Traceback" in ended.talk:
        yield "a traceback"
    outcomes = {one["layer"]: one for one in ended.document.get("outcomes", [])}
    for slug, outcome in outcomes.items():
        name = wanted.settings.stack_name(slug)
        wrong = _untrue(wanted, verb, slug, outcome, before.get(name), after.get(name))
        if wrong:
            yield f"{slug} is said to be {outcome['result']}, but {wrong}"
    if ended.code == 0 and any(one["result"] not in ("done", "nothing") for one in outcomes.values()):
        yield "exit code 0 in spite of a failure"
    if ended.code and outcomes and all(one["result"] in ("done", "nothing") for one in outcomes.values()):
        yield f"exit code {ended.code} although everything was done"
    if not outcomes and verb == "deploy" and ended.code:
        for name, stack in after.items():
            if _moved(before.get(name), stack):
                yield f"{name} was operated on, and no summary says so"
    for stack in after.values():
        if stack["StackStatus"] == "UPDATE_ROLLBACK_FAILED" and ended.code == 0:
            yield "exit code 0 with a stack that is stuck"


def _untrue(
    wanted: Wanted,
    verb: str,
    slug: str,
    outcome: dict[str, Any],
    before: dict[str, Any] | None,
    after: dict[str, Any] | None,
) -> str:
    result = outcome["result"]
    if verb == "continue-rollback":
        stuck = after and after["StackStatus"] == "UPDATE_ROLLBACK_FAILED"
        return "it is stuck" if stuck and result == "done" else ""
    if verb == "restore":
        return "" if result != "done" or after else "it is not there"
    if verb == "destroy":
        if result in ("done", "nothing") and after:
            return f"it is {after['StackStatus']}"
        if result == "not started" and before and not after:
            return "it is gone"
        return ""
    if result in ("done", "nothing"):
        return wanted.difference(slug, after)
    if result == "not started" and _moved(before, after):
        return "its stack was operated on"
    if result == "failed" and after and not outcome["why"]:
        return "nothing says why"
    return ""


def _moved(before: dict[str, Any] | None, after: dict[str, Any] | None) -> bool:
    """Whether a stack was operated on. A change set of a new stack is no operation."""
    if after is None or after["StackStatus"] == "REVIEW_IN_PROGRESS":
        return bool(before and before["StackStatus"] != "REVIEW_IN_PROGRESS")
    if before is None:
        return True
    return bool(
        before["StackId"] != after["StackId"] or before["LastUpdatedTime"] != after["LastUpdatedTime"]
    )


def intended(processes: Processes, wanted: Wanted) -> Iterator[str]:
    """What is not as wanted after an undisturbed deploy."""
    stacks = processes.world.stacks()
    for slug in wanted.layers:
        difference = wanted.difference(slug, stacks.pop(wanted.settings.stack_name(slug), None))
        if difference:
            yield f"{slug} {difference}"
    for name in stacks:
        yield f"the stack {name} is left"
    yield from leftovers(processes)


def plant(world: World) -> None:
    """Have somebody else wait with a change set of their own, on a stack that no scenario changes."""
    stack = world.stacks()[THEIR_STACK]
    values = {one["ParameterKey"]: one["ParameterValue"] for one in stack["Parameters"]}
    world.client("cloudformation").create_change_set(
        StackName=THEIR_STACK,
        ChangeSetName=THEIRS,
        UsePreviousTemplate=True,
        Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in values.items()],
        Tags=[{"Key": "Somebody", "Value": "else"}],
    )


def delete_service(world: World) -> None:
    """Have somebody delete the service, in the console or by the command line."""
    ecs = world.client("ecs")
    (cluster,) = ecs.list_clusters()["clusterArns"]
    (service,) = ecs.list_services(cluster=cluster)["serviceArns"]
    ecs.delete_service(cluster=cluster, service=service, force=True)


def untouched(world: World, before: Stacks) -> Iterator[str]:
    """Whether somebody else's change set is still there, on a stack that nobody has operated on."""
    had, has = before.get(THEIR_STACK), world.stacks().get(THEIR_STACK)
    names = [one["ChangeSetName"] for one in world.change_sets()]
    if had and has and not _moved(had, has) and THEIRS not in names:
        yield "somebody else's change set was removed"


def unmoved(before: Stacks, after: Stacks) -> Iterator[str]:
    """Stacks that were operated on, made or deleted in between."""
    for name in sorted({*before, *after}):
        if name not in after or _moved(before.get(name), after[name]):
            yield f"{name} was changed"


def records(world: World) -> dict[str, str]:
    """What deployers remember of an environment, without the lock."""
    return {name: value for name, value in world.parameters().items() if "/deploy/lock/" not in name}


def gone(processes: Processes) -> Iterator[str]:
    """What is left after an undisturbed destroy."""
    for name, stack in processes.world.stacks().items():
        yield f"{name} is left ({stack['StackStatus']})"
    for name in processes.world.parameters():
        yield f"the parameter {name} is left"
    for one in processes.world.change_sets():
        yield f"the change set {one['ChangeSetName']} is left"


def leftovers(processes: Processes, kept: str = "") -> Iterator[str]:
    """Change sets, shells and locks that nobody needs. `kept` is the name of those of a kept plan."""
    names = [one["ChangeSetName"] for one in processes.world.change_sets()]
    for name in names:
        if name not in (THEIRS, kept):
            yield f"the change set {name} is left"
    for name, stack in processes.world.stacks().items():
        if stack["StackStatus"] == "REVIEW_IN_PROGRESS" and not kept:
            yield f"the empty stack {name} is left"
    records = {
        name: json.loads(value)
        for name, value in processes.world.parameters().items()
        if "/deploy/lock/" in name
    }
    if len(records) > 1:
        yield f"{len(records)} records of the lock are left"
    for record in records.values():
        if not record["released"]:
            yield "the lock is held"
