"""`python -m ecs_blue_green run`: the application behind the local load balancer, until Ctrl-C.

Exit codes: 0 ended by Ctrl-C, 1 it does not start, 2 bad input, 3 a change of the stacks is blocked.
"""

import argparse
import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console

from ecs_blue_green.deployer.errors import Failure
from ecs_blue_green.rehearsal import ending, processes, session
from ecs_blue_green.rehearsal.console import console, show
from ecs_blue_green.rehearsal.deployed import deployed
from ecs_blue_green.rehearsal.interrupts import Interrupts
from ecs_blue_green.rehearsal.invocation import Invocation
from ecs_blue_green.rehearsal.options import LOCAL
from ecs_blue_green.rehearsal.session import Options, Rehearsal
from ecs_blue_green.rehearsal.source import Source
from ecs_blue_green.runtime import Runtime

# Health checks come about once a second, and a deployment of `make rollback` does not take long.
MINUTE = 6.0
TELL_SECONDS = 0.2


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    parser.add_argument("--env", default=LOCAL, metavar="ENV", help="parameters of params/ENV.yaml (local)")


def run(arguments: argparse.Namespace, root: Path) -> int:
    """Run the application of the repository at `root`, and return the exit code."""
    invocation = Invocation(root, arguments.env, "make run", console(stderr=True))
    interrupts = Interrupts(lambda: processes.kill_below({invocation.emulator_pid()}))
    try:
        with interrupts.handled():
            _run(invocation, invocation.settings(), invocation.runtime(), interrupts)
    except Failure as failure:
        show(failure, invocation.progress)
        return failure.exit_code
    except KeyboardInterrupt:
        # How it is meant to end: all has been stopped by now.
        pass
    return 0


def _run(
    invocation: Invocation, settings: Mapping[str, Any], runtime: Runtime, interrupts: Interrupts
) -> None:
    options = Options(invocation.environment, MINUTE, requests_a_minute=0, health_rate=None, hooks=True)
    root, progress = invocation.root, invocation.progress
    # The files as they are, which no commit has yet.
    source = Source("", root, 0, runtime.image)
    with deployed(invocation, settings, runtime, MINUTE) as account:

        async def serve() -> None:
            task = asyncio.current_task()
            assert task is not None  # noqa: S101 - this runs in one
            with interrupts.cancelling(task):
                running = await session.prepare(options, account, source, root, invocation.state / "run")
                await ending.beside(
                    [_print_entries(running, progress)],
                    running.serve(lambda: _print_service(running, progress)),
                )

        try:
            asyncio.run(serve())
        except asyncio.CancelledError:
            raise KeyboardInterrupt from None


def _print_service(running: Rehearsal, progress: Console) -> None:
    """Say what runs and where it is; the address alone goes to standard output."""
    for task_set in running.stage.task_sets.running.values():
        revision = task_set.release.definition.revision
        where = running.stage.source.image.folder
        progress.print(
            f"{task_set.count} x {where} as it is, with the variables of {revision};"
            f" log: {running.stage.logs}",
            highlight=False,
            soft_wrap=True,
        )
        if not task_set.is_steady:
            progress.print(
                f"it fails its health check: {task_set.problem}",
                style="red",
                markup=False,
                highlight=False,
                soft_wrap=True,
            )
    console().print(running.address, highlight=False, soft_wrap=True)
    progress.print("Ctrl-C ends it")


async def _print_entries(running: Rehearsal, progress: Console) -> None:
    """Say what happens meanwhile, such as a task that ends."""
    shown = 0
    while True:
        for entry in running.stage.journal.entries[shown:]:
            progress.print(
                entry.text, style="red" if entry.bad else None, markup=False, highlight=False, soft_wrap=True
            )
            shown += 1
        await asyncio.sleep(TELL_SECONDS)
