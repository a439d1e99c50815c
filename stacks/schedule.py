"""Work on several stacks: each when those that it waits for are done, independent ones at the same time."""

import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass, field
from graphlib import TopologicalSorter
from typing import Literal

from botocore.exceptions import BotoCoreError, ClientError

from stacks import aws
from stacks.cloudformation import Sleep
from stacks.errors import Failure

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


class _LeaveError(Exception):
    """The main thread asked the others to leave their stacks alone."""


def run(waits_for: Mapping[str, set[str]], work: Work, sleep: Sleep | None = None) -> list[Outcome]:
    """Call `work(layer, sleep)` for every layer and give the outcomes in the order of dependency.

    A layer that fails stops those that wait for it; those already running finish. On KeyboardInterrupt
    nothing more is started, what runs is left to AWS, and the exception passes through. `sleep` is for
    tests; the real one ends early when the run is interrupted.
    """
    order = TopologicalSorter(waits_for)
    order.prepare()
    outcomes: dict[str, Outcome] = {}
    running: dict[Future[Outcome], str] = {}
    leave = threading.Event()

    def nap(seconds: float) -> None:
        if sleep:
            sleep(seconds)
        if leave.wait(0 if sleep else seconds):
            raise _LeaveError

    with ThreadPoolExecutor(WORKERS) as pool, _leaving(leave):
        while order.is_active():
            for layer in order.get_ready():
                stopped_by = [name for name in sorted(waits_for[layer]) if outcomes[name].result not in GOOD]
                if stopped_by:
                    why = " and ".join(f"{name} {_said(outcomes[name])}" for name in stopped_by)
                    outcomes[layer] = Outcome(layer, "not started", why)
                    order.done(layer)
                else:
                    running[pool.submit(_attempt, work, layer, nap)] = layer
            if running:
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    layer = running.pop(future)
                    outcomes[layer] = future.result()
                    order.done(layer)
    return [outcomes[layer] for layer in TopologicalSorter(waits_for).static_order()]


@contextmanager
def _leaving(leave: threading.Event) -> Iterator[None]:
    try:
        yield
    except BaseException:
        leave.set()
        raise


def _attempt(work: Work, layer: str, nap: Sleep) -> Outcome:
    try:
        return work(layer, nap)
    except _LeaveError:
        return Outcome(layer, "left running")
    except (ClientError, BotoCoreError) as error:
        trouble = aws.failure(error)
    except Failure as error:
        trouble = error
    return Outcome(layer, "failed", str(trouble), trouble.remedy)


def _said(outcome: Outcome) -> str:
    return "was not started" if outcome.result == "not started" else outcome.result
