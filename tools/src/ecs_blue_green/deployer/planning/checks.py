"""Ask AWS what the guard needs to know, and let it judge."""

from collections.abc import Callable, Iterable, Iterator, Mapping

from ecs_blue_green.deployer import clock
from ecs_blue_green.deployer.aws import Aws
from ecs_blue_green.deployer.clock import Sleep
from ecs_blue_green.deployer.cloudformation import describe
from ecs_blue_green.deployer.layers import Layer
from ecs_blue_green.deployer.nearest import nearest_resource
from ecs_blue_green.deployer.planning import guard
from ecs_blue_green.deployer.planning.beside import Beside
from ecs_blue_green.deployer.planning.plan import Plan
from ecs_blue_green.deployer.release import live
from ecs_blue_green.deployer.release.service import Service
from ecs_blue_green.deployer.rules import Finding, name

RELEASE_POLL_SECONDS = 10


def findings(
    aws: Aws, planned: Plan, service: Service, allowed: set[str]
) -> tuple[list[Finding], list[Beside]]:
    """What blocks the plan, and what does not although a release runs.

    Nothing is asked when it changes nothing.
    """
    if not planned.changes_something:
        return [], []
    client = aws.client("cloudformation")
    importers = {
        export: describe.importers(client, export)
        for step in planned.steps.values()
        if step.act == "update"
        for export in step.endangered_exports
    }
    now = live.read_live(aws, service)
    passing = [found for found in guard.beside_release(planned, now) if not found.collides]
    return guard.findings(planned, now, importers, allowed), passing


def unmatched(planned: Plan, allowed: Iterable[str], layers: Mapping[str, Layer]) -> Iterator[str]:
    """What to say of names of --allow that are of no resource, neither in a template nor to be removed."""
    known = {f"{slug}:{logical_id}" for slug, layer in layers.items() for logical_id in layer.resources}
    known |= {name(slug, change) for slug, step in planned.steps.items() for change in step.changes}
    for one in allowed:
        if one not in known:
            near = nearest_resource(one, known)
            yield f"there is no resource {one}" + (f": did you mean {near}?" if near else "")


def wait_for_release(
    aws: Aws,
    service: Service,
    say: Callable[[str], None],
    sleep: Sleep = clock.sleep,
) -> None:
    """Wait until neither CodeDeploy nor the pipeline is at work."""
    told = ""
    while True:
        now = live.read_live(aws, service)
        running = now.deployment or now.execution
        if not running:
            return
        if running != told:
            say(f"waiting for the release that is running ({running})")
            told = running
        sleep(RELEASE_POLL_SECONDS)
