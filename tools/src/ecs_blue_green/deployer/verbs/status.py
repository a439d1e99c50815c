"""`status`: every stack with its status and outputs, what is live, and who is at work."""

from ecs_blue_green.deployer import aws
from ecs_blue_green.deployer.errors import EXIT_DONE, EXIT_FAILED, BadInput
from ecs_blue_green.deployer.invocation import Invocation
from ecs_blue_green.deployer.planning import report
from ecs_blue_green.deployer.status import current
from ecs_blue_green.deployer.status import report as status_report


def run(invocation: Invocation) -> int:
    """Print the environment as it is now. Answer 1 when AWS did not tell all of it or nothing serves."""
    project = invocation.look()
    settings, layers, runtime = project.environment, project.layers, project.declared
    report.say_where(settings, invocation.talks)
    if isinstance(runtime, BadInput):
        report.say_found_by_type(runtime)
    with aws.connect(settings, invocation.root) as door:
        found = current.read_status(door, settings, layers, runtime)
    invocation.document |= status_report.document(settings, found)
    if invocation.talks:
        status_report.show(settings, found)
    return EXIT_DONE if found.is_well else EXIT_FAILED
