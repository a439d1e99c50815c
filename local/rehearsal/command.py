"""`python -m local rehearse`: what a release will do, shown on this machine before production does it."""

import asyncio
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import yaml

from local import emulator
from local.rehearsal import rehearsal, source
from local.rehearsal.cloud import Cloud
from local.rehearsal.processes import Ledger
from local.rehearsal.rehearsal import Options, Rehearsal

EXIT_FAILED, EXIT_BAD_INPUT, EXIT_ROLLED_BACK, EXIT_INTERRUPTED = 1, 2, 5, 130
LOCAL = "local"


class Refused(Exception):
    """The rehearsal cannot begin; the message says why, `code` is the exit code."""

    def __init__(self, message: str, code: int = EXIT_BAD_INPUT) -> None:
        super().__init__(message)
        self.code = code


def run(options: Options, root: Path) -> tuple[Rehearsal, float]:
    began = time.monotonic()
    parameter_file = root / "params" / f"{options.environment}.yaml"
    try:
        settings = yaml.load(parameter_file.read_text(), Loader=yaml.BaseLoader)  # noqa: S506
        prefix = f"{settings['project']}-{options.environment}"
        region = settings["region"]
    except OSError as error:
        raise Refused(f"there is no environment {options.environment!r}: {error}") from error
    state = root / ".local" if options.environment == LOCAL else root / ".local" / options.environment
    folder = state / "rehearsal"
    with emulator.running(state, parameter_file, minute=options.minute, attended=True) as endpoint:
        ledger = Ledger(folder / "processes.jsonl")
        for what in ledger.end_leftovers():
            sys.stderr.write(f"ended what an interrupted rehearsal left: {what}\n")
        for name in ("source", "applications", "artifacts", "function", "logs"):
            shutil.rmtree(folder / name, ignore_errors=True)
        cloud = Cloud(endpoint, region)
        deploy(cloud, root, options.environment, prefix)
        pushed = source.snapshot(root, folder / "source")
        if options.health_rate:
            source.set_health_rate(pushed, options.environment, options.health_rate)

        async def everything() -> Rehearsal:
            prepared = await rehearsal.prepare(options, cloud, prefix, pushed, root, folder, ledger)
            await prepared.run()
            return prepared

        found = asyncio.run(everything())
    return found, time.monotonic() - began


def deploy(cloud: Cloud, root: Path, environment: str, prefix: str) -> None:
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
            *(sys.executable, str(root / "deploy.py"), "deploy", "--env", environment, "--yes"),
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
        raise Refused(f"the stacks cannot be deployed:\n{done.stderr.strip()[-3000:]}", done.returncode)
