"""`approve`: let the release go on that waits in the pipeline for a person."""

from ecs_blue_green.deployer import aws, commands, interrupts
from ecs_blue_green.deployer.errors import EXIT_DONE, BadInput
from ecs_blue_green.deployer.execution import session
from ecs_blue_green.deployer.invocation import YES, Invocation
from ecs_blue_green.deployer.planning import deployed, report
from ecs_blue_green.deployer.release import approvals
from ecs_blue_green.deployer.release.approvals import Waiting
from ecs_blue_green.deployer.release.service import located
from ecs_blue_green.deployer.terminal import console
from ecs_blue_green.deployer.text import visible


def run(invocation: Invocation) -> int:
    """Show what waits, ask, and approve it."""
    project = invocation.look()
    settings, layers, runtime = project.environment, project.layers, project.declared
    report.say_where(settings, invocation.talks)
    if isinstance(runtime, BadInput):
        report.say_found_by_type(runtime)
    with aws.connect(settings, invocation.root) as door:
        session.refuse_other(invocation, door, settings, layers, runtime)
        stacks = deployed.stacks(door, settings, layers)
        service = located(door, runtime, stacks)
        found = approvals.waiting(door, settings, service)
        invocation.document["approvals"] = [_document(one, approved=False) for one in found]
        if not found and invocation.talks:
            console().print(f"nothing waits for an approval in {settings.name}")
        for place, one in enumerate(found):
            for line in _lines(one):
                report.say(line)
            what = one.commit[:12] or one.execution
            invocation.ask(settings, f"Release {what} to {settings.name}? [y/N]", YES)
            interrupts.check()
            approvals.approve(door, service, one)
            invocation.begun = True
            invocation.document["approvals"][place]["approved"] = True
            if invocation.talks:
                look = commands.make("status", settings.name)
                console().print(f"{what} is approved; to see how far the release is: {look}")
    return EXIT_DONE


def _lines(one: Waiting) -> list[str]:
    """What waits, for the person who is asked."""
    since = f" since {one.since:%Y-%m-%d %H:%M %Z}".rstrip() if one.since else ""
    lines = [f"execution   {one.execution}, waiting in {one.stage}{since}"]
    if one.commit:
        lines.append(f"commit      {one.commit}{f'  {visible(one.subject)}' if one.subject else ''}")
    if one.image:
        gone = "" if one.in_registry else ", WHICH IS NOT THERE"
        lines.append(f"image       {one.image}{gone}")
    return lines


def _document(one: Waiting, *, approved: bool) -> dict[str, str | bool | None]:
    return {
        "stage": one.stage,
        "action": one.action,
        "execution": one.execution,
        "since": one.since.isoformat() if one.since else None,
        "commit": one.commit or None,
        "subject": one.subject or None,
        "image": one.image or None,
        "image_in_registry": one.in_registry,
        "approved": approved,
    }
