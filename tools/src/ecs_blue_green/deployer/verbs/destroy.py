"""`destroy`: delete the stacks of an unprotected environment, importers first."""

from collections.abc import Sequence
from dataclasses import asdict
from itertools import chain

from ecs_blue_green.deployer.cloudformation import schedule
from ecs_blue_green.deployer.cloudformation.describe import Stack
from ecs_blue_green.deployer.errors import EXIT_DONE
from ecs_blue_green.deployer.execution import destroy, history, owner, sessions
from ecs_blue_green.deployer.execution.destroy import Deletion
from ecs_blue_green.deployer.execution.retained import Retained
from ecs_blue_green.deployer.invocation import YES, Invocation
from ecs_blue_green.deployer.planning import report


def run(invocation: Invocation) -> int:
    """Ask, then delete everything that the environment has."""
    project = invocation.load()
    destroy.refuse_protected(project.environment, project.layers)
    with sessions.opened(invocation, project) as session:
        deletion = destroy.survey(session, session.found.stacks, session.found.owners.record.layers)
        invocation.document["stays"] = _stays_document(deletion.stays)
        remains = [] if deletion.stacks else destroy.remains(session.aws, deletion)
        _ask(invocation, deletion, remains)
        invocation.begun = True
        with report.progress(deletion.known) as progress:
            outcomes = destroy.destroy(session.aws, deletion, progress, session.lock.check)
        invocation.document["outcomes"] = report.outcome_documents(outcomes)
        if schedule.exit_code(outcomes) == EXIT_DONE:
            store = session.aws.client("ssm")
            history.remove(store, project.environment)
            owner.remove(store, project.environment)
            session.lock.forgotten = True
    if invocation.talks:
        report.show_outcomes(outcomes)
    report.say_way_on(outcomes, invocation.command)
    return schedule.exit_code(outcomes)


def _ask(invocation: Invocation, deletion: Deletion, remains: Sequence[Retained]) -> None:
    """Say what is deleted, what stays and what is in the way. Raises Interrupted unless the answer is yes."""
    environment, stays = deletion.environment, deletion.stays
    if deletion.stacks or remains:
        but = ", but for what is named below" if stays else ""
        report.say(f"To be deleted, with everything in them{but}:" if deletion.stacks else "To be deleted:")
        for name in [_line(slug, stack, deletion) for slug, stack in deletion.stacks.items()] or remains:
            report.say(f"  {name}")
        if stays:
            report.say("To stay, as the deployed templates say (DeletionPolicy):")
        for thing in chain.from_iterable(stays.values()):
            report.say(f"  {thing}")
        invocation.ask(environment, f"Type {environment.name} to delete them:", environment.name)
    if deletion.blockers:
        report.say("To be taken away before what is left can be deleted:")
        for blocker in chain.from_iterable(deletion.blockers.values()):
            report.say(f"  {blocker}")
        invocation.ask(environment, "Take away what protects the leftovers, and delete them? [y/N]", YES)


def _line(slug: str, stack: Stack, deletion: Deletion) -> str:
    has_left = slug in deletion.left
    return stack.name + (f" ({slug} is no layer of this project any more)" if has_left else "")


def _stays_document(stays: destroy.Stays) -> list[dict[str, object]]:
    return [{"layer": slug, **asdict(thing)} for slug, things in stays.items() for thing in things]
