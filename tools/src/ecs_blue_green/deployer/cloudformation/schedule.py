"""Operate on several stacks: each after those that it depends on, independent ones at the same time."""

import sys
import threading
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from graphlib import TopologicalSorter
from queue import Empty, SimpleQueue
from typing import Literal

from botocore.exceptions import BotoCoreError, ClientError

from ecs_blue_green.deployer import aws, clock, interrupts
from ecs_blue_green.deployer.clock import Sleep
from ecs_blue_green.deployer.cloudformation.describe import Event
from ecs_blue_green.deployer.cloudformation.operation import LostSight, StackFailed
from ecs_blue_green.deployer.errors import (
    EXIT_BLOCKED,
    EXIT_DONE,
    EXIT_FAILED,
    EXIT_INTERRUPTED,
    Blocked,
    Failure,
)

# As many stacks are worked on at the same time; AWS throttles an account, not a connection.
WORKERS = 32
# How long the workers have to clean up when the deployer is interrupted.
LEAVE_SECONDS = 20.0

Result = Literal["done", "nothing", "failed", "not started", "left running"]
GOOD = ("done", "nothing")


@dataclass
class Outcome:
    """The result for one layer, the reason, and what to type next.

    `interrupted` when Ctrl-C is the reason. `stack` is the ARN, if there is one. `start` and `end` are None
    when nothing was done, or the operation is still in progress. `failed` are the events of failures, oldest
    first.
    """

    layer: str
    result: Result
    why: str = ""
    remedy: str = ""
    outputs: Mapping[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    interrupted: bool = False
    stack: str = ""
    start: datetime | None = None
    end: datetime | None = None
    failed: Sequence[Event] = ()


Work = Callable[[str, Sleep], Outcome]
Answer = Literal["go on", "finish", "leave"]
# Called on Ctrl-C with the layers whose operations are in progress. `go on` ignores the interrupt, `finish`
# starts nothing more and waits for these operations, `leave` stops waiting for them.
OnInterrupt = Callable[[set[str]], Answer]


class Left(Exception):
    """Who runs the schedule asks to leave the stacks alone: raised by the `sleep` of the work."""


@dataclass(frozen=True)
class _Interrupted:
    """Somebody, or something, interrupts the run."""

    person: bool


@dataclass(frozen=True)
class _Ended:
    """A layer's work ended: with an outcome, or with what must end the whole run."""

    layer: str
    outcome: Outcome | BaseException


def leave(running: set[str]) -> Answer:
    """The answer to Ctrl-C without a user to ask: stop waiting; AWS continues, nothing is cancelled."""
    return "leave"


def exit_code(outcomes: list[Outcome]) -> int:
    """The exit code of a command with these outcomes."""
    if any(outcome.interrupted for outcome in outcomes):
        return EXIT_INTERRUPTED
    if all(outcome.result in GOOD for outcome in outcomes):
        return EXIT_DONE
    blocked = any(outcome.result == "not started" and outcome.remedy for outcome in outcomes)
    failed = any(outcome.result in ("failed", "left running") for outcome in outcomes)
    return EXIT_BLOCKED if blocked and not failed else EXIT_FAILED


def run_layers(
    waits_for: Mapping[str, set[str]],
    work: Work,
    on_interrupt: OnInterrupt = leave,
    sleep: Sleep | None = None,
) -> list[Outcome]:
    """Call `work(layer, sleep)` for every layer; the outcomes in the order of dependencies.

    A layer that fails stops those that depend on it; those already in progress finish. `sleep` is for tests;
    the real one ends early when the deployer is interrupted.
    """
    return _Run(waits_for, work, on_interrupt, sleep).outcomes()


class _Run:
    def __init__(
        self,
        waits_for: Mapping[str, set[str]],
        work: Work,
        on_interrupt: OnInterrupt,
        sleep: Sleep | None,
    ) -> None:
        self._waits_for = waits_for
        self._work = work
        self._on_interrupt = on_interrupt
        self._sleep = sleep
        self._order = TopologicalSorter(waits_for)
        self._outcomes: dict[str, Outcome] = {}
        self._running: set[str] = set()
        self._begun: dict[str, datetime] = {}
        self._news: SimpleQueue[_Interrupted | _Ended] = SimpleQueue()
        self._slots = threading.Semaphore(WORKERS)
        self._leave = threading.Event()
        self._starting = True

    def outcomes(self) -> list[Outcome]:
        self._order.prepare()
        with interrupts.told_to(lambda person: self._news.put(_Interrupted(person))):
            try:
                if not self._news.empty():
                    self._take_in()
                while self._order.is_active():
                    for layer in self._order.get_ready():
                        self._start(layer)
                    if self._running:
                        self._take_in()
            except BaseException:
                self._leave.set()
                raise
        return [self._outcomes[layer] for layer in TopologicalSorter(self._waits_for).static_order()]

    def _start(self, layer: str) -> None:
        stopped_by = [
            name for name in sorted(self._waits_for[layer]) if self._outcomes[name].result not in GOOD
        ]
        if stopped_by or not self._starting:
            why = " and ".join(f"{name} {_said(self._outcomes[name])}" for name in stopped_by)
            self._outcomes[layer] = Outcome(
                layer, "not started", why or "interrupted", interrupted=not self._starting
            )
            self._order.done(layer)
            return
        self._running.add(layer)
        self._begun[layer] = clock.now()
        # A daemon: a call that hangs must not delay the exit after an interrupt.
        threading.Thread(target=self._attempt, args=(layer,), name=layer, daemon=True).start()

    def _take_in(self) -> None:
        try:
            news = self._news.get(timeout=LEAVE_SECONDS if self._leave.is_set() else None)
        except Empty:
            self._abandon()
            return
        if isinstance(news, _Ended):
            if isinstance(news.outcome, BaseException):
                raise news.outcome
            self._end(news.layer, news.outcome)
        elif self._leave.is_set():
            self._abandon()
        else:
            self._interrupted(news.person)

    def _end(self, layer: str, outcome: Outcome) -> None:
        if outcome.result not in GOOD and not self._starting:
            outcome.interrupted = True
        if outcome.result not in ("nothing", "not started"):
            outcome.start = self._begun[layer]
            outcome.end = None if outcome.result == "left running" else clock.now()
        self._running.discard(layer)
        self._outcomes[layer] = outcome
        self._order.done(layer)

    def _abandon(self) -> None:
        """Stop waiting for workers that do not end by themselves."""
        for layer in sorted(self._running):
            self._end(layer, Outcome(layer, "left running"))

    def _interrupted(self, person: bool) -> None:
        answer: Answer = "leave"
        if person and self._running:
            try:
                with interrupts.interrupted_alone():
                    answer = self._on_interrupt(set(self._running))
            except KeyboardInterrupt:
                # Another Ctrl-C at the question is the answer.
                answer = "leave"
        if answer == "go on":
            return
        self._starting = False
        if answer == "leave":
            self._leave.set()

    def _nap(self, seconds: float) -> None:
        if self._sleep:
            self._sleep(seconds)
        if clock.wait(self._leave, 0 if self._sleep else seconds):
            raise Left

    def _attempt(self, layer: str) -> None:
        try:
            with self._slots:
                outcome = self._work(layer, self._nap)
        except Left as error:
            outcome = Outcome(layer, "left running", str(error))
        except LostSight as error:
            outcome = Outcome(layer, "left running", str(error), error.remedy)
        except Blocked as error:
            # Somebody has to act first: nothing was started.
            outcome = Outcome(layer, "not started", str(error), error.remedy)
        except (ClientError, BotoCoreError) as error:
            failure = aws.failure(error)
            outcome = Outcome(layer, "failed", str(failure), failure.remedy)
        except StackFailed as error:
            outcome = Outcome(layer, "failed", str(error), error.remedy, failed=error.failed)
        except Failure as error:
            outcome = Outcome(layer, "failed", str(error), error.remedy)
        except Exception as error:
            # A bug of this program must not hide the results of the other stacks.
            traceback.print_exc(file=sys.stderr)
            outcome = Outcome(layer, "failed", f"the deployer itself failed: {error!r}", "report this")
        except BaseException as error:
            self._news.put(_Ended(layer, error))
            return
        self._news.put(_Ended(layer, outcome))


def _said(outcome: Outcome) -> str:
    return "was not started" if outcome.result == "not started" else outcome.result
