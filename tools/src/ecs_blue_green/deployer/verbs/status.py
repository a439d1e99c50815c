"""`status`: every stack with its status and outputs, what is live, and who is at work."""

from ecs_blue_green.deployer.errors import EXIT_DONE, EXIT_FAILED
from ecs_blue_green.deployer.execution import sessions
from ecs_blue_green.deployer.invocation import Invocation
from ecs_blue_green.deployer.status import current
from ecs_blue_green.deployer.status import report as status_report


def run(invocation: Invocation) -> int:
    """Print the environment as it is now. Answer 1 when AWS did not tell all of it or nothing serves."""
    project = invocation.look()
    with sessions.connected(invocation, project) as session:
        environment = current.read_status(session)
    invocation.document |= status_report.document(project.environment, environment)
    if invocation.talks:
        status_report.show(project.environment, environment)
    return EXIT_DONE if environment.is_well else EXIT_FAILED
