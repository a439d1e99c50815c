"""One operation on one stack: start it, follow its events to the end, say what went wrong."""

import secrets
from collections.abc import Callable
from typing import Any

from stacks import cloudformation
from stacks.cloudformation import SUCCESSES, ChangeSet, Event, Sleep, Stack
from stacks.errors import Failed

OnEvent = Callable[[str, Event], None]

# The first look comes soon, because small stacks are done soon; later ones are as far apart as the age of
# the operation suggests, so that a load balancer's three minutes do not cost hundreds of calls.
FIRST_DELAY = 0.1
LAST_DELAY = 5.0
DELAY_GROWTH = 1.3


def execute(client: Any, layer: str, change_set: ChangeSet, on_event: OnEvent, sleep: Sleep) -> None:
    """Execute a change set and wait for its end. Raises Failed with the first real cause."""
    seen = _history(client, change_set.stack_arn)
    client.execute_change_set(ChangeSetName=change_set.arn, ClientRequestToken=_token("deploy"))
    _finish(follow(client, layer, change_set.stack_arn, seen, on_event, sleep), SUCCESSES)


def delete(
    client: Any, layer: str, stack: Stack, on_event: OnEvent, sleep: Sleep, role_arn: str | None = None
) -> None:
    """Delete a stack and wait for its end. Raises Failed with the first real cause."""
    seen = _history(client, stack.arn)
    extra = {"RoleARN": role_arn} if role_arn else {}
    client.delete_stack(StackName=stack.arn, ClientRequestToken=_token("destroy"), **extra)
    # A stack whose export is in use goes back to the status that it had, which is no success here.
    _finish(follow(client, layer, stack.arn, seen, on_event, sleep), {"DELETE_COMPLETE"})


def follow(
    client: Any, layer: str, stack_arn: str, seen: set[str], on_event: OnEvent, sleep: Sleep
) -> list[Event]:
    """Report the stack's events until its operation ends.

    Gives the events that tell of a resource's failure, in their order, and the last event of all.
    """
    told: list[Event] = []
    delay = FIRST_DELAY
    while True:
        for event in cloudformation.events(client, stack_arn, seen):
            on_event(layer, event)
            if event.about_stack and not event.status.endswith("_IN_PROGRESS"):
                return [*told, event]
            if event.failed and not event.about_stack:
                told.append(event)
        sleep(delay)
        delay = min(delay * DELAY_GROWTH, LAST_DELAY)


def _finish(told: list[Event], successes: set[str]) -> None:
    *failures, last = told
    if last.status in successes:
        return
    # What failed later mostly failed because of the first.
    cause = failures[0] if failures else last
    reason = cause.reason.rstrip(".") or "CloudFormation gave no reason"
    why = f"{cause.logical_id} ({cause.type}): {reason}" if failures else reason
    raise Failed(
        f"{last.logical_id} is {last.status}", why, "correct the cause, then run the same command again"
    )


def _history(client: Any, stack_arn: str) -> set[str]:
    """The newest event that is there already: what comes after it belongs to the next operation."""
    page = client.describe_stack_events(StackName=stack_arn)["StackEvents"]
    return {page[0]["EventId"]} if page else set()


def _token(verb: str) -> str:
    return f"{verb}-{secrets.token_hex(8)}"
