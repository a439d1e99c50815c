"""What every command that changes something runs in: a connection to AWS, and the environment's lock."""

from collections.abc import Iterator
from contextlib import contextmanager

from ecs_blue_green.deployer import aws
from ecs_blue_green.deployer.aws import Aws
from ecs_blue_green.deployer.environment import Environment
from ecs_blue_green.deployer.execution import lock
from ecs_blue_green.deployer.execution.lock import Lock
from ecs_blue_green.deployer.invocation import Invocation
from ecs_blue_green.deployer.planning import report


@contextmanager
def opened(invocation: Invocation, settings: Environment) -> Iterator[tuple[Aws, Lock]]:
    """Say which environment this is about, connect, and hold its lock for the time of the block.

    Waits for the lock or breaks it where --wait or --break-lock says so. Raises BadInput for credentials of
    another account, Blocked when somebody else holds the lock.
    """
    options = invocation.options
    report.say_where(settings, invocation.talks)
    with (
        aws.connect(settings, invocation.root) as door,
        lock.held(
            door.client("ssm"),
            settings,
            options.verb,
            wait=options.wait,
            break_lock=options.break_lock,
            say=report.say,
        ) as held,
    ):
        yield door, held
