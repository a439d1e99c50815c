"""Tasks: the application as processes of this machine, as a task definition says."""

import asyncio
import contextlib
import os
import re
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ecs_blue_green.rehearsal import processes
from ecs_blue_green.rehearsal.processes import Ledger

HOST = "127.0.0.1"
# A process that listens on nothing after this time is as good as one that never will.
START_SECONDS = 15.0
# ECS's StopTimeout is time for the application, which is no faster at a fast pace.
LEAST_STOP_SECONDS = 3.0


@dataclass(frozen=True)
class Definition:
    """What of a task definition's container a process can have.

    `container_port` is where the load balancer asks, `listens_on` where the application in the image listens.
    """

    arn: str
    image: str
    environment: Mapping[str, str]
    container_port: int
    listens_on: int
    stop_timeout: float

    @property
    def revision(self) -> str:
        """`family:revision`."""
        return self.arn.rpartition("/")[2]


@dataclass
class Task:
    """A running task; its address is where the load balancer finds it."""

    name: str
    address: str
    process: asyncio.subprocess.Process
    stop_timeout: float
    stopped_at: float | None = field(default=None)

    @property
    def has_ended(self) -> bool:
        """Whether the process has ended."""
        return self.process.returncode is not None


def read_definition(
    described: Mapping[str, Any], container: str, container_port: int, code: Path
) -> Definition:
    """The container of a revision as DescribeTaskDefinition shows it; `code` is what its image is built of.

    Raises LookupError when the revision has no such container.
    """
    for found in described["containerDefinitions"]:
        if found["name"] == container:
            environment = {item["name"]: item["value"] for item in found.get("environment", [])}
            return Definition(
                arn=described["taskDefinitionArn"],
                image=found["image"],
                environment=environment,
                container_port=container_port,
                listens_on=int(environment.get("PORT") or _exposed(code) or container_port),
                # 30 is Fargate's default (November 2026).
                stop_timeout=float(found.get("stopTimeout", 30)),
            )
    raise LookupError(f"{described['taskDefinitionArn']} has no container {container}")


async def start(
    ledger: Ledger, name: str, definition: Definition, code: Path, version: str, logs: Path
) -> Task:
    """Start a task and wait until it listens, or clearly does not.

    `code` is the application's package; `version` is what its image was built as.
    """
    port = processes.free_port()
    # An application that does not listen where the task definition says is not found by the load balancer.
    found_at = port if definition.listens_on == definition.container_port else processes.free_port()
    process = await processes.start(
        ledger,
        f"task {name}",
        # As the image starts it, with this interpreter in the place of the image's.
        (sys.executable, "-m", code.name),
        folder=code.parent,
        environment={
            # Not the user's environment: a task has what its definition gives it.
            "PATH": os.environ.get("PATH", ""),
            "PYTHONDONTWRITEBYTECODE": "1",
            "VERSION": version,
            **definition.environment,
            "HOST": HOST,
            "PORT": str(port),
        },
        log=logs / f"{name}.log",
    )
    try:
        await _listens(process, port)
    except asyncio.CancelledError:
        await processes.stop(process)
        raise
    return Task(name, f"{HOST}:{found_at}", process, definition.stop_timeout)


async def stop(task: Task, real_stop_timeout: float) -> bool:
    """Stop a task as ECS does: SIGTERM, and SIGKILL after the stop timeout; whether it ended by itself."""
    task.stopped_at = time.monotonic()
    return await processes.stop(task.process, max(real_stop_timeout, LEAST_STOP_SECONDS))


async def _listens(process: asyncio.subprocess.Process, port: int) -> None:
    deadline = time.monotonic() + START_SECONDS
    while process.returncode is None and time.monotonic() < deadline:
        with contextlib.suppress(OSError):
            _, writer = await asyncio.open_connection(HOST, port)
            writer.close()
            return
        await asyncio.sleep(0.05)


def _exposed(code: Path) -> int | None:
    """The port that the image's Dockerfile exposes."""
    with contextlib.suppress(OSError):
        found = re.search(r"^EXPOSE\s+(\d+)", (code / "Dockerfile").read_text(), re.MULTILINE)
        return int(found[1]) if found else None
    return None
