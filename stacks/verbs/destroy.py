"""`destroy`: delete the stacks of an unprotected environment, importers first."""

from stacks import interrupts
from stacks.cloudformation import schedule
from stacks.errors import EXIT_DONE
from stacks.execution import destroy, history, session
from stacks.invocation import Invocation
from stacks.planning import report


def run(invocation: Invocation) -> int:
    """Ask, then delete everything that the environment has."""
    settings, layers = invocation.load()
    destroy.refuse_protected(settings)
    with session.opened(invocation, settings) as (door, held):
        existing = interrupts.attend(lambda: destroy.existing(door, settings, layers))
        if existing:
            report.say("To be deleted, with everything in them:")
            for stack in existing.values():
                report.say(f"  {stack.name}")
            invocation.ask(settings, f"Type {settings.name} to delete them:", settings.name)
        invocation.begun = True
        with report.progress(layers) as progress:
            outcomes = destroy.destroy(
                door, settings, layers, progress.on_event, held.check, follows=progress.follows
            )
        invocation.document["outcomes"] = report.outcome_documents(outcomes)
        if schedule.exit_code(outcomes) == EXIT_DONE:
            history.remove(door.client("ssm"), settings)
            held.forgotten = True
    if invocation.talks:
        report.show_outcomes(outcomes, outputs=False)
    report.say_way_on(outcomes, invocation.command)
    return schedule.exit_code(outcomes)
