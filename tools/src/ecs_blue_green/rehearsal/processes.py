"""The processes that a rehearsal started, recorded so that the next one can end those of a killed one.

A process is known by its number and the time at which it started: numbers are used again, and nothing but
what a rehearsal started may ever be ended.
"""

import asyncio
import contextlib
import json
import os
import signal
import socket
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from pathlib import Path

import psutil

# The clock of process start times has a resolution of hundredths of a second.
SAME_START_SECONDS = 0.05
PATIENCE_SECONDS = 3.0


class Ledger:
    """A file with one line for each process that was started."""

    def __init__(self, file: Path) -> None:
        self._file = file
        file.parent.mkdir(parents=True, exist_ok=True)

    def add(self, pid: int, what: str) -> None:
        """Record a process that this rehearsal has just started."""
        with contextlib.suppress(psutil.NoSuchProcess), self._file.open("a") as file:
            line = {"pid": pid, "started": psutil.Process(pid).create_time(), "what": what}
            file.write(json.dumps(line) + "\n")

    def end_leftovers(self) -> list[str]:
        """End the recorded processes that still run, and return their names. The ledger is empty afterwards.

        Only where no other rehearsal can be using this ledger.
        """
        leftovers = list(self.running())
        processes = [process for process, _ in leftovers]
        # What they started goes with them: a shell, for one, does not pass a signal on.
        for process, _ in leftovers:
            with contextlib.suppress(psutil.NoSuchProcess):
                processes += process.children(recursive=True)
        for process in processes:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.terminate()
        _, stubborn = psutil.wait_procs(processes, timeout=PATIENCE_SECONDS)
        for process in stubborn:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(stubborn, timeout=PATIENCE_SECONDS)
        self._file.unlink(missing_ok=True)
        return [what for _, what in leftovers]

    def running(self) -> Iterator[tuple[psutil.Process, str]]:
        """The processes of the ledger that still run, with what they are."""
        try:
            lines = self._file.read_text().splitlines()
        except FileNotFoundError:
            return
        for line in lines:
            try:
                entry = json.loads(line)
                process = psutil.Process(entry["pid"])
                same = abs(process.create_time() - entry["started"]) < SAME_START_SECONDS
            except (ValueError, psutil.NoSuchProcess):
                # A line that a killed rehearsal could not finish, or a process that is gone.
                continue
            if same and process.status() != psutil.STATUS_ZOMBIE:
                yield process, entry["what"]


def end_others(ledger: Ledger, *, spared: int | None) -> None:
    """Kill what runs below this process and is not in the ledger, such as build steps; `spared` goes on."""
    kill_below({process.pid for process, _ in ledger.running()} | {spared})


def kill_below(spared: Set[int | None]) -> None:
    """Kill what runs below this process, except the processes of these numbers and what they started."""
    for process in psutil.Process(os.getpid()).children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):
            if process.pid not in spared and not spared & {parent.pid for parent in process.parents()}:
                process.kill()


@dataclass(frozen=True)
class Program:
    """A command with its folder and environment.

    Its standard error, and its output unless `read_output`, go to the file `log`. `inherit`: open file
    descriptors that it keeps under the same numbers.
    """

    command: Sequence[str]
    folder: Path
    environment: Mapping[str, str]
    log: Path
    read_output: bool = False
    send_input: bool = False
    inherit: Sequence[int] = ()


async def start(ledger: Ledger, name: str, program: Program) -> asyncio.subprocess.Process:
    """Start a process of this rehearsal, and record it by a name for people."""
    program.log.parent.mkdir(parents=True, exist_ok=True)
    with program.log.open("ab") as file:
        process = await asyncio.create_subprocess_exec(
            *program.command,
            cwd=program.folder,
            env=program.environment,
            stdin=asyncio.subprocess.PIPE if program.send_input else asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE if program.read_output else file,
            stderr=file,
            pass_fds=program.inherit,
            # A group of its own: Ctrl-C reaches the rehearsal, which then ends its processes in order.
            start_new_session=True,
        )
    ledger.add(process.pid, name)
    return process


async def stop(process: asyncio.subprocess.Process, patience: float = PATIENCE_SECONDS) -> bool:
    """Ask a process to end and kill it after `patience` seconds; whether it ended by itself.

    What it has started and left is killed then: a shell, for one, does not pass the signal on.
    """
    try:
        return await _stop(process, patience)
    finally:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            # Its group is its own (`start`), and has its number as long as anything is in it.
            os.killpg(process.pid, signal.SIGKILL)


async def _stop(process: asyncio.subprocess.Process, patience: float) -> bool:
    if process.returncode is not None:
        return True
    with contextlib.suppress(ProcessLookupError):
        process.send_signal(signal.SIGTERM)
    try:
        async with asyncio.timeout(patience):
            await process.wait()
    except TimeoutError:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
        return False
    return True


def free_port() -> int:
    """A port of this machine that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def memory_of_all() -> int:
    """The resident memory of this process and everything below it, in bytes."""
    me = psutil.Process(os.getpid())
    total = 0
    for process in [me, *me.children(recursive=True)]:
        with contextlib.suppress(psutil.NoSuchProcess, psutil.AccessDenied):
            total += process.memory_info().rss
    return total
