"""The environment's stacks as they are found, and when they cannot be worked with."""

from collections.abc import Iterable, Mapping
from typing import Any

from ecs_blue_green.deployer import commands, interrupts, remedies
from ecs_blue_green.deployer.aws import Aws
from ecs_blue_green.deployer.clock import Sleep
from ecs_blue_green.deployer.cloudformation import describe
from ecs_blue_green.deployer.cloudformation.describe import FAILED_CREATIONS, Stack
from ecs_blue_green.deployer.cloudformation.schedule import WORKERS
from ecs_blue_green.deployer.cloudformation.watch import Watch
from ecs_blue_green.deployer.environment import Environment
from ecs_blue_green.deployer.errors import Blocked
from ecs_blue_green.deployer.layers import Layer
from ecs_blue_green.deployer.rules import Finding, Guarded
from ecs_blue_green.deployer.session import Say

# An update failed, and so did taking it back.
STUCK = "UPDATE_ROLLBACK_FAILED"
# An operation failed with rollback switched off: by a person, or in Express mode, where that is the default.
HALF_WAY = {"CREATE_FAILED", "UPDATE_FAILED"}


def settled(
    client: Any, name: str, sleep: Sleep, say: Say = lambda text: None, watch: Watch | None = None
) -> Stack | None:
    """The stack once no operation runs on it: somebody else's is waited for, never interrupted.

    `watch` is the one of all stacks that are waited for, where there are several.
    """
    return at_rest(client, describe.stack(client, name), sleep, say, watch or Watch(client))


def at_rest(client: Any, stack: Stack | None, sleep: Sleep, say: Say, watch: Watch) -> Stack | None:
    """The same of a stack that was described a moment ago."""
    if stack is None or not stack.moving:
        return stack
    say(f"{stack.name} is {stack.status}: waiting for that to end")
    return watch.until(stack.arn, lambda now: now is None or not now.moving, sleep, lambda event: None)


def described(aws: Aws, environment: Environment, layers: Iterable[str]) -> dict[str, Stack | None]:
    """The stacks of these layers, as they are now."""
    client = aws.client("cloudformation")
    names = {slug: environment.stack_name(slug) for slug in layers}
    with interrupts.threads(WORKERS) as pool:
        found = pool.map(lambda name: describe.stack(client, name), names.values())
        return dict(zip(names, found, strict=True))


def stacks(aws: Aws, environment: Environment, layers: Iterable[str]) -> dict[str, Stack | None]:
    """The same. Raises Guarded where one of such a name is not this project's."""
    return ours(environment, described(aws, environment, layers))


def ours(environment: Environment, found: Mapping[str, Stack | None]) -> dict[str, Stack | None]:
    """The stacks that were found by layer. Raises Guarded where one is not this project's."""
    for slug, stack in found.items():
        if stack:
            refuse_foreign(environment, slug, stack)
    return dict(found)


def refuse_stuck(client: Any, environment: Environment, layer: str, stack: Stack) -> None:
    """Raise Blocked for a stack that neither an update nor we can bring back: a person must look first."""
    if stack.status == STUCK:
        left = [
            resource["LogicalResourceId"]
            for page in client.get_paginator("list_stack_resources").paginate(StackName=stack.arn)
            for resource in page["StackResourceSummaries"]
            if resource["ResourceStatus"] == "UPDATE_FAILED"
        ]
        raise Blocked(
            f"{stack.name} is {STUCK}",
            (stack.reason or "CloudFormation could not bring its resources back").rstrip(".")
            + (f" ({', '.join(left)})" if left else ""),
            continuing(environment, layer),
        )
    if stack.status in HALF_WAY:
        # An update of it must not roll back either, and no update of ours is so:
        # https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/stack-failure-options.html
        raise Blocked(
            f"{stack.name} is {stack.status}",
            (stack.reason or "somebody changed it with rollback switched off").rstrip("."),
            remedies.ROLL_STACK_BACK(stack=stack.name),
        )
    if stack.status == "IMPORT_ROLLBACK_FAILED":
        raise Blocked(
            f"{stack.name} is IMPORT_ROLLBACK_FAILED",
            stack.reason or "somebody's import of resources could not be rolled back",
            remedies.END_IMPORT(),
        )
    if stack.status == "DELETE_FAILED" and _was_made(client, stack):
        finish = (
            remedies.FINISH_DELETION_BY_HAND(stack=stack.name)
            if environment.protected
            else remedies.FINISH_DELETION(destroy=commands.make("destroy", environment.name))
        )
        raise Blocked(
            f"{stack.name} is DELETE_FAILED",
            stack.reason or "it was in use, and somebody began to delete it",
            finish,
        )


def _was_made(client: Any, stack: Stack) -> bool:
    """Whether its first creation has ever succeeded. When its events do not tell any more: yes."""
    told = {event.status for event in describe.events(client, stack.arn) if event.about_stack}
    return not told & {"CREATE_FAILED", "ROLLBACK_COMPLETE", "ROLLBACK_FAILED"}


def continuing(environment: Environment, layer: str) -> str:
    """What to type when an update could not be rolled back."""
    return remedies.CONTINUE_ROLLBACK(
        command=commands.make("continue-rollback", environment.name, ONLY=layer)
    )


def is_failed(stack: Stack | None) -> bool:
    """Whether its first creation failed: then it can only be deleted."""
    return stack is not None and stack.status in FAILED_CREATIONS


def is_ours(environment: Environment, layer: str, stack: Stack) -> bool:
    """Whether the stack's tags say that this project made it for this environment and layer."""
    wanted = environment.stack_tags(layer)
    return all(stack.tags.get(key) == wanted[key] for key in ("Project", "Environment", "Layer"))


def refuse_foreign(environment: Environment, layer: str, stack: Stack) -> None:
    """Raise Guarded when the stack's tags do not say that this project made it."""
    if stack.exists and not is_ours(environment, layer, stack):
        raise Guarded(
            [
                Finding(
                    layer,
                    "",
                    "foreign-stack",
                    f"the stack {stack.name} lacks the tags Project={environment.project}, "
                    f"Environment={environment.name}, Layer={layer}",
                    remedies.ANOTHER_PROJECT(environment=environment.name),
                )
            ]
        )


def execution_role(environment: Environment, layer: Layer, found: Mapping[str, Stack | None]) -> str | None:
    """The role through which CloudFormation operates this layer's stack, where that is not the caller's.

    From the first creation on: CloudFormation goes on using the role that a stack was last operated with, so
    a person and the pipeline must not differ.
    """
    role = layer.runtime.role
    stack = found.get(role.layer) if role else None
    return stack.exports.get(f"{environment.stack_name(role.layer)}-{role.title}") if role and stack else None
