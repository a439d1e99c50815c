"""The emulated account with everything deployed in it, for a rehearsal or a run, or why there is none."""

import contextlib
import json
import os
import shlex
import subprocess
import urllib.error
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from ecs_blue_green import emulator, interpreters
from ecs_blue_green.codebuild import BadSpecification
from ecs_blue_green.deployer.errors import EXIT_BLOCKED, BadInput, Failed, Failure
from ecs_blue_green.emulator import account, disk
from ecs_blue_green.rehearsal.alarms import UnsupportedAlarm
from ecs_blue_green.rehearsal.cloud import Cloud
from ecs_blue_green.rehearsal.invocation import Invocation
from ecs_blue_green.rehearsal.load_balancer import LoadBalancerError
from ecs_blue_green.rehearsal.options import LOCAL
from ecs_blue_green.rehearsal.processes import Ledger
from ecs_blue_green.runtime import Runtime

# The services that a rehearsal asks when it begins.
USED = (
    "codedeploy",
    "ecs",
    "elbv2",
    "application-autoscaling",
    "cloudwatch",
    "codepipeline",
    "codebuild",
    "ecr",
)


@dataclass(frozen=True)
class Deployed:
    """All deployed in the emulator: its clients, the stacks' prefix, and where processes are written down."""

    cloud: Cloud
    prefix: str
    runtime: Runtime
    ledger: Ledger


@contextlib.contextmanager
def deployed(
    invocation: Invocation,
    settings: Mapping[str, Any],
    runtime: Runtime,
    minute: float,
    meanwhile: Callable[[], None] = lambda: None,
) -> Iterator[Deployed]:
    """The emulator with everything deployed, for the time of the block.

    `meanwhile` is done while the stacks are deployed. Raises a Failure, for what is raised in the block too.
    """
    state, again = invocation.state, invocation.again
    try:
        interpreters.deployer()
        with emulator.running(state, invocation.parameter_file, minute=minute, attended=True) as endpoint:
            # Nobody else uses this state now, so what is still in the ledger was left by one that was killed.
            ledger = Ledger(state / "rehearsal" / "processes.jsonl")
            for leftover in ledger.end_leftovers():
                invocation.progress.print(f"ended what an earlier rehearsal left running: {leftover}")
            cloud = Cloud(endpoint, settings["region"])
            names = list(account.names(settings, runtime))
            for name in cloud.control("Provide", names=names)["made"]:
                invocation.progress.print(
                    f"a placeholder in the emulator: {name}", highlight=False, soft_wrap=True
                )
            account_with_stacks = Deployed(
                cloud, f"{settings['project']}-{invocation.environment}", runtime, ledger
            )
            with (
                invocation.progress.status("deploying the stacks in the emulator"),
                ThreadPoolExecutor() as pool,
            ):
                others = [pool.submit(meanwhile), pool.submit(cloud.prepare, USED)]
                _deploy(account_with_stacks, invocation)
            for other in others:
                other.result()
            try:
                yield account_with_stacks
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
        raise Failed("it cannot continue", why, remedy or again) from error


def _deploy(deployed: Deployed, invocation: Invocation) -> None:
    """Bring the stacks to what is in build/ and params/, as `deploy.py` does it.

    A stack that is released is left to the pipeline once it exists.
    """
    described = deployed.cloud.client("cloudformation").describe_stacks()["Stacks"]
    stacks = {stack["StackName"] for stack in described}
    layers = [
        path.stem
        for path in sorted((invocation.root / "build").glob("*.yaml"))
        if path.stem not in deployed.runtime.released or f"{deployed.prefix}-{path.stem}" not in stacks
    ]
    environment = {key: value for key, value in os.environ.items() if not key.startswith("AWS_")}
    process = subprocess.run(
        [
            *(interpreters.deployer(), str(invocation.root / "deploy.py")),
            *("deploy", "--env", invocation.environment, "--yes", "--json"),
            *(part for layer in layers for part in ("--only", layer)),
        ],
        cwd=invocation.root,
        env={**environment, **deployed.cloud.environment()},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if process.returncode:
        why, remedy = _why(process)
        if process.returncode == EXIT_BLOCKED:
            folder = shlex.quote(str(replace(invocation, root=Path()).state))
            # Only what the deployer itself keeps can be deployed with its ALLOW first.
            is_local = invocation.environment == LOCAL
            first = "; or, where it is meant, first: make deploy ALLOW=..." if is_local else ""
            remedy = f"begin with an empty account: rm -r {folder}{first} ({remedy})"
        raise Failure(
            "the stacks cannot be deployed in the emulator", why, remedy, exit_code=process.returncode
        )


def _why(process: subprocess.CompletedProcess[str]) -> tuple[str, str]:
    """What `deploy.py` says went wrong, and what it advises; without such an error the end of its output."""
    with contextlib.suppress(ValueError, TypeError, LookupError):
        document = json.loads(process.stdout)
        error = document["error"]
        summary = f"{error['what']}: {error['why']}"
        findings = [_finding(finding) for finding in document.get("findings", [])]
        return "\n".join(["", f"  {summary}", *findings]) if findings else summary, error["remedy"]
    return process.stderr.strip()[-3000:], "correct it, then try again"


def _finding(finding: Mapping[str, str]) -> str:
    where = " ".join(filter(None, (finding["layer"], finding["resource"])))
    return f"  {where}: {finding['reason']}; {finding['remedy']}"
