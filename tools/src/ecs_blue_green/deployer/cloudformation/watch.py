"""Wait for several operations with one call at a time.

A thread for each operation waits in `until`. The first of them asks for all; the others wait for its results.
For several stacks it lists those in progress, and describes only a stack that is no longer in the list.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from botocore.exceptions import BotoCoreError, ClientError

from ecs_blue_green.deployer import aws, clock
from ecs_blue_green.deployer.clock import Sleep
from ecs_blue_green.deployer.cloudformation import describe
from ecs_blue_green.deployer.cloudformation.describe import Event, Stack
from ecs_blue_green.deployer.pace import Pace

# AWS may be unreachable or throttle for this long before the deployer gives up. Each call has been retried
# several times by then.
PATIENCE_SECONDS = 300.0
# Naps are short, so that an operation which has just begun is asked about soon, in spite of long waits for
# others.
NAP_SECONDS = 0.5
# For so long an update may be over any moment.
SOON_SECONDS = 30.0
# An operation that takes this long is looked into, and again each time that it has taken as long once more.
LONG_SECONDS = 300.0

Answer = TypeVar("Answer")
IsOver = Callable[[Stack | None], bool]
Tell = Callable[[Event], None]


@dataclass(eq=False)
class _Watched:
    """One operation: how its end is recognised, who is notified, and when to ask next."""

    stack_arn: str
    is_over: IsOver
    tell: Tell
    began: float
    due: float
    expected: float | None = None
    status: str = ""
    updates: bool = False
    newest: str = ""
    looked_into: int = 0
    events_at: float = 0.0
    over: bool = False
    stack: Stack | None = None
    error: Exception | None = None


class Watch:
    """Waits for all operations of one run.

    With `follows`, every event of a resource is passed on as well, at the cost of one more call each time.
    `look_into` is called with the ARN of a stack whose operation takes long.
    """

    def __init__(
        self, client: Any, *, follows: bool = False, look_into: Callable[[str], None] = lambda arn: None
    ) -> None:
        self._client = client
        self._follows = follows
        self._look_into = look_into
        self._pace = Pace()
        self._turn = threading.Lock()
        self._watched: list[_Watched] = []
        self._may_list = True
        self._answered = clock.monotonic()

    def until(
        self,
        stack_arn: str,
        is_over: IsOver,
        sleep: Sleep,
        tell: Tell,
        status: str = "",
        expected: float | None = None,
    ) -> Stack | None:
        """Wait until `is_over` is true of the stack (None when it no longer exists), and return it.

        `tell` gets an event for each status of the stack after `status`. An exception of `sleep` ends the
        wait; so does an error of AWS that is not temporary, or lasts too long. `expected` is how many seconds
        the operation may take, as one before did.
        """
        now = clock.monotonic()
        updates = status == "UPDATE_IN_PROGRESS"
        due = now + self._pace.delay(0, is_near=updates, expected=expected)
        watched = _Watched(stack_arn, is_over, tell, now, due, expected, status, updates)
        if not self._watched:
            self._answered = now
        self._watched.append(watched)
        try:
            while True:
                with self._turn:
                    if watched.error:
                        raise watched.error
                    if watched.over:
                        return watched.stack
                    self._nap(sleep)
                    self._look()
        finally:
            self._watched.remove(watched)

    def _nap(self, sleep: Sleep) -> None:
        napped = 0.0
        began = clock.monotonic()
        while True:
            remaining = min(watched.due for watched in self._open()) - began - napped
            if remaining <= 0:
                return
            nap = min(remaining, NAP_SECONDS)
            sleep(nap)
            napped += nap

    def _open(self) -> list[_Watched]:
        """The operations that have not ended yet."""
        return [watched for watched in self._watched if not watched.over and not watched.error]

    def _look(self) -> None:
        open_stacks = self._open()
        try:
            moving = self._moving(open_stacks)
            for watched in open_stacks:
                self._judge(watched, moving)
            if self._follows:
                self._tell_events(min(open_stacks, key=lambda watched: watched.events_at))
            for watched in self._open():
                if clock.monotonic() - watched.began >= LONG_SECONDS * (watched.looked_into + 1):
                    watched.looked_into += 1
                    self._look_into(watched.stack_arn)
        except (ClientError, BotoCoreError) as error:
            if not aws.is_passing(error) or clock.monotonic() - self._answered > PATIENCE_SECONDS:
                raise
            self._pace.slow_down()
        else:
            self._answered = clock.monotonic()
        now = clock.monotonic()
        for watched in open_stacks:
            age = now - watched.began
            # An update changes little, mostly, and is soon over.
            is_near = watched.updates and age < SOON_SECONDS
            watched.due = now + self._pace.delay(age, is_near=is_near, expected=watched.expected)

    def _moving(self, watched: list[_Watched]) -> dict[str, Event]:
        """Those of the stacks that are in progress; nothing when a list has no advantage."""
        if len(watched) < 2 or not self._may_list:
            return {}
        try:
            return self._timed(lambda: describe.in_progress(self._client))
        except ClientError as error:
            if not aws.is_denial(error):
                raise
            self._may_list = False
            return {}

    def _judge(self, watched: _Watched, moving: dict[str, Event]) -> None:
        if watched.stack_arn in moving:
            self._tell_status(watched, moving[watched.stack_arn])
            return
        stack = self._timed(lambda: describe.stack(self._client, watched.stack_arn))
        try:
            over = watched.is_over(stack)
        except Exception as error:
            # For the thread that waits for this operation.
            watched.error = error
            return
        if stack and (over or stack.moving):
            if over and self._follows:
                self._tell_events(watched)
            self._tell_status(watched, stack.event)
        watched.stack, watched.over = stack, over

    def _tell_status(self, watched: _Watched, event: Event) -> None:
        if event.status != watched.status:
            watched.status = event.status
            watched.tell(event)

    def _tell_events(self, watched: _Watched) -> None:
        """Pass on the events of the stack's resources since the last time."""
        events: list[Event] = []
        for event in describe.events(self._client, watched.stack_arn):
            if event.id == watched.newest or (event.about_stack and event.status in describe.STARTS):
                break
            events.append(event)
        watched.events_at = clock.monotonic()
        if events:
            watched.newest = events[0].id
        for event in reversed(events):
            if not event.about_stack:
                watched.tell(event)

    def _timed(self, ask: Callable[[], Answer]) -> Answer:
        began = clock.monotonic()
        answer = ask()
        self._pace.answered(clock.monotonic() - began)
        return answer
