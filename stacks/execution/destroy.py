"""Delete an unprotected environment: its stacks in reverse order, and what they keep or cannot delete.

The table of ownership in docs/ says of each resource what survives; in an unprotected environment nothing
does, so that a deploy after a destroy starts from an empty account.
"""

from collections.abc import Callable, Mapping

from stacks import template
from stacks.aws import Aws
from stacks.clock import Sleep
from stacks.cloudformation import describe, obstacles, operation, schedule
from stacks.cloudformation.describe import SHELL, Stack
from stacks.cloudformation.operation import OnEvent
from stacks.cloudformation.schedule import Outcome
from stacks.cloudformation.watch import Watch
from stacks.environment import Environment
from stacks.errors import Blocked
from stacks.layers import Layer, dependencies
from stacks.planning import deployed


def refuse_protected(environment: Environment) -> None:
    """Raise Blocked for a protected environment; nothing has been asked of AWS by then."""
    if environment.protected:
        raise Blocked(
            f"{environment.name} is protected",
            f"params/{environment.name}.yaml says protected: true",
            f"to really destroy it: set protected: false, make deploy ENV={environment.name} "
            "ALLOW=infrastructure:LoadBalancer, then destroy (docs/operations.md)",
        )


def existing(aws: Aws, environment: Environment, layers: Mapping[str, Layer]) -> dict[str, Stack]:
    """The environment's stacks by layer. Raises Blocked when one of that name is not ours."""
    client = aws.client("cloudformation")
    found = {}
    for slug in layers:
        stack = describe.stack(client, environment.stack_name(slug))
        if stack:
            deployed.refuse_foreign(environment, slug, stack)
            found[slug] = stack
    return found


def destroy(
    aws: Aws,
    environment: Environment,
    layers: Mapping[str, Layer],
    on_event: OnEvent,
    before_each: Callable[[], None] = lambda: None,
    sleep: Sleep | None = None,
    *,
    follows: bool = False,
) -> list[Outcome]:
    """Delete every stack of the environment and what the stacks retain, importers first.

    `before_each` is called before each deletion and raises to stop it. With `follows`, `on_event` gets the
    events of resources too, and not of stacks alone.
    """
    refuse_protected(environment)
    waits_for = dependencies(layers, environment)
    importers: dict[str, set[str]] = {slug: set() for slug in layers}
    for slug, upstreams in waits_for.items():
        for upstream in upstreams:
            importers[upstream].add(slug)

    watch = Watch(aws.client("cloudformation"), follows=follows)

    def work(slug: str, nap: Sleep) -> Outcome:
        return _destroy_layer(aws, watch, environment, layers[slug], on_event, before_each, nap)

    return schedule.run(importers, work, sleep=sleep)


def _destroy_layer(
    aws: Aws,
    watch: Watch,
    environment: Environment,
    layer: Layer,
    on_event: OnEvent,
    before_each: Callable[[], None],
    sleep: Sleep,
) -> Outcome:
    client = aws.client("cloudformation")
    stack = deployed.settled(client, environment.stack_name(layer.slug), sleep, watch=watch)
    outcome = Outcome(layer.slug, "done" if stack else "nothing")
    if stack:
        before_each()
    if stack and stack.status == SHELL:
        client.delete_stack(StackName=stack.arn)
    elif stack:
        outcome.notes += [obstacle.remove(aws) for obstacle in obstacles.of(aws, stack)]
        operation.delete(client, watch, layer.slug, stack, on_event, sleep, stack.role_arn)
    outcome.notes += _remove_retained(aws, environment, layer)
    return outcome


def _remove_retained(aws: Aws, environment: Environment, layer: Layer) -> list[str]:
    """Remove what the template retains, also where an earlier, killed destroy left it."""
    notes = []
    values = template.parameter_values(layer, environment)
    for resource in layer.resources.values():
        properties = resource.get("Properties", {})
        if not str(resource.get("DeletionPolicy", "Delete")).startswith("Retain"):
            continue
        if resource["Type"] == "AWS::ECS::TaskDefinition":
            family = template.text(properties["Family"], values)
            count = _deregister(aws, environment, family)
            if count:
                notes.append(f"deregistered {count} revision(s) of {family}")
        elif resource["Type"] == "AWS::Logs::LogGroup":
            group = template.text(properties["LogGroupName"], values)
            if _delete_log_group(aws, environment, group):
                notes.append(f"deleted the log group {group}")
    return notes


def _deregister(aws: Aws, environment: Environment, family: str) -> int:
    client = aws.client("ecs")
    count = 0
    for page in client.get_paginator("list_task_definitions").paginate(familyPrefix=family, status="ACTIVE"):
        for arn in page["taskDefinitionArns"]:
            # familyPrefix also finds longer families.
            if arn.rpartition("/")[2].rpartition(":")[0] != family:
                continue
            tags = client.describe_task_definition(taskDefinition=arn, include=["TAGS"]).get("tags", [])
            if _is_ours(environment, {tag["key"]: tag["value"] for tag in tags}):
                client.deregister_task_definition(taskDefinition=arn)
                count += 1
    return count


def _delete_log_group(aws: Aws, environment: Environment, name: str) -> bool:
    client = aws.client("logs")
    groups = client.describe_log_groups(logGroupNamePrefix=name)["logGroups"]
    for group in groups:
        if group["logGroupName"] == name:
            arn = group.get("logGroupArn") or group["arn"].removesuffix(":*")
            if _is_ours(environment, client.list_tags_for_resource(resourceArn=arn)["tags"]):
                client.delete_log_group(logGroupName=name)
                return True
    return False


def _is_ours(environment: Environment, tags: Mapping[str, str]) -> bool:
    return tags.get("Project") == environment.project and tags.get("Environment") == environment.name
