"""Answers two paths, and shows on request what a bad release looks like.

`GET /` answers {"message", "version"}: 200, or 503 in the share of requests that HEALTH_RATE leaves over.
`GET /health` answers 200 always. That is the point of it: the load balancer's health check cannot see such
a release, only the alarm on the 5xx rate can.

Environment: HEALTH_RATE (0.0 to 1.0, default 1.0), VERSION (set by the image build, default dev), HOST and
PORT (default 127.0.0.1 and 1323; the image sets HOST to all interfaces, and a task definition sets neither).
"""

import dataclasses
import logging
import os
import random
import signal
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any

import uvicorn
from pythonjsonlogger.core import RESERVED_ATTRS
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

# The load balancer keeps its connections to a target open while they are idle for up to 60 s (the default
# of its idle_timeout.timeout_seconds). The target must close later than that: a request sent on a connection
# that the target closes at the same moment is answered 502. uvicorn's default is 5 s.
KEEP_ALIVE_SECONDS = 75
# ECS kills the container 30 s after SIGTERM (the default of StopTimeout). Requests that are still running
# after this time are cancelled, so that the process ends by itself.
SHUTDOWN_SECONDS = 25

HEALTH_PATH = "/health"

LOG_CONFIG: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "json": {
            "()": "pythonjsonlogger.json.JsonFormatter",
            "format": ["levelname", "message"],
            "rename_fields": {"levelname": "level"},
            # uvicorn adds to its records a second message, for terminals.
            "reserved_attrs": [*RESERVED_ATTRS, "color_message"],
            "timestamp": "time",
        }
    },
    "handlers": {
        "stdout": {"class": "logging.StreamHandler", "stream": "ext://sys.stdout", "formatter": "json"},
    },
    "root": {"handlers": ["stdout"], "level": "INFO"},
}

logger = logging.getLogger("app")


def main() -> int:
    """Serve until SIGTERM or Ctrl-C and return the exit code: 0 stopped, 2 bad environment, 130 interrupted.

    An address that cannot be bound ends the process with uvicorn's 3.
    """
    try:
        settings = read_settings(os.environ)
    except ValueError as error:
        print(f"error: {error}", file=sys.stderr)  # noqa: T201 - the log is not set up yet
        return 2
    return serve(settings, create_application(settings))


@dataclasses.dataclass(frozen=True)
class Settings:
    """What the environment decides."""

    health_rate: float
    version: str
    host: str
    port: int


def read_settings(environ: Mapping[str, str]) -> Settings:
    """Return the settings that the variables of `environ` give; raise ValueError naming the first bad one."""
    # Set but empty is refused like any other text: somebody meant to give a number.
    health_rate_text = environ.get("HEALTH_RATE", "1.0")
    try:
        health_rate = float(health_rate_text)
    except ValueError:
        health_rate = float("nan")
    if not 0.0 <= health_rate <= 1.0:  # nan compares false with everything
        raise ValueError(f"HEALTH_RATE: must be a number from 0.0 to 1.0, is {health_rate_text!r}")

    port_text = environ.get("PORT", "1323")
    # 0 lets the system choose a free port; the start message in the log tells which one.
    if not (port_text.isascii() and port_text.isdecimal() and int(port_text) <= 65535):
        raise ValueError(f"PORT: must be a whole number from 0 to 65535, is {port_text!r}")

    return Settings(
        health_rate=health_rate,
        # A build that passes the argument without a value is a development build too.
        version=environ.get("VERSION") or "dev",
        host=environ.get("HOST") or "127.0.0.1",
        port=int(port_text),
    )


def create_application(settings: Settings, chance: Callable[[], float] = random.random) -> ASGIApp:
    """Return the application; `chance` gives a number from 0.0 up to, not including, 1.0 for each request."""

    async def root(_request: Request) -> JSONResponse:
        if chance() < settings.health_rate:
            return JSONResponse({"message": "Hello", "version": settings.version})
        return JSONResponse({"message": "Service Unavailable", "version": settings.version}, status_code=503)

    async def health(_request: Request) -> JSONResponse:
        return JSONResponse({"status": "ok"})

    return log_requests(Starlette(routes=[Route("/", root), Route(HEALTH_PATH, health)]), settings.version)


def log_requests(application: ASGIApp, version: str) -> ASGIApp:
    """Return `application` with one log record for each request that is not a health check.

    The record names the version, because blue and green write to the same log group. It has no client
    address and no query string: both can be personal or secret.
    """

    async def logged(scope: Scope, receive: Receive, send: Send) -> None:
        # Two target groups ask every few seconds for the whole life of a task.
        if scope["type"] != "http" or scope["path"] == HEALTH_PATH:
            await application(scope, receive, send)
            return

        status: int | None = None

        async def send_noting_status(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        started = time.perf_counter()
        try:
            await application(scope, receive, send_noting_status)
        finally:
            logger.info(
                "request",
                extra={
                    "version": version,
                    "method": scope["method"],
                    "path": scope["path"],
                    "status": status,  # null: cancelled before the answer began
                    "duration_ms": round((time.perf_counter() - started) * 1000, 1),
                    # The load balancer adds this header and writes the same value to its access log.
                    "trace": dict(scope["headers"]).get(b"x-amzn-trace-id", b"").decode("latin-1") or None,
                },
            )

    return logged


def serve(settings: Settings, application: ASGIApp) -> int:
    """Serve `application` until a signal stops it and return the exit code of the process."""
    # uvicorn finishes the requests in flight and then raises the signal once more, so that without a handler
    # the process would end as killed by SIGTERM (143), which looks like a failure among ECS's stopped tasks.
    # The handler also stops a process that has not begun to serve.
    signal.signal(signal.SIGTERM, lambda _signal, _frame: sys.exit(0))
    try:
        uvicorn.Server(server_config(settings, application)).run()
    except KeyboardInterrupt:
        return 130
    return 0


def server_config(settings: Settings, application: ASGIApp) -> uvicorn.Config:
    """Return uvicorn's configuration, with nothing left to what else happens to be installed."""
    return uvicorn.Config(
        application,
        host=settings.host,
        port=settings.port,
        loop="asyncio",
        http="h11",
        ws="none",
        lifespan="off",
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=SHUTDOWN_SECONDS,
        log_config=LOG_CONFIG,
        access_log=False,  # log_requests writes it
        proxy_headers=False,
        server_header=False,
    )


if __name__ == "__main__":
    sys.exit(main())
