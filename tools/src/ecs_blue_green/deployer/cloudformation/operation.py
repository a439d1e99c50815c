"""One operation on one stack: start it, wait until it ends, and explain a failure.

The status of the stack, together with the time of its last operation, shows that an operation has ended: a
stale response shows the operation before. The events tell why it failed. They carry the token with which the
operation was started; the rollback of a cancelled update does not.
"""

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from ecs_blue_green.deployer import aws, clock
from ecs_blue_green.deployer.clock import Sleep
from ecs_blue_green.deployer.cloudformation import change_sets, describe
from ecs_blue_green.deployer.cloudformation.change_sets import ChangeSet
from ecs_blue_green.deployer.cloudformation.describe import STARTS, SUCCESSES, Event, Stack
from ecs_blue_green.deployer.cloudformation.watch import Watch
from ecs_blue_green.deployer.errors import Failed, Failure

OnEvent = Callable[[str, Event], None]

# How often a stack may look unchanged before its events are read, because the response may be stale, and how
# long until the deployer gives up.
UNTOUCHED_LOOKS = 3
UNTOUCHED_SECONDS = 300.0
EVENT_TRIES = 4
EVENT_PAUSE_SECONDS = 2.0


# Errors of a retry whose first attempt succeeded.
_SENT_AGAIN = {*change_sets.CHANGE_SET_GONE, "InvalidChangeSetStatus", "ValidationError"}


class StackFailed(Failed):
    """An operation failed; `status` is the stack's.

    `failed` are the events of the failures, oldest first.
    """

    def __init__(self, status: str, what: str, why: str, remedy: str, failed: Sequence[Event] = ()) -> None:
        super().__init__(what, why, remedy)
        self.status = status
        self.failed = failed


class LostSight(Failed):
    """AWS can no longer be asked about an operation that is in progress, or that may have started."""

    def __init__(self, cause: Failure, what: str) -> None:
        why = cause.why if isinstance(cause, LostSight) else str(cause)
        super().__init__(what, why, cause.remedy or "run the same command again: it finds the operation")


@dataclass
class Operation:
    """An operation that was started: the stack, the token, and the stack as it was before."""

    layer: str
    stack_arn: str
    token: str
    before: Stack | None
    deletes: bool = False
    continues: bool = False
    untouched: int = 0

    @property
    def goals(self) -> set[str]:
        """The statuses of a stack after a successful operation, unless it is deleted."""
        if self.continues:
            return {"UPDATE_ROLLBACK_COMPLETE"}
        return set() if self.deletes else SUCCESSES

    @property
    def starts(self) -> set[str]:
        """The statuses of the event with which it begins."""
        return {"UPDATE_ROLLBACK_IN_PROGRESS"} if self.continues else STARTS

    def is_over(self, stack: Stack | None) -> bool:
        """Whether this response shows the stack after the operation; a stale one does not."""
        if stack is None:
            self.untouched += 1
            return self.deletes
        if stack.moving or not stack.exists:
            self.untouched = 0 if stack.moving else self.untouched + 1
            return False
        if self.before is None or not self.before.exists or stack.since(self.before):
            return True
        if self.continues and stack.status != self.before.status:
            return True
        self.untouched += 1
        return False


