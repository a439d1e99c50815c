"""Rehearsals of this project, its application and its pipeline: a release, and one that is taken back."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ecs_blue_green.rehearsal.verdict import ENOUGH_SENT
from tests.second_project.place import LAYERS, Harbour, by_layer

# Real seconds that stand for a minute: slower where the machine is too busy.
PACES = (0.3, 0.6, 1.2)


@pytest.fixture
def place(root: Path, capsys: pytest.CaptureFixture[str]) -> Harbour:
    """A repository of its own, with settings that make a release short."""
    harbour = Harbour(root, "local", capsys)
    harbour.give(ShiftPlan="CodeDeployDefault.ECSAllAtOnce", LingerMinutes=6, MostErrors=1)
    harbour.commit()
    return harbour


def rehearse(root: Path, *arguments: str) -> tuple[int, dict[str, Any]]:
    """The exit code, and the report.

    On a machine that is too busy to send the requests it is done again, slower, from where it began.
    """
    state, before = root / ".local", root / ".before"
    if state.exists():
        shutil.copytree(state, before)
    for pace in PACES:
        shutil.rmtree(state, ignore_errors=True)
        if before.exists():
            shutil.copytree(before, state)
        file = state / "rehearsal" / "report.json"
        file.unlink(missing_ok=True)
        given = ("--minute", str(pace), "--requests", "60", *arguments)
        command = [sys.executable, "-m", "ecs_blue_green", "rehearse", *given]
        done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
        assert file.exists(), done.stderr[-3000:]
        report = json.loads(file.read_text())
        if report["requests"] and report["requests"]["sent"] >= ENOUGH_SENT * report["requests"]["planned"]:
            break
    shutil.rmtree(before, ignore_errors=True)
    return done.returncode, report


def test_release_arrives_and_a_failing_one_is_taken_back(place: Harbour) -> None:
    code, report = rehearse(place.root)
    assert (code, report["result"]) == (0, "released"), report["reason"]

    # As a person looks at it.
    command = [sys.executable, "deploy.py", "status", "--env", "local", "--json"]
    done = subprocess.run(command, cwd=place.root, capture_output=True, text=True, check=False)
    status = json.loads(done.stdout)
    assert by_layer(status, "stacks", "status") == dict.fromkeys(LAYERS, "CREATE_COMPLETE")
    assert (status["live"]["colour"], status["alarms"]) == ("green", {"watched": True, "in_alarm": []})
    assert "/harbour-local-beacon@sha256:" in status["live"]["image"]

    code, report = rehearse(place.root, "--health-rate", "0")
    assert (code, report["result"]) == (5, "rolled back"), report["reason"]
    # The release went to the other one of the two.
    assert "EastErrors" in report["reason"]
    assert place.live() == ("green", status["live"]["revision"].rpartition(":")[2])
