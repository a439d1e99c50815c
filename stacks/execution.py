"""Carry out a plan: exactly its change sets, then what CloudFormation's change sets cannot carry."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from stacks import cloudformation, guard, operation, plan, policy, schedule
from stacks.aws import Aws
from stacks.changes import ResourceChange
from stacks.cloudformation import ChangeSet, Sleep
from stacks.errors import Blocked
from stacks.layers import EXECUTION_ROLE, RELEASED_LAYER
from stacks.operation import OnEvent
from stacks.plan import Plan, Step
from stacks.rules import name
from stacks.schedule import OnInterrupt, Outcome

# Called before a layer's stack is made or changed; it raises Blocked when a person must act first.
Gate = Callable[[], None]


@dataclass(frozen=True)
class Errand:
    """Work beside the stacks: it begins when the layer `after` is done, and the layer `before` waits for it.

    `work` gets the sleep of the schedule and gives the outcome, under the errand's name.
    """

    name: str
    after: str
    before: str
    work: Callable[[Sleep], Outcome]


def execute(
    aws: Aws,
    planned: Plan,
    allowed: set[str],
    on_event: OnEvent,
    before_each: Callable[[], None] = lambda: None,
    gates: Mapping[str, Gate] = MappingProxyType({}),
    errand: Errand | None = None,
    on_interrupt: OnInterrupt = schedule.leave,
    sleep: Sleep | None = None,
) -> list[Outcome]:
    """Carry the plan out and say of each layer what became of it, in the order of deployment.

    The stack policy is lifted for the `allowed` resources (LAYER:LOGICALID) that need it, and put back on
    every way out. `before_each` is called before each execution and raises to stop it; `gates` has what is
    asked before single layers. The change sets of layers that were not started are removed.
    """

    def work(name: str, nap: Sleep) -> Outcome:
        if errand and name == errand.name:
            return errand.work(nap)
        step = planned.steps[name]
        if step.act != "nothing" and name in gates:
            gates[name]()
        return _carry_out(aws, planned, step, allowed, on_event, before_each, nap)

    outcomes = schedule.run(_waits_for(planned, errand), work, on_interrupt, sleep)
    idle = [outcome.layer for outcome in outcomes if outcome.result == "not started"]
    plan.discard(aws, planned, idle)
    return outcomes


def _waits_for(planned: Plan, errand: Errand | None) -> Mapping[str, set[str]]:
    if errand is None:
        return planned.waits_for
    found = {slug: set(upstreams) for slug, upstreams in planned.waits_for.items()}
    found[errand.name] = {errand.after} & found.keys()
    if errand.before in found:
        found[errand.before].add(errand.name)
    return found


def _carry_out(
    aws: Aws,
    planned: Plan,
    step: Step,
    allowed: set[str],
    on_event: OnEvent,
    before_each: Callable[[], None],
    sleep: Sleep,
) -> Outcome:
    client = aws.client("cloudformation")
    environment, slug = planned.environment, step.layer.slug
    stack_name = environment.stack_name(slug)
    outcome = Outcome(slug, "done" if step.changes_something else "nothing")
    if step.act != "nothing":
        before_each()
        outcome.notes += [obstacle.remove(aws) for obstacle in step.obstacles]
        change_set = step.change_set or _late_change_set(client, planned, step, on_event, sleep)
        if change_set:
            _execute(client, step, change_set, allowed, on_event, sleep)
    if step.layer.stack_policy and (step.sets_policy or _lifts(step, allowed)):
        client.set_stack_policy(StackName=stack_name, StackPolicyBody=step.layer.stack_policy)
        outcome.notes.append("stack policy set")
    if step.sets_protection:
        client.update_termination_protection(StackName=stack_name, EnableTerminationProtection=True)
        outcome.notes.append("termination protection switched on")
    after = cloudformation.describe(client, stack_name)
    outcome.outputs = after.outputs if after else {}
    if slug == RELEASED_LAYER and step.act == "update":
        revision = outcome.outputs.get("TaskDefinitionArn", "").rpartition(":")[2]
        outcome.notes.append(f"revision {revision} registered; it runs after the next release")
    return outcome


def _late_change_set(
    client: Any, planned: Plan, step: Step, on_event: OnEvent, sleep: Sleep
) -> ChangeSet | None:
    """The change set that could not be made when the plan was: now what the layer imports from is there.

    It must be what was approved. Raises Blocked when it is not.
    """
    stack = step.stack
    if step.act == "recreate" and stack:
        operation.delete(client, step.layer.slug, stack, on_event, sleep, stack.role_arn)
        stack = None
    deployed = stack if stack and stack.exists else None
    role = _role(client, planned, step.layer.slug)
    made = plan.request(client, planned.environment, step.layer, deployed, role, sleep)
    if made is None:
        return None
    unplanned = [change for change in made.changes if not _was_planned(change, step.changes)]
    if not unplanned:
        return made
    cloudformation.delete_change_set(client, made.arn)
    if stack is None:
        cloudformation.delete_shell(client, made.stack_arn)
    raise Blocked(
        "CloudFormation's change set differs from the approved plan",
        ", ".join(f"{change.action} {change.logical_id}" for change in unplanned),
        "run again: the new plan will show it",
    )


def _was_planned(change: ResourceChange, planned: Iterable[ResourceChange]) -> bool:
    """Whether the plan announced this change, or a worse one, for the same resource."""
    badness = ("modify", "may replace", "replace")
    for expected in planned:
        if expected.logical_id != change.logical_id:
            continue
        if expected.action in badness and change.action in badness:
            return badness.index(change.action) <= badness.index(expected.action)
        return expected.action == change.action
    return False


def _execute(
    client: Any,
    step: Step,
    change_set: ChangeSet,
    allowed: set[str],
    on_event: OnEvent,
    sleep: Sleep,
) -> None:
    lifts = _lifts(step, allowed)
    if not lifts or not step.deployed_policy:
        operation.execute(client, step.layer.slug, change_set, on_event, sleep)
        return
    client.set_stack_policy(
        StackName=change_set.stack_arn, StackPolicyBody=policy.lifted(step.deployed_policy, lifts)
    )
    try:
        operation.execute(client, step.layer.slug, change_set, on_event, sleep)
    finally:
        # Where even this fails, the next command finds that the policy differs and sets it.
        client.set_stack_policy(
            StackName=change_set.stack_arn, StackPolicyBody=step.layer.stack_policy or step.deployed_policy
        )


def _lifts(step: Step, allowed: set[str]) -> set[str]:
    """The protected resources that the allowed changes of this step touch."""
    return {
        denied
        for change in step.changes
        if name(step.layer.slug, change) in allowed
        for denied in guard.denied_resources(step, change)
    }


def _role(client: Any, planned: Plan, slug: str) -> str | None:
    if slug != RELEASED_LAYER:
        return None
    owner, output = EXECUTION_ROLE
    stack = cloudformation.describe(client, planned.environment.stack_name(owner))
    return stack.outputs[output] if stack else None
