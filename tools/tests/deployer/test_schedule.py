"""Layers wait for each other, one failure stops only what needs it, and Ctrl-C ends what it should."""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from ecs_blue_green.deployer import interrupts
from ecs_blue_green.deployer.clock import Sleep
from ecs_blue_green.deployer.cloudformation import schedule
from ecs_blue_green.deployer.cloudformation.operation import LostSight
from ecs_blue_green.deployer.cloudformation.schedule import Answer, Outcome
from ecs_blue_green.deployer.errors import Blocked, Failed

CHAIN = {"first": set[str](), "second": {"first"}, "third": {"second"}}
WAIT = 10.0


@pytest.fixture(autouse=True)
def handled() -> Iterator[None]:
    with interrupts.handled():
        yield


def press(number: int = signal.SIGINT) -> None:
    os.kill(os.getpid(), number)


def _press_and_hang(over: threading.Event) -> None:
    press()
    over.wait(WAIT)


def results(outcomes: list[Outcome]) -> dict[str, str]:
    return {outcome.layer: outcome.result for outcome in outcomes}


def test_layers_are_worked_on_in_the_order_of_what_they_wait_for() -> None:
    order: list[str] = []

    def work(layer: str, sleep: Sleep) -> Outcome:
        order.append(layer)
        return Outcome(layer, "done")

    outcomes = schedule.run({"c": {"b"}, "b": {"a"}, "a": set()}, work)
    assert order == ["a", "b", "c"]
    assert [outcome.layer for outcome in outcomes] == ["a", "b", "c"]
    assert schedule.exit_code(outcomes) == 0


def test_outcome_says_when_the_work_began_and_ended() -> None:
    failures: dict[str, Exception] = {
        "failed": Failed("a", "b", "c"),
        "not started": Blocked("a", "b", "c"),
        "left running": LostSight(Failed("a", "b"), "c"),
    }

    def work(layer: str, sleep: Sleep) -> Outcome:
        if layer in failures:
            raise failures[layer]
        return Outcome(layer, "done" if layer == "done" else "nothing")

    layers = ("done", "nothing", *failures)
    outcomes = schedule.run({layer: set[str]() for layer in layers}, work)
    known = {one.layer: (one.start is not None, one.end is not None) for one in outcomes}
    assert known == {
        "done": (True, True),
        "nothing": (False, False),
        "failed": (True, True),
        "not started": (False, False),
        "left running": (True, False),
    }


def test_independent_layers_are_worked_on_at_the_same_time() -> None:
    together = threading.Barrier(3)

    def work(layer: str, sleep: Sleep) -> Outcome:
        together.wait(WAIT)
        return Outcome(layer, "done")

    assert set(results(schedule.run({"a": set(), "b": set(), "c": set()}, work)).values()) == {"done"}


def test_failure_stops_what_waits_for_it_and_nothing_else() -> None:
    failed = threading.Event()

    def work(layer: str, sleep: Sleep) -> Outcome:
        if layer == "bad":
            failed.set()
            raise Failed("the stack is ROLLBACK_COMPLETE", "no quota", "ask for more")
        assert failed.wait(WAIT)  # still running when the other one fails
        return Outcome(layer, "done")

    waits_for = {"bad": set[str](), "needs bad": {"bad"}, "needs that": {"needs bad"}, "other": set[str]()}
    outcomes = {outcome.layer: outcome for outcome in schedule.run(waits_for, work)}
    assert results(list(outcomes.values())) == {
        "bad": "failed",
        "needs bad": "not started",
        "needs that": "not started",
        "other": "done",
    }
    assert outcomes["bad"].why == "the stack is ROLLBACK_COMPLETE: no quota"
    assert outcomes["bad"].remedy == "ask for more"
    assert outcomes["needs bad"].why == "bad failed"
    assert schedule.exit_code(list(outcomes.values())) == 1


def test_block_by_somebody_else_is_no_failure() -> None:
    def work(layer: str, sleep: Sleep) -> Outcome:
        raise Blocked("the connection waits", "", "complete it")

    outcomes = schedule.run(CHAIN, work)
    assert set(results(outcomes).values()) == {"not started"}
    assert schedule.exit_code(outcomes) == 3


def test_mistake_of_the_program_does_not_hide_the_others(capsys: pytest.CaptureFixture[str]) -> None:
    def work(layer: str, sleep: Sleep) -> Outcome:
        if layer == "bad":
            raise KeyError("Oops")
        return Outcome(layer, "done")

    outcomes = schedule.run({"bad": set(), "good": set()}, work)
    assert results(outcomes) == {"bad": "failed", "good": "done"}
    assert "KeyError" in capsys.readouterr().err


