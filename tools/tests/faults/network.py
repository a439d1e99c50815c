"""Between boto3 and AWS: where calls are lost, refused, answered late or with what was true a moment ago."""

import os
import re
import signal
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from random import Random
from typing import Any, Literal
from urllib.parse import parse_qs

from botocore.awsrequest import AWSResponse
from botocore.exceptions import ConnectionClosedError, EndpointConnectionError, ReadTimeoutError

from ecs_blue_green.deployer import clock
from tests.faults.messages import Request, response
from tests.faults.world import World

Kind = Literal[
    "throttle",  # 400 Throttling
    "error",  # 500
    "reset before",  # the connection is lost before AWS has read the request
    "reset after",  # ... after AWS has carried it out
    "timeout after",
    "slow",  # the answer takes long
    "stale",  # reads show what was true before the last write
    "expired",  # the credentials, from here on
    "offline",  # no network, from here on
    "die before",  # the process, before the request reaches AWS
    "die after",
    "press",  # Ctrl-C while the call is under way
    "press twice",
    "act",  # somebody else does something
]
WRITES = re.compile(r"(Create|Execute|Delete|Set|Put|Update|Continue|Cancel|Add|Remove)")
READS = re.compile(r"(Describe|List|Get)(?!CallerIdentity)")


class Died(BaseException):
    """The process of a deployer is gone: nobody waits for an answer."""


@dataclass(frozen=True)
class Call:
    """One request: which operation of which service, on which stack where it is about one."""

    service: str
    operation: str
    stack: str
    page: str

    def __str__(self) -> str:
        return f"{self.operation}({self.stack})" if self.stack else self.operation


@dataclass
class Fault:
    """What happens from the `nth` call on whose text matches `calls`, for `times` calls."""

    kind: Kind
    calls: str = "."
    nth: int = 1
    times: int = 1
    seconds: float = 0.0
    act: Callable[[], None] = lambda: None
    seen: int = 0

    def strikes(self, call: Call) -> bool:
        """Whether this call is one of those; counts it."""
        if not re.search(self.calls, str(call)):
            return False
        self.seen += 1
        forever = self.kind in ("expired", "offline")
        return self.seen >= self.nth and (forever or self.seen < self.nth + self.times)

    def __str__(self) -> str:
        more = f" for {self.seconds:.0f} s" if self.seconds else ""
        return f"{self.kind} at {self.calls} #{self.nth} x{self.times}{more}"


@dataclass(eq=False)
class Deployer:
    """One process, as far as AWS can tell: its faults, and whether it lives."""

    number: int
    faults: list[Fault] = field(default_factory=list)
    random: Random = field(default_factory=Random)
    process: int = 0
    dead: bool = False
    calls: list[str] = field(default_factory=list)
    struck: list[str] = field(default_factory=list)
    wrote: dict[str, float] = field(default_factory=dict)
    shown: dict[tuple[str, str, str], AWSResponse] = field(default_factory=dict)
    lock: Any = field(default_factory=threading.Lock)

    def send(self, number: int) -> None:
        """Send its process a signal, if that is still there."""
        with suppress(ProcessLookupError):
            os.kill(self.process, number)

    def die(self) -> None:
        """End its process at once."""
        self.dead = True
        self.send(signal.SIGKILL)
        raise Died


class Network:
    """All calls of all deployers go through `send`."""

    def __init__(self, world: World) -> None:
        self._world = world

    def send(self, deployer: Deployer, request: Request) -> AWSResponse:
        """Carry a request to AWS and its answer back, or not."""
        if deployer.dead:
            raise Died
        deployer.process = request.process
        call = self._call(request)
        with deployer.lock:
            deployer.calls.append(str(call))
            faults = [fault for fault in deployer.faults if fault.strikes(call)]
            deployer.struck += [f"{fault.kind} {call}" for fault in faults]
        url = request.url
        for fault in faults:
            answer = self._before(fault, deployer, request, call)
            if answer is not None:
                return answer
        if deployer.dead:
            raise Died
        if WRITES.match(call.operation):
            deployer.wrote[call.stack] = clock.monotonic()
        answer = self._world.answer(request)
        if deployer.dead:
            raise Died
        for fault in faults:
            self._after(fault, deployer, url)
        return _repeatable(self._seen(faults, deployer, call, answer))

    def _before(self, fault: Fault, deployer: Deployer, request: Request, call: Call) -> AWSResponse | None:
        url = request.url
        match fault.kind:
            case "die before":
                deployer.die()
            case "throttle":
                return _refusal(call, url, 400, "Throttling", "Rate exceeded")
            case "error":
                return _refusal(call, url, 500, "InternalFailure", "An internal error occurred")
            case "expired":
                return _refusal(call, url, 400, "ExpiredToken", "The security token is expired")
            case "offline":
                raise EndpointConnectionError(endpoint_url=url, error="no route to host")
            case "reset before":
                raise ConnectionClosedError(endpoint_url=url, error="reset by peer")
            case "slow":
                clock.sleep(fault.seconds)
            case "press":
                deployer.send(signal.SIGINT)
            case "press twice":
                deployer.send(signal.SIGINT)
                clock.sleep(1.0)
                deployer.send(signal.SIGINT)
            case "act":
                fault.act()
        return None

    def _after(self, fault: Fault, deployer: Deployer, url: str) -> None:
        match fault.kind:
            case "die after":
                deployer.die()
            case "reset after":
                raise ConnectionClosedError(endpoint_url=url, error="reset by peer")
            case "timeout after":
                raise ReadTimeoutError(endpoint_url=url, error="timed out")

    def _seen(
        self, faults: Iterable[Fault], deployer: Deployer, call: Call, answer: AWSResponse
    ) -> AWSResponse:
        """What a read shows: the truth, or what the same read showed before the last write."""
        if not READS.match(call.operation):
            return answer
        key = (call.operation, call.stack, call.page)
        for fault in faults:
            before = deployer.shown.get(key)
            since = clock.monotonic() - max(deployer.wrote.values(), default=0.0)
            if fault.kind == "stale" and before and since < fault.seconds and deployer.random.random() < 0.8:
                return before
        deployer.shown[key] = answer
        return answer

    def _call(self, request: Request) -> Call:
        credential = re.search(
            r"Credential=[^/]+/\d+/[^/]+/([^/]+)/", request.headers.get("Authorization", "")
        )
        service = credential[1] if credential else "?"
        target = request.headers.get("X-Amz-Target", "").rpartition(".")[2]
        text = request.body.decode(errors="replace")
        if target:
            return Call(service, target, "", text)
        form = {key: values[0] for key, values in parse_qs(text).items()}
        named = form.get("StackName") or form.get("ChangeSetName") or ""
        stack = self._world.stack_of(named) if service == "cloudformation" and named else ""
        page = form.get("NextToken", "") + form.get("ChangeSetName", "")
        return Call(service, form.get("Action", "?"), stack, page)


def _refusal(call: Call, url: str, status: int, code: str, message: str) -> AWSResponse:
    body = (
        f"<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error>"
        "<RequestId>0</RequestId></ErrorResponse>"
        if call.service in ("cloudformation", "sts", "elasticloadbalancing", "iam")
        else f'{{"__type": "{code}", "message": "{message}"}}'
    )
    return response(url, status, {}, body.encode())


def _repeatable(answer: AWSResponse) -> AWSResponse:
    """An answer whose body can be read again, by whoever is shown it later."""
    return response(answer.url, answer.status_code, answer.headers, answer.content)
