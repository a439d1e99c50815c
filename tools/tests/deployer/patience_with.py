"""Calls of one client on a clock that only pauses move, with the botocore of the Python that runs this.

Usage: python patience_with.py     prints one JSON document.
"""

# mypy: ignore-errors
# (it puts itself in the place of what botocore keeps to itself)

import json
import sys
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import boto3
import botocore.httpsession
from botocore.awsrequest import AWSResponse
from botocore.exceptions import ClientError, EndpointConnectionError
from botocore.retries import standard

from ecs_blue_green.deployer import clock, patience

now = 0.0


def sleep(seconds: float) -> None:
    """The only way in which time passes."""
    global now
    now += seconds


def client(fails: Callable[[float], str | None]) -> SimpleNamespace:
    """A client, and the times at which it sent something. `fails`: the code for a time, or None."""
    made = boto3.client(
        "cloudformation",
        region_name="ap-northeast-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=patience.TRY_ONCE,
    )
    patience.register(made)
    sent: list[float] = []

    def send(_session: Any, request: Any) -> AWSResponse:
        sent.append(now)
        code = fails(now)
        if code == "silence":
            raise EndpointConnectionError(endpoint_url=request.url)
        if code is None:
            body = "<ListStacksResponse><ListStacksResult/></ListStacksResponse>"
            return AWSResponse(request.url, 200, {}, Raw(body))
        status = 503 if code == "ServiceUnavailable" else 400
        body = f"<ErrorResponse><Error><Code>{code}</Code><Message>no</Message></Error></ErrorResponse>"
        return AWSResponse(request.url, status, {}, Raw(body))

    botocore.httpsession.URLLib3Session.send = send
    return SimpleNamespace(call=made.list_stacks, sent=sent)


class Raw:
    """The body of an answer."""

    def __init__(self, text: str) -> None:
        self._text = text

    def stream(self) -> Iterator[bytes]:
        """The bytes."""
        yield self._text.encode()


def outcome(one: SimpleNamespace) -> dict[str, Any]:
    """What became of one more call: its error, the attempts, and from the first to the last."""
    before = len(one.sent)
    error = ""
    try:
        one.call()
    except ClientError as refused:
        error = refused.response["Error"]["Code"]
    except EndpointConnectionError:
        error = "silence"
    attempts = one.sent[before:]
    return {"error": error, "attempts": len(attempts), "seconds": attempts[-1] - attempts[0]}


def main() -> None:
    """Print what became of all calls."""
    clock.monotonic = lambda: now
    clock.sleep = sleep
    codes = [*standard.ThrottledRetryableChecker._THROTTLED_ERROR_CODES]
    codes += standard.TransientRetryableChecker._TRANSIENT_ERROR_CODES

    def one_client() -> list[dict[str, Any]]:
        lasting = client(lambda _: "ServiceUnavailable")
        return [outcome(lasting) for _ in range(50)]

    def for_a_minute() -> dict[str, Any]:
        began = now
        return outcome(client(lambda at: "Throttling" if at < began + 60 else None))

    json.dump(
        {
            "botocore": botocore.__version__,
            "codes": {code: outcome(client(lambda _, code=code: code)) for code in codes},
            "silence": outcome(client(lambda _: "silence")),
            "refused": outcome(client(lambda _: "ValidationError")),
            "one client": one_client(),
            "over after a minute": for_a_minute(),
        },
        sys.stdout,
    )


if __name__ == "__main__":
    main()
