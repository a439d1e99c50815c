"""One deployer at a time: who gets the lock, who is told what, and what is left afterwards."""

import os
import socket
import subprocess
import sys
import threading
from dataclasses import replace
from typing import Any

import pytest

from ecs_blue_green.deployer import identity
from ecs_blue_green.deployer.environment import Environment
from ecs_blue_green.deployer.errors import Blocked
from ecs_blue_green.deployer.execution import lock
from ecs_blue_green.deployer.execution.lock import LIFETIME_SECONDS, Claim, Holder
from tests.deployer.fake_ssm import FakeSsm

SHOP = Environment("prod", "1" * 12, "eu-west-1", "shop", True, {}, {}, ("service",))


class Clock:
    """A clock that only sleeping moves."""

    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def ssm() -> FakeSsm:
    return FakeSsm()


def held(ssm: FakeSsm, clock: Clock, **options: Any) -> Any:
    return lock.held(ssm, SHOP, Claim("deploy", **options), clock=clock, sleep=clock.sleep)


def elsewhere(clock: Clock, **changes: Any) -> Holder:
    now = clock()
    someone = Holder("ann", "another-host", 1, "deploy", now, now + LIFETIME_SECONDS, "nonce")
    return replace(someone, **changes)


def put(ssm: FakeSsm, generation: int, holder: Holder) -> None:
    ssm.parameters[f"{lock.prefix(SHOP)}/{generation}"] = lock._text(holder)


def test_second_deployer_is_told_who_holds_the_lock(ssm: FakeSsm, clock: Clock) -> None:
    with held(ssm, clock), pytest.raises(Blocked) as caught, held(ssm, clock):
        pass
    assert caught.value.exit_code == 3
    assert socket.gethostname() in str(caught.value)
    assert f"process {os.getpid()}" in str(caught.value)


def test_released_lock_can_be_taken_and_one_record_is_left(ssm: FakeSsm, clock: Clock) -> None:
    for _ in range(3):
        with held(ssm, clock):
            assert lock.look(ssm, SHOP, clock) is not None
    assert lock.look(ssm, SHOP, clock) is None
    assert list(ssm.parameters) == [f"{lock.prefix(SHOP)}/3"]


def test_lock_is_released_when_the_work_fails(ssm: FakeSsm, clock: Clock) -> None:
    with pytest.raises(KeyboardInterrupt), held(ssm, clock):
        raise KeyboardInterrupt
    assert lock.look(ssm, SHOP, clock) is None


def test_expired_lock_is_taken_over_and_its_old_holder_finds_out(ssm: FakeSsm, clock: Clock) -> None:
    with held(ssm, clock) as first:
        first.check()
        clock.sleep(LIFETIME_SECONDS + 1)
        put(ssm, 2, elsewhere(clock))
        with pytest.raises(Blocked, match="taken over"):
            first.check()
    # The old holder's release says nothing about the new one's.
    holder = lock.look(ssm, SHOP, clock)
    assert holder is not None
    assert holder.who == "ann"


@pytest.mark.parametrize("destroyed", [False, True])
def test_lock_that_was_taken_over_and_given_back_is_left_alone(
    ssm: FakeSsm, clock: Clock, destroyed: bool
) -> None:
    told: list[str] = []
    with held(ssm, clock, say=told.append) as first:
        with held(ssm, clock, break_lock=True) as second:
            second.forgotten = destroyed
        after = dict(ssm.parameters)
        with pytest.raises(Blocked, match="taken over") as caught:
            first.check()
    assert caught.value.remedy == "wait for its end and go on: make deploy ENV=prod ARGS=--wait"
    assert (told, ssm.parameters) == ([], after)


def test_renewed_lock_does_not_expire(ssm: FakeSsm, clock: Clock) -> None:
    with held(ssm, clock) as first:
        clock.sleep(LIFETIME_SECONDS - 1)
        first.renew()
        clock.sleep(LIFETIME_SECONDS - 1)
        assert lock.look(ssm, SHOP, clock) is not None


def test_lock_of_a_process_that_is_gone_is_taken_at_once(ssm: FakeSsm, clock: Clock) -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    put(ssm, 1, elsewhere(clock, host=socket.gethostname(), process=gone.pid, machine=identity.machine()))
    with held(ssm, clock):
        pass


