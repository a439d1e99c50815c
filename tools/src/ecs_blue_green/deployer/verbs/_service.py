"""What `rollback`, `finish` and `restore` have in common: the lock, the stacks, and the service in them."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import NamedTuple

from ecs_blue_green.deployer.cloudformation.describe import Stack
from ecs_blue_green.deployer.execution import sessions
from ecs_blue_green.deployer.execution.sessions import LockedSession
from ecs_blue_green.deployer.invocation import Invocation
from ecs_blue_green.deployer.planning import deployed
from ecs_blue_green.deployer.release.service import Service, located
from ecs_blue_green.deployer.session import Session


class Opened(NamedTuple):
    """An environment whose lock is held, and the service that its releases go through."""

    session: LockedSession
    stacks: Mapping[str, Stack | None]
    service: Service


@contextmanager
def opened(invocation: Invocation) -> Iterator[Opened]:
    """Take the lock and find the service. Raises what `sessions.opened` and `read` raise."""
    with sessions.opened(invocation, invocation.look()) as session:
        yield Opened(session, *_located(session, deployed.ours(session.environment, session.found.stacks)))


def read(session: Session) -> tuple[Mapping[str, Stack | None], Service]:
    """The stacks, and the service in them: without build/runtime.json by the types of their resources.

    Raises Guarded where a stack is not this project's.
    """
    return _located(session, deployed.stacks(session.aws, session.environment, session.layers))


def _located(
    session: Session, stacks: Mapping[str, Stack | None]
) -> tuple[Mapping[str, Stack | None], Service]:
    return stacks, located(session.aws, session.project.declared, stacks)
