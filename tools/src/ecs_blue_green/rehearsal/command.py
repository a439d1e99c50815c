"""`python -m ecs_blue_green rehearse`: what a release will do, shown here before production does it.

Exit codes: 0 released, 1 a stack or an action failed, 2 bad input, 3 blocked, 5 rolled back, 130 interrupted.
"""

import argparse
import asyncio
import contextlib
import json
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from botocore.exceptions import BotoCoreError, ClientError
from rich.console import Console

from ecs_blue_green import emulator, interpreters
from ecs_blue_green.codebuild import BadSpecification
from ecs_blue_green.emulator import account, disk, lock
from ecs_blue_green.rehearsal import (
    document,
    ending,
    processes,
    rehearsal,
    report,
    source,
    tasks,
    timeline,
    verdict,
    view,
)
from ecs_blue_green.rehearsal.alarms import UnsupportedAlarm
from ecs_blue_green.rehearsal.cloud import Cloud
from ecs_blue_green.rehearsal.interrupts import EXIT_INTERRUPTED, Interrupts
from ecs_blue_green.rehearsal.load import MOST_A_SECOND, Tally
from ecs_blue_green.rehearsal.load_balancer import LoadBalancerError
from ecs_blue_green.rehearsal.processes import Ledger
from ecs_blue_green.rehearsal.rehearsal import Options, Rehearsal
from ecs_blue_green.rehearsal.source import Code, Source, SourceError
from ecs_blue_green.runtime import Runtime, Unusable
from ecs_blue_green.runtime import read as read_runtime

EXIT_FAILED, EXIT_BAD_INPUT, EXIT_BLOCKED = 1, 2, 3
LOCAL = "local"
MOST_SECONDS_A_MINUTE = 60
# A tenth of these is what a canary of 10 % gets: well above the floor under which alarms do not judge.
REQUESTS_A_MINUTE = 180.0
END_AGAIN_SECONDS = 0.2
# What a rehearsal writes below its folder and begins without.
WRITTEN = ("source", "applications", "artifacts", "function", "logs")


class Refused(Exception):
    """The rehearsal cannot begin or go on: what, why, what to type next, and the exit code."""

    def __init__(self, what: str, why: str, remedy: str, code: int = EXIT_BAD_INPUT) -> None:
        # A `why` of several lines begins on a line of its own.
        super().__init__(f"{what}:{why if why.startswith(chr(10)) else f' {why}'}")
        self.remedy = remedy
        self.code = code


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
    talk = Console(stderr=True)
    interrupts = Interrupts(lambda: processes.kill_below({_emulators_number(root, arguments.env)}))
    try:
        with interrupts.handled():
            return _run(arguments, root, talk, interrupts, began)
    except Refused as refused:
        talk.print(f"error: {refused}", style="red", markup=False, highlight=False, soft_wrap=True)
        talk.print(f"next:  {refused.remedy}", markup=False, highlight=False, soft_wrap=True)
        return refused.code
    except KeyboardInterrupt:
        talk.print("interrupted: a deployment under way was rolled back, everything has been stopped")
        return EXIT_INTERRUPTED


def _run(
    arguments: argparse.Namespace, root: Path, talk: Console, interrupts: Interrupts, began: float
) -> int:
    options = _options(arguments)
    settings = _settings(root, options.environment)
    folder = _state(root, options.environment) / "rehearsal"
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
        raise Refused(
            "the reports cannot be written", why, remedy or "rehearse again", EXIT_FAILED
        ) from error
    output = Console()
    try:
        timeline.show(made, output, entries=view.is_drawn(talk))
        output.print(f"report: {written}", style="dim", soft_wrap=True, highlight=False)
        sys.stdout.flush()
    except OSError as error:
        # What is left in the buffer would fail again when Python ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        why = error.strerror or str(error)
        code = judged.exit_code or EXIT_FAILED
        raise Refused("the output is not complete", why, f"see {written}", code) from error
    return judged.exit_code


