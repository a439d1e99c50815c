"""`drift`: where reality differs from the templates, and whose doing that is. Changes nothing."""

from collections.abc import Mapping
from typing import Any

from botocore.exceptions import ClientError

from ecs_blue_green.deployer import aws, clock, interrupts
from ecs_blue_green.deployer.aws import Aws
from ecs_blue_green.deployer.cloudformation.describe import Stack
from ecs_blue_green.deployer.cloudformation.schedule import WORKERS
from ecs_blue_green.deployer.drift import detection
from ecs_blue_green.deployer.drift import report as drift_report
from ecs_blue_green.deployer.drift.detection import StackDrift
from ecs_blue_green.deployer.drift.ownership import Owners, changed_by
from ecs_blue_green.deployer.environment import Environment
from ecs_blue_green.deployer.errors import EXIT_CHANGES, EXIT_DONE, EXIT_FAILED
from ecs_blue_green.deployer.invocation import Invocation
from ecs_blue_green.deployer.layers import Layer
from ecs_blue_green.deployer.planning import deployed, report
from ecs_blue_green.deployer.release import codedeploy
from ecs_blue_green.deployer.release.service import Service, named
from ecs_blue_green.runtime import Runtime


def run(invocation: Invocation) -> int:
    """Answer 4 for real drift, 1 when a stack could not be checked, else 0."""
    project = invocation.load()
    settings, layers, runtime = project.environment, project.layers, project.runtime
    report.say_where(settings, invocation.talks)
    with aws.connect(settings, invocation.root) as door:
        found = _detect(door, settings, layers, runtime)
    invocation.document |= drift_report.document(settings, found)
    if invocation.talks:
        drift_report.show(settings, found)
    verdicts = {resource.verdict for stack in found for resource in stack.resources}
    if "real" in verdicts:
        return EXIT_CHANGES
    return EXIT_FAILED if any(stack.failure for stack in found) else EXIT_DONE


def _detect(
    door: Aws, settings: Environment, layers: Mapping[str, Layer], runtime: Runtime
) -> list[StackDrift]:
    client = door.client("cloudformation")

    def settled(slug: str) -> Stack | None:
        stack = deployed.settled(client, settings.stack_name(slug), clock.sleep, report.say)
        if stack:
            deployed.refuse_foreign(settings, slug, stack)
        return stack

    with interrupts.threads(WORKERS) as pool:
        stacks = dict(zip(layers, pool.map(settled, layers), strict=True))
    service = named(runtime.controller, stacks)
    colours = {service.blue, service.green} - {""}
    brought = _brought(door, service) if service.deployment_group else ()
    owners = {
        slug: Owners(changed, colours, brought) for slug, changed in changed_by(layers, settings).items()
    }
    return detection.detect(door, stacks, owners, report.say)


def _brought(door: Aws, service: Service) -> tuple[Mapping[str, Any], ...]:
    """What deployments brought the service; where CodeDeploy does not tell, every difference counts."""
    try:
        return codedeploy.brought(door.client("codedeploy"), service)
    except ClientError as error:
        report.say(f"what the last deployment changed is unknown: {aws.failure(error)}")
        return ()
