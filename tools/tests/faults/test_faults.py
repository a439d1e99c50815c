"""A sample of what `make test-faults` runs in full, and real signals to real processes."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from ecs_blue_green.deployer import remedies
from tests.deployer.followed import follows
from tests.faults.kills import Site, site
from tests.faults.scenario import scenario
from tests.paths import TOOLS


def test_sample_of_the_scenarios() -> None:
    """To see one of them again: python -m tests.faults --seed SEED."""
    command = [sys.executable, "-m", "tests.faults", "--first", "7", "--count", "16", "--step", "37"]
    # More start as many emulators, beside tests that want the processors too.
    command += ["--processes", "2"]
    done = subprocess.run(command, cwd=TOOLS, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]


@follows(remedies.CONTINUE_ROLLBACK)
def test_stuck_rollback_goes_on_when_its_cause_is_gone() -> None:
    """A deploy fails, and so does taking it back; the next one is blocked; what it says to type works.

    However it is disturbed at first. The emulator alone cannot get stuck: there nothing fails to go back.
    """
    stuck = [seed for seed in range(1000) if scenario(seed).verb == "stuck"]
    for seed in stuck[:2]:
        command = [sys.executable, "-m", "tests.faults", "--seed", str(seed)]
        done = subprocess.run(command, cwd=TOOLS, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]
        assert "continue-rollback" in done.stdout


def test_ctrl_c_leaves_nothing_at_whatever_line_it_comes() -> None:
    command = [sys.executable, "-m", "tests.faults", "--count", "0", "--presses", "9"]
    done = subprocess.run(command, cwd=TOOLS, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]


def test_scenario_is_the_same_for_the_same_number() -> None:
    assert [str(scenario(seed)) for seed in range(300, 400)] == [
        str(scenario(seed)) for seed in range(300, 400)
    ]
    assert len({str(scenario(seed)) for seed in range(600)}) > 590


@pytest.fixture
def where(tmp_path: Path) -> Iterator[Site]:
    with site(tmp_path) as made:
        yield made


def test_ended_job_leaves_cloudformation_at_work_and_the_next_one_takes_it_up(where: Site) -> None:
    process = where.begin("deploy", "--yes")
    where.wait_for("CREATE_IN_PROGRESS")
    os.kill(process.pid, signal.SIGTERM)
    out, _ = process.communicate(timeout=30)
    assert process.returncode == 130, out
    assert "left running" in out
    assert "make deploy ENV=dev" in out
    assert where.leftovers() == []

    process = where.begin("deploy", "--yes")
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 0, out
    assert len(where.stacks()) == 6


def test_ctrl_c_while_planning_leaves_nothing_however_often_it_is_pressed(where: Site) -> None:
    process = where.begin("plan")
    where.wait_for("REVIEW_IN_PROGRESS")
    os.kill(process.pid, signal.SIGINT)
    time.sleep(0.05)
    os.kill(process.pid, signal.SIGINT)
    out, _ = process.communicate(timeout=30)
    # On a busy machine the plan can be over before the press.
    assert process.returncode in (0, 130), out
    assert where.stacks() == {}, out
    assert where.leftovers() == []


def test_ctrl_c_ends_what_waits_for_an_answer(where: Site) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        deaf = replace(where, endpoint=f"http://127.0.0.1:{silent.getsockname()[1]}")
        process = deaf.begin("plan")
        with silent.accept()[0]:
            os.kill(process.pid, signal.SIGINT)
            out, _ = process.communicate(timeout=30)
    assert process.returncode == 130, out
    assert out.endswith("error: interrupted: nothing was changed\n")


def test_deployer_that_is_killed_holds_nobody_up(where: Site) -> None:
    process = where.begin("deploy", "--yes")
    where.wait_for("CREATE_IN_PROGRESS")
    os.kill(process.pid, signal.SIGKILL)
    process.communicate(timeout=30)
    code, out = where.run("deploy", "--yes")
    assert code == 0, out
    assert where.leftovers() == []
