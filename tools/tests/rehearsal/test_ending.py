"""What runs in tasks ends, whatever it waits for at that moment, and whatever it does with the request."""

import asyncio
import signal
import subprocess
import sys
import time
from types import SimpleNamespace
from typing import Any, cast

import psutil
import pytest

from ecs_blue_green.deployer.errors import EXIT_INTERRUPTED
from ecs_blue_green.rehearsal import ending, interrupts
from ecs_blue_green.rehearsal.follow import Follower

PATIENCE = 5.0


class Broken(Exception):
    """What breaks in the tests."""


@pytest.mark.parametrize("turns", range(6))
def test_follower_ends_when_something_changes_at_that_moment(turns: int) -> None:
    """Before Python 3.12 `asyncio.wait_for` drops a cancellation that comes with what it waits for."""

    async def change_and_cancel() -> None:
        changed = asyncio.Event()
        follower = cast(Any, Follower)(SimpleNamespace(changed=changed), None, None, None)

        async def step() -> None:
            pass

        follower.step = step
        following = asyncio.create_task(follower.run())
        await asyncio.sleep(0.01)
        changed.set()
        # The change is on its way through the loop for a few turns.
        for _ in range(turns):
            await asyncio.sleep(0)
        following.cancel()
        await asyncio.wait([following], timeout=PATIENCE)
        assert following.cancelled()

    asyncio.run(change_and_cancel())


def test_end_repeats_what_was_swallowed() -> None:
    swallowed = 0

    async def stubborn() -> None:
        nonlocal swallowed
        while swallowed < 3:
            try:
                await asyncio.sleep(PATIENCE)
            except asyncio.CancelledError:
                swallowed += 1
        raise Broken

    async def end() -> None:
        task = asyncio.create_task(stubborn())
        await asyncio.sleep(0)
        await asyncio.wait_for(ending.end([task], again=0.01), PATIENCE)
        assert task.done()

    asyncio.run(end())
    assert swallowed == 3


@pytest.mark.parametrize("earlier", [True, False], ids=["after another has ended", "first"])
def test_what_breaks_beside_the_work_breaks_it_off(*, earlier: bool) -> None:
    cancelled = False

    async def brief() -> None:
        pass

    async def breaks() -> None:
        await asyncio.sleep(0.02)
        raise Broken

    async def work() -> None:
        nonlocal cancelled
        try:
            await asyncio.sleep(PATIENCE)
        except asyncio.CancelledError:
            cancelled = True
            raise

    with pytest.raises(Broken):
        asyncio.run(ending.beside([*([brief()] if earlier else []), breaks()], work()))
    assert cancelled


STUCK = """
import asyncio, subprocess, sys, threading
from ecs_blue_green.rehearsal import processes
from ecs_blue_green.rehearsal.interrupts import Interrupts

async def stuck():
    with interrupts.cancelling(asyncio.current_task()):
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
        print(child.pid, flush=True)
        while True:
            try:
                await asyncio.to_thread(threading.Event().wait)
            except asyncio.CancelledError:
                print("cancelled", flush=True)

interrupts = Interrupts(lambda: processes.kill_below(set()))
with interrupts.handled():
    asyncio.run(stuck())
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_second_signal_ends_what_does_not_end(number: signal.Signals) -> None:
    """Neither the loop nor a thread that is waited for keeps the command alive, and its processes end too."""
    with subprocess.Popen(
        [sys.executable, "-c", STUCK],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as command:
        try:
            assert command.stdout is not None
            child = int(command.stdout.readline())
            # What passes a signal on sends it more than once: that is one wish.
            command.send_signal(number)
            command.send_signal(number)
            assert command.stdout.readline() == "cancelled\n"
            command.send_signal(number)
            time.sleep(interrupts.ONE_REQUEST_SECONDS)
            assert command.poll() is None
            command.send_signal(number)
            _, errors = command.communicate(timeout=PATIENCE)
        finally:
            command.kill()
    assert command.returncode == EXIT_INTERRUPTED
    assert errors.strip().startswith("interrupted again: ended at once")
    deadline = time.monotonic() + PATIENCE
    while is_running(child):
        assert time.monotonic() < deadline, "what it started goes on"
        time.sleep(0.05)


def is_running(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
