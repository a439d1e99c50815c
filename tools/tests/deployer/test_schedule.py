"""Layers wait for each other, one failure stops only what needs it, and Ctrl-C ends what it should."""

import os
import signal
import threading
from collections.abc import Callable

import pytest

from ecs_blue_green.deployer import clock, interrupts
from ecs_blue_green.deployer.clock import Sleep
from ecs_blue_green.deployer.cloudformation import schedule
from ecs_blue_green.deployer.cloudformation.operation import LostSight
from ecs_blue_green.deployer.cloudformation.schedule import Answer, Outcome
from ecs_blue_green.deployer.errors import Blocked, Failed
from tests.deployer.pressing import WAIT, press

CHAIN = {"first": set[str](), "second": {"first"}, "third": {"second"}}


def run(
    waits_for: dict[str, set[str]], work: schedule.Work, ask: schedule.OnInterrupt = schedule.leave
) -> list[Outcome]:
    """Run a schedule as a command does, which somebody can interrupt."""
    return interrupts.run(lambda: schedule.run_layers(waits_for, work, ask))


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

    outcomes = run({"c": {"b"}, "b": {"a"}, "a": set()}, work)
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
    outcomes = run({layer: set[str]() for layer in layers}, work)
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

    assert set(results(run({"a": set(), "b": set(), "c": set()}, work)).values()) == {"done"}


def test_failure_stops_what_waits_for_it_and_nothing_else() -> None:
    failed = threading.Event()

    def work(layer: str, sleep: Sleep) -> Outcome:
        if layer == "bad":
            failed.set()
            raise Failed("the stack is ROLLBACK_COMPLETE", "no quota", "ask for more")
        assert failed.wait(WAIT)  # still running when the other one fails
        return Outcome(layer, "done")

    waits_for = {"bad": set[str](), "needs bad": {"bad"}, "needs that": {"needs bad"}, "other": set[str]()}
    outcomes = {outcome.layer: outcome for outcome in run(waits_for, work)}
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

    outcomes = run(CHAIN, work)
    assert set(results(outcomes).values()) == {"not started"}
    assert schedule.exit_code(outcomes) == 3


def test_mistake_of_the_program_does_not_hide_the_others(capsys: pytest.CaptureFixture[str]) -> None:
    def work(layer: str, sleep: Sleep) -> Outcome:
        if layer == "bad":
            raise KeyError("Oops")
        return Outcome(layer, "done")

    outcomes = run({"bad": set(), "good": set()}, work)
    assert results(outcomes) == {"bad": "failed", "good": "done"}
    assert "KeyError" in capsys.readouterr().err


def test_press_without_a_person_leaves_everything_running() -> None:
    asked: list[set[str]] = []

    def ask(running: set[str]) -> Answer:
        asked.append(running)
        return "go on"

    outcomes = run(CHAIN, _watching(lambda: press(signal.SIGTERM)), ask)
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

    outcomes = run(CHAIN, work, ask)
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

    outcomes = run(CHAIN, work, ask)
    assert results(outcomes) == {"first": "failed", "second": "not started", "third": "not started"}
    assert schedule.exit_code(outcomes) == 130


def test_person_who_leaves_is_not_asked_again() -> None:
    asked: list[set[str]] = []

    def ask(running: set[str]) -> Answer:
        asked.append(running)
        return "leave"

    outcomes = run(CHAIN, _watching(press), ask)
    assert results(outcomes)["first"] == "left running"
    assert len(asked) == 1


def test_second_press_is_an_answer_to_the_question() -> None:
    over = threading.Event()

    def ask(running: set[str]) -> Answer:
        interrupts.wait_for(lambda: _press_and_hang(over))
        raise AssertionError("nobody answers any more")

    outcomes = run(CHAIN, _watching(press), ask)
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

    outcomes = run(CHAIN, work)
    over.set()
    assert results(outcomes)["first"] == "left running"


def test_interrupted_command_ends_at_each_wait_and_undoes_what_it_has_begun(
    capfd: pytest.CaptureFixture[str],
) -> None:
    over = threading.Event()
    done: list[str] = []

    def work() -> None:
        try:
            interrupts.wait_for(lambda: _press_and_hang(over))
        finally:
            over.set()
            with pytest.raises(KeyboardInterrupt):
                clock.sleep(WAIT)
            with interrupts.uninterrupted():
                # A second one does not disturb that.
                press()
                clock.sleep(0)
                done.append(interrupts.wait_for(lambda: "undone"))

    with pytest.raises(KeyboardInterrupt):
        interrupts.run(work)
    assert done == ["undone"]
    assert "once more" in capfd.readouterr().err


def test_interrupt_waits_for_a_wait() -> None:
    done = []

    def work() -> None:
        press()
        done.append("what somebody answers for")
        interrupts.wait_for(lambda: done.append("what may take long"))

    with pytest.raises(KeyboardInterrupt):
        interrupts.run(work)
    assert done == ["what somebody answers for"]


def test_interrupt_ends_the_threads_that_work_for_the_command() -> None:
    ended: list[str] = []

    def wait(name: str) -> None:
        try:
            clock.sleep(WAIT)
        except KeyboardInterrupt:
            ended.append(name)
            raise

    def work() -> None:
        with interrupts.threads(2) as pool:
            futures = [pool.submit(wait, name) for name in ("first", "second")]
            press()
            for future in futures:
                future.result()

    with pytest.raises(KeyboardInterrupt):
        interrupts.run(work)
    assert sorted(ended) == ["first", "second"]


def test_failure_ends_the_threads_that_work_with_it() -> None:
    """Also where nobody can interrupt, and nothing else than these threads."""
    ended = []

    def wait() -> None:
        try:
            clock.sleep(WAIT)
        except KeyboardInterrupt:
            ended.append("ended")
            raise

    with pytest.raises(Failed), interrupts.threads(1) as pool:
        pool.submit(wait)
        raise Failed("a", "b", "c")
    assert ended == ["ended"]
    interrupts.check()


def test_what_a_command_raises_or_gives_comes_out_of_it() -> None:
    with pytest.raises(Failed, match="reason"):
        interrupts.run(lambda: _fail("reason"))
    assert interrupts.run(lambda: 3) == 3


def _fail(why: str) -> None:
    raise Failed("a", why, "c")


def test_signals_mean_what_they_meant_when_the_command_is_over() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        kept = [signal.getsignal(number) for number in interrupts.SIGNALS]

        def work() -> None:
            # A job that outlives its terminal.
            assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
            os.kill(os.getpid(), signal.SIGHUP)
            interrupts.check()

        interrupts.run(work)
        assert [signal.getsignal(number) for number in interrupts.SIGNALS] == kept
        assert signal.set_wakeup_fd(-1) == -1
    finally:
        signal.signal(signal.SIGHUP, before)


def test_third_press_ends_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    ended: list[int] = []
    monkeypatch.setattr(os, "_exit", ended.append)

    def work() -> None:
        for _ in range(3):
            press()

    interrupts.run(work)
    assert ended == [130]


def test_press_before_the_first_stack_has_none_started() -> None:
    def work() -> list[Outcome]:
        press()
        return schedule.run_layers(CHAIN, lambda layer, sleep: Outcome(layer, "done"))

    outcomes = interrupts.run(work)
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
