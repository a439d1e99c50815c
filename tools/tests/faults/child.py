"""A deployer as a process of its own, of which three things are replaced, and nothing else.

How requests go out (to the world of the process that started it), how fast time passes, and which machine it
is on. What is the same for all deployers is made once (`warm`).
"""

import os
import sys
from dataclasses import dataclass
from multiprocessing.connection import Client
from pathlib import Path

from botocore.awsrequest import AWSPreparedRequest, AWSResponse

from ecs_blue_green.deployer import aws, clock, command_line, identity, interrupts
from tests.faults.messages import request_of, response

# A virtual minute is a real second.
SPEED = 60.0
VARIABLES = {
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "AWS_ENDPOINT_URL": "http://127.0.0.1:4566",
}


@dataclass(frozen=True)
class Order:
    """What a deployer is to do: its number, where to send requests to, and where its output goes."""

    number: int
    address: str
    arguments: tuple[str, ...]
    root: Path
    out: Path
    err: Path
    machine: str | None


def work(order: Order) -> None:
    """Run `deploy.py` and end this process with its exit code."""
    for path, descriptor in ((order.out, 1), (order.err, 2)):
        with path.open("w") as file:
            os.dup2(file.fileno(), descriptor)
    os.environ.update(VARIABLES)
    machine = order.machine
    aws.transport = lambda request: _send(order, request)
    clock.speed = SPEED
    if machine:
        identity.machine = lambda: machine
    verb, *more = order.arguments
    code = command_line.main([verb, "--env", "dev", "--json", *more], order.root)
    interrupts.ignore()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def _send(order: Order, request: AWSPreparedRequest) -> AWSResponse:
    with Client(order.address, family="AF_UNIX") as connection:
        connection.send(request_of(order.number, request))
        answer = connection.recv()
    if isinstance(answer, Exception):
        raise answer
    return response(str(request.url), *answer)
