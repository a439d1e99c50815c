"""How a deploy ends: where the service answers, and what to do next."""

from collections.abc import Iterable, Mapping

from rich.markup import escape

from ecs_blue_green.deployer import commands, remedies
from ecs_blue_green.deployer.cloudformation.schedule import Outcome
from ecs_blue_green.deployer.planning.plan import Plan
from ecs_blue_green.deployer.terminal import console
from ecs_blue_green.runtime import Runtime


def changed_outputs(plan: Plan, outcomes: Iterable[Outcome]) -> dict[str, dict[str, str]]:
    """By layer the outputs that a stack did not have, or had with another value; nothing of new stacks."""
    before = {
        slug: step.stack.outputs for slug, step in plan.steps.items() if step.act == "update" and step.stack
    }
    return {
        one.layer: {key: value for key, value in one.outputs.items() if before[one.layer].get(key) != value}
        for one in outcomes
        if one.layer in before
    }


def say(plan: Plan, runtime: Runtime, outcomes: Iterable[Outcome]) -> None:
    """The last two lines of a deploy that is done, or had nothing to do."""
    where = _address(plan, runtime, outcomes)
    if where:
        console().print(f"[bold]answers:[/] {escape(where)}")
    console(stderr=True).print(f"[bold]next:[/]  {escape(_next(plan, runtime))}")


def _address(plan: Plan, runtime: Runtime, outcomes: Iterable[Outcome]) -> str:
    named = runtime.controller.address
    if plan.environment.is_local:
        return "nowhere yet: the emulator keeps records, but runs no tasks"
    if named is None or runtime.controller.service.layer not in plan.there:
        return ""
    stack = plan.stacks.get(named.layer)
    outputs: Mapping[str, str] = dict(stack.outputs) if stack else {}
    for one in outcomes:
        if one.layer == named.layer:
            outputs = {**outputs, **one.outputs}
    return outputs.get(named.title, "")


def _next(plan: Plan, runtime: Runtime) -> str:
    settings = plan.environment
    if settings.is_local:
        return remedies.RUN_OR_REHEARSE(folder=runtime.image.folder)
    status = commands.make("status", settings.name)
    pipeline = plan.steps.get(runtime.controller.pipeline.layer)
    if pipeline and pipeline.act in ("create", "recreate"):
        return remedies.FIRST_RELEASE(status=status)
    if plan.moves:
        return remedies.RELEASE_MOVES(parameters=", ".join(move.path for move in plan.moves))
    return remedies.SEE_ALL(status=status)
