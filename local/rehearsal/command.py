"""`python -m local rehearse`: what a release will do, shown on this machine before production does it.

Exit codes: 0 released, 1 a stack or an action failed, 2 bad input, 3 blocked, 5 rolled back, 130 interrupted.
"""

import argparse
import asyncio
import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from rich.console import Console

from local import emulator, lock
from local.rehearsal import document, processes, rehearsal, report, source, timeline, verdict, view
from local.rehearsal.alarms import UnsupportedAlarm
from local.rehearsal.cloud import Cloud
from local.rehearsal.load import MOST_A_SECOND, Tally
from local.rehearsal.load_balancer import LoadBalancerError
from local.rehearsal.processes import Ledger
from local.rehearsal.rehearsal import Options, Rehearsal
from local.rehearsal.source import Source, SourceError

EXIT_FAILED, EXIT_BAD_INPUT, EXIT_INTERRUPTED = 1, 2, 130
LOCAL = "local"
# A tenth of these is what a canary of 10 % gets: well above the floor under which alarms do not judge.
REQUESTS_A_MINUTE = 180.0
# What a rehearsal writes below its folder and begins without.
WRITTEN = ("source", "applications", "artifacts", "function", "logs")


class Refused(Exception):
    """The rehearsal cannot begin; the message says why, `code` is the exit code."""

    def __init__(self, message: str, code: int = EXIT_BAD_INPUT) -> None:
        super().__init__(message)
        self.code = code


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    parser.add_argument("--env", default=LOCAL, metavar="ENV", help="parameters of params/ENV.yaml (local)")
    parser.add_argument(
        "--health-rate", metavar="RATE", help="release a version that answers this share of requests, 0 to 1"
    )
    parser.add_argument(
        "--minute",
        type=float,
        default=1.0,
        metavar="SECONDS",
        help="real seconds that stand for a minute (1)",
    )
    parser.add_argument(
        "--no-hook", action="store_true", help="leave out the hooks: nothing tries the release"
    )
    parser.add_argument(
        "--requests",
        type=float,
        default=REQUESTS_A_MINUTE,
        metavar="N",
        help=f"the users' requests in a minute ({REQUESTS_A_MINUTE:g})",
    )
    parser.add_argument(
        "--report", type=Path, metavar="DIR", help="where report.json and report.html go (.local/rehearsal)"
    )


def run(arguments: argparse.Namespace, root: Path) -> int:
    """Rehearse a release of the repository at `root` and return the exit code."""
    began = time.monotonic()
    talk = Console(stderr=True)
    try:
        options = _options(arguments)
        settings = _settings(root, options.environment)
        folder = _state(root, options.environment) / "rehearsal"
        found = _rehearse(options, settings, root, folder, talk)
    except Refused as refused:
        talk.print(f"error: {refused}", style="red", markup=False, soft_wrap=True)
        return refused.code
    except KeyboardInterrupt:
        talk.print("interrupted: a deployment under way was rolled back, everything has been stopped")
        return EXIT_INTERRUPTED
    judged = verdict.judge(
        found.system,
        found.journal,
        found.load.tally if found.load else Tally(),
        found.deployment,
        found.failure,
        hooks=options.hooks,
    )
    made = document.make(found, judged, time.monotonic() - began)
    output = Console()
    timeline.show(made, output, entries=talk.is_terminal)
    written = report.write(made, arguments.report or folder)
    output.print(f"report: {written}", style="dim", soft_wrap=True, highlight=False)
    return judged.exit_code


def _options(arguments: argparse.Namespace) -> Options:
    if arguments.health_rate is not None:
        try:
            fits = 0 <= float(arguments.health_rate) <= 1
        except ValueError:
            fits = False
        if not fits:
            raise Refused(f"--health-rate must be a number from 0 to 1, is {arguments.health_rate}")
    if not 0 < arguments.minute <= 60:
        raise Refused(f"--minute must be a number of seconds up to 60, is {arguments.minute:g}")
    if not arguments.requests > 0:
        raise Refused(f"--requests must be a number above 0, is {arguments.requests:g}")
    if arguments.requests / arguments.minute > MOST_A_SECOND:
        raise Refused(
            f"{arguments.requests:g} requests in {arguments.minute:g} s are more than this client sends"
            f" ({MOST_A_SECOND:g} a second): choose a longer --minute or fewer --requests"
        )
    return Options(
        environment=arguments.env,
        minute=arguments.minute,
        requests_a_minute=arguments.requests,
        health_rate=arguments.health_rate,
        hooks=not arguments.no_hook,
    )


