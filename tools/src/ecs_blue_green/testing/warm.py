"""Emulators that start at once: each is forked from a process that has imported what they are made of.

To import it takes half a second of processor time, which a test that asks for an emulator of its own would
wait for. A forked emulator is a process of its own, with a session, a folder, a port and an environment of
its own, and knows nothing of the others: what a test can see is the same.

with starts() as popen:             # what `emulator.popen` is while tests run
    popen(["python", "-P", "-m", "ecs_blue_green", "serve", ...], cwd=state, stderr=log, ...)

Linux alone can wait for a process that is not its child; elsewhere every emulator starts as for a person.
"""

import contextlib
import gc
import json
import os
import random
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from ecs_blue_green import ending
from ecs_blue_green.emulator import account
from ecs_blue_green.failure import Failure

# Of a request: arguments and environment.
LONGEST_REQUEST = 1 << 20
# ministack reads its environment when it is imported: the folder is there and this port is not, and what it
# keeps of them is replaced in each emulator.
PORT = 65432
LOG_FILE = "log"
# Of the services that most tests ask for something, ministack reads the model for its answer.
MODELS = (
    "application-autoscaling",
    "cloudformation",
    "cloudwatch",
    "codebuild",
    "codeconnections",
    "codedeploy",
    "codepipeline",
    "ec2",
    "ecr",
    "ecs",
    "elbv2",
    "iam",
    "lambda",
    "logs",
    "sns",
    "ssm",
    "sts",
)

Popen = Callable[..., Any]


class Process:
    """An emulator, by what `subprocess.Popen` has of it."""

    def __init__(self, pid: int, stdin: IO[str], stdout: IO[str]) -> None:
        self.pid = pid
        self.stdin = stdin
        self.stdout = stdout
        try:
            self._pidfd: int | None = os.pidfd_open(pid)
        except ProcessLookupError:
            self._pidfd = None

    def wait(self, timeout: float | None = None) -> None:
        """Wait until it has ended. Raises subprocess.TimeoutExpired."""
        if self._pidfd is None:
            return
        if not select.select([self._pidfd], [], [], timeout)[0]:
            raise subprocess.TimeoutExpired("emulator", timeout or 0)
        os.close(self._pidfd)
        self._pidfd = None

    def communicate(self) -> tuple[str, None]:
        """Wait for its end, and give what it said meanwhile."""
        with contextlib.suppress(OSError):
            self.stdin.close()
        with self.stdout:
            said = self.stdout.read()
        self.wait()
        return said, None

    def kill(self) -> None:
        """End it at once."""
        if self._pidfd is not None:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._pidfd, signal.SIGKILL)


@contextmanager
def starts() -> Iterator[Popen]:
    """What starts emulators as `subprocess.Popen` does, by a process for each account and region."""
    warm: dict[tuple[str, ...], Warm] = {}

    def popen(command: Sequence[str], *, cwd: Path, stderr: IO[str], **more: Any) -> Any:
        try:
            plays = account.read_account(Path(command[command.index("--params") + 1]))
        except (OSError, ValueError):
            # What is wrong with the file is what the emulator says.
            return subprocess.Popen(command, cwd=cwd, stderr=stderr, **more)
        key = (command[0], plays.id, plays.region)
        if key not in warm:
            warm[key] = stack.enter_context(_warm(*key))
        return warm[key].emulator(command[command.index("ecs_blue_green") + 1 :], cwd, stderr)

    with contextlib.ExitStack() as stack:
        yield popen if hasattr(os, "pidfd_open") else subprocess.Popen


@contextmanager
def _warm(python: str, *plays: str) -> Iterator["Warm"]:
    """A process that forks emulators, for the time of the block."""
    here, there = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with tempfile.TemporaryDirectory(prefix="warm-") as name, here:
        folder = Path(name)
        with there, (folder / LOG_FILE).open("w") as log:
            process = subprocess.Popen(
                [python, "-P", "-m", "ecs_blue_green.testing.warm", str(there.fileno()), name, *plays],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=[there.fileno()],
                start_new_session=True,
            )
        with process:
            yield Warm(here, folder)
            here.close()


