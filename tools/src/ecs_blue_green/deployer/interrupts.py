"""What Ctrl-C does to a command.

Nothing is interrupted between two of its lines: an exception there would leave behind what was made in the
account before somebody answers for it, or a lock of the interpreter's own. A press is noticed where the main
thread `attend`s to something, which is left to itself then, and KeyboardInterrupt is raised; anywhere else it
waits until that is so. What was made until then is tidied up, and a second press does not disturb that; a
third ends the process at once. While stacks are operated on, the press is told to those who do that instead.
SIGTERM and SIGHUP, with which a CI system or a closed terminal ends a command, are a press by nobody: there
is no person to ask.
"""

import math
import os
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from queue import Empty, SimpleQueue
from time import monotonic
from typing import Any, TypeVar

from ecs_blue_green.deployer import clock
from ecs_blue_green.deployer.errors import EXIT_INTERRUPTED

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
# A signal that comes in the moment before the main thread begins to wait does not end the waiting.
NOTICED_SECONDS = 0.2

Result = TypeVar("Result")
News = TypeVar("News")

# Called in the main thread, between two of its instructions; told whether a person pressed. What it does must
# be possible there: https://docs.python.org/3/library/queue.html#queue.SimpleQueue.put says so of its own.
Listener = Callable[[bool], None]

_listener: Listener | None = None
_presses = 0
# The signal that nobody has been told of yet.
_waiting: int | None = None


@contextmanager
def handled() -> Iterator[None]:
    """Have interrupts do what this module says for the time of the block.

    A signal that is ignored, as in a job that outlives its terminal, stays ignored.
    """
    global _presses, _waiting
    if not _is_main_thread():
        yield
        return
    state = _presses, _waiting
    _presses, _waiting = 0, None
    before = {number: signal.getsignal(number) for number in SIGNALS}
    for number, handler in before.items():
        if handler is not signal.SIG_IGN:
            signal.signal(number, _on_signal)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
        _presses, _waiting = state


def ignore() -> None:
    """Let no late press change the exit code of a command that has ended."""
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)


def attend(work: Callable[[], Result]) -> Result:
    """Do something that may take long, and give its result, unless a press comes, or has come already.

    Raises KeyboardInterrupt then: what was begun is no longer waited for, so it must be nothing that anybody
    would have to tidy up.
    """
    global _presses
    if not _is_main_thread():
        return work()
    news: SimpleQueue[bool] = SimpleQueue()
    done: Future[Result] = Future()

    def attempt() -> None:
        try:
            done.set_result(work())
        except BaseException as error:
            done.set_exception(error)
        news.put(False)

    with told_to(lambda person: news.put(True)):
        if news.empty():
            # A daemon: a call that hangs must not keep a person waiting who wants to leave.
            threading.Thread(target=attempt, daemon=True).start()
        is_pressed = next_of(news)
    if is_pressed or not news.empty():
        _presses = 1
        raise KeyboardInterrupt
    return done.result()


def check() -> None:
    """Raise a press that waits."""
    attend(lambda: None)


def sleep(seconds: float) -> None:
    """Let time pass, unless a press comes: for work in the main thread that tidies up what it has begun."""
    attend(lambda: clock.sleep(seconds))


def next_of(news: SimpleQueue[News], seconds: float = math.inf) -> News:
    """What comes next, for the main thread to wait for: in the meantime interrupts are noticed.

    Raises queue.Empty when nothing comes within so many seconds.
    """
    end = monotonic() + seconds
    while True:
        left = end - monotonic()
        try:
            return news.get(timeout=max(min(left, NOTICED_SECONDS), 0))
        except Empty:
            if left <= NOTICED_SECONDS:
                raise


@contextmanager
def told_to(listener: Listener) -> Iterator[None]:
    """Tell interrupts to a listener for the time of the block, also one that has waited for it."""
    global _listener, _presses, _waiting
    if not _is_main_thread():
        yield
        return
    before, _listener = _listener, listener
    _presses = 0
    try:
        waiting, _waiting = _waiting, None
        if waiting:
            listener(waiting == signal.SIGINT)
        yield
    finally:
        _listener = before
        _presses = 0


def _on_signal(number: int, frame: Any) -> None:
    global _presses, _waiting
    if _listener:
        _listener(number == signal.SIGINT)
        return
    _presses += 1
    if _presses == 1:
        _waiting = number
    elif _presses == 2:
        # Not through sys.stderr: the press may have come in the middle of writing to it.
        os.write(2, b"\ntidying up; once more to end at once\n")
    else:
        os._exit(EXIT_INTERRUPTED)


def _is_main_thread() -> bool:
    return threading.current_thread() is threading.main_thread()
