"""Ctrl-C, and the other signals that end a command, from inside of it."""

import os
import signal
import threading

from ecs_blue_green.deployer.interrupts import Interrupts

WAIT = 10.0
_ONE_AT_A_TIME = threading.Lock()


def press(number: int = signal.SIGINT) -> None:
    """Send this process a signal, and go on when its main thread has taken it in."""
    with _ONE_AT_A_TIME:
        before = Interrupts.take_in
        taken = threading.Event()

        def take_in(self: Interrupts, number: int) -> None:
            before(self, number)
            taken.set()

        Interrupts.take_in = take_in  # type: ignore[method-assign]
        try:
            os.kill(os.getpid(), number)
            assert taken.wait(WAIT), "nobody listens"
        finally:
            Interrupts.take_in = before  # type: ignore[method-assign]
