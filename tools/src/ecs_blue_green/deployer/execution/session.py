"""What every command that changes something runs in: a connection to AWS, and the environment's lock.

And the certainty that the environment is this repository's.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from ecs_blue_green.deployer import aws
from ecs_blue_green.deployer.aws import Aws
from ecs_blue_green.deployer.environment import Environment
from ecs_blue_green.deployer.errors import BadInput
from ecs_blue_green.deployer.execution import lock, owner
from ecs_blue_green.deployer.execution.lock import Lock
from ecs_blue_green.deployer.execution.owner import Owners
from ecs_blue_green.deployer.invocation import Invocation
from ecs_blue_green.deployer.layers import Layer
from ecs_blue_green.deployer.planning import report
from ecs_blue_green.runtime import Runtime


def refuse_other(
    invocation: Invocation,
    door: Aws,
    settings: Environment,
    layers: Mapping[str, Layer],
    runtime: Runtime | BadInput,
    moved_from: str | None = None,
) -> Owners:
    """Whose the environment is. Raises Guarded where it is another repository's than this checkout's.

    `moved_from` is the one that it was until now, also where --moved-from does not say so.
    """
    owners = owner.look(door, settings, layers, runtime)
    owner.refuse_other(
        settings,
        owners,
        invocation.options.moved_from or moved_from,
        lambda repository: invocation.again(f"--moved-from {repository}"),
    )
    return owners


@contextmanager
def opened(
    invocation: Invocation,
    settings: Environment,
    layers: Mapping[str, Layer],
    runtime: Runtime | BadInput,
    moved_from: str | None = None,
) -> Iterator[tuple[Aws, Lock, Owners]]:
    """Say which environment this is about, connect, and hold its lock for the time of the block.

    Waits for the lock or breaks it where --wait or --break-lock says so. Raises BadInput for credentials of
    another account, Blocked when somebody else holds the lock or has the environment.
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
        # With the lock in hand: of two copies that deploy for the first time, one comes after the other.
        owners = refuse_other(invocation, door, settings, layers, runtime, moved_from)
        yield door, held, owners
