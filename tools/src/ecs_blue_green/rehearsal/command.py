"""`python -m ecs_blue_green rehearse`: what a release will do, shown before it happens in production.

Exit codes: 0 released, 1 a stack or an action failed, 2 bad input, 3 blocked, 5 rolled back, 130 interrupted.
"""

import argparse
import asyncio
import os
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console

from ecs_blue_green.deployer.errors import EXIT_FAILED, EXIT_INTERRUPTED, BadInput, Failed, Failure
from ecs_blue_green.emulator import disk
from ecs_blue_green.rehearsal import document, ending, processes, report, session, source, timeline, view
from ecs_blue_green.rehearsal.console import console, show
from ecs_blue_green.rehearsal.deployed import deployed
from ecs_blue_green.rehearsal.interrupts import Interrupts
from ecs_blue_green.rehearsal.invocation import Invocation
from ecs_blue_green.rehearsal.load import MOST_A_SECOND
from ecs_blue_green.rehearsal.options import REQUESTS_A_MINUTE, number
from ecs_blue_green.rehearsal.processes import Ledger
from ecs_blue_green.rehearsal.session import Options, Rehearsal
from ecs_blue_green.rehearsal.source import Source
from ecs_blue_green.runtime import Runtime

MOST_SECONDS_A_MINUTE = 60
END_AGAIN_SECONDS = 0.2
# What a rehearsal writes below its folder, deleted at its start.
WRITTEN = ("source", "applications", "artifacts", "function", "logs")


def run(arguments: argparse.Namespace, root: Path) -> int:
    """Rehearse a release of the repository at `root` and return the exit code."""
    began = time.monotonic()
    invocation = Invocation(root, arguments.env, "make rehearse", console(stderr=True))
    interrupts = Interrupts(lambda: processes.kill_below({invocation.emulator_pid()}))
    try:
        with interrupts.handled():
            options = _options(arguments)
            settings = invocation.settings()
            reports = arguments.report or _folder(invocation)
            if arguments.report:
                _require_writable(reports)
            rehearsal = _rehearse(options, settings, invocation, interrupts)
            return _report(rehearsal, reports, time.monotonic() - began, invocation.progress)
    except Failure as failure:
        show(failure, invocation.progress)
        return failure.exit_code
    except KeyboardInterrupt:
        invocation.progress.print(
            "interrupted: a deployment under way was rolled back, everything has been stopped"
        )
        return EXIT_INTERRUPTED


def _report(rehearsal: Rehearsal, folder: Path, seconds: float, progress: Console) -> int:
    """Write the reports, print what a person reads first, and give the exit code."""
    verdict = rehearsal.verdict()
    content = document.rehearsal_document(rehearsal, verdict, seconds)
    try:
        page = report.write(content, folder)
    except OSError as error:
        why, remedy = disk.explained(error, folder)
        raise Failed("the reports cannot be written", why, remedy or "rehearse again") from error
    output = console()
    try:
        timeline.show(content, output, entries=view.is_drawn(progress))
        output.print(f"report: {page}", style="dim", soft_wrap=True, highlight=False)
        sys.stdout.flush()
    except OSError as error:
        # What is left in the buffer would fail again when Python ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        why = error.strerror or str(error)
        code = verdict.exit_code or EXIT_FAILED
        raise Failure("the output is not complete", why, f"see {page}", exit_code=code) from error
    return verdict.exit_code


def _folder(invocation: Invocation) -> Path:
    """Where a rehearsal writes."""
    return invocation.state / "rehearsal"


