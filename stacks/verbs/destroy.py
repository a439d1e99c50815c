"""`destroy`: delete the stacks of an unprotected environment, importers first."""

from stacks import aws, destroy, history, lock, report
from stacks.errors import EXIT_DONE, EXIT_FAILED
from stacks.invocation import Invocation
from stacks.schedule import GOOD


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
        ):
            existing = destroy.existing(door, settings, layers)
            if existing:
                names = ", ".join(stack.name for stack in existing.values())
                report.say(f"To be deleted, with everything in them: {names}")
                invocation.ask(settings, f"Type {settings.name} to delete them:", settings.name)
            with report.progress(layers) as progress:
                outcomes = destroy.destroy(door, settings, layers, progress.on_event)
        done = all(outcome.result in GOOD for outcome in outcomes)
        if done:
            lock.remove(store, settings)
            history.remove(store, settings)
    invocation.document["outcomes"] = report.outcome_documents(outcomes)
    if invocation.talks:
        report.show_outcomes(outcomes, outputs=False)
    return EXIT_DONE if done else EXIT_FAILED
