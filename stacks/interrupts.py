"""What Ctrl-C does to a command.

The first press raises KeyboardInterrupt where the main thread is. What was made until then is tidied up, and
a second press does not disturb that; a third ends the command wherever it is. While stacks are operated on,
the press is told to those who do that instead. SIGTERM and SIGHUP, with which a CI system or a closed
terminal ends a command, are a press by nobody: there is no person to ask.
"""

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

# Called in the main thread, between two of its instructions; told whether a person pressed.
Listener = Callable[[bool], None]

_listener: Listener | None = None
_presses = 0


@contextmanager
def handled() -> Iterator[None]:
    """Have interrupts do what this module says for the time of the block.

    A signal that is ignored, as in a job that outlives its terminal, stays ignored.
    """
    global _presses
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    _presses = 0
    before = {number: signal.getsignal(number) for number in SIGNALS}
    for number, handler in before.items():
        if handler is not signal.SIG_IGN:
            signal.signal(number, _on_signal)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)


def ignore() -> None:
    """Let no late press change the exit code of a command that has ended."""
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)


@contextmanager
def told_to(listener: Listener | None) -> Iterator[None]:
    """Tell interrupts to a listener for the time of the block; with None they are raised, as at first."""
    global _listener, _presses
    before, _listener = _listener, listener
    _presses = 0
    try:
        yield
    finally:
        _listener = before
        _presses = 0


def _on_signal(number: int, frame: Any) -> None:
    global _presses
    if _listener:
        _listener(number == signal.SIGINT)
        return
    _presses += 1
    if _presses == 2:
        # Not through sys.stderr: the press may have come in the middle of writing to it.
        os.write(2, b"\ntidying up; once more to end at once\n")
        return
    raise KeyboardInterrupt
