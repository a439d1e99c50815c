"""The emulator in this process: answers without a socket, its state put back in no time, faults inside it.

Everything of it runs on one event loop in a thread of its own, as it does in the server.
"""

import asyncio
import pickle
import re
import threading
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import boto3
from botocore.awsrequest import AWSResponse

from ecs_blue_green.emulator import account, serve
from tests.faults.messages import Request, request_of, response

# Small pages find what reads only the first one.
PAGE = 9
# The emulator's functions that a resource is made by.
_ACTIONS = {
    "_provision_keeping_seed": "create",
    "_update_keeping_seed": "update",
    "_delete_resource": "delete",
}
Result = TypeVar("Result")
Record = dict[str, Any]


@dataclass
class Failing:
    """A resource that fails: `skip` times it does not, then `times` times it does.

    `action` is "create", "update", "revert" (an update that is taken back) or "delete".
    """

    stack: str
    type: str
    action: str
    times: int = 1
    skip: int = 0


@dataclass
class World:
    """AWS as the deployers of a scenario see it. `seconds` is how long each resource takes, of real time."""

    folder: Path
    parameter_file: Path
    seconds: float = 0.004
    failing: list[Failing] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.folder.mkdir(exist_ok=True)
        description = account.read_account(self.parameter_file)
        serve._isolate(self.folder, 4566, description)
        # Imported late: ministack reads the environment that was set just now.
        from ecs_blue_green.emulator import assembly, engine

        self.engine: Any = engine
        self._application = assembly.application(self.folder, description, 60.0)
        assembly.warm_up(description)
        take_time(engine, lambda: self.seconds, self._fail)
        _shorten_pages(engine)
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=self._loop.run_forever, daemon=True).start()
        self._scope: Callable[[], Any] = lambda: engine.scope(description.id, description.region)

    def answer(self, request: Request) -> AWSResponse:
        """What AWS answers to a request."""
        status, headers, body = self._run(self._asgi(request))
        return response(request.url, status, headers, body)

    def client(self, service: str) -> Any:
        """A client of somebody who meets no fault."""
        made: Any = boto3.client(
            service,  # type: ignore[call-overload]
            endpoint_url="http://127.0.0.1:4566",
            region_name="ap-northeast-1",
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )
        made.meta.events.register("before-send", lambda request, **_: self.answer(request_of(0, request)))
        return made

    def save(self) -> bytes:
        """Everything that the emulator knows, once no operation is under way."""
        self.settle()
        return self._call(self._dump)

    def load(self, state: bytes) -> None:
        """Have the emulator know exactly this, once no operation is under way."""
        self.failing.clear()
        self.settle()
        self._call(lambda: self._restore(state))

    def settle(self) -> None:
        """Wait until no stack is being operated on."""
        self._run(self._settled())

    def stacks(self) -> dict[str, Record]:
        """The stacks that are not deleted, by name, as the emulator keeps them."""
        kept = self.engine.cloudformation._stacks
        return {
            name: stack
            for name, stack in self._call(lambda: dict(kept.items())).items()
            if stack["StackStatus"] != "DELETE_COMPLETE"
        }

    def change_sets(self) -> list[Record]:
        """The change sets that wait for something."""
        kept = self.engine.cloudformation._change_sets
        found = self._call(lambda: list(kept.values()))
        return [one for one in found if not one["ExecutionStatus"].startswith("EXECUTE_")]

    def parameters(self) -> dict[str, str]:
        """What is in the Parameter Store."""
        from ministack.services import ssm

        found = self._call(lambda: list(ssm._parameters.values()))
        return {one["Name"]: one["Value"] for one in found}

    def stack_of(self, name: str) -> str:
        """The name of the stack that a request means by a name, an ARN, or a change set's ARN."""
        if ":changeSet/" in name:
            found = self._call(lambda: self.engine.cloudformation._change_sets.get(name))
            return str(found["StackName"]) if found else ""
        match = re.search(r":stack/([^/]+)/", name)
        return match[1] if match else name

    async def _asgi(self, request: Request) -> tuple[int, dict[str, str], bytes]:
        url = urlsplit(request.url)
        headers = [(key.lower().encode(), value.encode()) for key, value in request.headers.items()]
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": request.method,
            "path": url.path or "/",
            "raw_path": (url.path or "/").encode(),
            "query_string": url.query.encode(),
            "headers": headers,
            "scheme": "http",
            "server": ("127.0.0.1", 4566),
            "client": ("127.0.0.1", 1),
        }
        received = iter([{"type": "http.request", "body": request.body, "more_body": False}])
        sent: list[Any] = []

        async def receive() -> Any:
            return next(received, {"type": "http.disconnect"})

        async def send(message: Any) -> None:
            sent.append(message)

        await self._application(scope, receive, send)
        start = next(message for message in sent if message["type"] == "http.response.start")
        answer = b"".join(message.get("body", b"") for message in sent)
        return start["status"], {key.decode(): value.decode() for key, value in start["headers"]}, answer

    def _fail(self, function: str, arguments: tuple[Any, ...]) -> None:
        # What is left updates a resource back, behind the check of the stack policy.
        action = _ACTIONS.get(function, "revert")
        for failing in self.failing:
            concerns = (failing.type, failing.action) == (arguments[0], action) and failing.stack in arguments
            if concerns and failing.skip:
                failing.skip -= 1
            elif concerns and failing.times:
                failing.times -= 1
                raise ValueError('Resource handler returned message: "a fault of the test"')

    def _dump(self) -> bytes:
        app = self.engine.app
        return pickle.dumps(
            {key: app._get_module(module).get_state() for key, module in app._state_map.items()}
        )

    def _restore(self, state: bytes) -> None:
        app = self.engine.app
        saved = pickle.loads(state)  # noqa: S301 (our own)
        for key, name in app._state_map.items():
            module = app._get_module(name)
            if hasattr(module, "reset"):
                module.reset()
            module.load_persisted_state(saved[key])
        from ecs_blue_green.emulator.resources import iam

        iam.add_managed_policies()

    async def _settled(self) -> None:
        while self.engine.stacks_in_progress():
            await asyncio.sleep(0.005)
        # The tasks that brought the stacks there end a moment later.
        await asyncio.sleep(0.005)

    def _call(self, function: Callable[[], Result]) -> Result:
        async def call() -> Result:
            with self._scope():
                return function()

        return self._run(call())

    def _run(self, work: Coroutine[Any, Any, Result]) -> Result:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(60)


def take_time(
    engine: Any, seconds: Callable[[], float], fail: Callable[[str, tuple[Any, ...]], None]
) -> None:
    """Have every resource take time, let others be served meanwhile, and fail when `fail` raises.

    `fail` is given the name of the emulator's function, and its arguments.
    """

    async def slowly(function: Callable[..., Result], *arguments: Any) -> Result:
        await asyncio.sleep(seconds())
        fail(function.__name__, arguments)
        return function(*arguments)

    engine.stacks._runs_on_worker_thread = lambda resource_type: True
    engine.stacks.run_reentrant = slowly


def _shorten_pages(engine: Any) -> None:
    for module in (engine.handlers, engine.changesets):
        page = module._page
        module._page = lambda items, params, action, size=PAGE, page=page: page(items, params, action, size)
