"""What commands run in: a connection to AWS, and the environment's lock where something is changed.

And the certainty that the environment is this repository's.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from ecs_blue_green.deployer import aws, interrupts
from ecs_blue_green.deployer.cloudformation.describe import Stack
from ecs_blue_green.deployer.errors import BadInput
from ecs_blue_green.deployer.execution import history, lock, owner, records
from ecs_blue_green.deployer.execution.lock import Claim, Lock
from ecs_blue_green.deployer.execution.owner import Owners
from ecs_blue_green.deployer.invocation import Invocation
from ecs_blue_green.deployer.planning import deployed, report
from ecs_blue_green.deployer.project import Project
from ecs_blue_green.deployer.session import Session


@dataclass(frozen=True)
class Found:
    """What a command goes on with: whose the environment is, what is there, and what was deployed last.

    `stacks` has the stack of each layer. `last` is None where it may not be read.
    """

    owners: Owners
    stacks: Mapping[str, Stack | None]
    last: history.Record | None


@dataclass(frozen=True)
class LockedSession(Session):
    """A session that holds the environment's lock, and what it found with the lock in hand."""

    lock: Lock
    found: Found


def look(invocation: Invocation, session: Session, moved_from: str | None = None) -> Found:
    """Read the records and look at the stacks. Raises Guarded where the environment is another repository's.

    `moved_from` is the one that it was until now, also where --moved-from does not say so.

    Nobody asks for these stacks again before something is done with them. While the lock is held, no deployer
    changes one; a person or the pipeline can, but so they could between a second look and what that leads to:
    CloudFormation makes each change set, and executes it, of what is there by then.
    """
    environment = session.environment
    with interrupts.threads(1) as pool:
        reading = pool.submit(records.read, session.aws.client("ssm"), environment)
        stacks = deployed.described(session.aws, environment, session.layers)
        told = reading.result()
    owners = owner.of(environment, session.layers, session.project.declared, told.owner, stacks)
    _refuse_other(invocation, session, owners, moved_from)
    return Found(owners, stacks, told.last)


def refuse_other(invocation: Invocation, session: Session) -> Owners:
    """Whose the environment is. Raises Guarded where it is another repository's than this checkout's."""
    owners = owner.look(session)
    _refuse_other(invocation, session, owners)
    return owners


def _refuse_other(
    invocation: Invocation, session: Session, owners: Owners, moved_from: str | None = None
) -> None:
    owner.refuse_other(
        session.environment,
        owners,
        invocation.options.moved_from or moved_from,
        lambda repository: invocation.again(f"--moved-from {repository}"),
    )


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
    holds the lock, and what `look` raises.
    """
    options = invocation.options
    claim = Claim(options.verb, options.wait, options.break_lock, report.say)
    with (
        connected(invocation, project) as session,
        lock.held(session.aws.client("ssm"), session.environment, claim) as held,
    ):
        # With the lock in hand: of two copies that deploy for the first time, one comes after the other, and
        # whoever held it until now may have deployed.
        found = look(invocation, session, moved_from)
        yield LockedSession(project, session.aws, session.say, held, found)
