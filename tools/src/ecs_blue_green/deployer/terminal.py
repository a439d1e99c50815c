"""The terminal that plans, reviews and progress are printed on.

Rich is imported when something is printed: until then the emulator, which a command waits for, can start.
"""

import contextlib
import errno
import os
import sys
import termios
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

# How far what has no room behind its beginning is indented below it.
BELOW = 6


def console(*, stderr: bool = False) -> "Console":
    """A console on standard output or standard error. Without a terminal, lines are not wrapped."""
    from rich.console import Console

    stream = sys.stderr if stderr else sys.stdout
    return Console(
        stderr=stderr,
        highlight=False,
        # `:secret:` in an ARN is no picture.
        emoji=False,
        soft_wrap=True,
        width=None if stream.isatty() else 200,
        # Rich leaves out the colours alone: https://no-color.org/ means bold and dim as well.
        color_system=None if os.environ.get("NO_COLOR") else "auto",
    )


def hanging(out: "Console", first: "Text", text: "Text") -> "list[Text]":
    """A text behind its beginning; on a terminal in lines that break between words, below where it begins.

    Where a word has no room there, all of it is below and less indented. No word is ever broken: somebody
    copies it.
    """
    from rich.cells import cell_len
    from rich.text import Text

    room = out.width - first.cell_len
    if not out.is_terminal or text.cell_len <= room:
        return [first.append_text(text)]
    indent = first.cell_len
    longest = max(map(cell_len, text.plain.split()), default=0)
    if longest > room:
        indent, room = BELOW, out.width - BELOW
    lines = text.wrap(out, max(room, longest))
    for line in lines:
        line.rstrip()
    if indent == first.cell_len:
        return [first.append_text(lines[0]), *(Text(" " * indent).append_text(line) for line in lines[1:])]
    # What is longer than the whole line begins at its left, as outputs do.
    return [first, *(Text(" " * indent * (line.cell_len <= room)).append_text(line) for line in lines)]


class Stream:
    """Standard output or error that may go away: whoever reads it, or the disk that it goes to.

    What a command does is not stopped by that: CloudFormation is at work, and the lock is to be given back.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self.failure: OSError | None = None

    @property
    def lost(self) -> str:
        """Why something that was to be read is lost; empty where its reader went away, or nothing is."""
        return str(self.failure.strerror) if self.failure and self.failure.errno != errno.EPIPE else ""

    def write(self, text: str) -> int:
        """Write as far as that is possible."""
        try:
            return self._stream.write(text)
        except OSError as error:
            self._give_up(error)
            return len(text)

    def flush(self) -> None:
        """Flush as far as that is possible."""
        try:
            self._stream.flush()
        except OSError as error:
            self._give_up(error)

    def _give_up(self, error: OSError) -> None:
        self.failure = self.failure or error
        # What is still in its buffer goes there, also when the interpreter ends.
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, self._stream.fileno())
        os.close(null)

    def __getattr__(self, name: str) -> Any:
        """What else is asked of a stream: its encoding, whether it is a terminal."""
        return getattr(self._stream, name)


@contextlib.contextmanager
def restored() -> Iterator[None]:
    """Leave the terminal as it was: a question that hides what is typed may be left unanswered."""
    try:
        before = termios.tcgetattr(sys.stdin.fileno())
    except (OSError, ValueError, AttributeError, termios.error):
        # Standard input is no terminal, or closed.
        yield
        return
    try:
        yield
    finally:
        with contextlib.suppress(termios.error):
            # A job in the background that sets it is stopped.
            if termios.tcgetattr(sys.stdin.fileno()) != before:
                termios.tcsetattr(sys.stdin.fileno(), termios.TCSADRAIN, before)


@contextlib.contextmanager
def enduring() -> Iterator[Stream]:
    """Let output that cannot be written end nothing in the block. Yields standard output."""
    before = sys.stdout, sys.stderr
    with Path(os.devnull).open("w") as null:
        # A stream that was closed before the start is None.
        out, err = Stream(before[0] or null), Stream(before[1] or null)
        sys.stdout, sys.stderr = out, err
        try:
            yield out
        finally:
            out.flush()
            err.flush()
            sys.stdout, sys.stderr = before
