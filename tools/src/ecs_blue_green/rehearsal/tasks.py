"""Tasks: the application as processes of this machine, according to a task definition."""

import asyncio
import contextlib
import os
import shutil
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ecs_blue_green.dockerfile import exposed_port
from ecs_blue_green.rehearsal import processes
from ecs_blue_green.rehearsal.processes import Ledger, Program
from ecs_blue_green.rehearsal.source import Code

HOST = "127.0.0.1"
# A process that does not listen by then counts as one that never will.
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
    """A running task; its address is where the load balancer finds it.

    `failure` says in what way it did not begin to listen, and `log` is what it has written.
    """

    name: str
    address: str
    process: asyncio.subprocess.Process
    stop_timeout: float
    log: Path
    failure: str = ""
    stopped_at: float | None = field(default=None)

    @property
    def has_ended(self) -> bool:
        """Whether the process has ended."""
        return self.process.returncode is not None


def read_definition(
    described: Mapping[str, Any], container: str, container_port: int, code: Code
) -> Definition:
    """The container of a revision as DescribeTaskDefinition shows it; `code` is what its image is built of.

    Raises LookupError when the revision has no such container.
    """
    for defined in described["containerDefinitions"]:
        if defined["name"] == container:
            environment = {item["name"]: item["value"] for item in defined.get("environment", [])}
            return Definition(
                arn=described["taskDefinitionArn"],
                image=defined["image"],
                environment=environment,
                container_port=container_port,
                listens_on=int(environment.get("PORT") or _exposed(code.dockerfile) or container_port),
                # 30 is Fargate's default (November 2026).
                stop_timeout=float(defined.get("stopTimeout", 30)),
            )
    raise LookupError(f"{described['taskDefinitionArn']} has no container {container}")


async def start(
    ledger: Ledger, name: str, definition: Definition, code: Code, version: str, logs: Path
) -> Task:
    """Start a task and wait until it listens, or clearly does not.

    `version` is what its image was built as.
    """
    port = processes.free_port()
    log = logs / f"{name}.log"
    # An application that does not listen where the task definition says is not found by the load balancer.
    target_port = port if definition.listens_on == definition.container_port else processes.free_port()
    process = await processes.start(
        ledger,
        f"task {name}",
        Program(
            # As the image starts it, with this interpreter in the place of the image's.
            code.command or (sys.executable, "-m", code.folder.name),
            folder=code.folder if code.command else code.folder.parent,
            environment={
                # Not the user's environment: a task has the variables of its definition.
                "PATH": program_path(),
                "PYTHONDONTWRITEBYTECODE": "1",
                "VERSION": version,
                **definition.environment,
                "HOST": HOST,
                "PORT": str(port),
            },
            log=log,
        ),
    )
    try:
        failure = await _listens(process, port)
    except asyncio.CancelledError:
        await processes.stop(process)
        raise
    return Task(name, f"{HOST}:{target_port}", process, definition.stop_timeout, log, failure)


def program_path() -> str:
    """Where programs are looked for: beside this interpreter, which has the application's packages, first."""
    return os.pathsep.join(filter(None, [str(Path(sys.executable).parent), os.environ.get("PATH", "")]))


def missing(code: Code) -> str:
    """What is missing to start the application, in a sentence; "" where nothing is."""
    if not code.command:
        module = f"{code.folder.name}.__main__"
        return "" if (code.folder / "__main__.py").is_file() else f"there is no module {module}"
    program = code.command[0]
    if os.sep in program:
        return "" if os.access(code.folder / program, os.X_OK) else f"{program} is no program in its folder"
    return "" if shutil.which(program, path=program_path()) else f"there is no {program} on PATH"


async def stop(task: Task, real_stop_timeout: float) -> bool:
    """Stop a task as ECS does: SIGTERM, and SIGKILL after the stop timeout; whether it ended by itself."""
    task.stopped_at = time.monotonic()
    return await processes.stop(task.process, max(real_stop_timeout, LEAST_STOP_SECONDS))


async def _listens(process: asyncio.subprocess.Process, port: int) -> str:
    """Wait until the process listens; why it does not, or ""."""
    deadline = time.monotonic() + START_SECONDS
    while process.returncode is None and time.monotonic() < deadline:
        with contextlib.suppress(OSError):
            _, writer = await asyncio.open_connection(HOST, port)
            writer.close()
            return ""
        await asyncio.sleep(0.05)
    if process.returncode is None:
        return f"it does not listen on port {port}, its PORT, after {START_SECONDS:.0f} s"
    return f"it ended with {process.returncode} before it listened on its PORT"


def explained(task: Task) -> str:
    """What did not begin to listen, why, and where to look."""
    line = _last_line(task.log)
    return f"task {task.name}: {task.failure}{f' ({line})' if line else ''}; see {task.log}"


def _last_line(log: Path) -> str:
    """The last line that a process has written."""
    with contextlib.suppress(OSError):
        lines = log.read_text(errors="replace").split("\n")
        return next((line.strip() for line in reversed(lines) if line.strip()), "")
    return ""


def _exposed(file: Path) -> str | None:
    """The port that the image's Dockerfile exposes, where it has one."""
    with contextlib.suppress(OSError):
        return exposed_port(file)
    return None
