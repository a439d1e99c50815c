"""`continue-rollback`: let CloudFormation go on with taking an update back, where that had failed."""

from collections.abc import Mapping
from typing import Any

from ecs_blue_green.deployer.clock import Sleep
from ecs_blue_green.deployer.cloudformation import schedule
from ecs_blue_green.deployer.cloudformation.describe import Stack
from ecs_blue_green.deployer.cloudformation.operation import Operations
from ecs_blue_green.deployer.cloudformation.schedule import Outcome
from ecs_blue_green.deployer.cloudformation.watch import Watch
from ecs_blue_green.deployer.errors import EXIT_DONE, BadInput
from ecs_blue_green.deployer.execution import sessions
from ecs_blue_green.deployer.execution.sessions import LockedSession
from ecs_blue_green.deployer.invocation import YES, Invocation, allowed, chosen
from ecs_blue_green.deployer.nearest import nearest_resource
from ecs_blue_green.deployer.planning import deployed, report


def run(invocation: Invocation) -> int:
    """Go on with the stacks that are UPDATE_ROLLBACK_FAILED, without the resources of --skip."""
    options = invocation.options
    project = invocation.load()
    only = chosen(options.only, project.layers)
    skips = allowed(options.skip, project.layers, project.environment.name, "--skip")
    with sessions.opened(invocation, project) as session:
        client = session.cloudformation
        stuck = _stuck(session, only)
        for stack in stuck.values():
            report.say(f"{stack.name}: {stack.reason or 'CloudFormation gives no reason'}")
        invocation.document["outcomes"] = []
        if not stuck:
            report.say(f"No stack is {deployed.STUCK}.")
            return EXIT_DONE
        _refuse_unknown(client, stuck, skips)
        for name in sorted(skips):
            report.say(f"{name} is skipped: CloudFormation will believe it to be as before the update.")
        invocation.ask(project.environment, f"Go on taking the update of {', '.join(stuck)} back? [y/N]", YES)
        invocation.begun = True
        with report.progress(stuck) as progress:
            watch = Watch(client, follows=progress.follows)
            operations = Operations(client, watch, progress.on_event)

            def work(slug: str, sleep: Sleep) -> Outcome:
                session.lock.check()
                skipped = [name.partition(":")[2] for name in sorted(skips) if name.startswith(f"{slug}:")]
                operations.continue_rollback(slug, stuck[slug], skipped, sleep)
                return Outcome(slug, "done")

            outcomes = schedule.run_layers({slug: set() for slug in stuck}, work)
            for outcome in outcomes:
                outcome.stack = stuck[outcome.layer].arn
    invocation.document["outcomes"] = report.outcome_documents(outcomes)
    if invocation.talks:
        report.show_outcomes(outcomes)
    report.say_way_on(outcomes, invocation.command)
    return schedule.exit_code(outcomes)


def _stuck(session: LockedSession, layers: list[str]) -> dict[str, Stack]:
    """The stacks of these layers whose update could not be rolled back."""
    stuck = {}
    for slug in layers:
        stack = session.found.stacks[slug]
        if stack and stack.status == deployed.STUCK:
            deployed.refuse_foreign(session.environment, slug, stack)
            stuck[slug] = stack
    return stuck


def _refuse_unknown(client: Any, stuck: Mapping[str, Stack], skips: set[str]) -> None:
    """Raise BadInput for a resource that none of the stuck stacks has."""
    layers = {name.partition(":")[0] for name in skips} & stuck.keys()
    known = {
        f"{slug}:{resource['LogicalResourceId']}"
        for slug in layers
        for page in client.get_paginator("list_stack_resources").paginate(StackName=stuck[slug].arn)
        for resource in page["StackResourceSummaries"]
    }
    for name in sorted(skips - known):
        near = nearest_resource(name, known)
        raise BadInput(
            f"--skip {name} names no resource",
            "only resources of a stack whose update failed to roll back can be skipped",
            f"did you mean {near}?" if near else "name one of those that are said to have failed",
        )