def test_press_without_a_person_leaves_everything_running() -> None:
    asked: list[set[str]] = []

    def ask(running: set[str]) -> Answer:
        asked.append(running)
        return "go on"

    outcomes = schedule.run(CHAIN, _watching(lambda: press(signal.SIGTERM)), ask)
    assert results(outcomes) == {"first": "left running", "second": "not started", "third": "not started"}
    assert schedule.exit_code(outcomes) == 130
    assert asked == []


def test_person_who_goes_on_sees_the_end() -> None:
    asked: list[set[str]] = []
    answered = threading.Event()

    def ask(running: set[str]) -> Answer:
        asked.append(running)
        answered.set()
        return "go on"

    def work(layer: str, sleep: Sleep) -> Outcome:
        if layer == "first":
            press()
            assert answered.wait(WAIT)
        return Outcome(layer, "done")

    outcomes = schedule.run(CHAIN, work, ask)
    assert asked == [{"first"}]
    assert schedule.exit_code(outcomes) == 0


def test_person_who_cancels_waits_for_the_end_and_starts_nothing_more() -> None:
    answered = threading.Event()

    def ask(running: set[str]) -> Answer:
        answered.set()
        return "finish"

    def work(layer: str, sleep: Sleep) -> Outcome:
        press()
        assert answered.wait(WAIT)
        raise Failed("the stack is UPDATE_ROLLBACK_COMPLETE", "User Initiated")

    outcomes = schedule.run(CHAIN, work, ask)
    assert results(outcomes) == {"first": "failed", "second": "not started", "third": "not started"}
    assert schedule.exit_code(outcomes) == 130


def test_person_who_leaves_is_not_asked_again() -> None:
    asked: list[set[str]] = []

    def ask(running: set[str]) -> Answer:
        asked.append(running)
        return "leave"

    outcomes = schedule.run(CHAIN, _watching(press), ask)
    assert results(outcomes)["first"] == "left running"
    assert len(asked) == 1


def test_second_press_is_an_answer_to_the_question() -> None:
    over = threading.Event()

    def ask(running: set[str]) -> Answer:
        interrupts.attend(lambda: _press_and_hang(over))
        raise AssertionError("nobody answers any more")

    outcomes = schedule.run(CHAIN, _watching(press), ask)
    over.set()
    assert results(outcomes)["first"] == "left running"
    assert schedule.exit_code(outcomes) == 130


def test_call_that_hangs_keeps_nobody_who_leaves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schedule, "LEAVE_SECONDS", 0.05)
    over = threading.Event()

    def work(layer: str, sleep: Sleep) -> Outcome:
        press(signal.SIGTERM)
        over.wait(WAIT)  # a call that does not come back
        return Outcome(layer, "done")

    outcomes = schedule.run(CHAIN, work)
    over.set()
    assert results(outcomes)["first"] == "left running"


def test_while_planning_a_second_press_does_not_disturb_the_tidying_up(
    capfd: pytest.CaptureFixture[str],
) -> None:
    over = threading.Event()
    with pytest.raises(KeyboardInterrupt):
        interrupts.attend(lambda: _press_and_hang(over))
    over.set()
    press()
    assert "once more" in capfd.readouterr().err
    assert interrupts.attend(lambda: "goes on") == "goes on"


def test_press_waits_for_something_that_can_be_left_to_itself() -> None:
    done = []
    press()
    done.append("what somebody answers for")
    with pytest.raises(KeyboardInterrupt):
        interrupts.attend(lambda: done.append("what may take long"))
    assert done == ["what somebody answers for"]


def _press_unheard() -> None:
    """Where it interrupts no waiting of the main thread, as when it comes just before the waiting."""
    time.sleep(0.1)  # By now the main thread waits.
    signal.pthread_kill(threading.get_ident(), signal.SIGINT)


def test_press_that_interrupts_no_waiting_is_noticed() -> None:
    over = threading.Event()

    def work() -> None:
        _press_unheard()
        over.wait(WAIT)

    with pytest.raises(KeyboardInterrupt):
        interrupts.attend(work)
    over.set()
    outcomes = schedule.run(CHAIN, _watching(_press_unheard), schedule.leave)
    assert results(outcomes)["first"] == "left running"


def test_third_press_ends_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    ended: list[int] = []
    monkeypatch.setattr(os, "_exit", ended.append)
    for _ in range(3):
        press()
    assert ended == [130]


def test_press_before_the_first_stack_has_none_started() -> None:
    press()
    outcomes = schedule.run(CHAIN, lambda layer, sleep: Outcome(layer, "done"))
    assert set(results(outcomes).values()) == {"not started"}
    assert schedule.exit_code(outcomes) == 130


def _watching(begin: Callable[[], None]) -> schedule.Work:
    """Work that watches an operation for as long as it is let."""

    def work(layer: str, sleep: Sleep) -> Outcome:
        begin()
        for _ in range(1000):
            sleep(0.01)
        return Outcome(layer, "done")

    return work
