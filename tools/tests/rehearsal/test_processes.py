"""Processes that are left over are ended, and only those that a rehearsal started."""

import json
import subprocess
import sys
from pathlib import Path

import psutil

from ecs_blue_green.rehearsal.processes import Ledger

SLEEP = [sys.executable, "-c", "import time; time.sleep(60)"]


def test_leftovers_are_ended_and_forgotten(tmp_path: Path) -> None:
    file = tmp_path / "processes"
    process = subprocess.Popen(SLEEP)
    Ledger(file).add(process.pid, "task blue-1")
    assert Ledger(file).end_leftovers() == ["task blue-1"]
    process.wait(5)  # its parent is this process, which has to take note of its end
    assert not psutil.pid_exists(process.pid)
    assert Ledger(file).end_leftovers() == []


def test_other_process_with_a_number_of_ours_is_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "processes"
    process = subprocess.Popen(SLEEP)
    try:
        started = psutil.Process(process.pid).create_time()
        file.write_text(json.dumps({"pid": process.pid, "started": started - 5, "what": "task"}) + "\n")
        assert Ledger(file).end_leftovers() == []
        assert process.poll() is None
    finally:
        process.kill()
        process.wait()


def test_unfinished_line_of_a_killed_rehearsal_is_passed_over(tmp_path: Path) -> None:
    file = tmp_path / "processes"
    process = subprocess.Popen(SLEEP)
    Ledger(file).add(process.pid, "load balancer")
    with file.open("a") as ledger:
        ledger.write('{"pid": 1, "sta')
    assert Ledger(file).end_leftovers() == ["load balancer"]
    process.wait(5)
