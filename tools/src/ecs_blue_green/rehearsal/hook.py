"""Lifecycle hooks: the deployed function's own code, called as CodeDeploy calls it.

The function answers CodeDeploy itself, through the emulator's API. One that ends without an answer is what
CodeDeploy waits an hour for; here that hour is over at once.
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
from ecs_blue_green.rehearsal.clock import Clock
from ecs_blue_green.rehearsal.cloud import Cloud
from ecs_blue_green.rehearsal.processes import Ledger
from ecs_blue_green.rehearsal.system import System

# What a function writes, in its folder.
LOG = "function.log"
NOTHING = "it wrote nothing"
OF_THE_EVENT = ("DeploymentId", "LifecycleEventHookExecutionId")


@dataclass(frozen=True)
class Answer:
    """How a function ended: its last line of log, and why it never answers ("" where it did)."""

    log: str
    failure: str


async def invoke(
    cloud: Cloud,
    system: System,
    clock: Clock,
    ledger: Ledger,
    folder: Path,
    function: str,
    event: dict[str, str],
    test_port: int | None,
    authority: Path,
) -> Answer:
    """Run the function `function` (name or ARN) with CodeDeploy's event; `folder` is for its code and log.

    `test_port` is where the test listener listens on this machine; `authority` is the certificate of the one
    who signed its certificate, if it has one.
    """
    try:
        found = await asyncio.to_thread(cloud.client("lambda").get_function, FunctionName=function)
    except ClientError as error:
        return Answer("", f"CodeDeploy cannot call {function}: {error}")
    configuration = found["Configuration"]
    await asyncio.to_thread(_unpack, found["Code"]["Location"], folder)
    log = folder / LOG
    # That of the hook before, if there was one.
    log.unlink(missing_ok=True)
    process = await processes.start(
        ledger,
        f"function {function}",
        [
            *(
                sys.executable,
                # Unbuffered; and nothing in the working directory is taken for a module of ours.
                "-uP",
                "-m",
                "ecs_blue_green.rehearsal.hook_runner",
                str(folder),
                configuration["Handler"],
            ),
            *(str(configuration["Timeout"]), str(clock.minute)),
            *(system.load_balancer, ",".join(system.security_groups)),
        ],
        folder=folder,
        environment={
            "PATH": os.environ.get("PATH", ""),
            **{key: str(value) for key, value in _variables(configuration).items()},
            # Listeners are on free ports here.
            **({"PORT": str(test_port)} if test_port else {}),
            # In the place of the authorities that Lambda's runtime trusts.
            **({"SSL_CERT_FILE": str(authority)} if authority.exists() else {}),
            **cloud.environment(),
        },
        log=log,
        send_input=True,
    )
    assert process.stdin is not None  # noqa: S101 - asked for above
    process.stdin.write(json.dumps(event).encode())
    process.stdin.close()
    try:
        async with asyncio.timeout(configuration["Timeout"]):
            await process.wait()
    except TimeoutError:
        await processes.stop(process, 0)
        return Answer(
            last_line(folder) or NOTHING, f"{function} ran into its timeout of {configuration['Timeout']} s"
        )
    except asyncio.CancelledError:
        await processes.stop(process, 0)
        raise
    failure = f"{function} failed: {last_line(folder) or NOTHING}" if process.returncode else ""
    return Answer(last_line(folder) or NOTHING, failure)


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
        found = json.loads(line)
        return ", ".join(f"{key} {_words(value)}" for key, value in found.items() if _is_news(key, value))
    except (ValueError, AttributeError):
        return line


def _is_news(key: str, value: Any) -> bool:
    return key not in OF_THE_EVENT and value not in ([], {})


def _words(value: Any) -> str:
    """A value of the log's line for people: `(/health (requests 25, errors (503 2)))`."""
    if isinstance(value, dict):
        told = (f"{key} {_words(one)}" for key, one in value.items() if one not in ([], {}))
        return f"({', '.join(told)})"
    return "; ".join(map(str, value)) if isinstance(value, list) else str(value)
