"""Ctrl-C at every line: a press comes when the command is at a line that is drawn by lot.

A press from outside meets the lines where the command waits, and hardly ever those between the moment when
something is made and the one when somebody answers for it. This one meets them all alike, those of the
threads that work for the command too.
"""

import contextlib
import io
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from random import Random
from types import FrameType
from typing import Any

from ecs_blue_green import deployer
from ecs_blue_green.deployer import command_line, interrupts
from ecs_blue_green.deployer.errors import EXIT_DONE, EXIT_INTERRUPTED
from tests.faults.kills import Site
from tests.paths import TOOLS

# What makes something in the account, or answers for it.
PLACES = tuple(
    str(Path(deployer.__file__).parent / name)
    for name in ("planning", "verbs", "execution", "cloudformation", "interrupts.py")
)
# Where it takes longer, the press is noticed some lines later, as others are.
TAKEN_IN_SECONDS = 0.02
# How the threads of a command are called, and those that work for it. Others are never interrupted.
WORKERS = ("command", "ThreadPoolExecutor")
# The end of a thread, where nobody may listen any more.
_OUTSIDE = ("run", "attempt", "_settle")


class _Presser:
    """A trace function that counts the lines of a command and presses at some of them."""

    def __init__(self, *at: int) -> None:
        self.at = at
        self.count = 0
        self.met: list[str] = []
        self._lock = threading.Lock()

    def __call__(self, frame: FrameType, event: str, argument: Any) -> "_Presser | None":
        code = frame.f_code
        if not code.co_filename.startswith(PLACES):
            return None
        if threading.current_thread().name.partition("-")[0] not in WORKERS:
            sys.settrace(None)
            return None
        if code.co_filename == interrupts.__file__ and code.co_name in _OUTSIDE:
            return None
        if event in ("line", "return"):
            with self._lock:
                self.count += 1
                is_now = self.count in self.at
            if is_now:
                self.met.append(f"{Path(code.co_filename).relative_to(TOOLS)}:{frame.f_lineno}")
                os.kill(os.getpid(), signal.SIGINT)
                # The main thread takes it in meanwhile.
                time.sleep(TAKEN_IN_SECONDS)
        return self


def pressed(where: Site, presses: int, seed: int) -> list[str]:
    """Press Ctrl-C once or twice in each of so many commands; what is wrong after them."""
    random = Random(seed)
    kept = where.root / "plan.json"
    commands = (["plan"], ["plan", "--out", str(kept)], ["deploy", "--yes"])
    with _as_person(where):
        counts = [_run(where, command)[1].count for command in commands]
        wrong = list(_tidy(where, kept))
        for number in range(presses):
            command, count = commands[number % 3], counts[number % 3]
            first = random.randint(1, count)
            second = [first + random.randint(1, count)] if random.random() < 0.5 else []
            code, presser, out = _run(where, command, first, *second)
            found = list(_looked_at(where, command[0], kept, code, out))
            found += _tidy(where, kept)
            if found:
                wrong.append(f"{command[0]}, pressed at {' and '.join(presser.met)}: {', '.join(found)}")
    return wrong


def _run(where: Site, command: list[str], *at: int) -> tuple[int | None, _Presser, str]:
    """Run the deployer here, and give its exit code, who pressed, and what it says."""
    presser, out = _Presser(*at), io.StringIO()
    code: int | None = None
    # Of the threads that begin from here on: the command's.
    threading.settrace(presser)
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
            code = command_line.main([command[0], "--env", "dev", *command[1:]], where.root)
    finally:
        threading.settrace(None)
    where.log.append(f"$ deploy.py {' '.join(command)}: {code}\n{out.getvalue()}")
    return code, presser, out.getvalue()


def _looked_at(where: Site, verb: str, kept: Path, code: int | None, out: str) -> Iterator[str]:
    if code not in (EXIT_DONE, EXIT_INTERRUPTED):
        yield f"it ended with {code}"
    if "Traceback" in out:
        yield "it printed a traceback"
    if kept.exists():
        if code != EXIT_DONE:
            yield "it was interrupted, and its plan is there"
        return
    if verb == "plan" and where.stacks():
        yield f"there is {where.stacks()}"
    yield from where.leftovers()


def _tidy(where: Site, kept: Path) -> Iterator[str]:
    """Bring the site back to where it began. What cannot be is wrong."""
    if kept.exists():
        code, _, _ = _run(where, ["plan", "--discard", str(kept)])
        if code:
            yield f"the plan could not be discarded: {code}"
        kept.unlink()
    if where.stacks():
        code, _, _ = _run(where, ["destroy", "--yes", "--break-lock"])
        if code or where.stacks():
            yield f"after the destroy, which ended with {code}, there is {where.stacks()}"


@contextlib.contextmanager
def _as_person(where: Site) -> Iterator[None]:
    """Have the variables of a person who works on the site, for the time of the block."""
    before = dict(os.environ)
    os.environ.clear()
    os.environ.update(where.variables)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
