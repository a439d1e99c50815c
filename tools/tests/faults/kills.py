"""Real processes: the deployer is killed at any moment, and the emulator never is."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import boto3

from ecs_blue_green import interpreters
from ecs_blue_green.deployer import configurations
from ecs_blue_green.emulator import ENDPOINT_PREFIX
from tests.paths import PROJECT, TOOLS

# A deploy of all six stacks takes some seconds with this.
SECONDS_A_RESOURCE = 0.03


@dataclass
class Site:
    """A copy of the project, whose environment is on an emulator of its own."""

    root: Path
    endpoint: str
    log: list[str] = field(default_factory=list)

    def begin(self, *arguments: str) -> subprocess.Popen[str]:
        """Start the deployer as a person would, in a group of processes of its own."""
        return subprocess.Popen(
            [
                *(interpreters.deployer(), str(self.root / "deploy.py")),
                *(arguments[0], "--env", "dev", *arguments[1:]),
            ],
            cwd=self.root,
            env=self.variables,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def run(self, *arguments: str) -> tuple[int, str]:
        """Run the deployer to its end: its exit code and what it says."""
        process = self.begin(*arguments)
        out, _ = process.communicate(timeout=300)
        self.log.append(f"$ deploy.py {' '.join(arguments)}: {process.returncode}\n{out}")
        return process.returncode, out

    @property
    def variables(self) -> dict[str, str]:
        """The environment of a person who works on this emulator."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        return kept | {
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "AWS_ENDPOINT_URL": self.endpoint,
        }

    def client(self, service: str) -> Any:
        """A client of the emulator."""
        return boto3.client(
            service,  # type: ignore[call-overload]
            endpoint_url=self.endpoint,
            region_name="ap-northeast-1",
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )

    def set_parameter(self, key: str, value: str) -> None:
        """Change the parameter file."""
        path = self.root / "params" / "dev.yaml"
        lines = [line for line in path.read_text().splitlines() if not line.strip().startswith(f"{key}:")]
        path.write_text("\n".join([*lines, f'  {key}: "{value}"', ""]))
        configurations.write(self.root, "dev")

    def stacks(self) -> dict[str, str]:
        """The stacks with their status."""
        pages = self.client("cloudformation").get_paginator("describe_stacks").paginate()
        return {stack["StackName"]: stack["StackStatus"] for page in pages for stack in page["Stacks"]}

    def leftovers(self) -> list[str]:
        """Change sets that wait, empty stacks, and a lock that is held."""
        found = []
        client = self.client("cloudformation")
        for name, status in self.stacks().items():
            found += [f"the empty stack {name}"] if status == "REVIEW_IN_PROGRESS" else []
            for one in client.list_change_sets(StackName=name)["Summaries"]:
                if not one["ExecutionStatus"].startswith("EXECUTE_"):
                    found.append(f"the change set {one['ChangeSetName']} of {name}")
        for parameter in self.client("ssm").get_parameters_by_path(Path="/sample/dev/deploy/lock")[
            "Parameters"
        ]:
            if not json.loads(parameter["Value"])["released"]:
                found.append("the lock")
        return found

    def wait_for(self, *statuses: str, seconds: float = 20.0) -> None:
        """Wait until some stack is in one of these states."""
        deadline = time.monotonic() + seconds
        while not set(self.stacks().values()) & set(statuses):
            if time.monotonic() > deadline:
                raise TimeoutError(f"no stack is {' or '.join(statuses)}: {self.stacks()}")
            time.sleep(0.01)


@contextlib.contextmanager
def site(root: Path, seconds: float = SECONDS_A_RESOURCE) -> Iterator[Site]:
    """A project in `root`, with an emulator for the time of the block."""
    for name in ("build", "params"):
        shutil.copytree(PROJECT / name, root / name)
    shutil.copy(PROJECT / "deploy.py", root)
    shutil.copy(root / "params" / "local.yaml", root / "params" / "dev.yaml")
    configurations.write(root, "dev")
    state = root / ".emulator"
    state.mkdir()
    with (root / "server.log").open("w") as log:
        server = subprocess.Popen(
            [
                *(interpreters.emulator(), "-m", "tests.faults.server", str(state)),
                *(str(root / "params" / "local.yaml"), str(seconds)),
            ],
            cwd=TOOLS,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            start_new_session=True,
        )
    assert server.stdout is not None and server.stdin is not None
    try:
        yield Site(root, server.stdout.readline().strip().removeprefix(ENDPOINT_PREFIX))
    finally:
        server.stdin.close()
        server.wait(60)
        server.stdout.close()


def killed(where: Site, kills: int, seed: int) -> list[str]:
    """Kill deployers that deploy, change and destroy; what is wrong after the undisturbed runs in between."""
    random = Random(seed)
    wrong: list[str] = []
    done = 0
    while done < kills and not wrong:
        for verb, change in (("deploy", False), ("deploy", True), ("destroy", False)):
            if change:
                where.set_parameter("ImageRetentionCount", str(random.randint(11, 99)))
                where.set_parameter("MaxCapacity", str(random.randint(3, 99)))
                where.set_parameter("HealthRate", random.choice(("0.5", "0.7", "0.9")))
            for _ in range(min(random.randint(2, 4), kills - done)):
                _kill(where, verb, random)
                done += 1
            wrong += _undisturbed(where, verb)
    return wrong


def _kill(where: Site, verb: str, random: Random) -> None:
    process = where.begin(verb, "--yes")
    after = random.uniform(0.3, 5.0)
    time.sleep(after)
    # By the number of the group, which only the deployer and what it started are in.
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    out, _ = process.communicate()
    where.log.append(f"$ deploy.py {verb}: killed after {after:.1f} s ({process.returncode})\n{out}")


def _undisturbed(where: Site, verb: str) -> Iterator[str]:
    code, _ = where.run(verb, "--yes")
    if code:
        yield f"the undisturbed {verb} ended with {code}"
    if verb == "destroy":
        if where.stacks():
            yield f"after the destroy there is {where.stacks()}"
        return
    if len(where.stacks()) != 6:
        yield f"after the deploy there is {where.stacks()}"
    code, _ = where.run("plan", "--exit-code")
    if code:
        yield f"after the deploy, plan ends with {code}"
    for found in where.leftovers():
        yield f"{found} is left"
