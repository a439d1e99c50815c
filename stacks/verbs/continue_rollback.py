"""`continue-rollback`: let CloudFormation go on with taking an update back, where that had failed."""

from stacks.clock import Sleep
from stacks.cloudformation import describe, operation, schedule
from stacks.cloudformation.describe import Stack
from stacks.cloudformation.schedule import Outcome
from stacks.cloudformation.watch import Watch
from stacks.errors import EXIT_DONE
from stacks.execution import session
from stacks.invocation import Invocation, allowed, chosen
from stacks.planning import deployed, report


def run(invocation: Invocation) -> int:
    """Go on with the stacks that are UPDATE_ROLLBACK_FAILED, without the resources of --skip."""
    options = invocation.options
    settings, layers = invocation.load()
    only = chosen(options.only, layers)
    skips = allowed(options.skip, layers, "--skip")
    with session.opened(invocation, settings) as (door, held):
        client = door.client("cloudformation")
        stuck: dict[str, Stack] = {}
        for slug in only:
            stack = describe.stack(client, settings.stack_name(slug))
            if stack and stack.status == deployed.STUCK:
                deployed.refuse_foreign(settings, slug, stack)
                stuck[slug] = stack
                report.say(f"{stack.name}: {stack.reason or 'CloudFormation gives no reason'}")
        invocation.document["outcomes"] = []
        if not stuck:
            report.say(f"No stack is {deployed.STUCK}.")
            return EXIT_DONE
        for name in sorted(skips):
            report.say(f"{name} is skipped: CloudFormation will believe it to be as before the update.")
        invocation.ask(settings, f"Go on taking the update of {', '.join(stuck)} back? [y/N]", "y")
        with report.progress(stuck) as progress:
            watch = Watch(client, follows=progress.follows)

            def work(slug: str, sleep: Sleep) -> Outcome:
                held.check()
                skipped = [name.partition(":")[2] for name in sorted(skips) if name.startswith(f"{slug}:")]
                operation.continue_rollback(
                    client, watch, slug, stuck[slug], skipped, progress.on_event, sleep
                )
                return Outcome(slug, "done")

            outcomes = schedule.run({slug: set() for slug in stuck}, work)
    invocation.document["outcomes"] = report.outcome_documents(outcomes)
    if invocation.talks:
        report.show_outcomes(outcomes, outputs=False)
    return schedule.exit_code(outcomes)
