"""Ctrl-C, and the other signals that end a command, from inside of it."""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from botocore.client import BaseClient

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


@contextmanager
def pressed_at(operation: str) -> Iterator[list[str]]:
    """Press when AWS has answered the first call of an operation in the block, and give its name then."""
    pressed: list[str] = []
    call = BaseClient._make_api_call  # type: ignore[attr-defined]

    def pressing(self: Any, name: str, parameters: Any) -> Any:
        answer = call(self, name, parameters)
        if name == operation and not pressed:
            pressed.append(name)
            press()
        return answer

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(BaseClient, "_make_api_call", pressing)
        yield pressed
