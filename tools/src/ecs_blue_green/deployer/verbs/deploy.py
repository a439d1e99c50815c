"""`deploy`: plan, guard, ask, then execute exactly what was shown."""

import contextlib
import functools
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from botocore.exceptions import BotoCoreError, ClientError

from ecs_blue_green.deployer import aws, configurations, interrupts
from ecs_blue_green.deployer.aws import Aws
from ecs_blue_green.deployer.clock import Sleep
from ecs_blue_green.deployer.cloudformation import describe, schedule
from ecs_blue_green.deployer.cloudformation.schedule import Outcome
from ecs_blue_green.deployer.environment import Environment
from ecs_blue_green.deployer.errors import EXIT_DONE, BadInput, Failed
from ecs_blue_green.deployer.execution import execution, history, owner, session
from ecs_blue_green.deployer.execution.execution import Errand, Gate
from ecs_blue_green.deployer.execution.lock import Lock
from ecs_blue_green.deployer.execution.owner import Owners
from ecs_blue_green.deployer.invocation import YES, Invocation, allowed, answer, chosen, has_person
from ecs_blue_green.deployer.layers import Layer
from ecs_blue_green.deployer.planning import checks, ending, making, report, saved
from ecs_blue_green.deployer.planning.plan import Plan
from ecs_blue_green.deployer.planning.report import Progress
from ecs_blue_green.deployer.preflight import connection, image
from ecs_blue_green.deployer.rules import Guarded
from ecs_blue_green.deployer.verbs import _proposal
from ecs_blue_green.deployer.verbs._proposal import Proposal
from ecs_blue_green.runtime import Runtime

# How the work on the first image is called among the layers.
IMAGE = "image"


def run(invocation: Invocation) -> int:
    """Deploy the layers, or those of --only, or the plan in the file of --plan."""
    options = invocation.options
    project = invocation.load()
    settings, layers, runtime = project.environment, project.layers, project.runtime
    configurations.refuse_stale(invocation.root, settings, layers, runtime)
    kept = saved.read_complete(Path(options.plan), settings) if options.plan else None
    only = chosen(options.only or list(kept["layers"] if kept else []), layers)
    others = [slug for slug in only if kept and slug not in kept["layers"]]
    if others:
        raise BadInput(
            f"the plan in {options.plan} has no {', '.join(others)}",
            "only what it shows was approved",
            "name layers of the plan with ONLY, or none",
        )
    named = allowed(options.allow, layers, settings.name) | set(kept["allowed"] if kept else [])
    moved_from = kept.get("moved_from") if kept else None
    # What a kept plan was made of counts by its digests.
    if not (settings.is_local or kept):
        history.refuse_uncommitted(settings, invocation.root, report.say, tolerant=options.yes_uncommitted)
    with session.opened(invocation, settings, layers, runtime, moved_from) as (door, held, owners):
        # Asked with the lock in hand: whoever held it until now may have deployed.
        if not (settings.is_local or options.yes_older):
            history.refuse_older(door.client("ssm"), settings, invocation.root)
        return _deploy(invocation, door, settings, layers, runtime, only, named, kept, held, owners)


def _deploy(
    invocation: Invocation,
    door: Aws,
    settings: Environment,
    layers: Mapping[str, Layer],
    runtime: Runtime,
    only: list[str],
    named: set[str],
    kept: dict[str, Any] | None,
    held: Lock,
    owners: Owners,
) -> int:
    approved = saved.approved(door, kept) if kept else making.nothing_approved
    proposal = _proposal.make(
        invocation, door, settings, layers, runtime, only, owners, verb="deploy", approved=approved
    )
    planned, answers = proposal.plan, proposal.answers
    try:
        _approve(invocation, door, proposal, named, kept)
        interrupts.check()
        owner.record(door.client("ssm"), settings, layers, runtime, owners, planned.there)
    except BaseException:
        # A kept plan stays as it was; what is not executed of the others is removed. Why it is not executed
        # is told, not what more goes wrong.
        with contextlib.suppress(ClientError, BotoCoreError):
            making.discard(door, planned, but=saved.adopted(planned, kept))
        raise
    if not planned.changes_something:
        _record(invocation, door, settings, list(planned.steps), whole=True)
        if invocation.talks:
            ending.say(planned, runtime, ())
        return EXIT_DONE
    invocation.begun = True
    builds = answers.image == "to be built"
    with report.progress([*planned.steps, *([IMAGE] if builds else [])]) as progress:
        outcomes = execution.execute(
            door,
            planned,
            named,
            progress.on_event,
            before_each=held.check,
            gates=_gates(door, settings, planned),
            errand=_errand(door, settings, proposal, progress) if builds else None,
            on_interrupt=lambda running: _interrupted(door, settings, running, progress),
            follows=progress.follows,
            kept=saved.adopted(planned, kept),
            tell=progress.remark,
        )
    invocation.document["outcomes"] = report.outcome_documents(outcomes)
    if invocation.talks:
        report.show_outcomes(outcomes, ending.changed_outputs(planned, outcomes))
    report.say_way_on(outcomes, invocation.command)
    code = schedule.exit_code(outcomes)
    done = [one.layer for one in outcomes if one.result in schedule.GOOD and one.layer in planned.steps]
    _record(invocation, door, settings, done, whole=code == EXIT_DONE)
    if invocation.talks and code == EXIT_DONE:
        ending.say(planned, runtime, outcomes)
    return code


