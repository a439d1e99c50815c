"""What a message tells a person to do, in one place: the ways out of what blocks (exit code 3).

A way out that is a `command` of this project is followed by a test, on the emulator, from the blocked state
to its end (`tests/deployer/test_remedies.py` looks that each is). Those that lead through AWS's console or
commands are `only on AWS`; others are work in the repository, `by hand`.
"""

from dataclasses import dataclass
from typing import Literal

from ecs_blue_green.runtime import REPAIR

Kind = Literal["command", "only on AWS", "by hand"]


@dataclass(frozen=True)
class Remedy:
    """Words, with places in braces for what they are about."""

    words: str
    kind: Kind

    def __call__(self, **values: str) -> str:
        """The words about these."""
        return self.words.format(**values)


# What is wrong with the files, before AWS is asked anything.
GENERATE = Remedy(REPAIR, "command")

# What blocks a plan: docs/operations.md, Blocked by a rule.
ALLOW = Remedy("if that is meant: ALLOW={resource}", "command")
ALLOW_LATER = Remedy("once [{rule}] is out of the way, if that is meant: ALLOW={resource}", "command")
UPDATE_SERVICE = Remedy("if that is meant: ALLOW={resource}", "only on AWS")
TAKE_BACK = Remedy(
    "take the change back; revision, image and target group change with a release, and so do the parameters "
    "of which a plan says that they move with it; the rest needs a new service",
    "by hand",
)
BLUE_AGAIN = Remedy(
    "wait for or make a release that brings blue back, then deploy; a certificate or a path that cannot "
    "wait: docs/operations.md, listener-live",
    "command",
)
WAIT_OR_STOP = Remedy("wait for its end with ARGS=--wait, or stop it: {stop}", "command")
LET_GO_FIRST = Remedy("in this order, since {layers} will not import it any more: {first}; {then}", "command")
WITHOUT_IMPORT = Remedy(
    "in two steps: first deploy the importing stack without the import, then this change", "by hand"
)
ANOTHER_PROJECT = Remedy("choose another `project:` in params/{environment}.yaml", "by hand")
SET_STACK_POLICY = Remedy(
    "ALLOW cannot lift it, since it does not name what it denies: somebody has to change it with "
    "`aws cloudformation set-stack-policy` (docs/operations.md, stack-policy)",
    "only on AWS",
)

# What blocks before there is a plan: docs/operations.md, Blocked for another reason.
WAIT_FOR_LOCK = Remedy(
    "wait for it with ARGS=--wait, or take the lock from it if it is dead: ARGS=--break-lock", "command"
)
UPDATE_CHECKOUT = Remedy("update the checkout (git pull); to go back on purpose: ARGS=--yes-older", "command")
COMMIT = Remedy(
    "commit it, or take it back (git status shows it), or have a kept plan approved: {plan}; to deploy it on "
    "purpose: ARGS=--yes-uncommitted",
    "command",
)
ROLL_STACK_BACK = Remedy(
    "look at what failed, then: aws cloudformation rollback-stack --stack-name {stack}; when that has ended, "
    "run again",
    "only on AWS",
)
