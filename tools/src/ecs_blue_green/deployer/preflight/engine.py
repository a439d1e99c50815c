"""The container engine of this machine: docker, or podman, which has the same command line."""

import subprocess
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from os import environ
from pathlib import Path

from ecs_blue_green.deployer import clock, interrupts
from ecs_blue_green.deployer.clock import Sleep
from ecs_blue_green.deployer.errors import Failed

PROGRAMS = ("docker", "podman")
ANSWER_SECONDS = 15
POLL_SECONDS = 0.2
SHOWN_LINES = 15


def running() -> str | None:
    """The first program whose engine answers, or None."""
    return next((program for program in PROGRAMS if _answers(program, "version")), None)


def has_buildx(program: str) -> bool:
    """Whether images are built by BuildKit, which adds attestations unless it is told not to."""
    return program == "docker" and _answers(program, "buildx", "version")


def _answers(*command: str) -> bool:
    try:
        done = interrupts.wait_for(
            lambda: subprocess.run(command, capture_output=True, timeout=ANSWER_SECONDS, check=False)
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


def run_program(
    command: list[str],
    *,
    cwd: Path,
    secret: str | None = None,
    variables: Mapping[str, str] | None = None,
    shown: bool = False,
    sleep: Sleep = clock.sleep,
) -> None:
    """Run a program of the engine to its end; `secret` is all that it can read.

    Its output goes to standard error when `shown`, else it is kept for the message of a failure. `sleep`
    may raise, which ends the program. Raises Failed with the last lines.
    """
    with tempfile.TemporaryFile("w+") as output:
        process = subprocess.Popen(
            command,
            cwd=cwd,
            env={**environ, **(variables or {})},
            stdin=subprocess.PIPE if secret is not None else subprocess.DEVNULL,
            # Standard output is for what was asked for, so this goes to standard error, by its number.
            stdout=2 if shown else output,
            stderr=subprocess.STDOUT,
            text=True,
            # Ctrl-C is a question to the deployer, which may decide to go on.
            start_new_session=True,
        )
        try:
            if secret is not None and process.stdin:
                # The exit code of a program that has ended already is reported below.
                with suppress(BrokenPipeError), process.stdin as pipe:
                    pipe.write(secret)
            while process.poll() is None:
                sleep(POLL_SECONDS)
        except BaseException:
            process.terminate()
            process.wait()
            raise
        if process.returncode == 0:
            return
        output.seek(0)
        lines = output.read().rstrip().splitlines()[-SHOWN_LINES:]
    words = " ".join(command[:2])
    raise Failed(
        f"{words} ended with {process.returncode}",
        "".join(f"\n  {line}" for line in lines),
        "correct what it says, then run again",
    )
