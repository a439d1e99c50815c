"""What every test may rely on."""

import os
import signal
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True, scope="session")
def signals_reach_what_tests_start() -> Iterator[None]:
    """A job in the background, or one that outlives its terminal, hands ignored signals on to what it starts.

    The commands under test leave them ignored, as they should; a test that sends one would wait for ever.
    """
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    ignored = [number for number, handler in before.items() if handler is signal.SIG_IGN]
    for number in ignored:
        signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
    yield
    for number in ignored:
        signal.signal(number, signal.SIG_IGN)


@pytest.fixture(autouse=True, scope="session")
def make_is_called_as_a_user_calls_it() -> Iterator[None]:
    """`make test-tools` hands its options and depth on: a make below it would tell the folders it enters."""
    handed_on = {
        name: os.environ.pop(name) for name in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL") if name in os.environ
    }
    yield
    os.environ.update(handed_on)
