"""Change sets that a killed run left behind, and how they are told from those that others work with.

A change set of ours says in its description which process made it, and for which verb.
"""

from datetime import UTC, datetime, timedelta

from ecs_blue_green.deployer import identity
from ecs_blue_green.deployer.cloudformation.change_sets import EPHEMERAL, Listed

# A person may look at a plan for a while before the answer; nobody does for an hour.
STALE_AFTER = timedelta(hours=1)


def description(verb: str) -> str:
    """The description of a change set."""
    return f"deploy.py {verb}, {identity.me()}"


def is_stale(change_set: Listed, *, alone: bool) -> bool:
    """Whether nobody needs this change set any more. One that is saved for `deploy --plan` is never stale.

    `alone` says that no other deployer can be at work, because this one holds the lock.
    """
    if change_set.purpose != EPHEMERAL:
        return False
    owner = identity.read(change_set.description)
    if owner and owner.is_gone():
        return True
    if alone and change_set.description.startswith("deploy.py deploy,"):
        return True
    return datetime.now(UTC) - change_set.created > STALE_AFTER
