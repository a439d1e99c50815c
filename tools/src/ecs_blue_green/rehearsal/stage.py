"""What a rehearsal and a run begin with: the emulated account with all deployed, or why there is none."""

import contextlib
import json
import os
import shlex
import subprocess
import urllib.error
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from botocore.exceptions import BotoCoreError, ClientError
from rich.console import Console

from ecs_blue_green import emulator, interpreters
from ecs_blue_green.codebuild import BadSpecification
from ecs_blue_green.deployer.errors import EXIT_BLOCKED, BadInput, Failed, Failure
from ecs_blue_green.emulator import account, disk, lock
from ecs_blue_green.rehearsal import source, tasks
from ecs_blue_green.rehearsal.alarms import UnsupportedAlarm
from ecs_blue_green.rehearsal.cloud import Cloud
from ecs_blue_green.rehearsal.load_balancer import LoadBalancerError
from ecs_blue_green.rehearsal.processes import Ledger
from ecs_blue_green.rehearsal.source import Code
from ecs_blue_green.runtime import Runtime, Unusable
from ecs_blue_green.runtime import read as read_runtime

LOCAL = "local"


def show(failure: Failure, console: Console) -> None:
    """Print what happened, why, and what to type next."""
    error, *following = failure.lines
    console.print(error, style="red", markup=False, highlight=False, soft_wrap=True)
    for line in following:
        console.print(line, markup=False, highlight=False, soft_wrap=True)


def console(*, stderr: bool = False) -> Console:
    """A console on standard output or standard error, for which `:secret:` in an ARN is no picture."""
    return Console(stderr=stderr, emoji=False)


@dataclass(frozen=True)
class Stage:
    """All deployed in the emulator: its clients, the stacks' prefix, and where processes are written down."""

    cloud: Cloud
    prefix: str
    runtime: Runtime
    ledger: Ledger


def settings_of(root: Path, environment: str, again: str) -> Mapping[str, Any]:
    """The parameter file; `deploy.py` checks it thoroughly afterwards.

    `again` is the command that is typed again. Raises BadInput.
    """
    known = sorted(path.stem for path in (root / "params").glob("*.yaml"))
    if environment not in known:
        raise BadInput(
            f"there is no environment {environment}",
            f"params/ has {', '.join(known) or 'no file'}",
            f"{again} ENV=local",
        )
    name = f"params/{environment}.yaml"
    try:
        text = (root / name).read_text()
        settings = yaml.load(text, Loader=yaml.BaseLoader)  # noqa: S506 - makes text, lists, maps
        return {key: settings[key] for key in ("project", "region", "parameters")}
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise BadInput(f"{name} cannot be read", str(error), f"correct it, then: {again}") from error
    except (TypeError, LookupError) as error:
        raise BadInput(
            f"{name} is not complete", f"it has no {error}", f"correct it, then: {again}"
        ) from error


def runtime_of(root: Path) -> Runtime:
    """What the layers say of themselves. Raises BadInput, also where the application cannot be started."""
    try:
        runtime = read_runtime(root / "build")
    except Unusable as error:
        raise BadInput(error.what, error.why, error.remedy) from error
    _require_command(source.code(root, runtime.image))
    return runtime


def _require_command(code: Code) -> None:
    """Raise BadInput where what starts the application is not here."""
    missing = tasks.missing(code)
    if missing:
        raise BadInput(
            "the application cannot be started here",
            missing,
            "install it, or name another command (docs/bring-your-own-application.md)"
            if code.command
            else "name the command that starts it (docs/bring-your-own-application.md)",
        )


def state_of(root: Path, environment: str) -> Path:
    """The emulator's folder: that of `make deploy` for local, one of its own for every other environment."""
    return root / ".local" if environment == LOCAL else root / ".local" / environment


def emulators_number(root: Path, environment: str) -> int | None:
    """The number of the process that has the emulator of an environment, while one has."""
    holder = lock.holder(state_of(root, environment))
    return holder.pid if holder else None


@contextlib.contextmanager
def opened(
    environment: str,
    minute: float,
    settings: Mapping[str, Any],
    runtime: Runtime,
    root: Path,
    talk: Console,
    again: str,
) -> Iterator[Stage]:
    """The emulator with everything deployed, for the time of the block; `again` is what is typed again.

    Raises a Failure, for what is raised in the block too.
    """
    state = state_of(root, environment)
    parameter_file = root / "params" / f"{environment}.yaml"
    try:
        interpreters.deployer()
        with emulator.running(state, parameter_file, minute=minute, attended=True) as endpoint:
            # Nobody else uses this state now, so what is still in the ledger was left by one that was killed.
            ledger = Ledger(state / "rehearsal" / "processes.jsonl")
            for what in ledger.end_leftovers():
                talk.print(f"ended what an earlier rehearsal left running: {what}")
            cloud = Cloud(endpoint, settings["region"])
            prefix = f"{settings['project']}-{environment}"
            names = list(account.names(settings, runtime))
            for name in cloud.control("Provide", names=names)["made"]:
                talk.print(f"a placeholder in the emulator: {name}", highlight=False, soft_wrap=True)
            with talk.status("deploying the stacks in the emulator"):
                _deploy(cloud, root, environment, prefix, runtime)
            try:
                yield Stage(cloud, prefix, runtime, ledger)
            finally:
                ledger.end_leftovers()
    except interpreters.NotInstalled as error:
        raise BadInput("the stacks cannot be deployed", str(error), error.remedy) from error
    except emulator.EmulatorError as error:
        raise BadInput("the emulator cannot be used", str(error), error.remedy or again) from error
    except (UnsupportedAlarm, BadSpecification) as error:
        raise BadInput(
            "this cannot be rehearsed", str(error), "docs/rehearsal.md says what a rehearsal evaluates"
        ) from error
    except LoadBalancerError as error:
        raise Failed("there is no load balancer", str(error), again) from error
    except (urllib.error.URLError, ConnectionError, BotoCoreError, ClientError) as error:
        raise Failed(
            "the emulator does not answer any more", f"{error} (log: {state / emulator.LOG_FILE})", again
        ) from error
    except OSError as error:
        why, remedy = disk.explained(error, state)
        raise Failed("this cannot go on", why, remedy or again) from error


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
            folder = shlex.quote(str(state_of(Path(), environment)))
            # Only what the deployer itself keeps can be deployed with its ALLOW first.
            first = "; or, where it is meant, first: make deploy ALLOW=..." if environment == LOCAL else ""
            remedy = f"begin with an empty account: rm -r {folder}{first} ({remedy})"
        raise Failure("the stacks cannot be deployed in the emulator", why, remedy, exit_code=done.returncode)


def _why(done: subprocess.CompletedProcess[str]) -> tuple[str, str]:
    """What `deploy.py` says went wrong, and what it advises; without such an error the end of its talk."""
    with contextlib.suppress(ValueError, TypeError, LookupError):
        said = json.loads(done.stdout)
        error = said["error"]
        what = f"{error['what']}: {error['why']}"
        found = [_finding(finding) for finding in said.get("findings", [])]
        return "\n".join(["", f"  {what}", *found]) if found else what, error["remedy"]
    return done.stderr.strip()[-3000:], "correct it, then try again"


def _finding(finding: Mapping[str, str]) -> str:
    where = " ".join(filter(None, (finding["layer"], finding["resource"])))
    return f"  {where}: {finding['reason']}; {finding['remedy']}"
