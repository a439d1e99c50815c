"""Ask AWS what the guard needs to know, and let it judge."""

from collections.abc import Callable, Mapping

from stacks import clock
from stacks.aws import Aws
from stacks.clock import Sleep
from stacks.cloudformation.describe import Stack
from stacks.planning import guard
from stacks.planning.plan import Plan
from stacks.release import live
from stacks.rules import Finding

RELEASE_POLL_SECONDS = 10


def findings(aws: Aws, planned: Plan, allowed: set[str]) -> list[Finding]:
    """What blocks the plan; nothing is asked when it changes nothing."""
    if not planned.changes_something:
        return []
    client = aws.client("cloudformation")
    importers = {
        export: live.importers(client, export)
        for step in planned.steps.values()
        if step.act == "update"
        for export in step.endangered_exports
    }
    return guard.findings(planned, live.read(aws, planned.stacks), importers, allowed)


def wait_for_release(
    aws: Aws,
    stacks: Mapping[str, Stack | None],
    say: Callable[[str], None],
    sleep: Sleep = clock.sleep,
) -> None:
    """Wait until neither CodeDeploy nor the pipeline is at work."""
    told = ""
    while True:
        now = live.read(aws, stacks)
        running = now.deployment or now.execution
        if not running:
            return
        if running != told:
            say(f"waiting for the release that is running ({running})")
            told = running
        sleep(RELEASE_POLL_SECONDS)