def _options(arguments: argparse.Namespace) -> Options:
    rate, minute, requests = (
        None if text is None else number(text)
        for text in (arguments.health_rate, arguments.minute, arguments.requests)
    )
    if arguments.health_rate is not None and (rate is None or not 0 <= rate <= 1):
        raise BadInput(
            f"--health-rate (HEALTH_RATE) is {arguments.health_rate}",
            "it is the share of requests that the release answers well, a number from 0 to 1",
            "make rehearse HEALTH_RATE=0.5",
        )
    if minute is None or not 0 < minute <= MOST_SECONDS_A_MINUTE:
        raise BadInput(
            f"--minute (MINUTE) is {arguments.minute}",
            "it is how many real seconds stand for a minute, a number above 0 and up to"
            f" {MOST_SECONDS_A_MINUTE}",
            "make rehearse MINUTE=1",
        )
    if requests is None or not requests > 0:
        raise BadInput(
            f"--requests (REQUESTS) is {arguments.requests}",
            "it is the number of the users' requests in a minute, a number above 0",
            f"make rehearse REQUESTS={REQUESTS_A_MINUTE:g}",
        )
    if requests / minute > MOST_A_SECOND:
        raise BadInput(
            f"{requests:g} requests in {minute:g} s are too many",
            f"this client sends {MOST_A_SECOND:g} a second at most",
            "choose a longer MINUTE (--minute) or fewer REQUESTS (--requests)",
        )
    return Options(
        environment=arguments.env,
        minute=minute,
        requests_a_minute=requests,
        health_rate=arguments.health_rate,
        hooks=not arguments.no_hook,
    )


def _require_health_rate(options: Options, runtime: Runtime) -> None:
    if options.health_rate and not runtime.rehearsal.health_rate:
        raise BadInput(
            "--health-rate (HEALTH_RATE) cannot be set",
            "no layer says which parameter makes a version that is not well",
            "rehearse without it, or name one: health_rate in RUNTIME of a layer",
        )


def _require_writable(folder: Path) -> None:
    """Raise BadInput where the reports could not be written at the end."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise BadInput(
            f"the reports cannot be written to {folder}",
            error.strerror or str(error),
            "choose another folder: ARGS='--report DIR'",
        ) from error


def _rehearse(
    options: Options, settings: Mapping[str, Any], invocation: Invocation, interrupts: Interrupts
) -> Rehearsal:
    # Where there is none, that is said before anything starts.
    source.commit(invocation.root)
    runtime = invocation.runtime()
    _require_health_rate(options, runtime)
    folder = _folder(invocation)
    snapshots: list[Source] = []

    def push() -> None:
        for name in WRITTEN:
            shutil.rmtree(folder / name, ignore_errors=True)
        pushed = source.snapshot(invocation.root, folder / "source", runtime.image)
        if options.health_rate:
            title = str(runtime.rehearsal.health_rate)
            source.set_parameter(pushed, options.environment, title, options.health_rate)
        snapshots.append(pushed)

    with deployed(invocation, settings, runtime, options.minute, push) as account:
        (pushed,) = snapshots
        over = threading.Event()

        async def play() -> Rehearsal:
            task = asyncio.current_task()
            assert task is not None  # noqa: S101 - this runs in one
            with interrupts.cancelling(task):
                rehearsal = await session.prepare(options, account, pushed, invocation.root, folder)
                await _play(rehearsal, invocation, over)
            return rehearsal

        try:
            return asyncio.run(play())
        except asyncio.CancelledError:
            raise KeyboardInterrupt from None
        finally:
            over.set()


async def _play(rehearsal: Rehearsal, invocation: Invocation, over: threading.Event) -> None:
    """Rehearse, and show it meanwhile.

    Where it is broken off, the build steps that still run are ended, until `over` is set.
    """
    progress = invocation.progress
    live = (
        view.show(rehearsal, progress)
        if view.is_drawn(progress)
        else view.print_entries(rehearsal, console())
    )
    shown = asyncio.create_task(live)
    try:
        await rehearsal.run()
    except BaseException:
        # Build steps run in threads, which go on until their programs end; a phase of a build that is
        # broken off is followed by another one.
        arguments = (rehearsal.stage.ledger, invocation.emulator_pid(), over)
        threading.Thread(target=_end_builds, args=arguments, daemon=True).start()
        raise
    finally:
        await ending.end([shown])


def _end_builds(ledger: Ledger, spared: int | None, over: threading.Event) -> None:
    while not over.is_set():
        processes.end_others(ledger, spared=spared)
        over.wait(END_AGAIN_SECONDS)
