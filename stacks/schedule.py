"""Work on several stacks: each when those that it waits for are done, independent ones at the same time."""

import threading
from collections.abc import Callable, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from graphlib import TopologicalSorter
from typing import Literal

from botocore.exceptions import BotoCoreError, ClientError

from stacks import aws
from stacks.cloudformation import Sleep
from stacks.errors import Blocked, Failure

# As many stacks are worked on at the same time; AWS throttles an account, not a connection.
WORKERS = 16

Result = Literal["done", "nothing", "failed", "not started", "left running"]
GOOD = ("done", "nothing")


@dataclass
class Outcome:
    """What became of one layer: the result, why, and what to type next."""

    layer: str
    result: Result
    why: str = ""
    remedy: str = ""
    outputs: Mapping[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


Work = Callable[[str, Sleep], Outcome]
# Called with the layers whose stacks are being operated on when a person presses Ctrl-C. `go on` forgets
# it, `finish` starts nothing more and waits for what runs, `leave` gives up watching.
OnInterrupt = Callable[[set[str]], Literal["go on", "finish", "leave"]]


class Left(Exception):
    """The main thread asked the others to leave their stacks alone: raised by the `sleep` of the work."""


def leave(running: set[str]) -> Literal["leave"]:
    """The answer to Ctrl-C where nobody can be asked: AWS goes on, nothing is cancelled."""
    return "leave"


def run(
    waits_for: Mapping[str, set[str]],
    work: Work,
    on_interrupt: OnInterrupt = leave,
    sleep: Sleep | None = None,
) -> list[Outcome]:
    """Call `work(layer, sleep)` for every layer and give the outcomes in the order of dependency.

    A layer that fails stops those that wait for it; those already running finish. `sleep` is for tests; the
    real one ends early when the run is left.
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
        self._running: dict[Future[Outcome], str] = {}
        self._leave = threading.Event()
        self._starting = True

    def outcomes(self) -> list[Outcome]:
        self._order.prepare()
        with ThreadPoolExecutor(WORKERS) as pool:
            try:
                while self._order.is_active():
                    for layer in self._order.get_ready():
                        self._start(pool, layer)
                    self._collect()
            except BaseException:
                self._leave.set()
                raise
        return [self._outcomes[layer] for layer in TopologicalSorter(self._waits_for).static_order()]

    def _start(self, pool: ThreadPoolExecutor, layer: str) -> None:
        stopped_by = [
            name for name in sorted(self._waits_for[layer]) if self._outcomes[name].result not in GOOD
        ]
        if stopped_by or not self._starting:
            why = " and ".join(f"{name} {_said(self._outcomes[name])}" for name in stopped_by)
            self._outcomes[layer] = Outcome(layer, "not started", why or "interrupted")
            self._order.done(layer)
        else:
            self._running[pool.submit(self._attempt, layer)] = layer

    def _collect(self) -> None:
        if not self._running:
            return
        try:
            done = wait(self._running, return_when=FIRST_COMPLETED).done
        except KeyboardInterrupt:
            self._interrupted()
            return
        for future in done:
            layer = self._running.pop(future)
            self._outcomes[layer] = future.result()
            self._order.done(layer)

    def _interrupted(self) -> None:
        try:
            answer = self._on_interrupt(set(self._running.values()))
        except KeyboardInterrupt:
            answer = "leave"
        if answer == "go on":
            return
        self._starting = False
        if answer == "leave":
            self._leave.set()

    def _nap(self, seconds: float) -> None:
        if self._sleep:
            self._sleep(seconds)
        if self._leave.wait(0 if self._sleep else seconds):
            raise Left

    def _attempt(self, layer: str) -> Outcome:
        try:
            return self._work(layer, self._nap)
        except Left:
            return Outcome(layer, "left running")
        except Blocked as error:
            # Somebody else has to act first: nothing was begun.
            return Outcome(layer, "not started", str(error), error.remedy)
        except (ClientError, BotoCoreError) as error:
            trouble = aws.failure(error)
        except Failure as error:
            trouble = error
        return Outcome(layer, "failed", str(trouble), trouble.remedy)


def _said(outcome: Outcome) -> str:
    return "was not started" if outcome.result == "not started" else outcome.result
