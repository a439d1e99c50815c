"""Who runs this command, and whether the process that ran another one is provably gone."""

import os
import platform
import re
import socket
from dataclasses import dataclass
from functools import cache
from getpass import getuser
from hashlib import sha256
from pathlib import Path
from uuid import getnode

_TEXT = re.compile(r"by (?P<who>.+) on (?P<host>.+), process (?P<process>\d+) \((?P<machine>[0-9a-f]{12})\)")


@dataclass(frozen=True)
class Identity:
    """A process, as a person and another process can tell it from others.

    `machine` is the same only for processes that see each other: two containers may have the same host name.
    """

    who: str
    host: str
    process: int
    machine: str = ""

    def is_gone(self) -> bool:
        """Whether there is provably no such process any more."""
        if not self.machine or self.machine != machine():
            return False
        try:
            os.kill(self.process, 0)
        except ProcessLookupError:
            return True
        except OSError:
            return False
        return False

    def __str__(self) -> str:
        """For a person, and for `read`."""
        return f"by {self.who} on {self.host}, process {self.process} ({self.machine})"


def me() -> Identity:
    """This process."""
    return Identity(_user(), socket.gethostname(), os.getpid(), machine())


def read(text: str) -> Identity | None:
    """The process that a text names, None where it names none."""
    found = _TEXT.search(text)
    return Identity(found["who"], found["host"], int(found["process"]), found["machine"]) if found else None


def machine() -> str:
    """The same for all processes that see each other, for as long as this machine runs, and for no others."""
    return _machine()


@cache
def _machine() -> str:
    boot, namespace = Path("/proc/sys/kernel/random/boot_id"), Path("/proc/self/ns/pid")
    try:
        parts = [platform.node(), boot.read_text(), str(namespace.readlink())]
    except OSError:  # not Linux, where a process sees all others of its machine
        parts = [platform.node(), str(getnode())]
    return sha256("\n".join(parts).encode()).hexdigest()[:12]


def _user() -> str:
    try:
        return getuser()
    except (OSError, KeyError):  # a container whose user has no name
        return f"user {os.getuid()}"