@dataclass(frozen=True)
class Operations:
    """Operations on stacks: `watch` waits until they end, `on_event` is called with the events."""

    client: Any
    watch: Watch
    on_event: OnEvent

    def execute(
        self,
        layer: str,
        change_set: ChangeSet,
        before: Stack | None,
        sleep: Sleep,
        expected: float | None = None,
    ) -> Stack:
        """Execute a change set and return the stack afterwards; `before` is the stack as it was.

        `expected` is how many seconds that may take, as the last time did.

        Raises StackFailed with the first real cause, LostSight when AWS cannot be asked any more.
        """
        token = _token("deploy")
        operation = Operation(layer, change_set.stack_arn, token, before)
        try:
            self.client.execute_change_set(ChangeSetName=change_set.arn, ClientRequestToken=token)
        except (ClientError, BotoCoreError) as error:
            # The execution may have started in spite of the error, or without a response.
            if not _has_begun(self.client, operation, error, sleep, change_set):
                raise
        begins = "UPDATE_IN_PROGRESS" if before and before.exists else "CREATE_IN_PROGRESS"
        stack = self._finished(operation, begins, sleep, expected)
        if stack is None:
            raise StackFailed(
                "", f"the stack of {layer} no longer exists", "somebody deleted it meanwhile", "run again"
            )
        return stack

    def delete(self, layer: str, stack: Stack, sleep: Sleep) -> None:
        """Delete a stack, with the role of its last operation, and wait for the end.

        Raises StackFailed with the first real cause, or LostSight.
        """
        operation = Operation(layer, stack.arn, _token("destroy"), stack, deletes=True)
        extra = {"RoleARN": stack.role_arn} if stack.role_arn else {}
        self.client.delete_stack(StackName=stack.arn, ClientRequestToken=operation.token, **extra)
        self._finished(operation, "DELETE_IN_PROGRESS", sleep)

    def continue_rollback(self, layer: str, stack: Stack, skipped: list[str], sleep: Sleep) -> None:
        """Continue the rollback of an update, without the `skipped` resources, and wait until it ends.

        Raises StackFailed with the first real cause, or LostSight.
        """
        operation = Operation(layer, stack.arn, _token("continue"), stack, continues=True)
        extra = {"ResourcesToSkip": skipped} if skipped else {}
        try:
            self.client.continue_update_rollback(
                StackName=stack.arn, ClientRequestToken=operation.token, **extra
            )
        except (ClientError, BotoCoreError) as error:
            if not _has_begun(self.client, operation, error, sleep):
                raise
        self._finished(operation, "UPDATE_ROLLBACK_IN_PROGRESS", sleep)

    def _finished(
        self, operation: Operation, begins: str, sleep: Sleep, expected: float | None = None
    ) -> Stack | None:
        """Wait until the operation is over. Raises StackFailed unless it succeeded."""
        began = clock.monotonic()
        self.on_event(operation.layer, describe.about_stack(operation.stack_arn, begins))

        def is_over(stack: Stack | None) -> bool:
            if operation.is_over(stack):
                return True
            if operation.untouched < UNTOUCHED_LOOKS:
                return False
            operation.untouched = 0
            last = _last_word(self.client, operation)
            waited = clock.monotonic() - began > UNTOUCHED_SECONDS
            if last is None and waited:
                silence = Failed("CloudFormation does not show the operation", "it accepted it minutes ago")
                raise LostSight(silence, "the operation was accepted")
            if last is None or last.status.endswith("_IN_PROGRESS"):
                return False
            if stack is None or last.status == "DELETE_COMPLETE":
                return stack is None and last.status == "DELETE_COMPLETE"
            # DeleteStack of a stack with imported exports ends in the status in which it began, and so does a
            # continued rollback that fails again. Otherwise the description of the stack is older than its
            # events.
            return (operation.deletes or operation.continues or waited) and last.status == stack.status

        try:
            stack = self.watch.until(
                operation.stack_arn,
                is_over,
                sleep,
                lambda event: self.on_event(operation.layer, event),
                begins,
                expected,
            )
        except (ClientError, BotoCoreError) as error:
            raise LostSight(
                aws.failure(error), "it is still in progress, but AWS can no longer be asked"
            ) from error
        if stack is None and operation.deletes:
            self.on_event(operation.layer, describe.about_stack(operation.stack_arn, "DELETE_COMPLETE"))
        if stack is None or stack.status in operation.goals:
            return stack
        raise self._failure(operation, stack, sleep)

    def _failure(self, operation: Operation, stack: Stack, sleep: Sleep) -> StackFailed:
        """Why the operation failed: later failures are mostly caused by the first."""
        try:
            events = _events_until_end(self.client, operation, sleep)
        except (ClientError, BotoCoreError):
            events = []
        failed = [event for event in events if event.failed]
        for event in failed:
            self.on_event(operation.layer, event)
        failures = [event for event in failed if not event.about_stack]
        last = events[-1] if events else None
        if failures:
            reason = failures[0].reason.rstrip(".") or "CloudFormation gave no reason"
            why = f"{failures[0].logical_id} ({failures[0].type}): {reason}"
        else:
            why = ((last.reason if last else "") or stack.reason).rstrip(
                "."
            ) or "CloudFormation gave no reason"
        return StackFailed(
            stack.status,
            f"{stack.name} is {stack.status}",
            why,
            "correct the cause, then run the same command again",
            failed,
        )


def _has_begun(
    client: Any,
    operation: Operation,
    error: ClientError | BotoCoreError,
    sleep: Sleep,
    change_set: ChangeSet | None = None,
) -> bool:
    """Whether an operation has started although the call failed.

    A retry after a lost response fails because the operation is already in progress. Raises LostSight when
    AWS cannot be asked.
    """
    refused = isinstance(error, ClientError) and not aws.is_passing(error)
    if refused and error.response["Error"]["Code"] not in _SENT_AGAIN:  # type: ignore[union-attr]
        return False
    try:
        for _ in range(EVENT_TRIES):
            if change_set and change_sets.is_executed(client, change_set.arn):
                return True
            events = describe.newest_events(client, operation.stack_arn)
            if any(event.token == operation.token for event in events):
                return True
            sleep(EVENT_PAUSE_SECONDS)
    except (ClientError, BotoCoreError) as second:
        raise LostSight(
            aws.failure(error), "AWS cannot be asked whether the operation has started"
        ) from second
    return False


def _events_until_end(client: Any, operation: Operation, sleep: Sleep) -> list[Event]:
    """The operation's events, oldest first. They may appear later than the status of the stack."""
    events: list[Event] = []
    for attempt in range(EVENT_TRIES):
        events = _operation_events(client, operation)
        if events and events[-1].about_stack and not events[-1].status.endswith("_IN_PROGRESS"):
            break
        if attempt < EVENT_TRIES - 1:
            sleep(EVENT_PAUSE_SECONDS)
    return events


def _operation_events(client: Any, operation: Operation) -> list[Event]:
    """The events of the operation, oldest first; only those with its token when its start is not found."""
    events: list[Event] = []
    for event in describe.events(client, operation.stack_arn):
        events.append(event)
        if event.about_stack and event.status in operation.starts and event.token == operation.token:
            return events[::-1]
    # A deletion that is cancelled at once has no event of its start.
    return [event for event in reversed(events) if event.token == operation.token]


def _last_word(client: Any, operation: Operation) -> Event | None:
    """The newest event of the stack itself that belongs to the operation or says that it is deleted."""
    for event in describe.newest_events(client, operation.stack_arn):
        if event.about_stack and (event.token == operation.token or event.status == "DELETE_COMPLETE"):
            return event
    return None


def _token(verb: str) -> str:
    return f"{verb}-{secrets.token_hex(8)}"
