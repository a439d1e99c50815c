"""Watching operations: however many run, one call at a time asks about all of them.

A thread for each operation waits in `until`. One of them, whoever comes first, looks for all; the others wait
for what it sees. Several stacks are asked about by the list of those that are in progress, and only one that
is not in it any more is described.
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

# AWS may be out of reach or throttle for this long before an operation is lost from sight. Each call has been
# tried several times by then.
PATIENCE_SECONDS = 300.0
# Naps are so short that an operation which has just begun is not overlooked in the shadow of an old one.
NAP_SECONDS = 0.5
# An operation that takes this long is looked into, and again each time that it takes as long once more.
LONG_SECONDS = 300.0

Answer = TypeVar("Answer")
IsOver = Callable[[Stack | None], bool]
Tell = Callable[[Event], None]


@dataclass(eq=False)
class _Watched:
    """One operation: what tells its end, who is told of it, and when to look next."""

    stack_arn: str
    is_over: IsOver
    tell: Tell
    began: float
    due: float
    status: str = ""
    newest: str = ""
    looked_into: int = 0
    events_at: float = 0.0
    over: bool = False
    stack: Stack | None = None
    error: Exception | None = None


class Watch:
    """The watch over all operations of one run.

    With `follows`, every event of a resource is told as well, at the cost of one more call a look.
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
        self, stack_arn: str, is_over: IsOver, sleep: Sleep, tell: Tell, status: str = ""
    ) -> Stack | None:
        """Wait until `is_over` says so of the stack, None where it is gone, and give it as it is then.

        `tell` gets an event for each state of the stack after `status`. What `sleep` raises ends the waiting;
        so does an error of AWS that does not pass by itself, or not in time.
        """
        now = clock.monotonic()
        watched = _Watched(stack_arn, is_over, tell, now, now + self._pace.delay(0), status)
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
            left = min(watched.due for watched in self._open()) - began - napped
            if left <= 0:
                return
            nap = min(left, NAP_SECONDS)
            sleep(nap)
            napped += nap

    def _open(self) -> list[_Watched]:
        """Those whose end has not been seen yet."""
        return [one for one in self._watched if not one.over and not one.error]

    def _look(self) -> None:
        watched = self._open()
        try:
            moving = self._moving(watched)
            for one in watched:
                self._judge(one, moving)
            if self._follows:
                self._tell_events(min(watched, key=lambda one: one.events_at))
            for one in self._open():
                if clock.monotonic() - one.began >= LONG_SECONDS * (one.looked_into + 1):
                    one.looked_into += 1
                    self._look_into(one.stack_arn)
        except (ClientError, BotoCoreError) as error:
            if not aws.is_passing(error) or clock.monotonic() - self._answered > PATIENCE_SECONDS:
                raise
            self._pace.slow_down()
        else:
            self._answered = clock.monotonic()
        now = clock.monotonic()
        for one in watched:
            one.due = now + self._pace.delay(now - one.began)

    def _moving(self, watched: list[_Watched]) -> dict[str, Event]:
        """Those of the stacks that are known to be in progress; nothing where a list would tell no more."""
        if len(watched) < 2 or not self._may_list:
            return {}
        try:
            return self._timed(lambda: describe.in_progress(self._client))
        except ClientError as error:
            if not aws.is_denial(error):
                raise
            self._may_list = False
            return {}

    def _judge(self, one: _Watched, moving: dict[str, Event]) -> None:
        if one.stack_arn in moving:
            self._tell_status(one, moving[one.stack_arn])
            return
        stack = self._timed(lambda: describe.stack(self._client, one.stack_arn))
        try:
            over = one.is_over(stack)
        except Exception as error:
            # It is the concern of the thread that waits for this one.
            one.error = error
            return
        if stack and (over or stack.moving):
            if over and self._follows:
                self._tell_events(one)
            self._tell_status(one, stack.event)
        one.stack, one.over = stack, over

    def _tell_status(self, one: _Watched, event: Event) -> None:
        if event.status != one.status:
            one.status = event.status
            one.tell(event)

    def _tell_events(self, one: _Watched) -> None:
        """Tell the events of the stack's resources since the last time."""
        fresh: list[Event] = []
        for event in describe.events(self._client, one.stack_arn):
            if event.id == one.newest or (event.about_stack and event.status in describe.STARTS):
                break
            fresh.append(event)
        one.events_at = clock.monotonic()
        if fresh:
            one.newest = fresh[0].id
        for event in reversed(fresh):
            if not event.about_stack:
                one.tell(event)

    def _timed(self, ask: Callable[[], Answer]) -> Answer:
        began = clock.monotonic()
        answer = ask()
        self._pace.answered(clock.monotonic() - began)
        return answer
