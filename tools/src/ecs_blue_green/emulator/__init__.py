"""AWS on this machine: an emulator that refuses what AWS refuses, a child process for the time of a block.

The child runs in an environment of its own: `ecs_blue_green.interpreters` finds it.

The deployer and the rehearsal come in through `running` alone; people use `python -m ecs_blue_green serve`.
Importing this package is cheap: what the emulator is made of is imported by the child.
"""

import contextlib
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from ecs_blue_green import interpreters
from ecs_blue_green.emulator import disk, lock
from ecs_blue_green.emulator.early import DOCUMENTED, Early
from ecs_blue_green.emulator.errors import EmulatorError as EmulatorError
from ecs_blue_green.failure import ERROR, NEXT

LOG_FILE = "emulator.log"
# Of a deployment's waits, which are for the sake of users: there are none here.
SECONDS_A_MINUTE = 1.0
ENDPOINT_PREFIX = "AWS_ENDPOINT_URL="

START_SECONDS = 30.0
STOP_SECONDS = 30.0
# A command that was killed leaves its emulator saving the state for a moment.
HANDOVER_SECONDS = 3.0

# Starts the child; while tests run, something that need not import everything anew (`testing.warm`).
popen: Callable[..., "subprocess.Popen[str]"] = subprocess.Popen


# What was started ahead with its options, by its state folder, until `running` takes it over.
_ahead: dict[Path, tuple[list[str], subprocess.Popen[str]]] = {}


@contextmanager
def started_ahead(
    state: Path, parameter_file: Path, *, minute: float = SECONDS_A_MINUTE, attended: bool = False
) -> Iterator[None]:
    """Have the emulator start while the block imports what it needs: `running` in it takes it over.

    Only on a state that is there and that nobody uses. What goes wrong is not told here: `running` meets it
    again. Nothing is lost of one that nobody takes over, since it was asked for nothing.
    """
    with contextlib.suppress(EmulatorError, OSError):
        if state.is_dir() and lock.holder(state) is None:
            options = _options(minute, attended=attended)
            _ahead[state] = options, _start(state, parameter_file, options)
    try:
        yield
    finally:
        _, child = _ahead.pop(state, ([], None))
        if child:
            _drop(child)


def _taken_over(state: Path, options: Sequence[str]) -> tuple[subprocess.Popen[str], str] | None:
    """What was started ahead with these options and its endpoint, unless it did not start."""
    started, child = _ahead.pop(state, ([], None))
    if child is None:
        return None
    if started != options:
        _drop(child)
        return None
    try:
        return child, _endpoint(child, state)
    except EmulatorError:
        _drop(child)
        return None
    except BaseException:
        _drop(child)
        raise


def _drop(child: subprocess.Popen[str]) -> None:
    """End one that was asked for nothing."""
    child.kill()
    child.communicate()


@contextmanager
def running(
    state: Path,
    parameter_file: Path,
    *,
    minute: float = SECONDS_A_MINUTE,
    attended: bool = False,
    hooks_are_called: bool = False,
    validation: Early = DOCUMENTED,
) -> Iterator[str]:
    """Run the emulator on `state` for the time of the block and yield its endpoint URL.

    `minute`: the seconds that stand for a minute where a deployment waits.
    Where a person runs `python -m ecs_blue_green serve` on the same folder, that one is used and left
    running.
    `attended`: for a rehearsal, which others may join but which joins nobody.
    `hooks_are_called`: by the caller; otherwise a placeholder answers them, and at the end of the block
    stderr says for which this was so. `validation`: how a new change set is validated.
    At the end of the block the child saves its state and is gone; it does the same when this process dies.
    Raises EmulatorError when it does not start, or when another command is using the folder.
    """
    options = _options(
        minute, attended=attended, hooks_are_called=hooks_are_called, validation=validation.options
    )
    taken = _taken_over(state, options)
    if taken:
        try:
            yield taken[1]
        finally:
            _stop(taken[0])
        return
    with disk.usable(state):
        shared = _server_or_free(state)
    if shared and attended:
        raise EmulatorError(
            "`python -m ecs_blue_green serve`, or another rehearsal, runs on the same state",
            remedy="end it first",
        )
    if shared:
        yield shared
        return
    with disk.usable(state):
        child = _start(state, parameter_file, options)
    try:
        yield _endpoint(child, state)
    finally:
        _stop(child)


def _server_or_free(state: Path) -> str | None:
    """The endpoint of a person's server, or None when the folder is free to use."""
    deadline = time.monotonic() + HANDOVER_SECONDS
    while True:
        holder = lock.holder(state)
        if holder is None:
            return None
        if holder.shared and holder.endpoint:
            return holder.endpoint
        if time.monotonic() > deadline:
            raise EmulatorError(
                f"the local emulator is in use by another command (process {holder.pid})",
                remedy="wait for it to end",
            )
        time.sleep(0.1)


def _options(
    minute: float,
    *,
    attended: bool,
    hooks_are_called: bool = False,
    validation: Sequence[str] = DOCUMENTED.options,
) -> list[str]:
    return [
        *("--minute", str(minute)),
        *(["--attended"] if attended else []),
        *(["--hooks-are-called"] if hooks_are_called else []),
        *validation,
    ]


def _start(state: Path, parameter_file: Path, options: Sequence[str]) -> subprocess.Popen[str]:
    try:
        python = interpreters.emulator()
    except interpreters.NotInstalled as missing:
        raise EmulatorError(missing.what, missing.why, missing.remedy) from missing
    state.mkdir(parents=True, exist_ok=True)
    command = [
        # -P: nothing in the working directory is taken for a module.
        *(python, "-P", "-m", "ecs_blue_green", "serve", "--until-stdin-closes"),
        *("--state", str(state.resolve()), "--params", str(parameter_file.resolve())),
        *options,
    ]
    with (state / LOG_FILE).open("w") as log:
        return popen(
            command,
            cwd=state,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            # A session of its own: Ctrl-C reaches the command, not the emulator that it still needs.
            start_new_session=True,
        )


def _endpoint(child: subprocess.Popen[str], state: Path) -> str:
    """Wait for the line that the child prints once it answers."""
    assert child.stdout is not None  # noqa: S101 - opened in _start
    # A child that never answers is ended, which ends the read below.
    guard = threading.Timer(START_SECONDS, child.kill)
    guard.start()
    try:
        line = child.stdout.readline()
        if line.startswith(ENDPOINT_PREFIX):
            return line.removeprefix(ENDPOINT_PREFIX).strip()
        child.wait()
    finally:
        guard.cancel()
    log = state / LOG_FILE
    lines = log.read_text(errors="replace").strip().splitlines()[-8:]
    remedy = lines.pop().removeprefix(NEXT) if lines and lines[-1].startswith(NEXT) else ""
    why = "\n".join(line.removeprefix(ERROR) for line in lines) or "it said nothing"
    raise EmulatorError("the local emulator did not start", f"{why} (log: {log})", remedy)


def _stop(child: subprocess.Popen[str]) -> None:
    """Ask the child to end by closing its stdin, wait until its state is saved, and pass on what it says."""
    assert child.stdin is not None and child.stdout is not None  # noqa: S101 - opened in _start
    with contextlib.suppress(OSError):
        child.stdin.close()
    try:
        child.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()
    finally:
        lines = (line for line in child.stdout if not line.startswith(ENDPOINT_PREFIX))
        sys.stderr.writelines(f"local emulator: {line}" for line in lines)
        child.stdout.close()