def test_lock_of_a_living_process_on_another_host_is_respected(ssm: FakeSsm, clock: Clock) -> None:
    put(ssm, 1, elsewhere(clock))
    with pytest.raises(Blocked), held(ssm, clock):
        pass


def test_break_lock_takes_it(ssm: FakeSsm, clock: Clock) -> None:
    put(ssm, 7, elsewhere(clock))
    with held(ssm, clock, break_lock=True):
        assert f"{lock.prefix(SHOP)}/8" in ssm.parameters


UNREADABLE = [
    "x",
    "{}",
    "[]",
    "1",
    lock._text(Holder("ann", "there", 1, "deploy", 0.0, 0.0, "")),
    lock._text(Holder("ann", "there", 10**30, "deploy", 0.0, 0.0, "nonce")),
    lock._text(Holder("ann", "there", 1, "deploy", 1e300, 0.0, "nonce")),
    lock._text(Holder("ann", "there", 1, "deploy", 0.0, 0.0, "nonce")).replace('"ann"', "[]"),
]


@pytest.mark.parametrize("text", UNREADABLE)
def test_record_that_cannot_be_read_is_an_unknown_holder_until_it_is_broken(
    text: str, ssm: FakeSsm, clock: Clock
) -> None:
    name = f"{lock.prefix(SHOP)}/999"
    ssm.parameters[name] = text
    assert name in str(lock.look(ssm, SHOP, clock))
    with pytest.raises(Blocked, match="cannot be read") as caught, held(ssm, clock):
        pass
    assert name in str(caught.value)
    assert "--break-lock" in caught.value.remedy
    with held(ssm, clock, break_lock=True) as mine:
        mine.check()
    assert list(ssm.parameters) == [f"{lock.prefix(SHOP)}/1000"]
    with held(ssm, clock):
        pass


def test_who_waits_for_an_unknown_holder_is_told_the_way_out(ssm: FakeSsm, clock: Clock) -> None:
    name = f"{lock.prefix(SHOP)}/1"
    ssm.parameters[name] = "x"
    told: list[str] = []

    def say(text: str) -> None:
        told.append(text)
        if len(told) == 1:  # Its holder, which there is, renews the record.
            put(ssm, 1, elsewhere(clock))

    with held(ssm, clock, wait=True, say=say):
        pass
    assert told[0] == (
        f"waiting for an unknown holder, whose record cannot be read ({name}); "
        "ARGS=--break-lock takes the lock"
    )
    assert told[1].startswith("waiting for ann")


@pytest.mark.parametrize("name", ["abc", "0", "007", "-1", "1.5", "٣"])
def test_parameter_that_is_no_generation_is_left_alone(name: str, ssm: FakeSsm, clock: Clock) -> None:
    foreign = f"{lock.prefix(SHOP)}/{name}"
    ssm.parameters[foreign] = "x"
    with held(ssm, clock) as mine:
        mine.forgotten = True
    assert list(ssm.parameters) == [foreign]


def test_waiting_ends_when_the_holder_expires(ssm: FakeSsm, clock: Clock) -> None:
    put(ssm, 1, elsewhere(clock))
    told: list[str] = []
    with held(ssm, clock, wait=True, say=told.append):
        pass
    assert len(told) == 1
    assert told[0].startswith("waiting for ann on another-host")


def test_answer_that_was_lost_is_no_other_holder(ssm: FakeSsm, clock: Clock) -> None:
    ssm.lose_answers = 1
    with held(ssm, clock):
        assert list(ssm.parameters) == [f"{lock.prefix(SHOP)}/1"]


def test_of_many_at_once_exactly_one_gets_it(ssm: FakeSsm, clock: Clock) -> None:
    got: list[int] = []
    start, tried = threading.Barrier(12), threading.Barrier(12)

    def attempt() -> None:
        start.wait()
        try:
            with held(ssm, clock):
                got.append(threading.get_ident())
                tried.wait()
        except Blocked:
            tried.wait()

    threads = [threading.Thread(target=attempt) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert len(got) == 1
