"""The environment's stacks as they are found, and when they cannot be worked with."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from stacks import cloudformation
from stacks.cloudformation import FAILED_CREATIONS, Sleep, Stack
from stacks.environment import Environment
from stacks.errors import BadInput, Blocked
from stacks.layers import EXECUTION_ROLE, RELEASED_LAYER, Layer, exports, imports
from stacks.rules import Finding, Guarded

Say = Callable[[str], None]


def settled(client: Any, name: str, sleep: Sleep, say: Say = lambda text: None) -> Stack | None:
    """The stack once no operation runs on it: somebody else's is waited for, never interrupted."""
    stack = cloudformation.describe(client, name)
    delay = 0.5
    if stack and stack.moving:
        say(f"{name} is {stack.status}: waiting for that to end")
    while stack and stack.moving:
        sleep(delay)
        delay = min(delay * 1.5, 10.0)
        stack = cloudformation.describe(client, stack.arn)
    return stack


def refuse_stuck(client: Any, environment: Environment, stack: Stack) -> None:
    """Raise Blocked for a stack that neither an update nor we can bring back: a person must look first."""
    if stack.status == "UPDATE_ROLLBACK_FAILED":
        left = [
            resource["LogicalResourceId"]
            for page in client.get_paginator("list_stack_resources").paginate(StackName=stack.arn)
            for resource in page["StackResourceSummaries"]
            if resource["ResourceStatus"] == "UPDATE_FAILED"
        ]
        raise Blocked(
            f"{stack.name} is UPDATE_ROLLBACK_FAILED",
            (stack.reason or "CloudFormation could not bring its resources back").rstrip(".")
            + (f" ({', '.join(left)})" if left else ""),
            "remove the cause, then: aws cloudformation continue-update-rollback "
            f"--stack-name {stack.name} (docs/operations.md)",
        )
    if stack.status == "IMPORT_ROLLBACK_FAILED":
        raise Blocked(
            f"{stack.name} is IMPORT_ROLLBACK_FAILED",
            stack.reason or "somebody's import of resources could not be taken back",
            "bring it to an end in the CloudFormation console, then run again",
        )
    if stack.status == "DELETE_FAILED" and _was_made(client, stack):
        finish = (
            f"aws cloudformation delete-stack --stack-name {stack.name}"
            if environment.protected
            else f"deploy.py destroy --env {environment.name}"
        )
        raise Blocked(
            f"{stack.name} is DELETE_FAILED",
            stack.reason
            or "it was in use, and somebody began to delete it",
            f"finish that first: {finish}; then run again",
        )


def _was_made(client: Any, stack: Stack) -> bool:
    """Whether its first creation has ever succeeded. When its events do not tell any more: yes."""
    told = {event.status for event in cloudformation.events(client, stack.arn, set()) if event.about_stack}
    return not told & {"CREATE_FAILED", "ROLLBACK_COMPLETE", "ROLLBACK_FAILED"}


def is_failed(stack: Stack | None) -> bool:
    """Whether its first creation failed: then it can only be deleted."""
    return stack is not None and stack.status in FAILED_CREATIONS


def refuse_foreign(environment: Environment, layer: str, stack: Stack) -> None:
    """Raise Guarded when the stack's tags do not say that this project made it."""
    wanted = environment.stack_tags(layer)
    if stack.exists and any(
        stack.tags.get(key) != wanted[key] for key in ("Project", "Environment", "Layer")
    ):
        raise Guarded(
            [
                Finding(
                    layer,
                    "",
                    "foreign-stack",
                    f"the stack {stack.name} lacks the tags Project={environment.project}, "
                    f"Environment={environment.name}, Layer={layer}",
                    f"choose another `project:` in params/{environment.name}.yaml",
                )
            ]
        )


def refuse_missing(
    environment: Environment,
    layers: Mapping[str, Layer],
    found: Mapping[str, Stack | None],
    chosen: Iterable[str],
    waits_for: Mapping[str, set[str]],
) -> None:
    """Raise BadInput when a chosen layer imports from one that is neither deployed nor chosen."""
    for slug in chosen:
        needed = imports(layers[slug], environment)
        for upstream in sorted(waits_for[slug] - set(chosen)):
            stack = found[upstream]
            deployed = stack.exports.keys() if stack and not is_failed(stack) else set()
            missing = needed & exports(layers[upstream], environment).keys() - deployed
            if missing:
                raise BadInput(
                    f"{slug} imports {sorted(missing)[0]}",
                    f"{upstream} is not deployed with that export",
                    f"add --only {upstream}",
                )


def execution_role(environment: Environment, slug: str, found: Mapping[str, Stack | None]) -> str | None:
    """The role through which CloudFormation operates this layer's stack, where that is not the caller's."""
    if slug != RELEASED_LAYER:
        return None
    owner, output = EXECUTION_ROLE
    stack = found.get(owner)
    return stack.exports.get(f"{environment.stack_name(owner)}-{output}") if stack else None
