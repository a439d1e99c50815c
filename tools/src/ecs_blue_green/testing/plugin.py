"""What takes time in a project's tests and no test is about, done once for all of a process.

pytest loads it by `-p` in pyproject.toml.
"""

import gc
import os
import subprocess
from collections.abc import Iterator

import pytest

from ecs_blue_green import emulator
from ecs_blue_green.testing import sharing, warm

# New objects, after which Python looks for garbage. It is 700 as a rule, and what all tests share is looked
# through again and again.
GARBAGE = 50_000


# First, because xdist, which is loaded later, has an answer of its own.
@pytest.hookimpl(optionalhook=True, tryfirst=True)
def pytest_xdist_auto_num_workers() -> int:
    """Two more than processors: many tests wait for what takes its time, such as a rehearsal.

    Not more, since each has some hundred megabytes.
    """
    return (os.cpu_count() or 1) + 2


def pytest_sessionstart() -> None:
    """Look for garbage seldom."""
    gc.set_threshold(GARBAGE)


@pytest.fixture(autouse=True, scope="session")
def what_is_always_the_same_is_made_once() -> Iterator[None]:
    """A session reads the models of services, and a verb parses the same six templates three times."""
    with sharing.clients(), sharing.builds():
        yield


@pytest.fixture(autouse=True, scope="session")
def emulators_start_at_once() -> Iterator[None]:
    """An emulator that a test starts in its own process is forked; `cold_emulators` are not."""
    with warm.starts() as popen, pytest.MonkeyPatch.context() as patch:
        patch.setattr(emulator, "popen", popen)
        yield


@pytest.fixture
def cold_emulators(monkeypatch: pytest.MonkeyPatch) -> None:
    """Start emulators as the commands of a person do: for tests of their start and end."""
    monkeypatch.setattr(emulator, "popen", subprocess.Popen)
