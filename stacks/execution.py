"""Carry out a plan: exactly its change sets, then what CloudFormation's change sets cannot carry."""

from typing import Any

from stacks import cloudformation, operation, plan, schedule
from stacks.aws import Aws
from stacks.cloudformation import Sleep
from stacks.layers import EXECUTION_ROLE, RELEASED_LAYER
from stacks.operation import OnEvent
from stacks.plan import Plan, Step
from stacks.schedule import Outcome


def execute(aws: Aws, planned: Plan, on_event: OnEvent, sleep: Sleep | None = None) -> list[Outcome]:
    """Carry the plan out and say of each layer what became of it, in the order of deployment."""
    client = aws.client("cloudformation")

    def work(layer: str, nap: Sleep) -> Outcome:
        return _carry_out(client, planned, planned.steps[layer], on_event, nap)

    return schedule.run(planned.waits_for, work, sleep)


def _carry_out(client: Any, planned: Plan, step: Step, on_event: OnEvent, sleep: Sleep) -> Outcome:
    environment, slug = planned.environment, step.layer.slug
    name = environment.stack_name(slug)
    outcome = Outcome(slug, "done" if step.changes_something else "nothing")
    stack = step.stack
    if step.act == "recreate" and stack:
        operation.delete(client, slug, stack, on_event, sleep, stack.role_arn)
        stack = None
    if step.act != "nothing":
        deployed = stack if stack and stack.exists else None
        role = _role(client, planned, slug)
        change_set = step.change_set or plan.request(client, environment, step.layer, deployed, role, sleep)
        if change_set:
            operation.execute(client, slug, change_set, on_event, sleep)
    if step.sets_policy and step.layer.stack_policy:
        client.set_stack_policy(StackName=name, StackPolicyBody=step.layer.stack_policy)
        outcome.notes.append("stack policy set")
    if step.sets_protection:
        client.update_termination_protection(StackName=name, EnableTerminationProtection=True)
        outcome.notes.append("termination protection switched on")
    after = cloudformation.describe(client, name)
    outcome.outputs = after.outputs if after else {}
    if slug == RELEASED_LAYER and step.act == "update":
        revision = outcome.outputs.get("TaskDefinitionArn", "").rpartition(":")[2]
        outcome.notes.append(f"revision {revision} registered; it runs after the next release")
    return outcome


def _role(client: Any, planned: Plan, slug: str) -> str | None:
    if slug != RELEASED_LAYER:
        return None
    owner, output = EXECUTION_ROLE
    stack = cloudformation.describe(client, planned.environment.stack_name(owner))
    return stack.outputs[output] if stack else None
