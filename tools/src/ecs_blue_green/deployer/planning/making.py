"""Make a plan, before anything is done.

A layer whose stack equals its template, parameters and tags is found without a change set. For the others
CloudFormation makes one. Where that cannot be asked yet, because a layer that this one imports from has not
been deployed, the template itself is the plan, and the plan says so (`change_set` is None).
"""

from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from types import MappingProxyType
from typing import Any, Literal

from botocore.exceptions import BotoCoreError, ClientError

from ecs_blue_green.deployer import clock, interrupts, plain_secrets, template
from ecs_blue_green.deployer.aws import Aws
from ecs_blue_green.deployer.changes import PropertyChange, ResourceChange
from ecs_blue_green.deployer.cloudformation import change_sets, deletion_blockers, describe
from ecs_blue_green.deployer.cloudformation.change_sets import ChangeSet
from ecs_blue_green.deployer.cloudformation.describe import Stack
from ecs_blue_green.deployer.cloudformation.schedule import WORKERS
from ecs_blue_green.deployer.effects.differences import moved_by_releases
from ecs_blue_green.deployer.environment import Environment
from ecs_blue_green.deployer.layers import Layer
from ecs_blue_green.deployer.planning import deployed, providers
from ecs_blue_green.deployer.planning.answers import worse
from ecs_blue_green.deployer.planning.current import EnvironmentState, stack_policy
from ecs_blue_green.deployer.planning.plan import Act, PartialChange, Plan, Step
from ecs_blue_green.deployer.planning.requests import Requests
from ecs_blue_green.deployer.resolve import HIDDEN


def make_plan(
    aws: Aws,
    state: EnvironmentState,
    verb: Literal["plan", "deploy"] = "plan",
    *,
    name: str | None = None,
    kept: Mapping[str, ChangeSet] = MappingProxyType({}),
) -> Plan:
    """Plan the deployment of the chosen layers of an environment that was looked at.

    Leaves change sets behind, which `discard` or the execution removes. With a `name` they get this one,
    which says that they are wanted when this process is gone; `kept` are those that are there already, by
    layer. Raises BadInput when a layer imports what nobody will export.
    """
    requests = Requests(aws, state.environment, verb, name)
    if state.changed:
        # Once, and not in each thread.
        _ = state.survey
    try:
        with interrupts.threads(WORKERS) as pool:
            futures = {
                slug: pool.submit(_changed, requests, state, slug, kept.get(slug)) for slug in state.changed
            }
            changed = {slug: future.result() for slug, future in futures.items()}
        steps = {slug: changed.get(slug) or _unchanged(state, slug) for slug in state.chosen}
        providers.refuse_unplanned(state.environment, state.world, state.stacks, steps)
    except BaseException:
        # Each thread has removed what it had not finished. Why planning was given up is told, not what more
        # went wrong.
        requests.discard()
        raise
    return Plan(
        state.environment,
        steps,
        {slug: state.waits_for[slug] & steps.keys() for slug in steps},
        state.stacks,
        tuple(_moves(state, steps)) if changed else (),
        imports={slug: state.world.imports(slug) for slug in state.layers} if changed else {},
        changes_in_part=tuple(_in_part(state, steps)),
        plain_secrets=tuple(plain_secrets.found(state.world)),
    )


def warned(aws: Aws, plan: Plan) -> Plan:
    """The plan, with what CloudFormation warns of in its change sets."""
    client = aws.client("cloudformation")
    with interrupts.threads(WORKERS) as pool:
        asked = {
            slug: pool.submit(change_sets.warnings, client, step.change_set)
            for slug, step in plan.steps.items()
            if step.change_set
        }
        warnings = {slug: answer.result() for slug, answer in asked.items()}
    steps = {slug: replace(step, warnings=warnings.get(slug, ())) for slug, step in plan.steps.items()}
    return replace(plan, steps=steps)


def discard(aws: Aws, plan: Plan, but: Iterable[str] = ()) -> None:
    """Remove what planning left, except for some layers: its change sets, and empty stacks.

    Everything is tried; raises the first error when something could not be removed.
    """
    client, kept = aws.client("cloudformation"), set(but)
    steps = [step for slug, step in plan.steps.items() if slug not in kept]
    with ThreadPoolExecutor(WORKERS) as pool:
        for removal in [pool.submit(_discard, client, step) for step in steps]:
            removal.result()


def _discard(client: Any, step: Step) -> None:
    is_new = step.stack is None or not step.stack.exists
    if step.change_set:
        arn = step.change_set.arn
        change_sets.remove(client, arn, step.change_set.stack_arn if is_new else None)
    elif step.stack and is_new:
        change_sets.delete_stack_in_review(client, step.stack.arn)