class Warm:
    """What such a process is asked by; its log is in `folder`."""

    def __init__(self, connection: socket.socket, folder: Path) -> None:
        self._connection = connection
        self._folder = folder
        self._lock = threading.Lock()

    def emulator(self, arguments: Sequence[str], folder: Path, log: IO[str]) -> Process:
        """A new emulator. Raises RuntimeError where the process has ended, with what it said."""
        request = {"arguments": arguments, "folder": str(folder), "environment": dict(os.environ)}
        emulator_reads, we_write = os.pipe()
        we_read, emulator_writes = os.pipe()
        with os.fdopen(emulator_reads), os.fdopen(emulator_writes, "w"):
            files = [emulator_reads, emulator_writes, log.fileno()]
            pid = b""
            # Each thread is answered itself.
            with self._lock, contextlib.suppress(ConnectionError):
                socket.send_fds(self._connection, [json.dumps(request).encode()], files)
                pid = self._connection.recv(64)
        stdin, stdout = os.fdopen(we_write, "w"), os.fdopen(we_read)
        if not pid:
            with stdin, stdout:
                raise RuntimeError(f"emulators cannot be forked: {(self._folder / LOG_FILE).read_text()}")
        return Process(int(pid), stdin, stdout)


# In the process that forks


def main(connection: socket.socket, folder: Path, account_id: str, region: str) -> int:
    """Fork an emulator for each request; returns 0 when there are no more, and in each emulator its code."""
    # Imported late: ministack reads the environment when it is imported.
    from ecs_blue_green.emulator import serve

    plays = account.Account(account_id, region)
    serve._isolate(folder, PORT, plays)
    import hypercorn.asyncio  # noqa: F401
    import regex  # type: ignore[import-untyped]  # noqa: F401

    import ecs_blue_green.emulator.assembly  # noqa: F401
    from ecs_blue_green.emulator import engine, resources, validation
    from ecs_blue_green.emulator.services import shapes

    for module in engine.app._state_map.values():
        engine.app._get_module(module)
    with engine.scope(account_id, region):
        resources.learn_replacements()
    for resource_type in resources.HANDLERS:
        validation.validator(resource_type, region)
    for service in MODELS:
        shapes.service_model(service)
    constants = list(_constants(str(folder)))
    # What is not written to is shared.
    gc.collect()
    gc.freeze()
    # They are nobody's to wait for here.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while True:
        said, files, _, _ = socket.recv_fds(connection, LONGEST_REQUEST, 3)
        if not said:
            return 0
        pid = os.fork()
        if not pid:
            break
        for file in files:
            os.close(file)
        connection.send(str(pid).encode())
    connection.close()

    isolate = serve._isolate

    def isolate_and_tell(state: Path, port: int, description: account.Account) -> None:
        isolate(state, port, description)
        for module, name, value in constants:
            setattr(module, name, value.replace(str(folder), str(state)).replace(str(PORT), str(port)))

    serve._isolate = isolate_and_tell
    return _serve(json.loads(said), files)


def _constants(folder: str) -> Iterator[tuple[Any, str, str]]:
    """What ministack's modules keep of the folder and the port: module, name and value."""
    modules = [module for name, module in sys.modules.items() if name.startswith("ministack")]
    for module in modules:
        for name, value in vars(module).items():
            if (
                isinstance(value, str)
                and not name.startswith("__")
                and (folder in value or str(PORT) in value)
            ):
                yield module, name, value


def _serve(request: Mapping[str, Any], files: Sequence[int]) -> int:
    """Become the process that was asked for."""
    from ecs_blue_green.__main__ import main as command

    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.setsid()
    for number, file in enumerate(files):
        os.dup2(file, number)
        os.close(file)
    os.chdir(request["folder"])
    os.environ.clear()
    os.environ.update(request["environment"])
    time.tzset()
    # Two emulators, one after the other on the same state, give no id twice.
    random.seed()
    try:
        return command(request["arguments"])
    except Failure as failure:
        # As where it is the program itself.
        sys.stderr.writelines(f"{line}\n" for line in failure.lines)
        return failure.exit_code


if __name__ == "__main__":
    number, folder, *plays = sys.argv[1:]
    ending.end(main(socket.socket(fileno=int(number)), Path(folder), *plays), OSError)
