"""What an error of the file system means for the person at the keyboard."""

import errno
import os
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ecs_blue_green.emulator.errors import EmulatorError

IN_THE_WAY = (errno.EEXIST, errno.EISDIR, errno.ENOTDIR, errno.ELOOP)
NOT_ALLOWED = (errno.EACCES, errno.EPERM, errno.EROFS)
FULL = (errno.ENOSPC, errno.EDQUOT)


def explained(error: OSError, path: Path) -> tuple[str, str]:
    """Why `path` cannot be used, with the file or folder at fault, and what to do ("" where unknown)."""
    named = Path(error.filename) if isinstance(error.filename, str) else path
    place = _not_a_folder(named.parent) or named
    why = f"{place}: {error.strerror or error}"
    if error.errno in IN_THE_WAY:
        here = shlex.quote(str(place))
        return why, f"move away what is there: mv {here} {shlex.quote(f'{place}.old')}"
    if error.errno in NOT_ALLOWED:
        return why, f"become a user who may write to {place}, or get the right to"
    return why, "make room on the disk" if error.errno in FULL else ""


@contextmanager
def usable(state: Path) -> Iterator[None]:
    """Raise EmulatorError where the block cannot work in the folder `state`."""
    try:
        yield
    except OSError as error:
        why, remedy = explained(error, state)
        raise EmulatorError(f"the state cannot be kept in {state}", why, remedy) from error


def _not_a_folder(folder: Path) -> Path | None:
    """The part of a folder's path that is not a folder: a file, or a broken link."""
    # Not pathlib's methods, which raise where a folder of the path may not be read.
    for place in (*reversed(folder.parents), folder):
        if os.path.lexists(place) and not os.path.isdir(place):  # noqa: PTH112
            return place
    return None
