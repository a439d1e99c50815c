"""The terminal that plans, reviews and progress are printed on."""

import sys

from rich.console import Console


def console(*, stderr: bool = False) -> Console:
    """A console on standard output or standard error. Without a terminal, lines are not wrapped."""
    stream = sys.stderr if stderr else sys.stdout
    return Console(stderr=stderr, highlight=False, soft_wrap=True, width=None if stream.isatty() else 200)
