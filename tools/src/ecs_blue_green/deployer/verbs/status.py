"""`status`: every stack with its status and outputs, what is live, and who is at work."""

from ecs_blue_green.deployer.errors import EXIT_DONE, EXIT_FAILED
from ecs_blue_green.deployer.execution import sessions
from ecs_blue_green.deployer.invocation import Invocation
from ecs_blue_green.deployer.status import current
from ecs_blue_green.deployer.status.report import show_status, status_document


def run(invocation: Invocation) -> int:
    """Print the environment as it is now. Answer 1 when AWS did not tell all of it or nothing serves."""
    project = invocation.look()
    with sessions.connected(invocation, project) as session:
        status = current.read_status(session)
    invocation.document |= status_document(project.environment, status)
    if invocation.talks:
        show_status(project.environment, status)
    return EXIT_DONE if status.is_well else EXIT_FAILED
