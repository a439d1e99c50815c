"""Lifecycle hooks: the deployed function's own code, called as CodeDeploy calls it.

The function answers CodeDeploy itself, through the emulator's API. For one that ends without an answer
CodeDeploy waits an hour; here that hour is over at once.
"""

import asyncio
import io
import json
import os
import sys
import urllib.request
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from ecs_blue_green.rehearsal import processes
from ecs_blue_green.rehearsal.load_balancer import LoadBalancer
from ecs_blue_green.rehearsal.processes import Program
from ecs_blue_green.rehearsal.stage import Stage

# What a function writes, in its folder.
LOG = "function.log"
NOTHING = "it wrote nothing"
OF_THE_EVENT = ("DeploymentId", "LifecycleEventHookExecutionId")


@dataclass(frozen=True)
class Answer:
    """How a function ended: its last line of log, and why it never answers ("" where it did)."""

    log: str
    failure: str


class Hooks:
    """The hooks of the deployments on a stage; `balancer` has the test listener that they ask."""

    def __init__(self, stage: Stage, balancer: LoadBalancer) -> None:
        self._stage = stage
        self._balancer = balancer
        # For a function's code and log.
        self._folder = stage.folder / "function"
        # The hook executions whose line of log the journal has.
        self._noted: set[str] = set()

    async def call(self, function: str, event: dict[str, str]) -> str:
        """Run a hook to its end, and note what it says. Returns why it never answers, "" where it did."""
        answer = await self.invoke(function, event)
        execution = event["LifecycleEventHookExecutionId"]
        if answer.failure or execution not in self._noted:
            self._noted.add(execution)
            text = answer.failure or f"{function}: {answer.log}"
            self._stage.journal.note("hook", text, bad=bool(answer.failure))
        return answer.failure

    def note_answer(self, function: str, execution: str) -> None:
        """Note what a hook has said so far, once CodeDeploy has its answer.

        One that writes its line only after its answer is noted when it has ended.
        """
        line = last_line(self._folder)
        if line and execution not in self._noted:
            self._noted.add(execution)
            self._stage.journal.note("hook", f"{function}: {line}")

    async def invoke(self, function: str, event: dict[str, str]) -> Answer:
        """Run the function `function` (name or ARN) with CodeDeploy's event."""
        stage, folder = self._stage, self._folder
        try:
            client = stage.cloud.client("lambda")
            described = await asyncio.to_thread(client.get_function, FunctionName=function)
        except ClientError as error:
            return Answer("", f"CodeDeploy cannot call {function}: {error}")
        configuration = described["Configuration"]
        await asyncio.to_thread(_unpack, described["Code"]["Location"], folder)
        # That of the hook before, if there was one.
        (folder / LOG).unlink(missing_ok=True)
        process = await processes.start(stage.ledger, f"function {function}", self._program(configuration))
        assert process.stdin is not None  # noqa: S101 - asked for in _program
        process.stdin.write(json.dumps(event).encode())
        process.stdin.close()
        timeout = configuration["Timeout"]
        try:
            async with asyncio.timeout(timeout):
                await process.wait()
        except TimeoutError:
            await processes.stop(process, 0)
            return Answer(last_line(folder) or NOTHING, f"{function} ran into its timeout of {timeout} s")
        except asyncio.CancelledError:
            await processes.stop(process, 0)
            raise
        failure = f"{function} failed: {last_line(folder) or NOTHING}" if process.returncode else ""
        return Answer(last_line(folder) or NOTHING, failure)

    def _program(self, configuration: dict[str, Any]) -> Program:
        """The function as a program: what runs it as Lambda would, with the variables that it has there."""
        stage, system = self._stage, self._stage.system
        authority = self._balancer.authority
        return Program(
            [
                *(
                    sys.executable,
                    # Unbuffered; and nothing in the working directory is taken for a module of ours.
                    "-uP",
                    "-m",
                    "ecs_blue_green.rehearsal.hook_runner",
                    str(self._folder),
                    configuration["Handler"],
                ),
                *(str(configuration["Timeout"]), str(stage.clock.minute)),
                *(system.load_balancer, ",".join(system.security_groups)),
            ],
            folder=self._folder,
            environment={
                "PATH": os.environ.get("PATH", ""),
                **{key: str(value) for key, value in _variables(configuration).items()},
                # Listeners are on free ports here.
                **({"PORT": str(self._balancer.port(system.test))} if system.test else {}),
                # In the place of the authorities that Lambda's runtime trusts.
                **({"SSL_CERT_FILE": str(authority)} if authority.exists() else {}),
                **stage.cloud.environment(),
            },
            log=self._folder / LOG,
            send_input=True,
        )


def _variables(configuration: dict[str, Any]) -> dict[str, Any]:
    variables: dict[str, Any] = configuration.get("Environment", {}).get("Variables", {})
    return variables


def _unpack(location: str, folder: Path) -> None:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    # The emulator names itself by a name; 127.0.0.1 is where it listens.
    with opener.open(location.replace("//localhost:", "//127.0.0.1:"), timeout=30) as response:
        zipfile.ZipFile(io.BytesIO(response.read())).extractall(folder)


def last_line(folder: Path) -> str:
    """The last line that a function has written so far, for people."""
    try:
        lines = (folder / LOG).read_text(errors="replace").strip().splitlines()
    except FileNotFoundError:
        return ""
    return words(lines[-1]) if lines else ""


def words(line: str) -> str:
    """A line of a function's log for people: that of a JSON object by its members, any other as it is."""
    try:
        members = json.loads(line)
        return ", ".join(f"{key} {_words(value)}" for key, value in members.items() if _is_news(key, value))
    except (ValueError, AttributeError):
        return line


def _is_news(key: str, value: Any) -> bool:
    return key not in OF_THE_EVENT and value not in ([], {})


def _words(value: Any) -> str:
    """A value of the log's line for people: `(/health (requests 25, errors (503 2)))`."""
    if isinstance(value, dict):
        members = (f"{key} {_words(member)}" for key, member in value.items() if member not in ([], {}))
        return f"({', '.join(members)})"
    return "; ".join(map(str, value)) if isinstance(value, list) else str(value)
