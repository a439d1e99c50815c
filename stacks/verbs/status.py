"""`status`: every stack with its status and outputs, what is live, and who is at work."""

from stacks import aws, interrupts
from stacks.errors import EXIT_DONE, EXIT_FAILED
from stacks.invocation import Invocation
from stacks.planning import report
from stacks.status import report as status_report
from stacks.status import status


def run(invocation: Invocation) -> int:
    """Print the environment as it is now. Answer 1 when AWS did not tell all of it."""
    settings, layers = invocation.load()
    report.say_where(settings, invocation.talks)
    with aws.connect(settings, invocation.root) as door:
        found = interrupts.attend(lambda: status.read(door, settings, layers))
    invocation.document |= status_report.document(settings, found)
    if invocation.talks:
        status_report.show(settings, found)
    return EXIT_FAILED if found.unread else EXIT_DONE