def _options(arguments: argparse.Namespace) -> Options:
    rate, minute, requests = (
        None if text is None else _number(text)
        for text in (arguments.health_rate, arguments.minute, arguments.requests)
    )
    if arguments.health_rate is not None and (rate is None or not 0 <= rate <= 1):
        raise Refused(
            f"--health-rate (HEALTH_RATE) is {arguments.health_rate}",
            "it is the share of requests that the release answers well, a number from 0 to 1",
            "make rehearse HEALTH_RATE=0.5",
        )
    if minute is None or not 0 < minute <= MOST_SECONDS_A_MINUTE:
        raise Refused(
            f"--minute (MINUTE) is {arguments.minute}",
            "it is how many real seconds stand for a minute, a number above 0 and up to"
            f" {MOST_SECONDS_A_MINUTE}",
            "make rehearse MINUTE=1",
        )
    if requests is None or not requests > 0:
        raise Refused(
            f"--requests (REQUESTS) is {arguments.requests}",
            "it is the number of the users' requests in a minute, a number above 0",
            f"make rehearse REQUESTS={REQUESTS_A_MINUTE:g}",
        )
    if requests / minute > MOST_A_SECOND:
        raise Refused(
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


def _settings(root: Path, environment: str) -> Mapping[str, Any]:
    """The parameter file; `deploy.py` checks it thoroughly afterwards."""
    known = sorted(path.stem for path in (root / "params").glob("*.yaml"))
    if environment not in known:
        raise Refused(
            f"there is no environment {environment}",
            f"params/ has {', '.join(known) or 'no file'}",
            "make rehearse ENV=local",
        )
    name = f"params/{environment}.yaml"
    try:
        text = (root / name).read_text()
        settings = yaml.load(text, Loader=yaml.BaseLoader)  # noqa: S506 - makes text, lists, maps
        return {key: settings[key] for key in ("project", "region", "parameters")}
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise Refused(f"{name} cannot be read", str(error), "correct it, then rehearse again") from error
    except (TypeError, LookupError) as error:
        raise Refused(
            f"{name} is not complete", f"it has no {error}", "correct it, then rehearse again"
        ) from error


def _runtime(root: Path, options: Options) -> Runtime:
    """What the layers say of themselves. Raises Refused where they do not say what is needed."""
    try:
        runtime = read_runtime(root / "build")
    except Unusable as error:
        raise Refused(error.what, error.why, error.remedy) from error
    if options.health_rate and not runtime.rehearsal.health_rate:
        raise Refused(
            "--health-rate (HEALTH_RATE) cannot be set",
            "no layer says which parameter makes a version that is not well",
            "rehearse without it, or name one: health_rate in RUNTIME of a layer",
        )
    return runtime


def _require_command(code: Code) -> None:
    """Raise Refused where what starts the application is not here."""
    missing = tasks.missing(code)
    if missing:
        raise Refused(
            "the application cannot be started here",
            missing,
            "install it, or name another command (docs/bring-your-own-application.md)"
            if code.command
            else "name the command that starts it (docs/bring-your-own-application.md)",
        )


def _require_writable(folder: Path) -> None:
    """Raise Refused where the reports could not be written at the end."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise Refused(
            f"the reports cannot be written to {folder}",
            error.strerror or str(error),
            "choose another folder: ARGS='--report DIR'",
        ) from error


def _state(root: Path, environment: str) -> Path:
    """The emulator's folder: that of `make deploy` for local, one of its own for every other environment."""
    return root / ".local" if environment == LOCAL else root / ".local" / environment


def _rehearse(
    options: Options,
    settings: Mapping[str, Any],
    root: Path,
    folder: Path,
    talk: Console,
    interrupts: Interrupts,
) -> Rehearsal:
    state = _state(root, options.environment)
    parameter_file = root / "params" / f"{options.environment}.yaml"
    try:
        # Refused before anything starts, where there is none.
        source.commit(root)
        interpreters.deployer()
        runtime = _runtime(root, options)
        _require_command(source.code(root, runtime.image))
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
                names = list(account.names(settings, runtime))
                for name in cloud.control("Provide", names=names)["made"]:
                    talk.print(f"a placeholder in the emulator: {name}", highlight=False, soft_wrap=True)
            with talk.status("deploying the stacks in the emulator"):
                _deploy(cloud, root, options.environment, prefix, runtime)
                pushed = source.snapshot(root, folder / "source", runtime.image)
                if options.health_rate:
                    title = str(runtime.rehearsal.health_rate)
                    source.set_parameter(pushed, options.environment, title, options.health_rate)
            over = threading.Event()
            try:
                return asyncio.run(
                    _play(
                        options, cloud, prefix, runtime, pushed, root, folder, ledger, talk, interrupts, over
                    )
                )
            except asyncio.CancelledError:
                raise KeyboardInterrupt from None
            finally:
                over.set()
                ledger.end_leftovers()
    except interpreters.NotInstalled as error:
        raise Refused("the stacks cannot be deployed", str(error), error.remedy) from error
    except emulator.EmulatorError as error:
        raise Refused("the emulator cannot be used", str(error), error.remedy or "rehearse again") from error
    except SourceError as error:
        raise Refused(
            "there is no release to rehearse",
            str(error),
            "commit what is to be released, then rehearse again",
        ) from error
    except (UnsupportedAlarm, BadSpecification) as error:
        raise Refused(
            "this cannot be rehearsed", str(error), "docs/rehearsal.md says what a rehearsal evaluates"
        ) from error
    except LoadBalancerError as error:
        raise Refused("there is no load balancer", str(error), "rehearse again", EXIT_FAILED) from error
    except (urllib.error.URLError, ConnectionError, BotoCoreError, ClientError) as error:
        raise Refused(
            "the emulator does not answer any more",
            f"{error} (log: {state / emulator.LOG_FILE})",
            "rehearse again",
            EXIT_FAILED,
        ) from error
    except OSError as error:
        why, remedy = disk.explained(error, folder)
        raise Refused("the rehearsal cannot go on", why, remedy or "rehearse again", EXIT_FAILED) from error


async def _play(
    options: Options,
    cloud: Cloud,
    prefix: str,
    runtime: Runtime,
    pushed: Source,
    root: Path,
    folder: Path,
    ledger: Ledger,
    talk: Console,
    interrupts: Interrupts,
    over: threading.Event,
) -> Rehearsal:
    task = asyncio.current_task()
    assert task is not None  # noqa: S101 - this runs in one
    with interrupts.cancelling(task):
        prepared = await rehearsal.prepare(options, cloud, prefix, runtime, pushed, root, folder, ledger)
        live = view.show(prepared, talk) if view.is_drawn(talk) else view.tell(prepared, Console())
        shown = asyncio.create_task(live)
        try:
            await prepared.run()
        except BaseException:
            # Build steps run in threads, which go on until their programs end; a phase of a build that is
            # broken off is followed by another one.
            spared = _emulators_number(root, options.environment)
            threading.Thread(target=_end_builds, args=(ledger, spared, over), daemon=True).start()
            raise
        finally:
            await ending.end([shown])
    return prepared


def _end_builds(ledger: Ledger, spared: int | None, over: threading.Event) -> None:
    while not over.is_set():
        processes.end_others(ledger, spared=spared)
        over.wait(END_AGAIN_SECONDS)


def _emulators_number(root: Path, environment: str) -> int | None:
    holder = lock.holder(_state(root, environment))
    return holder.pid if holder else None


def _deploy(cloud: Cloud, root: Path, environment: str, prefix: str, runtime: Runtime) -> None:
    """Bring the stacks to what is in build/ and params/, as `deploy.py` does it.

    A stack that is released is left to the pipeline once it exists.
    """
    stacks = {stack["StackName"] for stack in cloud.client("cloudformation").describe_stacks()["Stacks"]}
    layers = [
        path.stem
        for path in sorted((root / "build").glob("*.yaml"))
        if path.stem not in runtime.released or f"{prefix}-{path.stem}" not in stacks
    ]
    kept = {key: value for key, value in os.environ.items() if not key.startswith("AWS_")}
    done = subprocess.run(
        [
            *(interpreters.deployer(), str(root / "deploy.py")),
            *("deploy", "--env", environment, "--yes", "--json"),
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
        why, remedy = _why(done)
        if done.returncode == EXIT_BLOCKED:
            folder = shlex.quote(str(_state(Path(), environment)))
            # Only what the deployer itself keeps can be deployed with its ALLOW first.
            first = "; or, where it is meant, first: make deploy ALLOW=..." if environment == LOCAL else ""
            remedy = f"begin with an empty account: rm -r {folder}{first} ({remedy})"
        raise Refused("the stacks cannot be deployed in the emulator", why, remedy, done.returncode)


def _why(done: subprocess.CompletedProcess[str]) -> tuple[str, str]:
    """What `deploy.py` says went wrong, and what it advises; without such an error the end of its talk."""
    with contextlib.suppress(ValueError, TypeError, LookupError):
        said = json.loads(done.stdout)
        error = said["error"]
        what = f"{error['what']}: {error['why']}"
        found = [_finding(finding) for finding in said.get("findings", [])]
        return "\n".join(["", f"  {what}", *found]) if found else what, error["remedy"]
    return done.stderr.strip()[-3000:], "correct it, then rehearse again"


def _finding(finding: Mapping[str, str]) -> str:
    where = " ".join(filter(None, (finding["layer"], finding["resource"])))
    return f"  {where}: {finding['reason']}; {finding['remedy']}"
