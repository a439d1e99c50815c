"""What every test may rely on."""

import os
import signal
from collections.abc import Iterator
from typing import Any

import pytest

from ecs_blue_green.documents import operations
from ecs_blue_green.documents.operations import Operation
from tests import called_operations

RECORDER = called_operations.Recorder()


@pytest.fixture(autouse=True, scope="session")
def clients_are_watched() -> Iterator[None]:
    """What the deployer calls of AWS is known (`called_operations`)."""
    with pytest.MonkeyPatch.context() as patch:
        called_operations.watch_clients(RECORDER, patch)
        yield


@pytest.fixture(autouse=True)
def every_operation_is_one_that_the_policies_know() -> Iterator[None]:
    """The permissions of whoever deploys are made of the operations that tests are seen to call."""
    yield
    unknown = RECORDER.unknown()
    if unknown and not called_operations.IS_RECORDING:
        names = ", ".join(f"{one.service}:{one.operation} ({one.room})" for one in sorted(unknown))
        pytest.fail(f"{names} is not in {operations.FILE.name}: {called_operations.RECORD}")


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Write down what was called; a worker of pytest-xdist hands it to who started it."""
    if not called_operations.IS_RECORDING:
        return
    called = sorted(RECORDER.called)
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["operations"] = [list(one) for one in called]
    else:
        called_operations.write(RECORDER.called)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Take over what a worker has seen called."""
    RECORDER.called.update(Operation(*one) for one in getattr(node, "workeroutput", {}).get("operations", ()))


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
