"""The time, and how to let it pass.

Whatever waits does so through this module, so that tests of hours take seconds: they set `speed`.
"""

import threading
import time as _time
from collections.abc import Callable
from datetime import UTC, datetime

from ecs_blue_green.deployer import interrupts

# Whatever lets so many seconds pass.
Sleep = Callable[[float], None]

speed = 1.0
_START = _time.time()


def time() -> float:
    """Seconds since the epoch, as other machines understand them."""
    return _START + (_time.time() - _START) * speed


def now() -> datetime:
    """The same as a date and time."""
    return datetime.fromtimestamp(time(), UTC)


def monotonic() -> float:
    """Seconds since any moment; they never go back."""
    return _time.monotonic() * speed


def sleep(seconds: float) -> None:
    """Let time pass, unless an interrupt comes."""
    interrupts.sleep(max(seconds, 0) / speed)


def wait(event: threading.Event, seconds: float) -> bool:
    """Let time pass until an event is set. Whether it is."""
    return event.wait(max(seconds, 0) / speed)
