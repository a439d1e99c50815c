"""What `rollback`, `finish` and `restore` have in common: the lock, the stacks, and the service in them."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import NamedTuple

from ecs_blue_green.deployer.aws import Aws
from ecs_blue_green.deployer.cloudformation.describe import Stack
from ecs_blue_green.deployer.environment import Environment
from ecs_blue_green.deployer.errors import BadInput
from ecs_blue_green.deployer.execution import session
from ecs_blue_green.deployer.execution.lock import Lock
from ecs_blue_green.deployer.invocation import Invocation
from ecs_blue_green.deployer.planning import deployed, report
from ecs_blue_green.deployer.release.service import Service, located


class Opened(NamedTuple):
    """An environment whose lock is held, and the service that its releases go through."""

    settings: Environment
    door: Aws
    held: Lock
    stacks: Mapping[str, Stack | None]
    service: Service


@contextmanager
def opened(invocation: Invocation) -> Iterator[Opened]:
    """Take the lock and find the service, without build/runtime.json by the types of the stacks' resources.

    Raises what `session.opened` and `located` raise.
    """
    project = invocation.look()
    settings, layers, runtime = project.environment, project.layers, project.declared
    if isinstance(runtime, BadInput):
        report.say_found_by_type(runtime)
    with session.opened(invocation, settings, layers, runtime) as (door, held, _):
        stacks = deployed.stacks(door, settings, layers)
        service = located(door, runtime, stacks)
        yield Opened(settings, door, held, stacks, service)
