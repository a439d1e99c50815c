"""`destroy`: delete the stacks of an unprotected environment, importers first."""

from stacks import aws
from stacks.cloudformation import schedule
from stacks.errors import EXIT_DONE
from stacks.execution import destroy, history, lock
from stacks.invocation import Invocation
from stacks.planning import report


def run(invocation: Invocation) -> int:
    """Ask, then delete everything that the environment has."""
    options = invocation.options
    settings, layers = invocation.load()
    destroy.refuse_protected(settings)
    report.say_where(settings, invocation.talks)
    with aws.connect(settings, invocation.root) as door:
        store = door.client("ssm")
        with lock.held(
            store, settings, "destroy", wait=options.wait, break_lock=options.break_lock, say=report.say
        ) as held:
            existing = destroy.existing(door, settings, layers)
            if existing:
                names = ", ".join(stack.name for stack in existing.values())
                report.say(f"To be deleted, with everything in them: {names}")
                invocation.ask(settings, f"Type {settings.name} to delete them:", settings.name)
            with report.progress(layers) as progress:
                outcomes = destroy.destroy(
                    door, settings, layers, progress.on_event, held.check, follows=progress.follows
                )
            invocation.document["outcomes"] = report.outcome_documents(outcomes)
            if schedule.exit_code(outcomes) == EXIT_DONE:
                history.remove(store, settings)
                held.forgotten = True
    if invocation.talks:
        report.show_outcomes(outcomes, outputs=False)
    if any(outcome.result == "left running" for outcome in outcomes):
        report.say(f"CloudFormation goes on. To follow it: deploy.py destroy --env {settings.name}")
    return schedule.exit_code(outcomes)
