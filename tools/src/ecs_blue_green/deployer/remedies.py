"""What a message tells a person to do, in one place: the ways out of what blocks, and every other command.

A way out that is a `command` of this project is followed by a test, on the emulator, from the blocked state
to its end (`tests/deployer/test_remedies.py` looks that each is). Those that lead through AWS's console or
commands are `only on AWS`; others are work in the repository, `by hand`.
"""

from typing import Literal, NamedTuple

from ecs_blue_green.runtime import REPAIR

Kind = Literal["command", "only on AWS", "by hand"]


class Remedy(NamedTuple):
    """Words, with places in braces for what they are about."""

    words: str
    kind: Kind

    def __call__(self, **values: str) -> str:
        """The words about these."""
        return self.words.format(**values)


# What is wrong with the files, before AWS is asked anything.
GENERATE = Remedy(REPAIR, "command")
CORRECT = Remedy("correct {file}", "by hand")
ANOTHER_NAME = Remedy(
    "give the one that is not deployed yet another name, or an account of its own; a file that is no "
    "environment's belongs out of {folder}/; where both are deployed, add ARGS=--no-preflight until one of "
    "them has moved",
    "command",
)
SECRET_OF_THE_CONTAINER = Remedy(
    "give the container the secret's ARN as a secret, not as a variable (docs/bring-your-own-application.md)",
    "by hand",
)
DELETE_TEMPLATE = Remedy(
    "have the bucket's policy let you, and delete it: aws s3api delete-object --bucket {bucket} --key {key}"
    "{version}; your permissions are in docs/deployer-policy.yaml, with its parameter TemplateBucket",
    "only on AWS",
)
SAY_YES = Remedy("add YES=1 (--yes)", "command")
PLAN_SHOWS_NAMES = Remedy("{plan} shows the names", "command")
ADD_LAYER = Remedy("add it: ONLY={layers}", "command")
MAKE_PLAN = Remedy("make one: {plan}", "command")
DISCARD_PLAN = Remedy("{discard}, then plan again", "command")

# What blocks a plan: docs/operations.md, Blocked by a rule.
ALLOW = Remedy("if that is meant: ALLOW={resource}", "command")
ALLOW_LATER = Remedy("once [{rule}] is out of the way, if that is meant: ALLOW={resource}", "command")
ALLOW_ALL = Remedy("all of these, if they are meant: {command}", "command")
ALLOW_ALL_LATER = Remedy("once {rules} is out of the way, the others, if meant: {command}", "command")
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

OTHER_REPOSITORY = Remedy(
    "choose another `project:` in params/{environment}.yaml; if {other} is {own} now, move the environment: "
    "{move}",
    "command",
)
LET_IMPORTER_GO = Remedy(
    "delete the importing stack, or deploy it without the import; then destroy", "by hand"
)

# What blocks before there is a plan: docs/operations.md, Blocked for another reason.
WAIT_FOR_LOCK = Remedy(
    "wait for it with ARGS=--wait, or take the lock from it if it is dead: ARGS=--break-lock", "command"
)
TAKE_LOCK = Remedy("if nobody is at work there, take the lock: ARGS=--break-lock", "command")
LOCK_TAKEN_OVER = Remedy("wait for its end and go on: {again}", "command")
UPDATE_CHECKOUT = Remedy("update the checkout (git pull); to go back on purpose: ARGS=--yes-older", "command")
GIT_CANNOT_TELL = Remedy("{way_out}; to deploy without knowing: ARGS=--yes-older", "command")
COMMIT = Remedy(
    "commit it, or undo it (git status shows it), or have a saved plan approved: {plan}; to deploy it on "
    "purpose: ARGS=--yes-uncommitted",
    "command",
)
NEW_PLAN = Remedy("run again: the new plan will show it", "command")
PLAN_AGAIN = Remedy("make and approve a new one: {plan}", "command")
DO_WHAT_IT_SAYS = Remedy("do what it says, then run again", "by hand")
BUILD_IMAGE = Remedy("where docker or podman runs:{commands}", "command")
COMPLETE_CONNECTION = Remedy("complete the connection at {console}, then: {deploy}", "command")
CONTINUE_ROLLBACK = Remedy("remove the cause, then: {command}", "command")
ROLL_STACK_BACK = Remedy(
    "look at what failed, then: aws cloudformation rollback-stack --stack-name {stack}; when that has ended, "
    "run again",
    "only on AWS",
)
END_IMPORT = Remedy("bring it to an end in the CloudFormation console, then run again", "only on AWS")
FINISH_DELETION = Remedy("finish that first: {destroy}; then run again", "command")
FINISH_DELETION_BY_HAND = Remedy(
    "finish that first: aws cloudformation delete-stack --stack-name {stack}; then run again", "only on AWS"
)
LOWER_PROTECTION = Remedy(
    "to really destroy it: set protected: false, {deploy}, then destroy (docs/operations.md)", "command"
)
DEPLOY_LOWERED_PROTECTION = Remedy(
    "nothing was deleted; {deploy}, then destroy (docs/operations.md)", "command"
)

# What blocks a way back, or restore: docs/operations.md, Blocked for another reason.
RESTORE = Remedy("to create it again: {restore}", "command")
DEPLOY = Remedy("{deploy}", "command")
WAIT_FOR_DEPLOYMENT = Remedy("wait for its end, which {status} shows, then run again", "command")
WAIT_FOR_TRAFFIC = Remedy("run again when all traffic has moved ({status})", "command")
GO_BACK_INSTEAD = Remedy("to go back to the release before: {rollback}", "command")
FOLLOW_ROLLBACK = Remedy("to follow it: {rollback}", "command")
ROLL_BACK_AFTER_END = Remedy("run again in a minute: then the revision before it is deployed", "command")
ROLL_BACK_AGAIN = Remedy("run again to deploy the revision before it", "command")
ROLL_BACK_THAT_ONE = Remedy("run again: it stops that one", "command")
RELEASE = Remedy("push a commit: that is one", "by hand")
REVERT = Remedy("revert the commit and push: that is a release too", "by hand")
REVERT_FOR_IMAGE = Remedy("revert the commit and push: that makes a new revision and a new image", "by hand")
DEPLOY_BY_CODEDEPLOY = Remedy(
    "look at it: {status}; deploy the right revision from the CodeDeploy console", "only on AWS"
)

# How a deploy ends.
RUN_OR_REHEARSE = Remedy(
    "make run (runs {folder}/, to open in a browser), or make rehearse (releases it)", "command"
)
FIRST_RELEASE = Remedy("{status} (the new pipeline begins with a release)", "command")
SEE_ALL = Remedy("{status} (what is live, and every output); a push releases", "command")
RELEASE_MOVES = Remedy("push a commit: the next release brings {parameters}", "by hand")

# What was begun and did not end well: nothing is blocked by it.
SEE_STATUS = Remedy("see what was done: {status}", "command")
GO_ON = Remedy("to go on from there: {command}", "command")
REMOVE_CAUSE = Remedy("look at it: {status}; remove the cause, then run again", "command")
LOOK_AT_DEPLOYMENT = Remedy(
    "look at it: {status}, and the deployment in the CodeDeploy console", "only on AWS"
)
RESTORE_LATER = Remedy("run again later: {restore}", "command")
CREATE_SERVICE = Remedy(
    "create it with `aws ecs create-service` under the same name, then: {restore}", "only on AWS"
)
