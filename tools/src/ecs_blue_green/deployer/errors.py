"""What a user is told when something does not work, and the exit code that goes with it.

Failure                 what happened, why, and what to type next
├── BadInput       2    parameters, usage, wrong account: nothing was sent to AWS
├── Blocked        3    must not happen unasked, or a person must act first
├── Failed         1    a stack failed, or AWS refused
└── Interrupted  130    Ctrl-C, or the answer was no
"""

from ecs_blue_green.failure import Failure as Failure

EXIT_DONE = 0
EXIT_FAILED = 1
EXIT_BAD_INPUT = 2
EXIT_BLOCKED = 3
EXIT_CHANGES = 4
EXIT_INTERRUPTED = 130


class BadInput(Failure):
    """The input is wrong; nothing was sent to AWS."""

    exit_code = EXIT_BAD_INPUT


class Blocked(Failure):
    """It must not happen unasked, or a person must act first."""

    exit_code = EXIT_BLOCKED


class Failed(Failure):
    """A stack failed, or AWS refused."""


class Interrupted(Failure):
    """Ctrl-C, or the answer was no."""

    exit_code = EXIT_INTERRUPTED