@interrupts.uninterrupted()
def _record(
    invocation: Invocation, door: Aws, settings: Environment, done: list[str], *, whole: bool
) -> None:
    """Remember from which commit these layers were deployed."""
    if settings.is_local or not done:
        return
    try:
        history.record(door.client("ssm"), settings, invocation.root, done, whole=whole)
    except (ClientError, BotoCoreError) as error:
        # What failed before has been told, and is what counts.
        if whole:
            failure = aws.failure(error)
            raise Failed(
                "the stacks are as planned, but not the record of the commit that was deployed",
                str(failure),
                failure.remedy or "run the same command again",
            ) from error


def _approve(
    invocation: Invocation, door: Aws, proposal: Proposal, named: set[str], kept: dict[str, Any] | None
) -> None:
    """Show the plan. Raises Blocked or Interrupted unless it may be carried out."""
    planned, settings = proposal.plan, proposal.plan.environment
    if kept:
        saved.refuse_moved(kept, planned)
    if invocation.options.wait and planned.changes_something:
        checks.wait_for_release(door, proposal.service, report.say)
    findings = _proposal.judge(invocation, door, proposal, named, whole=False)
    if findings:
        raise Guarded(findings, shown=True)
    answers = proposal.answers
    if answers.connection_waits and planned.changed and planned.changed <= set(answers.waiting):
        raise connection.pending(settings, str(answers.connection))
    if planned.changes_something and not kept:
        invocation.ask(settings, f"Deploy this to {settings.name}? [y/N]", YES)
        if any(step.deletion_blockers for step in planned.steps.values()):
            invocation.ask(settings, "Take away what protects the leftovers, and delete them? [y/N]", YES)


def _gates(door: Aws, settings: Environment, planned: Plan) -> dict[str, Gate]:
    """A pipeline that exists was made with a connection that worked; a new one must not be too early."""
    return {
        slug: functools.partial(connection.require_available, door, settings, named)
        for slug, step in planned.steps.items()
        if step.act in ("create", "recreate") and (named := step.layer.runtime.waits_for_connection)
    }


def _errand(door: Aws, settings: Environment, proposal: Proposal, progress: Progress) -> Errand:
    """Build and push the service's first image beside the stacks."""
    wanted, engine = proposal.wanted, proposal.answers.engine

    def work(sleep: Sleep) -> Outcome:
        digest, made = image.push(
            door, settings, wanted, engine, lambda text: progress.tell(IMAGE, text), sleep=sleep
        )
        return Outcome(IMAGE, "done" if made else "nothing", notes=[f"{wanted} is {digest}"])

    return Errand(IMAGE, wanted.layer, wanted.service_layer, work)


def _interrupted(
    door: Aws, settings: Environment, running: set[str], progress: Progress
) -> Literal["go on", "finish", "leave"]:
    """What Ctrl-C means: a person is asked, and without one CloudFormation is left to go on."""
    if not has_person():
        return "leave"
    with progress.paused():
        report.say(f"{', '.join(sorted(running))}: CloudFormation is at work.")
        choice = answer("[c]ancel the updates, [l]eave them running, or Enter to go on watching:")
    if choice.startswith("l"):
        return "leave"
    if not choice.startswith("c"):
        return "go on"
    _cancel(door, settings, running)
    return "finish"


def _cancel(door: Aws, settings: Environment, running: set[str]) -> None:
    client = door.client("cloudformation")
    for layer in sorted(running):
        stack = describe.stack(client, settings.stack_name(layer))
        if stack is None or stack.status != "UPDATE_IN_PROGRESS":
            report.say(f"{layer} cannot be cancelled ({stack.status if stack else 'gone'}): it goes on")
            continue
        try:
            client.cancel_update_stack(StackName=stack.arn)
        except ClientError as error:
            report.say(f"{layer} cannot be cancelled: {aws.failure(error)}")
