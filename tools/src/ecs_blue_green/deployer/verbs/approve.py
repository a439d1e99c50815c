"""`approve`: let the release go on that waits in the pipeline for a person."""

from ecs_blue_green.deployer import commands, interrupts
from ecs_blue_green.deployer.errors import EXIT_DONE
from ecs_blue_green.deployer.execution import sessions
from ecs_blue_green.deployer.invocation import YES, Invocation
from ecs_blue_green.deployer.planning import report
from ecs_blue_green.deployer.release import approvals
from ecs_blue_green.deployer.release.approvals import Waiting
from ecs_blue_green.deployer.terminal import console
from ecs_blue_green.deployer.text import visible
from ecs_blue_green.deployer.verbs import _service


def run(invocation: Invocation) -> int:
    """Show what waits, ask, and approve it."""
    project = invocation.look()
    environment = project.environment
    with sessions.connected(invocation, project) as session:
        sessions.refuse_other(invocation, session)
        _, service = _service.read(session)
        waiting = approvals.waiting(session.aws, environment, service)
        invocation.document["approvals"] = [_document(approval, approved=False) for approval in waiting]
        if not waiting and invocation.talks:
            console().print(f"nothing waits for an approval in {environment.name}")
        for place, approval in enumerate(waiting):
            for line in _lines(approval):
                report.say(line)
            what = approval.commit[:12] or approval.execution
            invocation.ask(environment, f"Release {what} to {environment.name}? [y/N]", YES)
            interrupts.check()
            approvals.approve(session.aws, service, approval)
            invocation.begun = True
            invocation.document["approvals"][place]["approved"] = True
            if invocation.talks:
                look = commands.make("status", environment.name)
                console().print(f"{what} is approved; to see how far the release is: {look}")
    return EXIT_DONE


def _lines(approval: Waiting) -> list[str]:
    """What waits, for the person who is asked."""
    since = f" since {approval.since:%Y-%m-%d %H:%M %Z}".rstrip() if approval.since else ""
    lines = [f"execution   {approval.execution}, waiting in {approval.stage}{since}"]
    if approval.commit:
        lines.append(
            f"commit      {approval.commit}{f'  {visible(approval.subject)}' if approval.subject else ''}"
        )
    if approval.image:
        gone = "" if approval.in_registry else ", WHICH IS NOT THERE"
        lines.append(f"image       {approval.image}{gone}")
    return lines


def _document(approval: Waiting, *, approved: bool) -> dict[str, str | bool | None]:
    return {
        "stage": approval.stage,
        "action": approval.action,
        "execution": approval.execution,
        "since": approval.since.isoformat() if approval.since else None,
        "commit": approval.commit or None,
        "subject": approval.subject or None,
        "image": approval.image or None,
        "image_in_registry": approval.in_registry,
        "approved": approved,
    }
