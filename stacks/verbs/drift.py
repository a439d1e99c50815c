"""`drift`: where reality differs from the templates, and whose doing that is. Changes nothing."""

import time
from concurrent.futures import ThreadPoolExecutor

from stacks import aws, interrupts
from stacks.aws import Aws
from stacks.cloudformation.describe import Stack
from stacks.cloudformation.schedule import WORKERS
from stacks.drift import drift
from stacks.drift import report as drift_report
from stacks.drift.drift import StackDrift
from stacks.environment import Environment
from stacks.errors import EXIT_CHANGES, EXIT_DONE, EXIT_FAILED
from stacks.invocation import Invocation
from stacks.planning import deployed, report


def run(invocation: Invocation) -> int:
    """Answer 4 for real drift, 1 when a stack could not be checked, else 0."""
    settings, layers = invocation.load()
    report.say_where(settings, invocation.talks)
    with aws.connect(settings, invocation.root) as door:
        found = interrupts.attend(lambda: _detect(door, settings, list(layers)))
    invocation.document |= drift_report.document(settings, found)
    if invocation.talks:
        drift_report.show(settings, found)
    verdicts = {resource.verdict for stack in found for resource in stack.resources}
    if "real" in verdicts:
        return EXIT_CHANGES
    return EXIT_FAILED if any(stack.failure for stack in found) else EXIT_DONE


def _detect(door: Aws, settings: Environment, layers: list[str]) -> list[StackDrift]:
    client = door.client("cloudformation")

    def settled(slug: str) -> Stack | None:
        stack = deployed.settled(client, settings.stack_name(slug), time.sleep, report.say)
        if stack:
            deployed.refuse_foreign(settings, slug, stack)
        return stack

    with ThreadPoolExecutor(WORKERS) as pool:
        stacks = dict(zip(layers, pool.map(settled, layers), strict=True))
    return drift.detect(door, stacks, report.say)
