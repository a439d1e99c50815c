"""`drift`: where reality differs from the templates, and whose doing that is. Changes nothing."""

from collections.abc import Mapping
from typing import Any

from botocore.exceptions import ClientError

from ecs_blue_green.deployer import aws, clock, interrupts
from ecs_blue_green.deployer.cloudformation.describe import Stack
from ecs_blue_green.deployer.cloudformation.schedule import WORKERS
from ecs_blue_green.deployer.drift import detection
from ecs_blue_green.deployer.drift.detection import StackDrift
from ecs_blue_green.deployer.drift.ownership import Owners, changed_by
from ecs_blue_green.deployer.drift.report import drift_document, show_drift
from ecs_blue_green.deployer.errors import EXIT_CHANGES, EXIT_DONE, EXIT_FAILED
from ecs_blue_green.deployer.execution import sessions
from ecs_blue_green.deployer.invocation import Invocation
from ecs_blue_green.deployer.planning import deployed
from ecs_blue_green.deployer.release import codedeploy
from ecs_blue_green.deployer.release.service import Service, named
from ecs_blue_green.deployer.session import Session


def run(invocation: Invocation) -> int:
    """Answer 4 for real drift, 1 when a stack could not be checked, else 0."""
    project = invocation.load()
    with sessions.connected(invocation, project) as session:
        stacks = _detect(session)
    invocation.document |= drift_document(project.environment, stacks)
    if invocation.talks:
        show_drift(project.environment, stacks)
    verdicts = {resource.verdict for stack in stacks for resource in stack.resources}
    if "real" in verdicts:
        return EXIT_CHANGES
    return EXIT_FAILED if any(stack.failure for stack in stacks) else EXIT_DONE


def _detect(session: Session) -> list[StackDrift]:
    environment, layers = session.environment, session.layers

    def settled(slug: str) -> Stack | None:
        name = environment.stack_name(slug)
        stack = deployed.settled(session.cloudformation, name, clock.sleep, session.say)
        if stack:
            deployed.refuse_foreign(environment, slug, stack)
        return stack

    with interrupts.threads(WORKERS) as pool:
        stacks = dict(zip(layers, pool.map(settled, layers), strict=True))
    service = named(session.project.runtime.controller, stacks)
    colours = {service.blue, service.green} - {""}
    brought = _brought(session, service) if service.deployment_group else ()
    owners = {
        slug: Owners(changed, colours, brought) for slug, changed in changed_by(layers, environment).items()
    }
    return detection.detect(session.aws, stacks, owners, session.say)


def _brought(session: Session, service: Service) -> tuple[Mapping[str, Any], ...]:
    """What deployments brought the service; where CodeDeploy does not tell, every difference counts."""
    try:
        return codedeploy.brought_properties(session.aws.client("codedeploy"), service)
    except ClientError as error:
        session.say(f"what the last deployment changed is unknown: {aws.failure(error)}")
        return ()
