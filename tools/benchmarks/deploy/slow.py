"""An AWS that takes its time: change sets and resources that are there only after a while.

The emulator answers at once. What is built on it can hide how it waits; with this in place it cannot.
Resources of one stack are made side by side, each after those that it refers to, as CloudFormation does.
The emulator makes them one after the other; each waits until the moment at which it would be ready.
"""

import asyncio
import time
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from benchmarks.deploy.operation import Operation
from benchmarks.deploy.times import Times
from ecs_blue_green.emulator import engine
from ecs_blue_green.emulator.cloudformation.stacks import change_set_of, made_change_set
from ecs_blue_green.emulator.engine import Record

Result = TypeVar("Result")


def install(times: Times) -> None:
    """Have the emulator take this long for change sets, stacks and resources."""
    operations: dict[str, Operation] = {}
    _let_resources_take(times, operations)
    _let_stacks_take(times, operations)
    if times.change_set:
        _let_change_sets_take(times.change_set)


def _let_resources_take(times: Times, operations: Mapping[str, Operation]) -> None:
    """Have each resource wait until it would be ready, and serve others meanwhile."""

    async def slowly(function: Callable[..., Result], *arguments: Any) -> Result:
        await asyncio.sleep(_left(times, operations, function.__name__, arguments))
        return function(*arguments)

    engine.stacks._runs_on_worker_thread = lambda resource_type: True
    engine.stacks.run_reentrant = slowly


def _left(
    times: Times, operations: Mapping[str, Operation], function: str, arguments: tuple[Any, ...]
) -> float:
    """How many seconds a resource still takes, from the emulator's function and its arguments."""
    seconds = times.of(arguments[0])
    if function == "_provision_keeping_seed":
        _, logical_id, _, stack_name = arguments
    elif function == "_update_keeping_seed":
        _, _, before, after, stack_name, logical_id, _ = arguments
        # CloudFormation does not touch what stays as it is.
        seconds = seconds if before != after else 0.0
    else:
        return seconds
    ready = operations[stack_name].ready_at(logical_id, seconds)
    return max(ready - time.monotonic(), 0.0)


def _let_stacks_take(times: Times, operations: dict[str, Operation]) -> None:
    def slowly(deploy: Any) -> Any:
        async def run(stack_name: str, stack_id: str, template: Record, *rest: Any, **more: Any) -> None:
            await asyncio.sleep(times.stack)
            operations[stack_name] = Operation(_references(template), time.monotonic())
            await deploy(stack_name, stack_id, template, *rest, **more)

        return run

    for module in (engine.handlers, engine.changesets):
        module._deploy_stack_async = slowly(module._deploy_stack_async)


def _references(template: Record) -> dict[str, set[str]]:
    """What each resource of a template waits for."""
    resources = template.get("Resources", {})
    found = {}
    for logical_id, resource in resources.items():
        named = {name for name, _ in engine.stacks._intrinsic_references(resource.get("Properties"))}
        depends = resource.get("DependsOn", [])
        named |= {depends} if isinstance(depends, str) else set(depends)
        found[logical_id] = named & resources.keys()
    return found


def _let_change_sets_take(seconds: float) -> None:
    """Show a change set as being made until its time has come."""
    unripe: dict[str, tuple[float, Record]] = {}
    shown = {"Status": "CREATE_IN_PROGRESS", "ExecutionStatus": "UNAVAILABLE", "Changes": []}

    def create(operation: Any, request: Any) -> Any:
        answer = operation(request)
        made = made_change_set(answer)
        if made:
            unripe[made["ChangeSetId"]] = time.monotonic() + seconds, {key: made[key] for key in shown}
            made |= shown
        return answer

    def look(operation: Any, request: Any) -> Any:
        found = change_set_of(request)
        if found and found["ChangeSetId"] in unripe:
            due, content = unripe[found["ChangeSetId"]]
            if time.monotonic() >= due:
                found |= content
                del unripe[found["ChangeSetId"]]
        return operation(request)

    engine.wrap_stack_operation("CreateChangeSet", create)
    for name in ("DescribeChangeSet", "ExecuteChangeSet"):
        engine.wrap_stack_operation(name, look)
