"""One emulator per state folder: a lock that ends with the process that holds it."""

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from ecs_blue_green.emulator.errors import EmulatorError


@dataclass(frozen=True)
class Holder:
    """The process that holds a state folder; `endpoint` is empty until it answers.

    `shared`: a person started it as a server, so that others may use it.
    """

    pid: int
    shared: bool
    endpoint: str = ""


@contextmanager
def hold(state: Path, *, shared: bool) -> Iterator["Lock"]:
    """Hold the state folder (created where missing) for the time of the block.

    Raises EmulatorError, naming the holder, when another process has it.
    """
    state.mkdir(parents=True, exist_ok=True)
    # Opened without truncation: what the holder wrote is needed when this fails.
    with (state / "lock").open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            holder = _read(state)
            who = f"process {holder.pid}" if holder else "another process"
            raise EmulatorError(f"the local emulator is in use by {who} (state in {state})") from None
        lock = Lock(file.fileno(), Holder(os.getpid(), shared))
        lock.write()
        try:
            yield lock
        finally:
            os.ftruncate(file.fileno(), 0)


def holder(state: Path) -> Holder | None:
    """Who holds the state folder, or None when nobody does."""
    try:
        file = (state / "lock").open("r+")
    except FileNotFoundError:
        return None
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return _read(state)
    return None


class Lock:
    """A held lock; `announce` tells others where the holder answers."""

    def __init__(self, descriptor: int, owner: Holder) -> None:
        self._descriptor = descriptor
        self._owner = owner

    def announce(self, endpoint: str) -> None:
        """Write the endpoint beside the lock."""
        self._owner = Holder(self._owner.pid, self._owner.shared, endpoint)
        self.write()

    def write(self) -> None:
        """Write who holds the lock into its file."""
        os.ftruncate(self._descriptor, 0)
        os.write(self._descriptor, json.dumps(asdict(self._owner)).encode())


def _read(state: Path) -> Holder | None:
    try:
        return Holder(**json.loads((state / "lock").read_text()))
    except (OSError, ValueError, TypeError):
        return None
