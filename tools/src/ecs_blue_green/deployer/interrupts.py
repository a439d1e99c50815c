"""What Ctrl-C does to a command.

The command works in a thread of its own, and the main thread only listens. Once it is interrupted, it ends
where it waits: for an answer of AWS (`aws.py`), for time to pass (`clock.py`), for a person, for a program of
this machine. Each such wait raises KeyboardInterrupt from then on, in the threads that work for it too, and
nothing else does: nothing is lost between two lines. A call that changes something in the account is never
broken off; whoever made it answers for it, and undoes it `uninterrupted`. What is waited for otherwise is
left to itself.

A second interrupt does not disturb that; a third ends the process at once. While stacks are operated on,
those who do that are told instead (`told_to`). SIGTERM and SIGHUP, with which a CI system or a closed
terminal ends a command, are an interrupt by nobody: there is no person to ask.
"""

import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, InvalidStateError, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from typing import Any, TypeVar

from ecs_blue_green.deployer.errors import EXIT_INTERRUPTED

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
# What the main thread reads when the work is over. No signal has this number.
_OVER = 0

Result = TypeVar("Result")

# Called in the main thread; told whether a person wants it.
Listener = Callable[[bool], None]


class _Work:
    """Work that ends where it waits, once it is interrupted."""

    def __init__(self, interrupts: "Interrupts | None" = None) -> None:
        self.interrupts = interrupts
        self.is_interrupted = False
        self._lock = threading.Lock()
        self._ends: list[Callable[[], None]] = []

    def interrupt(self) -> None:
        with self._lock:
            self.is_interrupted = True
            ends, self._ends = self._ends, []
        for end in ends:
            end()

    @contextmanager
    def ended_by(self, end: Callable[[], None]) -> Iterator[None]:
        """Have `end` called when the work is interrupted in the block, or has been before."""
        with self._lock:
            self._ends.append(end)
        try:
            if self.is_interrupted:
                end()
            yield
        finally:
            with self._lock, suppress(ValueError):
                self._ends.remove(end)


class Interrupts:
    """The interrupts of one command, which its main thread takes in."""

    def __init__(self) -> None:
        self.work = _Work(self)
        self._lock = threading.Lock()
        self._listeners: list[Listener] = []
        # Of those that no listener was told of.
        self._count = 0
        self._person = False

    def take_in(self, number: int) -> None:
        """Tell a signal to who is to know of it."""
        person = number == signal.SIGINT
        with self._lock:
            if self._listeners:
                self._listeners[-1](person)
                return
            self._count += 1
            self._person = self._person or person
        if self._count == 1:
            self.work.interrupt()
        elif self._count == 2:
            # Not through sys.stderr: it may be waited for there, with its lock in hand.
            os.write(2, b"\ntidying up; once more to end at once\n")
        else:
            os._exit(EXIT_INTERRUPTED)

    @contextmanager
    def told_to(self, listener: Listener) -> Iterator[None]:
        """See the function of this name."""
        with self._lock:
            is_late = self._count and not self._listeners
            self._listeners.append(listener)
        try:
            if is_late:
                listener(self._person)
            yield
        finally:
            with self._lock:
                self._listeners.remove(listener)


# What this thread does, where that can be interrupted.
_work: ContextVar[_Work | None] = ContextVar("work", default=None)


def run(work: Callable[[], Result]) -> Result:
    """Have a thread do something, listen to signals meanwhile, and give its result.

    A signal that is ignored, as in a job that outlives its terminal, stays ignored.
    """
    if threading.current_thread() is not threading.main_thread():
        # Only the main thread is told of signals.
        return work()
    interrupts, done = Interrupts(), Future[Result]()
    ours, theirs = socket.socketpair()

    def attempt() -> None:
        _work.set(interrupts.work)
        _settle(done, work)
        with suppress(OSError):
            theirs.send(bytes([_OVER]))

    with ours, theirs, _signals_to(theirs):
        # A daemon: what it waits for must not keep a person who wants to leave at once.
        threading.Thread(target=attempt, name="command", daemon=True).start()
        while not done.done():
            for number in ours.recv(1):
                if number in SIGNALS:
                    interrupts.take_in(number)
    return done.result()


@contextmanager
def _signals_to(wakeup: socket.socket) -> Iterator[None]:
    """Have the numbers of signals written to a socket, which no signal comes too early for."""
    wakeup.setblocking(False)
    before = {number: signal.getsignal(number) for number in SIGNALS}
    descriptor = signal.set_wakeup_fd(wakeup.fileno(), warn_on_full_buffer=False)
    try:
        for number, handler in before.items():
            if handler is not signal.SIG_IGN:
                signal.signal(number, lambda *_: None)
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
        signal.set_wakeup_fd(descriptor)


def ignore() -> None:
    """Let no late signal change the exit code of a command that has ended."""
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)


def check() -> None:
    """Raise KeyboardInterrupt where this work is interrupted."""
    work = _work.get()
    if work and work.is_interrupted:
        raise KeyboardInterrupt


def wait_for(answer: Callable[[], Result]) -> Result:
    """What somebody or something answers, unless this work is interrupted.

    Then what was begun is left to itself, so it must be nothing that anybody would have to undo.
    """
    work = _work.get()
    if work is None:
        return answer()
    check()
    done = Future[Result]()
    # A daemon: see above.
    threading.Thread(target=_settle, args=(done, answer), daemon=True).start()
    with work.ended_by(lambda: _settle(done, _interrupted)):
        return done.result()


def sleep(seconds: float) -> None:
    """Let real time pass, unless this work is interrupted."""
    work = _work.get()
    if work is None:
        time.sleep(seconds)
        return
    done = Future[Any]()
    with work.ended_by(lambda: _settle(done, _interrupted)), suppress(TimeoutError):
        done.result(seconds)


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Have the block go on to its end: an interrupt comes after it. For what undoes or records something."""
    before = _work.set(None)
    try:
        yield
    finally:
        _work.reset(before)


@contextmanager
def threads(count: int) -> Iterator[ThreadPoolExecutor]:
    """Threads that work for this one: they are interrupted when it is, and when an exception ends the block.

    Those of a plain ThreadPoolExecutor never are.
    """
    above, work = _work.get(), _Work()
    pool = ThreadPoolExecutor(count, initializer=_work.set, initargs=(work,))
    with pool, (above or _Work()).ended_by(work.interrupt):
        try:
            yield pool
        except BaseException:
            work.interrupt()
            raise


@contextmanager
def told_to(listener: Listener) -> Iterator[None]:
    """Tell interrupts to a listener for the time of the block, and one that came before."""
    work = _work.get()
    if work is None or work.interrupts is None:
        yield
        return
    with work.interrupts.told_to(listener):
        yield


@contextmanager
def interrupted_alone() -> Iterator[None]:
    """Have an interrupt end the block and nothing else: for a question about the one before."""
    above = _work.get()
    if above is None:
        yield
        return
    work = _Work(above.interrupts)
    before = _work.set(work)
    try:
        with told_to(lambda person: work.interrupt()):
            yield
        check()
    finally:
        _work.reset(before)


def _interrupted() -> Any:
    raise KeyboardInterrupt


def _settle(done: "Future[Result]", work: Callable[[], Result]) -> None:
    """Do something for a future, which may have an answer by then."""
    try:
        result = work()
    except BaseException as error:
        with suppress(InvalidStateError):
            done.set_exception(error)
    else:
        with suppress(InvalidStateError):
            done.set_result(result)
