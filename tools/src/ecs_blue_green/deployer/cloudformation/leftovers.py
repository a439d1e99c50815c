"""What a run that was killed has left behind, and how it is told from what others are at work on.

A change set of ours says in its description which process made it, and for which verb.
"""

from datetime import UTC, datetime, timedelta

from ecs_blue_green.deployer import identity
from ecs_blue_green.deployer.cloudformation.change_sets import PASSING, Listed

# A person may look at a plan for a while before the answer; nobody does for an hour.
FORGOTTEN_AFTER = timedelta(hours=1)


def description(verb: str) -> str:
    """What a change set says of itself."""
    return f"deploy.py {verb}, {identity.me()}"


def is_forgotten(found: Listed, *, alone: bool) -> bool:
    """Whether nobody needs this change set any more. One that is kept for `deploy --plan` is never forgotten.

    `alone` says that no other deployer can be at work, because this one holds the lock.
    """
    if found.purpose != PASSING:
        return False
    owner = identity.read(found.description)
    if owner and owner.is_gone():
        return True
    if alone and found.description.startswith("deploy.py deploy,"):
        return True
    return datetime.now(UTC) - found.made > FORGOTTEN_AFTER
