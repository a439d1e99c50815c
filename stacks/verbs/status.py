"""`status`: every stack with its status and outputs, what is live, and who is at work."""

from stacks import aws, cloudformation, live, lock, report
from stacks.errors import EXIT_DONE
from stacks.invocation import Invocation


def run(invocation: Invocation) -> int:
    """Print the environment as it is now."""
    settings, layers = invocation.load()
    report.say_where(settings, invocation.talks)
    with aws.connect(settings, invocation.root) as door:
        client = door.client("cloudformation")
        stacks = {slug: cloudformation.describe(client, settings.stack_name(slug)) for slug in layers}
        now = live.read(door, stacks)
        holder = lock.look(door.client("ssm"), settings)
    invocation.document |= report.status_document(settings, stacks, now, holder)
    if invocation.talks:
        report.show_status(settings, stacks, now, holder)
    return EXIT_DONE