def _settings(root: Path, environment: str) -> Mapping[str, Any]:
    """The parameter file; `deploy.py` checks it thoroughly afterwards."""
    file = root / "params" / f"{environment}.yaml"
    try:
        settings = yaml.load(file.read_text(), Loader=yaml.BaseLoader)  # noqa: S506 - makes text, lists, maps
        named = ("project", "region", "parameters")
        return {name: settings[name] for name in named}
    except (OSError, yaml.YAMLError, TypeError, LookupError) as error:
        known = ", ".join(sorted(path.stem for path in file.parent.glob("*.yaml")))
        raise Refused(f"no environment can be read from params/{file.name} (there are: {known})") from error


def _state(root: Path, environment: str) -> Path:
    """The emulator's folder: that of `make deploy` for local, one of its own for every other environment."""
    return root / ".local" if environment == LOCAL else root / ".local" / environment


def _rehearse(
    options: Options, settings: Mapping[str, Any], root: Path, folder: Path, talk: Console
) -> Rehearsal:
    state = _state(root, options.environment)
    parameter_file = root / "params" / f"{options.environment}.yaml"
    try:
        with emulator.running(state, parameter_file, minute=options.minute, attended=True) as endpoint:
            # Nobody else uses this state now, so what is still in the ledger was left by a killed rehearsal.
            ledger = Ledger(folder / "processes.jsonl")
            for what in ledger.end_leftovers():
                talk.print(f"ended what an earlier rehearsal left running: {what}")
            for name in WRITTEN:
                shutil.rmtree(folder / name, ignore_errors=True)
            cloud = Cloud(endpoint, settings["region"])
            prefix = f"{settings['project']}-{options.environment}"
            if options.environment != LOCAL:
                for name in cloud.control("Provide", parameters=settings["parameters"])["made"]:
                    talk.print(f"a placeholder in the emulator: {name}", highlight=False, soft_wrap=True)
            with talk.status("deploying the stacks in the emulator"):
                _deploy(cloud, root, options.environment, prefix)
                pushed = source.snapshot(root, folder / "source")
                if options.health_rate:
                    source.set_health_rate(pushed, options.environment, options.health_rate)
            try:
                return asyncio.run(_play(options, cloud, prefix, pushed, root, folder, ledger, talk))
            finally:
                ledger.end_leftovers()
    except (emulator.EmulatorError, SourceError, UnsupportedAlarm) as error:
        raise Refused(str(error)) from error
    except LoadBalancerError as error:
        raise Refused(str(error), EXIT_FAILED) from error


async def _play(
    options: Options,
    cloud: Cloud,
    prefix: str,
    pushed: Source,
    root: Path,
    folder: Path,
    ledger: Ledger,
    talk: Console,
) -> Rehearsal:
    task = asyncio.current_task()
    assert task is not None  # noqa: S101 - this runs in one
    # As with Ctrl-C: everything is ended in order.
    for number in (signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    prepared = await rehearsal.prepare(options, cloud, prefix, pushed, root, folder, ledger)
    live = view.show(prepared, talk) if talk.is_terminal else view.tell(prepared, Console())
    shown = asyncio.create_task(live)
    try:
        await prepared.run()
    except asyncio.CancelledError:
        # Build steps run in threads, which would go on until their programs end.
        processes.end_others(ledger, spared=_emulators_number(root, options.environment))
        raise KeyboardInterrupt from None
    finally:
        shown.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await shown
    return prepared


def _emulators_number(root: Path, environment: str) -> int | None:
    holder = lock.holder(_state(root, environment))
    return holder.pid if holder else None


def _deploy(cloud: Cloud, root: Path, environment: str, prefix: str) -> None:
    """Bring the stacks to what is in build/ and params/, as `deploy.py` does it.

    The task-definition stack is left to the pipeline once it exists.
    """
    stacks = cloud.client("cloudformation").describe_stacks()["Stacks"]
    layers = sorted(path.stem for path in (root / "build").glob("*.yaml"))
    if f"{prefix}-task-definition" in {stack["StackName"] for stack in stacks}:
        layers.remove("task-definition")
    kept = {key: value for key, value in os.environ.items() if not key.startswith("AWS_")}
    done = subprocess.run(
        [
            *(sys.executable, str(root / "deploy.py"), "deploy", "--env", environment, "--yes", "--json"),
            *(part for layer in layers for part in ("--only", layer)),
        ],
        cwd=root,
        env={**kept, **cloud.environment()},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise Refused(f"the stacks cannot be deployed: {_why(done)}", done.returncode)


def _why(done: subprocess.CompletedProcess[str]) -> str:
    """What `deploy.py` says went wrong: its error, else the end of its talk."""
    with contextlib.suppress(ValueError, TypeError, LookupError):
        error = json.loads(done.stdout)["error"]
        return f"{error['what']}: {error['why']}"
    return "\n" + done.stderr.strip()[-3000:]