def _unchanged(state: EnvironmentState, slug: str) -> Step:
    layer, current = state.layers[slug], state.current_stacks[slug]
    return Step(
        layer,
        "nothing",
        current.stack,
        deployed_policy=current.policy,
        sets_policy=not template.same_json(
            current.policy or "null", layer.stack_policy or current.policy or "null"
        ),
        sets_protection=state.environment.protected and not (current.deployed and current.deployed.protected),
        role=state.role(slug),
    )


def _changed(requests: Requests, state: EnvironmentState, slug: str, kept: ChangeSet | None) -> Step:
    """What happens to the stack of a layer that is not as it should be; `kept` is its kept change set."""
    client, survey = requests.aws.client("cloudformation"), state.survey
    layer, current, offline = state.layers[slug], state.current_stacks[slug], survey.changes[slug]
    stack = current.deployed
    act: Act = "update" if stack else "recreate" if deployed.is_failed(current.stack) else "create"
    step = replace(
        _unchanged(state, slug),
        act=act,
        endangered_exports=tuple(export.name for export in offline.exports if export.action != "add"),
        outputs=offline.outputs,
        tags=offline.tags,
        moved_rules=survey.moved_rules(slug),
        ranges=survey.ranges(slug),
        displaced=current.others,
    )
    if act == "recreate" and current.stack:
        blockers = deletion_blockers.find(requests.aws, current.stack, protected_too=True)
        step = replace(step, deletion_blockers=tuple(blockers))
    if act == "recreate" or not state.is_ready(slug):
        return replace(step, changes=offline.resources)
    with interrupts.threads(2) as pool:
        # Asked while CloudFormation makes the change set.
        took = pool.submit(_took, client, stack) if stack else None
        # A stack policy that somebody else has set is respected.
        others = pool.submit(stack_policy, client, stack) if stack and not layer.stack_policy else None
        change_set = kept or requests.change_set(layer, stack, step.role, clock.sleep)
        last_took = took.result() if took else None
        if others:
            step = replace(step, deployed_policy=others.result())
    if change_set is None:
        return replace(step, act="nothing", endangered_exports=(), outputs=(), tags=(), displaced=())
    answered = survey.without_secrets(slug, change_set.changes)
    return replace(
        step,
        changes=_in_order(layer, worse(answered, offline.resources)),
        change_set=change_set,
        displaced=tuple(other for other in step.displaced if other.arn != change_set.arn),
        took=last_took,
    )


def _took(client: Any, stack: Stack) -> describe.Took | None:
    """How long the stack took last time. A plan does not fail for want of that."""
    try:
        return describe.took(client, stack.arn)
    except (ClientError, BotoCoreError):
        return None


def _in_order(layer: Layer, changes: Iterable[ResourceChange]) -> tuple[ResourceChange, ...]:
    """As the template has the resources, then those that leave it: CloudFormation promises no order."""
    places = {logical_id: place for place, logical_id in enumerate(layer.resources)}
    return tuple(sorted(changes, key=lambda one: (places.get(one.logical_id, len(places)), one.logical_id)))


def _moves(state: EnvironmentState, steps: Mapping[str, Step]) -> Iterator[PropertyChange]:
    """The parameters that a release brings, where a step gives them other values."""
    before = {
        slug: step.stack.parameters for slug, step in steps.items() if step.act == "update" and step.stack
    }
    after = {slug: template.parameter_values(state.layers[slug], state.environment) for slug in before}
    yield from moved_by_releases(state.layers, before, after)


def _in_part(state: EnvironmentState, steps: Mapping[str, Step]) -> Iterator[PartialChange]:
    """The parameters that get a new value in these steps, and not in other stacks that have them."""
    changed = {
        slug: _changed_parameters(state.environment, state.layers[slug], stack)
        for slug, stack in state.stacks.items()
    }
    left_out = [slug for slug, stack in state.stacks.items() if stack and slug not in steps]
    for slug, step in steps.items():
        for title in changed[slug] if step.act != "nothing" else ():
            behind = tuple(other for other in left_out if title in changed[other])
            if behind:
                yield PartialChange(slug, title, behind)


def _changed_parameters(environment: Environment, layer: Layer, stack: Stack | None) -> list[str]:
    """The parameters of which a stack has another value than it would get, or none yet, in their order."""
    deployed = stack.parameters if stack else {}
    values = template.parameter_values(layer, environment)
    return [title for title in layer.parameters if deployed.get(title) not in (values[title], HIDDEN)]
