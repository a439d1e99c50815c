"""Carry out a plan: exactly its change sets, then what CloudFormation's change sets cannot carry."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from botocore.exceptions import BotoCoreError, ClientError

from ecs_blue_green.deployer import aws as door
from ecs_blue_green.deployer import clock, policy, remedies
from ecs_blue_green.deployer.aws import Aws
from ecs_blue_green.deployer.changes import UPDATES, ResourceChange
from ecs_blue_green.deployer.clock import Sleep
from ecs_blue_green.deployer.cloudformation import change_sets, schedule
from ecs_blue_green.deployer.cloudformation.change_sets import ChangeSet
from ecs_blue_green.deployer.cloudformation.describe import Stack
from ecs_blue_green.deployer.cloudformation.operation import LostSight, Operations, StackFailed
from ecs_blue_green.deployer.cloudformation.schedule import Left, OnInterrupt, Outcome
from ecs_blue_green.deployer.cloudformation.watch import Watch
from ecs_blue_green.deployer.errors import Blocked, Failed
from ecs_blue_green.deployer.execution import services
from ecs_blue_green.deployer.planning import deployed, making, text
from ecs_blue_green.deployer.planning.answers import worse
from ecs_blue_green.deployer.planning.plan import Plan, Step
from ecs_blue_green.deployer.planning.report import Progress
from ecs_blue_green.deployer.planning.requests import Requests

# Called with a layer before its stack is made or changed; it raises to leave the stack as it is.
Before = Callable[[str], None]

# An export or a role that was made a moment ago can be unknown for as long as this.
SETTLE_SECONDS = 45.0
SETTLE_PAUSE_SECONDS = 3.0
_STAYS_LIFTED = "its stack policy stays lifted until the next deploy"
_UNSETTLED = ("No export named", "is invalid or cannot be assumed")


@dataclass(frozen=True)
class SideTask:
    """Work beside the stacks: it begins when the layer `after` is done, and the layer `before` waits for it.

    `work` gets the sleep of the schedule and gives the outcome, under the task's name.
    """

    name: str
    after: str
    before: str
    work: Callable[[Sleep], Outcome]


def execute(
    aws: Aws,
    plan: Plan,
    progress: Progress,
    before: Before,
    side_task: SideTask | None = None,
    on_interrupt: OnInterrupt = schedule.leave,
) -> list[Outcome]:
    """Carry the plan out and say of each layer what became of it, in the order of deployment.

    Stack policies are put back on every way out; only an update that is left running keeps its stack's
    lifted, since it would fail otherwise. Change sets that were not executed are removed; those that were
    kept for this only where another one was executed, since until then the plan of which they are can be.
    """
    execution = _Execution(aws, plan, progress, before)

    def work(name: str, sleep: Sleep) -> Outcome:
        if side_task and name == side_task.name:
            return side_task.work(sleep)
        return execution.carry_out(name, sleep)

    try:
        outcomes = schedule.run_layers(_waits_for(plan, side_task), work, on_interrupt)
        for outcome in outcomes:
            outcome.stack = execution.stack_arns.get(outcome.layer, "")
        return outcomes
    finally:
        execution.discard_rest()


def _waits_for(plan: Plan, side_task: SideTask | None) -> Mapping[str, set[str]]:
    if side_task is None:
        return plan.waits_for
    waits_for = {slug: set(upstreams) for slug, upstreams in plan.waits_for.items()}
    waits_for[side_task.name] = {side_task.after} & waits_for.keys()
    if side_task.before in waits_for:
        waits_for[side_task.before].add(side_task.name)
    return waits_for


class _Execution:
    def __init__(self, aws: Aws, plan: Plan, progress: Progress, before: Before) -> None:
        self._aws = aws
        self._client = aws.client("cloudformation")
        self._plan = plan
        self._progress = progress
        self._before = before
        watch = Watch(self._client, follows=progress.follows, look_into=self._look_into)
        self._operations = Operations(self._client, watch, progress.on_event)
        self._requests = Requests(aws, plan.environment, "deploy")
        self._executed: set[str] = set()
        self.stack_arns = {slug: step.stack.arn for slug, step in plan.steps.items() if step.stack}
        # What was told of a service last.
        self._said: dict[tuple[str, str], str] = {}
        # The stacks that this run has brought to where they are now.
        self._after: dict[str, Stack] = {}

    def carry_out(self, layer: str, sleep: Sleep) -> Outcome:
        """Do one layer's part, and say what became of it."""
        step = self._plan.steps[layer]
        outcome = Outcome(layer, "done" if step.changes_something else "nothing")
        stack = step.stack
        if step.act != "nothing":
            stack = self._bring_up_to_date(step, outcome, sleep)
        if stack is None:
            return Outcome(layer, "nothing")
        with _after_success("the stack is as planned, but not its policy or its protection"):
            self._complete(step, stack, outcome)
        outcome.outputs = stack.outputs
        runtime = step.layer.runtime
        if runtime.released and step.act == "update":
            revision = outcome.outputs.get(runtime.revision or "", "").rpartition(":")[2]
            outcome.notes.append(f"revision {revision} registered; it runs after the next release")
        return outcome

    def discard_rest(self) -> None:
        """Remove the change sets that were planned and not executed, as far as AWS can be asked."""
        try:
            making.discard(self._aws, self._plan, but=self._executed or self._plan.kept)
        except (ClientError, BotoCoreError):
            return  # The next run finds them.

    def _bring_up_to_date(self, step: Step, outcome: Outcome, sleep: Sleep) -> Stack | None:
        """Execute the layer's change set, and give the stack as it is afterwards."""
        slug = step.layer.slug
        self._before(slug)
        before = step.stack
        outcome.notes += [blocker.remove(self._aws) for blocker in step.deletion_blockers]
        if step.act == "recreate" and before:
            self._operations.delete(slug, before, sleep)
            before = None
        change_set = step.change_set or self._late_change_set(step, before, sleep)
        if change_set is None:
            # CloudFormation sees no change, now that it can be asked.
            outcome.result = "done" if step.sets_policy or step.sets_protection else "nothing"
            return before
        self.stack_arns[slug] = change_set.stack_arn
        with self._lifted(step, change_set):
            try:
                self._executed.add(slug)
                # How long the creation took says nothing about an update.
                expected = step.took.seconds if step.took and not step.took.created else None
                self._after[slug] = self._operations.execute(slug, change_set, before, sleep, expected)
            except StackFailed as error:
                if error.status == deployed.STUCK:
                    error.remedy = deployed.continuing(self._plan.environment, slug)
                raise
            except (ClientError, BotoCoreError):
                # It was refused, so nothing was executed.
                self._executed.discard(slug)
                raise
        return self._after[slug]

    def _look_into(self, stack_arn: str) -> None:
        """Tell why a stack takes long, where that is known."""
        layer = next(slug for slug, arn in self.stack_arns.items() if arn == stack_arn)
        # What cannot be asked is not told; the operation goes on either way.
        with suppress(ClientError, BotoCoreError):
            for name, message in services.newest_events(self._aws, stack_arn):
                if self._said.get((layer, name)) != message:
                    self._said[layer, name] = message
                    self._progress.remark(layer, f"ECS, about {name}: {message}")

    def _complete(self, step: Step, stack: Stack, outcome: Outcome) -> None:
        """Set what a change set cannot: the stack's policy and its protection."""
        if step.layer.stack_policy and step.sets_policy and not step.lifts:
            self._client.set_stack_policy(StackName=stack.arn, StackPolicyBody=step.layer.stack_policy)
            outcome.notes.append("stack policy set")
        if step.sets_protection:
            self._client.update_termination_protection(StackName=stack.arn, EnableTerminationProtection=True)
            outcome.notes.append("termination protection switched on")

    def _late_change_set(self, step: Step, stack: Stack | None, sleep: Sleep) -> ChangeSet | None:
        """The change set that could not be made when the plan was: now what the layer imports from is there.

        It must be what was approved. Raises Blocked when it is not.
        """
        made = self._made_late(step, stack if stack and stack.exists else None, sleep)
        if made is None:
            return None
        # What CloudFormation only reads again, and the plan knows to stay, needs no approval.
        changes = [change for change in worse(made.changes, step.changes) if not change.stays]
        unplanned = [change for change in changes if not _was_planned(change, step.changes)]
        if not unplanned:
            for warning in change_sets.warnings(self._client, made):
                self._progress.remark(step.layer.slug, text.warning(warning))
            return made
        is_new = stack is None or not stack.exists
        change_sets.remove(self._client, made.arn, made.stack_arn if is_new else None)
        # A stack that was deleted to be made again was operated on.
        kind = Failed if step.act == "recreate" else Blocked
        raise kind(
            "CloudFormation's change set differs from the approved plan",
            ", ".join(f"{change.action} {change.logical_id}" for change in unplanned),
            remedies.NEW_PLAN(),
        )

    def _made_late(self, step: Step, stack: Stack | None, sleep: Sleep) -> ChangeSet | None:
        """Ask for a change set, again while what was made a moment ago is not known everywhere."""
        slug = step.layer.slug
        waits = any(upstream in self._after for upstream in self._plan.waits_for[slug])
        deadline = clock.monotonic() + (SETTLE_SECONDS if waits else 0)
        while True:
            try:
                return self._requests.change_set(step.layer, stack, self._role(step), sleep)
            except Failed as error:
                passing = any(words in error.why for words in _UNSETTLED)
                if not passing or clock.monotonic() > deadline:
                    raise
                sleep(SETTLE_PAUSE_SECONDS)

    @contextmanager
    def _lifted(self, step: Step, change_set: ChangeSet) -> Iterator[None]:
        """Lift the stack policy, where that is needed and allowed, for the time of the block."""
        if not step.lifts or not step.deployed_policy:
            yield
            return
        wanted = step.layer.stack_policy or step.deployed_policy
        try:
            self._set_policy(
                change_set.stack_arn, policy.lifted(step.deployed_policy, step.lifts, step.lifts)
            )
            yield
        except Left as error:
            # The update goes on; with the policy back in place it would be refused half-way.
            raise Left(_STAYS_LIFTED) from error
        except LostSight as error:
            raise LostSight(error, f"{error.what}; {_STAYS_LIFTED}") from error
        except BaseException:
            # What failed before is told; where this fails too, the next deploy finds the policy lifted.
            with suppress(ClientError, BotoCoreError):
                self._set_policy(change_set.stack_arn, wanted)
            raise
        with _after_success("the stack is as planned, but its policy is still lifted"):
            self._set_policy(change_set.stack_arn, wanted)

    def _set_policy(self, stack_arn: str, body: str) -> None:
        self._client.set_stack_policy(StackName=stack_arn, StackPolicyBody=body)

    def _role(self, step: Step) -> str | None:
        """The role as it was planned, or as it is after what this run has done."""
        output = step.layer.runtime.role
        if output and output.layer in self._after:
            return deployed.execution_role(self._plan.environment, step.layer, self._after)
        return step.role


@contextmanager
def _after_success(what: str) -> Iterator[None]:
    """Say of an error in the block that the stack itself is as wanted."""
    try:
        yield
    except (ClientError, BotoCoreError) as error:
        failure = door.failure(error)
        raise Failed(what, str(failure), failure.remedy or "run the same command again") from error


def _was_planned(change: ResourceChange, planned: Iterable[ResourceChange]) -> bool:
    """Whether the plan announced this change, or a worse one, for the same resource."""
    for expected in planned:
        if expected.logical_id != change.logical_id:
            continue
        if expected.action in UPDATES and change.action in UPDATES:
            return UPDATES.index(change.action) <= UPDATES.index(expected.action)
        return expected.action == change.action
    return False
