"""What takes time in a project's tests and no test is about, done once for all of a process.

pytest loads it by `-p` in pyproject.toml.
"""

import functools
import gc
import json
import os
import pickle
import subprocess
from collections.abc import Iterator
from typing import Any

import botocore.session
import pytest
from botocore.client import ClientCreator

from ecs_blue_green import emulator, runtime
from ecs_blue_green.deployer import layers
from ecs_blue_green.testing import warm

# New objects, after which Python looks for garbage. It is 700 as a rule, and what all tests share is looked
# through again and again.
GARBAGE = 50_000


# First, because xdist, which is loaded later, has an answer of its own.
@pytest.hookimpl(optionalhook=True, tryfirst=True)
def pytest_xdist_auto_num_workers() -> int:
    """Twice as many as processors: many tests wait for what takes its time, such as a rehearsal."""
    return 2 * (os.cpu_count() or 1)


def pytest_sessionstart() -> None:
    """Look for garbage seldom."""
    gc.set_threshold(GARBAGE)


@pytest.fixture(autouse=True, scope="session")
def models_are_read_once() -> Iterator[None]:
    """Each boto3 session would read the models of its services anew, from megabytes of JSON."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(botocore.session, "create_loader", functools.cache(botocore.session.create_loader))
        yield


@pytest.fixture(autouse=True, scope="session")
def classes_of_clients_are_made_once() -> Iterator[None]:
    """Each boto3 session would make a method of each operation anew, hundreds for a service such as EC2."""
    make = ClientCreator._create_methods  # type: ignore[attr-defined]
    made: dict[str, dict[str, Any]] = {}

    def methods(self: ClientCreator, model: Any) -> dict[str, Any]:
        if model.service_name not in made:
            made[model.service_name] = make(self, model)
        return dict(made[model.service_name])

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ClientCreator, "_create_methods", methods)
        yield


@pytest.fixture(autouse=True, scope="session")
def runtimes_are_checked_once() -> Iterator[None]:
    """Each verb checks the same `runtime.json`; what is made of it cannot be changed."""
    make = runtime.made

    @functools.cache
    def checked(text: str, name: str) -> runtime.Runtime:
        return make(json.loads(text), name)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(runtime, "made", lambda document, name: checked(json.dumps(document), name))
        yield


@pytest.fixture(autouse=True, scope="session")
def templates_are_parsed_once() -> Iterator[None]:
    """Three verbs would parse the same six templates three times; each call gives a document of its own."""
    parse = layers.parse
    parsed = functools.cache(lambda text: pickle.dumps(parse(text)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(layers, "parse", lambda text: pickle.loads(parsed(text)))  # noqa: S301 (our own)
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
