"""How long a call of AWS is tried: by time, and the same with every botocore.

botocore's own retries count attempts, and how long these last changes with its version: since 1.44 the pauses
of the mode `standard` begin at 50 ms instead of 1 s, and a client whose calls were tried again some 35 times
tries each further call once. They are switched off; a handler of the event `needs-retry` is in their place.
https://docs.aws.amazon.com/boto3/latest/guide/retries.html
"""

import random
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, ConnectionError, HTTPClientError

from ecs_blue_green.deployer import clock

# How botocore is told to try a call once.
TRY_ONCE = Config(retries={"mode": "standard", "total_max_attempts": 1})
# From the first attempt of a call to the last. An outage or a throttled account is over within, or it lasts.
SECONDS = 90.0
LONGEST_PAUSE_SECONDS = 20.0
# An attempt whose answer never comes takes a minute: three of them have to be left.
LEAST_ATTEMPTS = 3

# What botocore 1.43 and 1.44 take for throttling, but one: LimitExceededException is a quota of every
# service that is asked here, and waiting does not lift it.
THROTTLED = frozenset(
    {
        "BandwidthLimitExceeded",
        "EC2ThrottledException",
        "PriorRequestNotComplete",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "RequestThrottled",
        "RequestThrottledException",
        "SlowDown",
        "ThrottledException",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
        "TransactionInProgressException",
    }
)
# The other answers that botocore takes for passing trouble, beside those of 5xx.
TRANSIENT = frozenset({"RequestTimeout", "RequestTimeoutException"})
_BEGAN = "ecs_blue_green.began"


def register(client: Any) -> None:
    """Have each call of a client, which was made with TRY_ONCE, tried again while its error can pass."""
    client.meta.events.register("before-call", _remember_the_beginning)
    client.meta.events.register("needs-retry", _pause)


def code(error: ClientError) -> str:
    """The code of AWS's error; empty when there is none."""
    return str(error.response.get("Error", {}).get("Code", ""))


def is_passing(error: ClientError | BotoCoreError) -> bool:
    """Whether an error can go away by itself: throttling, trouble at AWS or in the network."""
    if isinstance(error, ClientError):
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        return _passes(code(error), status)
    return isinstance(error, ConnectionError | HTTPClientError)


def _passes(error_code: str, status: int) -> bool:
    return error_code in THROTTLED | TRANSIENT or status >= HTTPStatus.INTERNAL_SERVER_ERROR


def _remember_the_beginning(params: dict[str, Any], **_: Any) -> None:
    params["context"][_BEGAN] = clock.monotonic()


def _pause(
    attempts: int,
    operation: Any,
    request_dict: Mapping[str, Any],
    response: tuple[Any, Mapping[str, Any]] | None = None,
    caught_exception: Exception | None = None,
    **_: Any,
) -> float | None:
    """Let the time pass after which botocore is to try a call again, and give 0; None when it is not to."""
    if response is None:
        trouble = isinstance(caught_exception, ConnectionError | HTTPClientError)
    else:
        error_code = str(response[1].get("Error", {}).get("Code", ""))
        trouble = _passes(error_code, response[0].status_code) or _is_modeled(operation, error_code)
    if not trouble:
        return None
    # Jitter keeps those that were throttled together from coming back together.
    pause = random.uniform(0, min(2.0 ** (attempts - 1), LONGEST_PAUSE_SECONDS))  # noqa: S311 (no secret)
    spent = clock.monotonic() - request_dict["context"][_BEGAN]
    if attempts >= LEAST_ATTEMPTS and spent + pause >= SECONDS:
        return None
    # Not by botocore, whose pauses are no part of our clock.
    clock.sleep(pause)
    return 0.0


def _is_modeled(operation: Any, error_code: str) -> bool:
    """Whether the service's model says of an error that the call may be tried again."""
    return any(
        shape.metadata.get("retryable") is not None
        and error_code == (shape.metadata.get("error", {}).get("code") or shape.name)
        for shape in operation.error_shapes
    )
