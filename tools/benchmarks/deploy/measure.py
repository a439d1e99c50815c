"""One deployer on an emulator of its own: how long it takes, and how often it asks."""

import contextlib
import os
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import boto3

from benchmarks.deploy import counting, path, sets
from benchmarks.deploy.deployers import Deployer, forget
from benchmarks.deploy.project import read
from benchmarks.deploy.server import CALLS
from benchmarks.deploy.times import USUAL
from benchmarks.paths import PROJECT, TOOLS
from ecs_blue_green import interpreters
from ecs_blue_green.deployer.project import Project
from ecs_blue_green.emulator import ENDPOINT_PREFIX

STOP_SECONDS = 60.0


@dataclass(frozen=True)
class Run:
    """One run of a deployer: its wall time in seconds, and its calls by service."""

    seconds: float
    calls_by_service: Mapping[str, int]

    @property
    def calls(self) -> int:
        """All calls."""
        return sum(self.calls_by_service.values())


@dataclass(frozen=True)
class Pair:
    """Creating all stacks, with the critical path of that in seconds, and a second run: nothing to do.

    `changed` is a third one where something was changed.
    """

    created: Run
    critical_path: float
    again: Run
    changed: Run | None = None


@dataclass(frozen=True)
class Server:
    """An emulator that counts."""

    endpoint: str
    folder: Path
    region: str

    @property
    def variables(self) -> Mapping[str, str]:
        """With these in its environment a deployer finds it, and nothing of this machine's person."""
        return {
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_DEFAULT_REGION": self.region,
        }

    def client(self) -> Any:
        """A client of its CloudFormation; what that asks is counted, too."""
        return boto3.client(
            "cloudformation",
            endpoint_url=self.endpoint,
            region_name=self.region,
            aws_access_key_id="test",
            aws_secret_access_key="test",  # noqa: S106 (the emulator takes any)
        )

    def run(self, deployer: Deployer, project: Project) -> Run:
        """Run a deployer to its end."""
        before = counting.read(self.folder / CALLS)
        began = time.monotonic()
        deployer.deploy(project, self.variables)
        seconds = time.monotonic() - began
        return Run(seconds, counting.read(self.folder / CALLS) - before)


def synthetic(shape: str, count: int) -> Callable[[Path], None]:
    """What writes `count` small templates of a shape."""
    return lambda root: sets.write(root, shape, count)


def both(
    deployer: Deployer,
    write: Callable[[Path], None],
    scale: float = 0.0,
    change: Callable[[Path], None] | None = None,
) -> Pair:
    """Create what `write` writes into a folder, then run the deployer again, and once more after `change`.

    AWS takes `scale` times as long as `times.py` says: with 0 it answers at once.
    """
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "project"
        root.mkdir()
        write(root)
        project = read(root)
        with served(Path(folder), project.environment.region, scale) as server:
            created = server.run(deployer, project)
            critical_path = path.of(
                server.client(), project, USUAL.scaled(scale), with_change_sets=deployer.makes_change_sets
            )
            again = server.run(deployer, project)
            if not change:
                return Pair(created, critical_path, again)
            change(root)
            forget(root)
            return Pair(created, critical_path, again, server.run(deployer, read(root)))


def fastest(pairs: Sequence[Pair]) -> Pair:
    """Of each run the fastest, in which the machine did least besides."""
    created = min(pairs, key=lambda pair: pair.created.seconds)
    again = min((pair.again for pair in pairs), key=lambda run: run.seconds)
    return replace(created, again=again)


@contextlib.contextmanager
def served(folder: Path, region: str, scale: float) -> Iterator[Server]:
    """An emulator for the time of the block; what it writes is in the folder."""
    command = [interpreters.emulator(), "-m", "benchmarks.deploy.server", str(folder)]
    command += [str(PROJECT / "params" / "local.yaml"), str(scale)]
    log_file = folder / "log"
    with log_file.open("w") as log:
        child = subprocess.Popen(
            command, cwd=TOOLS, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True
        )
    assert child.stdout is not None and child.stdin is not None  # noqa: S101 - opened just now
    try:
        line = child.stdout.readline()
        if not line.startswith(ENDPOINT_PREFIX):
            raise RuntimeError(f"the emulator did not start: {log_file.read_text()}")
        yield Server(line.removeprefix(ENDPOINT_PREFIX).strip(), folder, region)
    finally:
        child.stdin.close()
        child.wait(STOP_SECONDS)
        child.stdout.close()
