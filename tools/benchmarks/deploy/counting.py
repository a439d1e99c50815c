"""Between the deployers and the emulator: every call is written down, and takes its way."""

import asyncio
import re
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

_SERVICE = re.compile(r"Credential=[^/]+/\d+/[^/]+/([^/]+)/")


def counted(application: Any, file: Path, seconds: float) -> Any:
    """An ASGI application that answers `seconds` later and adds a line a call to the file.

    A line is the service and the operation, "?" for what the request does not name. What is sent again is a
    call again.
    """
    calls = file.open("w")

    async def answer(scope: Any, receive: Callable[[], Any], send: Any) -> None:
        if scope["type"] != "http":
            await application(scope, receive, send)
            return
        body = await _body(receive)
        calls.write(f"{call(scope['headers'], body)}\n")
        calls.flush()
        unread = iter([{"type": "http.request", "body": body, "more_body": False}])

        async def receive_again() -> Any:
            return next(unread, None) or await receive()

        await asyncio.sleep(seconds)
        await application(scope, receive_again, send)

    return answer


def read(file: Path) -> Counter[str]:
    """How many calls each service has had so far."""
    return Counter(line.split()[0] for line in file.read_text().splitlines())


def call(headers: Iterable[tuple[bytes, bytes]], body: bytes) -> str:
    """Service and operation of a request."""
    found = {key.decode().lower(): value.decode() for key, value in headers}
    service = _SERVICE.search(found.get("authorization", ""))
    operation = found.get("x-amz-target", "").rpartition(".")[2]
    if not operation:
        operation = parse_qs(body.decode(errors="replace")).get("Action", ["?"])[0]
    return f"{service[1] if service else '?'} {operation}"


async def _body(receive: Callable[[], Any]) -> bytes:
    parts = []
    while True:
        message = await receive()
        parts.append(message.get("body", b""))
        if not message.get("more_body"):
            return b"".join(parts)
