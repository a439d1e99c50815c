"""`deploy`: plan, guard, ask, then execute exactly what was shown."""

import contextlib
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from botocore.exceptions import BotoCoreError, ClientError

from ecs_blue_green.deployer import aws, configurations, interrupts
from ecs_blue_green.deployer.clock import Sleep
from ecs_blue_green.deployer.cloudformation import describe, schedule
from ecs_blue_green.deployer.cloudformation.schedule import Outcome
from ecs_blue_green.deployer.errors import EXIT_DONE, BadInput, Failed
from ecs_blue_green.deployer.execution import execution, history, owner, sessions
from ecs_blue_green.deployer.execution.execution import SideTask
from ecs_blue_green.deployer.execution.sessions import LockedSession
from ecs_blue_green.deployer.invocation import YES, Invocation, allowed, answer, chosen, has_person
from ecs_blue_green.deployer.planning import checks, ending, guard, making, report, saved
from ecs_blue_green.deployer.planning.plan import Plan, Step
from ecs_blue_green.deployer.planning.report import Progress
from ecs_blue_green.deployer.preflight import connection, image
from ecs_blue_green.deployer.rules import Guarded
from ecs_blue_green.deployer.session import Session
from ecs_blue_green.deployer.verbs import _proposal
from ecs_blue_green.deployer.verbs._proposal import Proposal

# How the work on the first image is called among the layers.
IMAGE = "image"


def run(invocation: Invocation) -> int:
    """Deploy the layers, or those of --only, or the plan in the file of --plan."""
    options = invocation.options
    project = invocation.load()
    environment, layers = project.environment, project.layers
    configurations.refuse_stale(invocation.root, environment, layers, project.runtime)
    kept = saved.read_complete(Path(options.plan), environment) if options.plan else None
    only = chosen(options.only or list(kept["layers"] if kept else []), layers)
    others = [slug for slug in only if kept and slug not in kept["layers"]]
    if others:
        raise BadInput(
            f"the plan in {options.plan} has no {', '.join(others)}",
            "only what it shows was approved",
            "name layers of the plan with ONLY, or none",
        )
    named = allowed(options.allow, layers, environment.name) | set(kept["allowed"] if kept else [])
    moved_from = kept.get("moved_from") if kept else None
    # What a saved plan was made of counts by its digests.
    if not (environment.is_local or kept):
        history.refuse_uncommitted(environment, invocation.root, report.say, tolerant=options.yes_uncommitted)
    with sessions.opened(invocation, project, moved_from) as session:
        if not (environment.is_local or options.yes_older):
            last = session.found.last or history.read(session.aws.client("ssm"), environment)
            history.refuse_older(last, environment, invocation.root)
        return _deploy(invocation, session, only, named, kept)


def _deploy(
    invocation: Invocation,
    session: LockedSession,
    only: list[str],
    named: set[str],
    kept: dict[str, Any] | None,
) -> int:
    proposal = _proposal.propose(invocation, session, only, session.found, kept=kept)
    plan = guard.lifting(proposal.plan, named)
    plan = replace(plan, kept=saved.adopted(plan, kept))
    try:
        _approve(invocation, session, proposal, named, kept)
        interrupts.check()
        owner.record(session, session.found.owners, plan.there)
    except BaseException:
        # A saved plan stays as it was; what is not executed of the others is removed. Why it is not executed
        # is told, not what more goes wrong.
        with contextlib.suppress(ClientError, BotoCoreError):
            making.discard(session.aws, plan, but=plan.kept)
        raise
    outcomes = _execute(invocation, session, proposal, plan) if plan.changes_something else []
    code = schedule.exit_code(outcomes)
    done = [outcome.layer for outcome in outcomes if outcome.result in schedule.GOOD]
    layers = [slug for slug in done if slug in plan.steps] if outcomes else list(plan.steps)
    # Where updates took minutes, the lock can have been lost, and what was read then is not the record now.
    last = None if outcomes else session.found.last
    _record(invocation, session, layers, whole=code == EXIT_DONE, last=last)
    if invocation.talks and code == EXIT_DONE:
        ending.say(plan, session.project.runtime, outcomes)
    return code


