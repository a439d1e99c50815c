"""`python -m ecs_blue_green run`: the application behind the local load balancer, until Ctrl-C.

Exit codes: 0 ended by Ctrl-C, 1 it does not start, 2 bad input, 3 a change of the stacks is blocked.
"""

import argparse
import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console

from ecs_blue_green.deployer.errors import Failed, Failure
from ecs_blue_green.rehearsal import ending, processes, rehearsal, stage
from ecs_blue_green.rehearsal.interrupts import Interrupts
from ecs_blue_green.rehearsal.rehearsal import NotStarted, Options, Rehearsal
from ecs_blue_green.rehearsal.source import Source
from ecs_blue_green.rehearsal.stage import LOCAL
from ecs_blue_green.runtime import Runtime

# Health checks come about once a second, and a deployment of `make rollback` does not take long.
MINUTE = 6.0
TELL_SECONDS = 0.2
AGAIN = "make run"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    parser.add_argument("--env", default=LOCAL, metavar="ENV", help="parameters of params/ENV.yaml (local)")


def run(arguments: argparse.Namespace, root: Path) -> int:
    """Run the application of the repository at `root`, and return the exit code."""
    talk = stage.console(stderr=True)
    environment = arguments.env
    interrupts = Interrupts(lambda: processes.kill_below({stage.emulators_number(root, environment)}))
    try:
        with interrupts.handled():
            settings = stage.settings_of(root, environment, AGAIN)
            runtime = stage.runtime_of(root)
            _run(environment, settings, runtime, root, talk, interrupts)
    except Failure as failure:
        stage.show(failure, talk)
        return failure.exit_code
    except KeyboardInterrupt:
        # How it is meant to end: all has been stopped by now.
        pass
    return 0


def _run(
    environment: str,
    settings: Mapping[str, Any],
    runtime: Runtime,
    root: Path,
    talk: Console,
    interrupts: Interrupts,
) -> None:
    options = Options(environment, MINUTE, requests_a_minute=0, health_rate=None, hooks=True)
    folder = stage.state_of(root, environment) / "run"
    # The files as they are, which no commit has yet.
    source = Source("", root, 0, runtime.image)
    try:
        with stage.opened(environment, MINUTE, settings, runtime, root, talk, AGAIN) as opened:

            async def serve() -> None:
                task = asyncio.current_task()
                assert task is not None  # noqa: S101 - this runs in one
                with interrupts.cancelling(task):
                    running = await rehearsal.prepare(
                        options, opened.cloud, opened.prefix, runtime, source, root, folder, opened.ledger
                    )
                    await ending.beside([_tell(running, talk)], running.serve(lambda: _say(running, talk)))

            try:
                asyncio.run(serve())
            except asyncio.CancelledError:
                raise KeyboardInterrupt from None
    except NotStarted as error:
        raise Failed("the application does not start", str(error), f"correct it, then: {AGAIN}") from error


def _say(running: Rehearsal, talk: Console) -> None:
    """Say what runs and where it is; the address alone goes to standard output."""
    for task_set in running.task_sets.running.values():
        revision = task_set.release.definition.revision
        where = running.source.image.folder
        talk.print(
            f"{task_set.count} x {where} as it is, with the variables of {revision}; log: {running.logs}",
            highlight=False,
            soft_wrap=True,
        )
        if not task_set.is_steady:
            talk.print(
                f"it fails its health check: {task_set.problem}",
                style="red",
                markup=False,
                highlight=False,
                soft_wrap=True,
            )
    stage.console().print(running.address, highlight=False, soft_wrap=True)
    talk.print("Ctrl-C ends it")


async def _tell(running: Rehearsal, talk: Console) -> None:
    """Say what happens meanwhile, such as a task that ends."""
    told = 0
    while True:
        for entry in running.journal.entries[told:]:
            talk.print(
                entry.text, style="red" if entry.bad else None, markup=False, highlight=False, soft_wrap=True
            )
            told += 1
        await asyncio.sleep(TELL_SECONDS)
