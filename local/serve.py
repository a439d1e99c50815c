"""The server process: the emulator's own application on a port of 127.0.0.1, with its state in one folder."""

import asyncio
import os
import signal
import socket
import sys
import threading
from pathlib import Path
from typing import Any

from local import lock
from local.emulator import ENDPOINT_PREFIX

HOST = "127.0.0.1"


def serve(*, port: int, state: Path, parameter_file: Path, until_stdin_closes: bool) -> int:
    """Serve until a signal (or the end of stdin) and return the exit code.

    `port` 0 takes a free one. Prints the endpoint as one line on stdout once requests are answered.
    """
    try:
        with lock.hold(state, shared=not until_stdin_closes) as held:
            return _serve(held, port, state, parameter_file, until_stdin_closes)
    except lock.StateInUse as error:
        return _refuse(str(error))


def _serve(held: lock.Lock, port: int, state: Path, parameter_file: Path, until_stdin_closes: bool) -> int:
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((HOST, port))
    except OSError as error:
        return _refuse(f"cannot listen on {HOST}:{port}: {error.strerror}")
    port = listener.getsockname()[1]
    _set_environment(port, state)

    # Imported late: ministack reads the environment when it is imported.
    from hypercorn.asyncio import serve as hypercorn_serve
    from hypercorn.config import Config
    from ministack.app import app

    config = Config()
    config.bind = [f"fd://{listener.fileno()}"]
    config.loglevel = "WARNING"
    config.keep_alive_timeout = 75

    async def until_told() -> None:
        endpoint = f"http://{HOST}:{port}"
        held.announce(endpoint)
        sys.stdout.write(f"{ENDPOINT_PREFIX}{endpoint}\n")
        sys.stdout.flush()
        await _told_to_stop(until_stdin_closes)

    async def main() -> None:
        await hypercorn_serve(app, config, shutdown_trigger=until_told)

    asyncio.run(main())
    return 0


async def _told_to_stop(until_stdin_closes: bool) -> None:
    loop = asyncio.get_running_loop()
    told = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, told.set)
    if until_stdin_closes:
        threading.Thread(target=_wait_for_stdin, args=(loop, told), daemon=True).start()
    await told.wait()


def _wait_for_stdin(loop: asyncio.AbstractEventLoop, told: asyncio.Event) -> None:
    while os.read(sys.stdin.fileno(), 4096):
        pass
    loop.call_soon_threadsafe(told.set)


def _set_environment(port: int, state: Path) -> None:
    for name in list(os.environ):
        if name.startswith(("AWS_", "MINISTACK_", "LOCALSTACK_")):
            del os.environ[name]
    os.environ |= {
        "BIND_HOST": HOST,
        "GATEWAY_PORT": str(port),
        "PERSIST_STATE": "1",
        "STATE_DIR": str(state / "services"),
        "S3_PERSIST": "0",
        "MINISTACK_REGION": "ap-northeast-1",
        "MINISTACK_ACCOUNT_ID": "000000000000",
        "IOT_MTLS_ENABLED": "0",
        "SFTP_ENABLED": "0",
        "LOG_LEVEL": "WARNING",
        # Points at nothing: no container engine is looked for.
        "DOCKER_HOST": f"unix://{state / 'no-docker.sock'}",
    }


def _refuse(why: str) -> int:
    sys.stderr.write(f"{why}\n")
    return 1