def _execute(invocation: Invocation, session: LockedSession, proposal: Proposal, plan: Plan) -> list[Outcome]:
    """Execute the plan, and say what became of each layer."""
    invocation.begun = True
    builds = proposal.answers.image == "to be built"
    with report.progress([*plan.steps, *([IMAGE] if builds else [])]) as progress:
        outcomes = execution.execute(
            session.aws,
            plan,
            progress,
            lambda slug: _before(session, plan.steps[slug]),
            _image_task(session, proposal, progress) if builds else None,
            lambda running: _interrupted(session, running, progress),
        )
    invocation.document["outcomes"] = report.outcome_documents(outcomes)
    if invocation.talks:
        report.show_outcomes(outcomes, ending.changed_outputs(plan, outcomes))
    report.say_way_on(outcomes, invocation.command)
    return outcomes


@interrupts.uninterrupted()
def _record(
    invocation: Invocation,
    session: Session,
    layers: list[str],
    *,
    whole: bool,
    last: history.Record | None,
) -> None:
    """Remember from which commit these layers were deployed; `last` is the record, where that is known."""
    environment = session.environment
    if environment.is_local or not layers:
        return
    try:
        history.record(
            session.aws.client("ssm"), environment, invocation.root, layers, whole=whole, last=last
        )
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
    invocation: Invocation,
    session: LockedSession,
    proposal: Proposal,
    named: set[str],
    kept: dict[str, Any] | None,
) -> None:
    """Show the plan. Raises Blocked or Interrupted unless it may be carried out."""
    plan, environment = proposal.plan, session.environment
    if kept:
        saved.refuse_moved(kept, plan)
    if invocation.options.wait and plan.changes_something:
        checks.wait_for_release(session.aws, proposal.service, session.say)
    with interrupts.threads(1) as pool:
        if plan.changes_something and (kept or invocation.options.yes):
            # Nobody is asked, so what is executed next relies on this answer as long as it is fresh.
            pool.submit(session.lock.check)
        _, findings = _proposal.judge(invocation, session, proposal, named, whole=False)
    if findings:
        raise Guarded(findings, shown=True)
    answers = proposal.answers
    if answers.connection_waits and plan.changed and plan.changed <= set(answers.waiting):
        raise connection.pending(environment, str(answers.connection))
    if plan.changes_something and not kept:
        invocation.ask(environment, f"Deploy this to {environment.name}? [y/N]", YES)
        if any(step.deletion_blockers for step in plan.steps.values()):
            invocation.ask(environment, "Take away what protects the leftovers, and delete them? [y/N]", YES)


def _before(session: LockedSession, step: Step) -> None:
    """Raise where a layer's stack must not be made or changed now.

    A pipeline that exists was made with a connection that worked; a new one must not be too early.
    """
    named = step.layer.runtime.waits_for_connection
    if named and step.act in ("create", "recreate"):
        connection.require_available(session.aws, session.environment, named)
    session.lock.check()


def _image_task(session: Session, proposal: Proposal, progress: Progress) -> SideTask:
    """Build and push the service's first image beside the stacks."""
    wanted, engine = proposal.wanted, proposal.answers.engine

    def work(sleep: Sleep) -> Outcome:
        talking = replace(session, say=lambda text: progress.tell(IMAGE, text))
        digest, made = image.push(talking, wanted, engine, sleep=sleep)
        return Outcome(IMAGE, "done" if made else "nothing", notes=[f"{wanted} is {digest}"])

    return SideTask(IMAGE, wanted.layer, wanted.service_layer, work)


def _interrupted(
    session: Session, running: set[str], progress: Progress
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
    _cancel(session, running)
    return "finish"


def _cancel(session: Session, running: set[str]) -> None:
    client = session.cloudformation
    for layer in sorted(running):
        stack = describe.stack(client, session.environment.stack_name(layer))
        if stack is None or stack.status != "UPDATE_IN_PROGRESS":
            report.say(f"{layer} cannot be cancelled ({stack.status if stack else 'gone'}): it goes on")
            continue
        try:
            client.cancel_update_stack(StackName=stack.arn)
        except ClientError as error:
            report.say(f"{layer} cannot be cancelled: {aws.failure(error)}")
