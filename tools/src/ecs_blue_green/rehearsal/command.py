"""`python -m ecs_blue_green rehearse`: what a release will do, shown here before production does it.

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
from ecs_blue_green.rehearsal import (
    document,
    ending,
    processes,
    rehearsal,
    report,
    source,
    stage,
    timeline,
    verdict,
    view,
)
from ecs_blue_green.rehearsal.interrupts import Interrupts
from ecs_blue_green.rehearsal.load import MOST_A_SECOND, Tally
from ecs_blue_green.rehearsal.processes import Ledger
from ecs_blue_green.rehearsal.rehearsal import Options, Rehearsal
from ecs_blue_green.rehearsal.source import Source
from ecs_blue_green.rehearsal.stage import LOCAL, Stage
from ecs_blue_green.runtime import Runtime

MOST_SECONDS_A_MINUTE = 60
# A tenth of these is what a canary of 10 % gets: well above the floor under which alarms do not judge.
REQUESTS_A_MINUTE = 180.0
END_AGAIN_SECONDS = 0.2
# What a rehearsal writes below its folder and begins without.
WRITTEN = ("source", "applications", "artifacts", "function", "logs")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    parser.add_argument("--env", default=LOCAL, metavar="ENV", help="parameters of params/ENV.yaml (local)")
    parser.add_argument(
        "--health-rate", metavar="RATE", help="release a version that answers this share of requests, 0 to 1"
    )
    parser.add_argument(
        "--minute",
        default="1",
        metavar="SECONDS",
        help="real seconds that stand for a minute (1)",
    )
    parser.add_argument(
        "--no-hook", action="store_true", help="leave out the hooks: nothing tries the release"
    )
    parser.add_argument(
        "--requests",
        default=f"{REQUESTS_A_MINUTE:g}",
        metavar="N",
        help=f"the users' requests in a minute ({REQUESTS_A_MINUTE:g})",
    )
    parser.add_argument(
        "--report", type=Path, metavar="DIR", help="where report.json and report.html go (.local/rehearsal)"
    )


def run(arguments: argparse.Namespace, root: Path) -> int:
    """Rehearse a release of the repository at `root` and return the exit code."""
    began = time.monotonic()
    talk = stage.console(stderr=True)
    interrupts = Interrupts(lambda: processes.kill_below({stage.emulators_number(root, arguments.env)}))
    try:
        with interrupts.handled():
            return _run(arguments, root, talk, interrupts, began)
    except Failure as failure:
        stage.show(failure, talk)
        return failure.exit_code
    except KeyboardInterrupt:
        talk.print("interrupted: a deployment under way was rolled back, everything has been stopped")
        return EXIT_INTERRUPTED


def _run(
    arguments: argparse.Namespace, root: Path, talk: Console, interrupts: Interrupts, began: float
) -> int:
    options = _options(arguments)
    settings = stage.settings_of(root, options.environment, "make rehearse")
    folder = stage.state_of(root, options.environment) / "rehearsal"
    reports = arguments.report or folder
    if arguments.report:
        _require_writable(reports)
    found = _rehearse(options, settings, root, folder, talk, interrupts)
    judged = verdict.judge(
        found.system,
        found.journal,
        found.load.tally if found.load else Tally(),
        found.deployment,
        found.failure,
        hooks=options.hooks,
        not_started=found.task_sets.failures(),
    )
    made = document.make(found, judged, time.monotonic() - began)
    try:
        written = report.write(made, reports)
    except OSError as error:
        why, remedy = disk.explained(error, reports)
        raise Failed("the reports cannot be written", why, remedy or "rehearse again") from error
    output = stage.console()
    try:
        timeline.show(made, output, entries=view.is_drawn(talk))
        output.print(f"report: {written}", style="dim", soft_wrap=True, highlight=False)
        sys.stdout.flush()
    except OSError as error:
        # What is left in the buffer would fail again when Python ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        why = error.strerror or str(error)
        code = judged.exit_code or EXIT_FAILED
        raise Failure("the output is not complete", why, f"see {written}", exit_code=code) from error
    return judged.exit_code


def _options(arguments: argparse.Namespace) -> Options:
    rate, minute, requests = (
        None if text is None else _number(text)
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


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


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
    options: Options,
    settings: Mapping[str, Any],
    root: Path,
    folder: Path,
    talk: Console,
    interrupts: Interrupts,
) -> Rehearsal:
    # Refused before anything starts, where there is none.
    source.commit(root)
    runtime = stage.runtime_of(root)
    _require_health_rate(options, runtime)
    with stage.opened(
        options.environment, options.minute, settings, runtime, root, talk, "make rehearse"
    ) as opened:
        for name in WRITTEN:
            shutil.rmtree(folder / name, ignore_errors=True)
        pushed = source.snapshot(root, folder / "source", runtime.image)
        if options.health_rate:
            title = str(runtime.rehearsal.health_rate)
            source.set_parameter(pushed, options.environment, title, options.health_rate)
        over = threading.Event()
        try:
            return asyncio.run(_play(options, opened, pushed, root, folder, talk, interrupts, over))
        except asyncio.CancelledError:
            raise KeyboardInterrupt from None
        finally:
            over.set()


async def _play(
    options: Options,
    opened: Stage,
    pushed: Source,
    root: Path,
    folder: Path,
    talk: Console,
    interrupts: Interrupts,
    over: threading.Event,
) -> Rehearsal:
    task = asyncio.current_task()
    assert task is not None  # noqa: S101 - this runs in one
    with interrupts.cancelling(task):
        prepared = await rehearsal.prepare(
            options, opened.cloud, opened.prefix, opened.runtime, pushed, root, folder, opened.ledger
        )
        live = view.show(prepared, talk) if view.is_drawn(talk) else view.tell(prepared, stage.console())
        shown = asyncio.create_task(live)
        try:
            await prepared.run()
        except BaseException:
            # Build steps run in threads, which go on until their programs end; a phase of a build that is
            # broken off is followed by another one.
            spared = stage.emulators_number(root, options.environment)
            threading.Thread(target=_end_builds, args=(opened.ledger, spared, over), daemon=True).start()
            raise
        finally:
            await ending.end([shown])
    return prepared


def _end_builds(ledger: Ledger, spared: int | None, over: threading.Event) -> None:
    while not over.is_set():
        processes.end_others(ledger, spared=spared)
        over.wait(END_AGAIN_SECONDS)
