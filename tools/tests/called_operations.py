"""Which operations of AWS the deployer calls while tests run, beside those that its source can call.

With `RECORD_OPERATIONS=1` in the environment they are written down (ecs_blue_green.documents.operations);
without it, a test that calls another fails.
"""

import ast
import os
import sys
import threading
from collections.abc import Callable, Collection, Iterable
from functools import cache
from pathlib import Path
from types import FrameType
from typing import Any

import botocore.session
import pytest
from botocore import xform_name
from botocore.client import ClientCreator

from ecs_blue_green import deployer
from ecs_blue_green.documents import operations
from ecs_blue_green.documents.operations import Operation

IS_RECORDING = bool(os.environ.get("RECORD_OPERATIONS"))
RECORD = "RECORD_OPERATIONS=1 pytest <the test> (in tools/), and then: make docs"
DEPLOYER = Path(deployer.__file__).parent
TESTS = Path(__file__).parent
# Words of the source that are called like an operation and are none: a diff's sign is no kms:Sign.
NO_CALLS = {"sign"}


class Recorder:
    """Takes down what the clients of the deployer call, in this process."""

    def __init__(self, known: Callable[[], Collection[Operation]] = operations.read) -> None:
        self._known = known
        self.called: set[Operation] = set()
        self._unknown: set[Operation] = set()
        self._lock = threading.Lock()

    def watch(self, client: Any) -> None:
        """Take down every call of a client, before what a test or the deployer has put around botocore's."""
        call = client._make_api_call

        def taken_down(operation: str, request: Any) -> Any:
            # Not at botocore's event before-call: it comes in the thread in which the deployer waits for AWS.
            self._take_down(client.meta.service_model.service_name, operation)
            return call(operation, request)

        client._make_api_call = taken_down

    def _take_down(self, service: str, operation: str) -> None:
        room = _caller(sys._getframe())
        if room is None:
            return
        found = Operation(service, operation, room)
        with self._lock:
            self.called.add(found)
            if found not in self._known():
                self._unknown.add(found)

    def unknown(self) -> set[Operation]:
        """What is not known, of the calls since this was asked before."""
        with self._lock:
            found, self._unknown = self._unknown, set()
        return found


def _caller(frame: FrameType | None) -> str | None:
    """The room that calls; None for a test, which may use a client of the deployer."""
    while frame:
        path = Path(frame.f_code.co_filename)
        if path.is_relative_to(DEPLOYER):
            return _room(path)
        if path.is_relative_to(TESTS) and path != Path(__file__):
            break
        frame = frame.f_back
    return None


def _room(path: Path) -> str:
    return path.relative_to(DEPLOYER).parts[0].removesuffix(".py")


def watch_clients(recorder: Recorder, patch: pytest.MonkeyPatch) -> None:
    """Have a recorder watch every client that is made from now on."""
    create = ClientCreator.create_client

    def watched(*arguments: Any, **named: Any) -> Any:
        client = create(*arguments, **named)
        recorder.watch(client)
        return client

    patch.setattr(ClientCreator, "create_client", watched)


def write(called: Iterable[Operation]) -> None:
    """Add to the file what was called, and take from it what the source cannot call any more."""
    operations.read.cache_clear()
    can_call = words()
    kept = {one for one in operations.read() if xform_name(one.operation) in can_call.get(one.room, set())}
    operations.write(kept | set(called))


@cache
def words() -> dict[str, set[str]]:
    """The names of operations in the source, as botocore's methods are called, by room.

    A method that is called or handed on, or the text that a paginator is asked for by. The services are those
    that the deployer asks for a client of.
    """
    found: dict[str, set[str]] = {}
    services: set[str] = set()
    for path in sorted(DEPLOYER.rglob("*.py")):
        names = found.setdefault(_room(path), set())
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                names.add(node.value)
            if isinstance(node, ast.Attribute):
                names.add(node.attr)
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                asked = node.args[0] if node.func.attr == "client" and node.args else None
                if isinstance(asked, ast.Constant):
                    services.add(str(asked.value))
    known = set().union(*map(_methods, services))
    return {room: (names & known) - NO_CALLS for room, names in found.items()}


def _methods(service: str) -> set[str]:
    model = botocore.session.get_session().get_service_model(service)
    return {xform_name(name) for name in model.operation_names}
