"""`restore`: create the service again that somebody deleted, with what was released last."""

from collections.abc import Iterator, Mapping

from ecs_blue_green.deployer import interrupts, remedies
from ecs_blue_green.deployer.clock import Sleep
from ecs_blue_green.deployer.cloudformation import schedule
from ecs_blue_green.deployer.cloudformation.describe import Stack
from ecs_blue_green.deployer.cloudformation.operation import Operations
from ecs_blue_green.deployer.cloudformation.schedule import Outcome
from ecs_blue_green.deployer.cloudformation.watch import Watch
from ecs_blue_green.deployer.errors import EXIT_DONE, Interrupted
from ecs_blue_green.deployer.execution.sessions import LockedSession
from ecs_blue_green.deployer.invocation import YES, Invocation
from ecs_blue_green.deployer.planning import report
from ecs_blue_green.deployer.release import restore
from ecs_blue_green.deployer.release.live import Live, short
from ecs_blue_green.deployer.release.restore import Intention
from ecs_blue_green.deployer.session import Session
from ecs_blue_green.deployer.verbs import _service


def run(invocation: Invocation) -> int:
    """Say what would be created, ask, do it, and wait until its tasks are steady."""
    with _service.opened(invocation) as (session, stacks, service):
        intention = restore.intend(session.aws, session.environment, service, stacks)
        invocation.document |= restore.document(intention)
        try:
            return _restore(invocation, session, stacks, intention)
        finally:
            restore.discard(session.aws, intention)


def _restore(
    invocation: Invocation,
    session: LockedSession,
    stacks: Mapping[str, Stack | None],
    intention: Intention,
) -> int:
    invocation.document["outcomes"] = []
    for line in _lines(intention):
        report.say(line)
    if not (intention.request or intention.scaling):
        report.say(f"{intention.service.name} is there, and what scales it: nothing is to be done.")
        return EXIT_DONE
    invocation.ask(session.environment, f"Create this in {session.environment.name}? [y/N]", YES)
    session.lock.check()
    interrupts.check()
    invocation.begun = True
    now = _create(invocation, session, intention) if intention.request else intention.now
    outcomes = _scale(session, intention, stacks)
    invocation.document["outcomes"] = report.outcome_documents(outcomes)
    if invocation.talks:
        report.show_outcomes(outcomes)
    report.say_way_on(outcomes, invocation.command)
    code = schedule.exit_code(outcomes)
    if code == EXIT_DONE:
        restore.refuse_divided(now)
    return code


def _create(invocation: Invocation, session: Session, intention: Intention) -> Live:
    try:
        now = restore.create(session.aws, session.environment, intention, say=session.say)
    except KeyboardInterrupt as error:
        raise Interrupted(
            "no longer watched", "ECS goes on by itself", remedies.GO_ON(command=invocation.command)
        ) from error
    invocation.document["live"] = {"colour": now.colour, "revision": now.revision}
    report.say(f"{intention.service.name} is steady ({now.colour})")
    return now


def _scale(session: LockedSession, intention: Intention, stacks: Mapping[str, Stack | None]) -> list[Outcome]:
    """Have CloudFormation make again what went with the service."""
    client = session.cloudformation
    with report.progress(intention.scaling) as progress:
        watch = Watch(client, follows=progress.follows)
        operations = Operations(client, watch, progress.on_event)

        def work(slug: str, sleep: Sleep) -> Outcome:
            session.lock.check()
            operations.execute(slug, intention.scaling[slug], stacks[slug], sleep)
            return Outcome(slug, "done")

        outcomes = schedule.run_layers({slug: set() for slug in intention.scaling}, work)
        for outcome in outcomes:
            outcome.stack = intention.scaling[outcome.layer].stack_arn
        return outcomes


def _lines(intention: Intention) -> Iterator[str]:
    """What will happen, for the person who is asked."""
    request = intention.request
    if request:
        tasks = f"{request['desiredCount']} task{'s' * (request['desiredCount'] != 1)}"
        yield f"{intention.service.name} is gone (ECS: {intention.now.state})."
        yield f"It is created with {short(intention.revision)}, behind {intention.colour}, with {tasks}."
    for slug, change_set in intention.scaling.items():
        for change in change_set.changes:
            yield f"{slug}: {change.logical_id} ({change.type}) is brought back to what was deployed."
