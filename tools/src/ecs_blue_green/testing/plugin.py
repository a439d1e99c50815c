"""What takes time in a project's tests and no test is about, done once for all of a process.

pytest loads it by `-p` in pyproject.toml.
"""

import functools
import pickle
import subprocess
from collections.abc import Iterator

import botocore.session
import pytest

from ecs_blue_green import emulator
from ecs_blue_green.deployer import layers
from ecs_blue_green.testing import warm


@pytest.fixture(autouse=True, scope="session")
def models_are_read_once() -> Iterator[None]:
    """Each boto3 session would read the models of its services anew, from megabytes of JSON."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(botocore.session, "create_loader", functools.cache(botocore.session.create_loader))
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
