"""What commands run in: a connection to AWS, and the environment's lock where something is changed.

And the certainty that the environment is this repository's.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from ecs_blue_green.deployer import aws
from ecs_blue_green.deployer.errors import BadInput
from ecs_blue_green.deployer.execution import lock, owner
from ecs_blue_green.deployer.execution.lock import Claim, Lock
from ecs_blue_green.deployer.execution.owner import Owners
from ecs_blue_green.deployer.invocation import Invocation
from ecs_blue_green.deployer.planning import report
from ecs_blue_green.deployer.project import Project
from ecs_blue_green.deployer.session import Session


@dataclass(frozen=True)
class LockedSession(Session):
    """A session that holds the environment's lock, and whose the environment is."""

    lock: Lock
    owners: Owners


def refuse_other(invocation: Invocation, session: Session, moved_from: str | None = None) -> Owners:
    """Whose the environment is. Raises Guarded where it is another repository's than this checkout's.

    `moved_from` is the one that it was until now, also where --moved-from does not say so.
    """
    owners = owner.look(session)
    owner.refuse_other(
        session.environment,
        owners,
        invocation.options.moved_from or moved_from,
        lambda repository: invocation.again(f"--moved-from {repository}"),
    )
    return owners


@contextmanager
def connected(invocation: Invocation, project: Project) -> Iterator[Session]:
    """Say which environment this is about, and connect for the time of the block.

    Raises BadInput for credentials of another account.
    """
    report.say_where(project.environment, invocation.talks)
    if isinstance(project.declared, BadInput):
        report.say_found_by_type(project.declared)
    with aws.connect(project.environment, project.root) as clients:
        yield Session(project, clients, report.say)


@contextmanager
def opened(
    invocation: Invocation, project: Project, moved_from: str | None = None
) -> Iterator[LockedSession]:
    """The same, and hold the environment's lock for the time of the block.

    Waits for the lock or breaks it where --wait or --break-lock says so. Raises Blocked when somebody else
    holds the lock or has the environment.
    """
    options = invocation.options
    claim = Claim(options.verb, options.wait, options.break_lock, report.say)
    with (
        connected(invocation, project) as session,
        lock.held(session.aws.client("ssm"), session.environment, claim) as held,
    ):
        # With the lock in hand: of two copies that deploy for the first time, one comes after the other.
        owners = refuse_other(invocation, session, moved_from)
        yield LockedSession(project, session.aws, session.say, held, owners)
