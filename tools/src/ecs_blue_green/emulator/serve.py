"""The server process: the emulator on a port of 127.0.0.1, with everything that it writes in one folder."""

import asyncio
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from ecs_blue_green.emulator import ENDPOINT_PREFIX, account, disk, lock
from ecs_blue_green.emulator.early import DOCUMENTED, Early
from ecs_blue_green.emulator.errors import EmulatorError

HOST = "127.0.0.1"
# A stack operation that a killed command left running is finished before the state is saved.
SETTLE_SECONDS = 20.0


@dataclass(frozen=True)
class Settings:
    """What a server is started with.

    `port` 0 takes a free one; `minute`: the seconds that stand for a minute where a deployment waits.
    `attended`: a rehearsal runs the tasks and calls the hooks, while other commands come and go.
    `hooks_are_called`: a deployment waits for its hooks' answers; otherwise a placeholder answers, and a
    line on stdout says so. `validation`: how a new change set is validated.
    """

    port: int
    state: Path
    parameter_file: Path
    minute: float
    until_stdin_closes: bool
    attended: bool = False
    hooks_are_called: bool = False
    validation: Early = DOCUMENTED


def serve(settings: Settings) -> None:
    """Serve until a signal, or the end of stdin. Raises EmulatorError when it cannot start.

    Prints the endpoint as one line on stdout once requests are answered.
    """
    with ExitStack() as stack:
        with disk.usable(settings.state):
            shared = settings.attended or not settings.until_stdin_closes
            held = stack.enter_context(lock.hold(settings.state, shared=shared))
        _serve(settings, held)


def _serve(settings: Settings, held: lock.Lock) -> None:
    try:
        description = account.read_account(settings.parameter_file)
    except (OSError, ValueError) as error:
        raise EmulatorError(str(error)) from error
    if description.unusable:
        sys.stderr.write(f"{description.unusable}. Until then there is no network, no image and no bucket\n")
    listener = _listen(settings.port)
    port = listener.getsockname()[1]
    state = settings.state.resolve()
    with disk.usable(state):
        _isolate(state, port, description)

    # Imported late: ministack reads the environment when it is imported.
    from hypercorn.asyncio import serve as hypercorn_serve
    from hypercorn.config import Config

    from ecs_blue_green.emulator import assembly

    application = assembly.application(
        state,
        description,
        settings.minute,
        attended=settings.attended,
        hooks_are_called=settings.hooks_are_called,
        validation=settings.validation,
    )

    config = Config()
    config.bind = [f"fd://{listener.detach()}"]
    config.loglevel = "WARNING"
    config.keep_alive_timeout = 75

    async def until_stopped() -> None:
        endpoint = f"http://{HOST}:{port}"
        held.announce(endpoint)
        sys.stdout.write(f"{ENDPOINT_PREFIX}{endpoint}\n")
        sys.stdout.flush()
        threading.Thread(target=assembly.warm_up, args=(description,), daemon=True).start()
        await _stop_requested(settings.until_stdin_closes)
        await _settled(assembly.busy)

    asyncio.run(hypercorn_serve(application, config, shutdown_trigger=until_stopped))


def _listen(port: int) -> socket.socket:
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    try:
        listener.bind((HOST, port))
    except (OSError, OverflowError) as error:
        raise EmulatorError(
            f"cannot listen on {HOST}:{port}", str(error), "choose another --port, or none for a free one"
        ) from error
    return listener


async def _stop_requested(until_stdin_closes: bool) -> None:
    loop = asyncio.get_running_loop()
    requested = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, requested.set)
    if until_stdin_closes:
        threading.Thread(target=_wait_for_stdin, args=(loop, requested), daemon=True).start()
    await requested.wait()


def _wait_for_stdin(loop: asyncio.AbstractEventLoop, requested: asyncio.Event) -> None:
    while os.read(sys.stdin.fileno(), 4096):
        pass
    loop.call_soon_threadsafe(requested.set)


async def _settled(busy: Callable[[], bool]) -> None:
    deadline = time.monotonic() + SETTLE_SECONDS
    while busy() and time.monotonic() < deadline:
        await asyncio.sleep(0.05)


def _isolate(state: Path, port: int, description: account.Account) -> None:
    """Set the environment that ministack reads; nothing of the user's own environment gets through."""
    for name in [name for name in os.environ if name.startswith(("AWS_", "LOCALSTACK_", "MINISTACK_"))]:
        del os.environ[name]
    scratch = state / "tmp"
    scratch.mkdir(exist_ok=True)
    os.environ |= {
        "MINISTACK_ACCOUNT_ID": description.id,
        "MINISTACK_REGION": description.region,
        "BIND_HOST": HOST,
        "GATEWAY_PORT": str(port),
        "PERSIST_STATE": "1",
        "S3_PERSIST": "0",
        "STATE_DIR": str(scratch),
        "S3_DATA_DIR": str(scratch),
        "TMPDIR": str(scratch),
        # Two more listeners that ministack opens by default, one of them on every address.
        "IOT_MTLS_ENABLED": "0",
        "SFTP_ENABLED": "0",
        "AUTH": "false",
        "LOG_LEVEL": "ERROR",
        # Names no socket: no container engine is looked for, no container started.
        "DOCKER_HOST": f"unix://{scratch / 'no-container-engine'}",
    }
