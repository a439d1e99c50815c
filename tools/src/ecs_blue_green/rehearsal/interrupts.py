"""What Ctrl-C does to a rehearsal; SIGTERM and SIGHUP do the same.

The first ends everything in order. The next one ends the command at once, whatever it waits for.
"""

import asyncio
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from ecs_blue_green.deployer.errors import EXIT_INTERRUPTED

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
# One request to end can arrive as several signals: a closed terminal, `timeout` and make pass theirs on.
ONE_REQUEST_SECONDS = 1.0
SHOW_CURSOR = b"\x1b[?25h"
GIVEN_UP = b"\ninterrupted again: ended at once; the next rehearsal ends a deployment that was under way\n"


class Interrupts:
    """The signals that end a rehearsal; `kill` ends what it started, at once."""

    def __init__(self, kill: Callable[[], None]) -> None:
        self._kill = kill
        self._first: float | None = None
        self._cancel: Callable[[], None] | None = None

    @contextmanager
    def handled(self) -> Iterator[None]:
        """Raise KeyboardInterrupt at the first signal in the block, and end the process at a later one.

        A signal that is ignored, as in a job that outlives its terminal, stays ignored.
        """
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {number: signal.getsignal(number) for number in SIGNALS}
        for number, handler in before.items():
            if handler is not signal.SIG_IGN:
                signal.signal(number, self._on_signal)
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, signal.SIG_DFL if handler is None else handler)

    @contextmanager
    def cancelling(self, task: asyncio.Task[object]) -> Iterator[None]:
        """Have the first signal cancel this task instead, for the time of the block."""

        def cancel() -> None:
            task.get_loop().call_soon_threadsafe(task.cancel)

        self._cancel = cancel
        try:
            yield
        finally:
            self._cancel = None

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        now = time.monotonic()
        if self._first is None:
            self._first = now
            if self._cancel is None:
                raise KeyboardInterrupt
            self._cancel()
        elif now - self._first >= ONE_REQUEST_SECONDS:
            self._give_up()

    def _give_up(self) -> None:
        # Nothing here may wait for something that hangs: the loop, the console's lock, a thread.
        try:
            os.write(2, (SHOW_CURSOR if os.isatty(2) else b"") + GIVEN_UP)
            self._kill()
        finally:
            os._exit(EXIT_INTERRUPTED)
